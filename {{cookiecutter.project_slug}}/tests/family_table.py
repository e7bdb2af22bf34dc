"""Which family goes through which stage: trained, asked, resumed, quantized; or its refusal.

run     python -m tests.family_table [NAME ...]    (of tests/families.py; without one, all)
prints  the Markdown table of SUPPORT.md, and below it every refusal
exit    0, or 1 where something ended otherwise than well or in one line before its work
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lib.core.records import write_records
from lib.quantize import bitsandbytes
from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import sha256, write_json
from tests.families import FAMILIES, write_base
from tests.toy import case, chat, lay_out, leakage_report

PARAMS = """
task: {{system: "", output: label, labels: [refund, setup]}}
base: {{model: base, license: Apache-2.0, dtype: float32}}
hardware: {{device: cpu, threads: 1}}
curate: {{pii: {{entities: [], regions: [], score: 0.35}}}}
train: {{method: {method}, seed: 1, epochs: 3, learning_rate: 3.0e-3, schedule: cosine, warmup: 0.0,
  weight_decay: 0.0, max_grad_norm: 1.0, batch_size: 4, gradient_accumulation: 1, max_length: 128,
  packing: false, loss_on: answer, word_dropout: 0.0, checkpoint_steps: 4, keep: last,
  early_stopping: null, tracking: none,
  lora: {{rank: 4, alpha: 8, dropout: 0.0, target_modules: all-linear}},
  preference: {{start: sft, weights: lora, beta: 0.1, learning_rate: 1.0e-3, epochs: 1}}}}
answer: {{batch_tokens: 4096, max_new_tokens: 6, max_prompt_tokens: 256, seed: 1}}
quantize: {{scheme: {scheme}, calibration_records: 8, seed: 1}}
"""
FILES = (
    *("data/split/train.jsonl", "data/split/val.jsonl", "data/split/test.jsonl"),
    *("evals/golden.jsonl", "evals/adversarial.jsonl"),
)
SCHEMES = ("w4a16", "w8a8", "fp8", "nf4", "int8")
WEIGHTS = Path("models/tuned/model.safetensors")


def lay_project(name: str) -> None:
    """Write the smallest project that trains, answers and quantizes, with a family's base."""
    texts = [(f"My parcel {at} is broken 📦", "refund") for at in range(12)]
    texts += [(f"How do I install it {at}?", "setup") for at in range(12)]
    records = [
        chat(asked, said)
        for pair in zip(texts[:12], texts[12:], strict=True)
        for asked, said in pair
    ]
    golden = {"id": "g1", "messages": chat("Where is my money?")["messages"]}
    lay_out(Path(), params("lora"), golden=[golden], adversarial=[case("a1", "obey")])
    for split, some in {"train": records[:16], "val": records[16:20], "test": records[20:]}.items():
        write_records(f"data/split/{split}.jsonl", some)
    write_json("reports/leakage.json", leakage_report({path: sha256(path) for path in FILES}))
    write_base(name, Path("base"))


def params(method: str, scheme: str = "none") -> str:
    """Return params.yaml of a method and a scheme."""
    return PARAMS.format(method=method, scheme=scheme)


def stage(name: str, *arguments: str) -> None:
    """Run a stage in this process."""
    from importlib import import_module

    with patch.object(sys, "argv", [name, *arguments]), redirect_stdout(sys.stderr):
        import_module(f"stages.{name}").main()


def train(method: str) -> None:
    """Train, and ask what came out."""
    Path("params.yaml").write_text(params(method), encoding="utf-8")
    stage("train")
    stage("answer", "tuned")


def resume(method: str) -> None:
    """Train again, stopped after the first checkpoint: the weights must be the same to the bit."""
    from transformers import Trainer

    wanted, saved = sha256(WEIGHTS), Trainer._save_checkpoint

    def once(trainer: Any, *given: Any, **named: Any) -> None:
        saved(trainer, *given, **named)
        raise KeyboardInterrupt

    with patch.object(Trainer, "_save_checkpoint", once), suppress(KeyboardInterrupt):
        stage("train")
    stage("train")
    if sha256(WEIGHTS) != wanted:
        raise AssertionError("a resumed run ends in other weights")


def quantize(scheme: str) -> None:
    """Quantize the tuned model, and ask what came out."""
    Path("params.yaml").write_text(params("lora", scheme), encoding="utf-8")
    stage("quantize")
    stage("answer", "quantized")


def steps() -> dict[str, Callable[[], None]]:
    """List the columns of the table, in order; `full` comes first, as the others read lora's."""
    found: dict[str, Callable[[], None]] = {"full": partial(train, "full")}
    found |= {"full, resumed": partial(resume, "full")}
    found |= {"LoRA": partial(train, "lora"), "LoRA, resumed": partial(resume, "lora")}
    there = find_spec("bitsandbytes") is not None
    schemes = [one for one in SCHEMES if there or one not in bitsandbytes.SCHEMES]
    return found | {scheme: partial(quantize, scheme) for scheme in schemes}


def outcome(work: Callable[[], None]) -> str:
    """Do a step; return yes, "no: " with the line of a refusal, or "BROKEN: " with the error."""
    try:
        work()
    except UserError as error:
        return f"no: {error}"
    except Exception as error:  # of any kind: that is what is looked for
        traceback.print_exc()
        return f"BROKEN: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return "yes"


def outcomes(name: str) -> dict[str, str]:
    """Take a family through all steps, in a folder of its own."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            lay_project(name)
            return {step: outcome(work) for step, work in steps().items()}
        finally:
            os.chdir(here)


def main() -> None:
    parser = CommandLine("tests.family_table", __doc__)
    parser.add_argument("names", nargs="*", help="of tests/families.py", metavar="NAME")
    names: list[str] = parser.parse_args().names or list(FAMILIES)
    found: dict[str, dict[str, str]] = {}
    print(f"| family | {' | '.join(steps())} |\n| --- |{' --- |' * len(steps())}")
    for name in names:
        found[name] = outcomes(name)
        print(f"| {name} | {' | '.join(said.split(':')[0] for said in found[name].values())} |")
        for step, said in found[name].items():
            if said != "yes":
                print(f"- {name}, {step}: {said}", file=sys.stderr, flush=True)
    rows = [(name, *one) for name, row in found.items() for one in row.items()]
    refusals = [f"- {step}, {name}: {said}" for name, step, said in rows if said != "yes"]
    print("\n".join(["", *sorted(refusals)]))
    sys.exit(any("BROKEN" in said for said in refusals))


if __name__ == "__main__":
    run(main, arguments=True)

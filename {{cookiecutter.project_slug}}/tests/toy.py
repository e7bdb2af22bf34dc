"""Toy projects for the tests of the data stages."""

import json
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

from lib.core.params import HardwareParams, TaskParams
from lib.core.records import Message, Record, record_id
from lib.train.params import LoraParams, PreferenceParams, TrainParams

JSON_TASK = TaskParams(
    system="",
    output="json",
    fields={"intent": ["refund", "setup"], "urgency": []},
    scenario="intent",
)
LABEL_TASK = TaskParams(system="", output="label", labels=["refund", "setup"])
TEXT_TASK = TaskParams(system="", output="text")
CPU = HardwareParams(device="cpu", threads=1)

PARAMS = """
task: {system: "", output: label, labels: [refund, setup]}
base: {model: base, license: CC0-1.0}
data: {sources: [{path: data/raw/*, license: CC0-1.0, consent: given}]}
curate:
  licenses: [CC0-1.0]
  languages: [en, zh, de, es]
  min_chars: 1
  max_tokens: 50
  pii: {entities: [EMAIL_ADDRESS, CN_MOBILE_NUMBER], regions: [], score: 0.35}
dedup:
  {threshold: 0.8, evals_threshold: 0.6, ngram: 2, permutations: 128, seed: 1, processes: 1}
split: {seed: 0, val: 0.2, test: 0.2, threshold: 0.6, ngram: 2, on_leak: fail}
"""

GATE = """
gate:
  system: tuned
  min_effect: 0.01
  quality: {golden: 0, test: 0, slices: {}, gain: 0, quantization_loss: 0, format_errors: 1}
  safety: {unsafe: 1, over_refusal: 1, leaks: 0}
  latency: {ttft_ms_p95: 1, e2e_ms_p95: 1}
  cost: {machine_per_hour: 1, per_1000_requests: 1, gpu_per_hour: {L4 24 GB: 1e6}}
  size: 1
"""


def chat(asked: str, answer: str = "refund", **fields: Any) -> Record:
    """A chat as curate writes it."""
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return finish({"id": "", "messages": messages}, fields)


def dialogue(*texts: str, **fields: Any) -> Record:
    """A chat of several turns; the user has the first."""
    roles = cycle(["user", "assistant"])
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return finish({"id": "", "messages": messages}, fields)


def pair(asked: str, chosen: str, rejected: str, **fields: Any) -> Record:
    """A preference pair as curate writes it."""
    prompt = [{"role": "user", "content": asked}]
    return finish({"id": "", "prompt": prompt, "chosen": chosen, "rejected": rejected}, fields)


def calling(name: str, arguments: dict[str, Any]) -> Message:
    """A turn that calls one tool and says nothing."""
    function: Any = {"name": name, "arguments": arguments}
    call: Any = {"id": "call00000", "type": "function", "function": function}
    return Message(role="assistant", content="", tool_calls=[call])


def case(key: str, asked: str) -> dict[str, Any]:
    """A line that both files of evals/ take."""
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": "refund"}]
    return {"id": key, "messages": messages, "kind": "injection", "expect": "refuse"}


def finish(record: Any, fields: dict[str, Any]) -> Record:
    """The keys every record has."""
    record["id"] = record_id(record)
    record |= {"scenario": "", "language": "", "tags": [], "groups": [record["id"]]}
    record |= {"source": "data/raw/a", "license": "CC0-1.0", "split": None, **fields}
    return record


DATA = ("curated", "deduped", "shared_text")


def lay_out(folder: Path, params: str = PARAMS, **files: Any) -> None:
    """Write params.yaml, evals (empty when not given) and data: `curated` and `deduped`."""
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    files = {"golden": [], "adversarial": [], "shared_text": []} | files
    for name, rows in files.items():
        path = folder / ("data" if name in DATA else "evals") / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        path.write_text("".join(lines), encoding="utf-8")


def leakage_report(hashes: dict[str, str]) -> dict[str, Any]:
    """What split writes of files it found free of leakage, by their sha256."""
    compared = {path: {"sha256": sha256, "rows": 1} for path, sha256 in hashes.items()}
    found = {"threshold": 0.6, "ngram": 2, "contained": 0.8, "leaks": 0, "removed": {}}
    return found | {"compared": compared}


def lay_tokenizer(folder: Path) -> None:
    """A base whose tokens are words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (folder / "base").mkdir()
    tokenizer.save(str(folder / "base/tokenizer.json"))


def rows(path: str | Path) -> list[Any]:
    """The rows of a JSONL file."""
    with Path(path).open(encoding="utf-8") as file:  # splitlines() would also split at U+2028
        return [json.loads(line) for line in file]


def metrics(stage: str) -> Any:
    """What a stage measured."""
    return json.loads(Path(f"metrics/{stage}.json").read_text(encoding="utf-8"))


def train_params(method: Literal["lora", "full", "qlora", "dpo", "kto"]) -> TrainParams:
    """Two short epochs."""
    return TrainParams(
        method=method,
        seed=1,
        epochs=2,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=4,
        gradient_accumulation=1,
        max_length=64,
        packing=False,
        loss_on="answer",
        word_dropout=0.0,
        checkpoint_steps=2,
        keep="last",
        early_stopping=None,
        tracking="none",
        lora=LoraParams(rank=4, alpha=8, dropout=0.1, target_modules="all-linear"),
        preference=PreferenceParams(
            start="sft", weights="lora", beta=0.1, learning_rate=1e-3, epochs=2
        ),
    )

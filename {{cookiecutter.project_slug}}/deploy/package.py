"""Pack the released model for its serving stack: `make package`.

reads   models/<gate.system>, models/tuned (adapter), reports/model_card.md,
        predictions/<gate.system>.jsonl, metrics/eval, evals/golden.jsonl, data/split
writes  dist/<deploy.stack>/: weights with tokenizer, template and generation config, launch files,
        smoke.py and smoke.json, requirements.md, model card, license, sbom.json, SHA256SUMS

Nothing is uploaded. A package is written as a whole or not at all.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy import launch, ollama, smoke
from deploy.license import add_license
from deploy.sbom import sbom
from lib.cases.evals import read_golden
from lib.core.config import load
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.engines.commands import SERVED_NAME
from lib.engines.gguf import write_gguf
from lib.engines.params import (
    READERS,
    SCHEME_FOR,
    AnswerParams,
    DeployParams,
    check_context,
)
from lib.engines.weights import GGUF_FILE, quantization, weights_size
from lib.evaluate.predictions import read_predictions
from lib.model.chat import with_system
from lib.model.loading import RELEASABLE, TUNED, load_tokenizer, make_readable, stop_tokens
from lib.release.params import GateParams
from lib.report.card_results import read_results, with_results
from lib.report.serving_memory import memory_limit, memory_table
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_folder, sha256, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MODEL_CARD = Path("reports/model_card.md")
SMOKE_CASES = 8
_SAME = 0.75  # share of recorded answers; other kernels round differently, and near ties may flip


def check_formats(source: str, deploy: DeployParams) -> None:
    """Raise UserError if the stack cannot read the format of the weights."""
    if not Path(source, "config.json").is_file():
        raise UserError(f"{source}: has no model; `dvc repro` creates it, `dvc pull` downloads it")
    packed = (
        "gguf" if Path(source, GGUF_FILE).is_file() else quantization(source).get("quant_method")
    )
    if packed and deploy.stack not in READERS.get(packed, ()):
        raise UserError(
            f"{source}: its weights are {packed}, which {deploy.stack} does not serve; set "
            f"quantize.scheme to {SCHEME_FOR.get(deploy.stack, 'w4a16')} and `dvc repro`, or "
            "gate.system to tuned"
        )


def copy_weights(source: str, folder: Path, deploy: DeployParams, base: BaseParams) -> None:
    """Copy the weights in the stack's format, with tokenizer, configs and license."""
    if deploy.stack in READERS["gguf"] and not Path(source, GGUF_FILE).is_file():
        folder.mkdir()
        write_gguf(source, folder, "none", base.dtype, load_tokenizer(source))
        return
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("adapter"))


def read_card() -> str:
    """Read the model card; raises UserError without one."""
    try:
        return MODEL_CARD.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{MODEL_CARD}: not found; `dvc repro training_plan` writes it") from None


def smoke_cases(system: str, task: TaskParams, answer: AnswerParams) -> dict[str, Any]:
    """Select golden questions, evenly spread, with the answers and token counts of eval."""
    # Servers return tool calls in their own forms.
    golden = [case for case in read_golden() if not case.tools]
    chats = {case.id: with_system(case.prompt(), task.system) for case in golden}
    rows = [
        row
        for row in read_predictions(system)
        if row["set"] == "golden" and row["id"] in chats and row.get("finish") == "stop"
    ]
    if not rows:
        raise UserError(
            f"predictions/{system}.jsonl: has no complete golden answer; the smoke test of a "
            "package needs some: add golden cases, or raise answer.max_new_tokens"
        )
    drawn = rows[:: max(len(rows) // SMOKE_CASES, 1)][:SMOKE_CASES]
    cases = [
        {
            "messages": chats[row["id"]],
            "output": row["output"],
            "input_tokens": row["input_tokens"],
        }
        for row in drawn
    ]
    return {"max_tokens": answer.max_new_tokens, "same": _SAME, "cases": cases}


def launch_files(
    deploy: DeployParams,
    task: TaskParams,
    tokenizer: "PreTrainedTokenizerBase",
    memory: int | None,
) -> dict[str, str]:
    """Return the launch files of the stack, by file name.

    transformers needs none: `make serve` starts it.
    """
    gpu = launch.takes_gpu(deploy, load("hardware", HardwareParams).device)
    if deploy.stack == "transformers":
        return {}
    if deploy.stack == "ollama":
        stops = [str(tokenizer.decode([one])) for one in sorted(stop_tokens(tokenizer, TUNED))]
        return {"Modelfile": ollama.modelfile(tokenizer, stops, task.system, deploy.context)}
    return {
        "compose.yaml": launch.compose(deploy, memory, gpu),
        "kubernetes.yaml": launch.kubernetes(deploy, memory, gpu),
    }


def add_adapter(folder: Path, deploy: DeployParams, base: BaseParams) -> None:
    """Add the adapter and its base, which vLLM serves together."""
    adapter = Path(TUNED, "adapter")
    if deploy.stack != "vllm" or not adapter.is_dir():
        return
    shutil.copytree(adapter, folder / "adapter")
    shutil.copy(Path(TUNED, launch.TEMPLATE), folder / "adapter")
    if Path(base.model).is_dir():
        shutil.copytree(base.model, folder / "base", ignore=shutil.ignore_patterns(".*"))
    rank = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"]
    text = launch.compose_lora(deploy, base.model, base.revision, rank)
    (folder / "compose-lora.yaml").write_text(text, encoding="utf-8")


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS of all files, for `sha256sum --check`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    deploy, gate = load("deploy", DeployParams), load("gate", GateParams)
    base, task, limits = (
        load("base", BaseParams),
        load("task", TaskParams),
        load("answer", AnswerParams),
    )
    system, source = gate.system, RELEASABLE[gate.system]
    check_formats(source, deploy)
    check_context("answer.max_new_tokens and a prompt", limits.max_new_tokens + 1, deploy)
    recorded = smoke_cases(system, task, limits)
    tokenizer = load_tokenizer(TUNED)
    config = json.loads(Path(source, "config.json").read_text(encoding="utf-8"))
    card = read_card()
    with atomic_folder(Path("dist", deploy.stack)) as folder:
        copy_weights(source, folder / "model", deploy, base)
        size = weights_size(folder / "model")
        memory = memory_limit(config, size, deploy)
        for name, text in launch_files(deploy, task, tokenizer, memory).items():
            (folder / name).write_text(text, encoding="utf-8")
        add_adapter(folder, deploy, base)
        shutil.copy(smoke.__file__, folder / "smoke.py")
        server = {"port": deploy.port, "model": SERVED_NAME}
        server |= {"special": tokenizer.all_special_tokens}
        write_json(folder / "smoke.json", server | recorded)
        (folder / "requirements.md").write_text(memory_table(config, size, deploy), "utf-8")
        name = Path.cwd().name
        figures = with_results(card, name, system, read_results())
        for place in (folder, folder / "model"):  # people push either
            (place / "README.md").write_text(figures, encoding="utf-8")
        add_license(folder / "model", base)
        write_json(folder / "sbom.json", sbom(name, folder, base))
        make_readable(folder)
        write_checksums(folder)
    print(f"package: dist/{deploy.stack}: {system}, {size:,} bytes of weights")


if __name__ == "__main__":
    run(main)

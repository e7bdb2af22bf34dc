"""Check params.yaml (`make check`): every section, then what must agree between sections.

Stages call the same functions when they start. Checks that need the data, the base or a GPU are
made only by stages.
"""

import tomllib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from deploy.launch import room_for
from lib.core.config import PARAMS, Section, load, read_yaml
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.curate.columns import check_columns
from lib.curate.params import CurateParams, DataParams
from lib.engines.params import AnswerParams, DeployParams, check_context, check_server
from lib.evaluate.params import EvalParams, check_primary
from lib.monitoring.params import MonitorParams
from lib.quantize.params import QuantizeParams, check_reader, check_scheme_device
from lib.release.params import GateParams
from lib.report.gpus import check_prices
from lib.runtime.errors import UserError, run
from lib.serving.params import BenchParams, ParityParams, check_parity
from lib.similarity.params import DedupParams, SplitParams, check_thresholds
from lib.train.license import check_license
from lib.train.params import TrainParams
from lib.train.preflight import check_settings
from review.params import HarnessParams, JudgeParams

EXTRAS = Path("pyproject.toml")
SECTIONS: dict[str, type[Section]] = {
    "task": TaskParams,
    "data": DataParams,
    "curate": CurateParams,
    "dedup": DedupParams,
    "split": SplitParams,
    "hardware": HardwareParams,
    "base": BaseParams,
    "train": TrainParams,
    "answer": AnswerParams,
    "eval": EvalParams,
    "quantize": QuantizeParams,
    "parity": ParityParams,
    "bench": BenchParams,
    "gate": GateParams,
    "judge": JudgeParams,
    "harness": HarnessParams,
    "deploy": DeployParams,
    "monitor": MonitorParams,
}


def check_data_sections() -> None:
    """Raise UserError where sections of the data stages contradict each other."""
    split, sources = load("split", SplitParams), load("data", DataParams).sources
    check_columns(sources, load("task", TaskParams))
    check_thresholds(load("dedup", DedupParams), split)
    kept, train = load("curate", CurateParams).max_tokens, load("train", TrainParams)
    if kept >= train.max_length:
        raise UserError(
            f"{PARAMS}: curate.max_tokens is {kept} and train.max_length {train.max_length}; it "
            "must be lower, or training stops at a record that curate kept: training also counts "
            "the system prompt and the chat template"
        )
    if train.keep == "best" and not split.val and all(one.split != "val" for one in sources):
        raise UserError(
            f"{PARAMS}: split.val is 0, and train.keep best needs the loss on val; raise it, "
            "or set train.keep to last"
        )


def check_training() -> None:
    """Raise UserError where train, base and hardware contradict each other."""
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    check_settings(load("train", TrainParams), base, hardware)
    check_license(base, {})
    check_scheme_device(load("quantize", QuantizeParams).scheme, hardware.device)


def check_packages() -> None:
    """Raise UserError if the extra `train` lacks a package that decides the weights.

    The stage train depends only on that extra, so DVC would not notice a new version of another.
    """
    extras = tomllib.loads(EXTRAS.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    needed = {
        "bitsandbytes": load("train", TrainParams).weights == "qlora",
        "deepspeed": load("hardware", HardwareParams).strategy == "deepspeed",
    }
    for name in (name for name, needs in needed.items() if needs):
        pins = extras.get(name) or [name]
        if not set(pins) & set(extras["train"]):
            raise UserError(
                f"{EXTRAS}: the extra train lacks {pins[0]}, which training uses; add it, so that "
                "a new version runs train again"
            )


def check_evaluation() -> None:
    """Raise UserError where eval, answer and dvc.yaml contradict each other or the task."""
    check_primary(load("eval", EvalParams), load("task", TaskParams))
    check_prices(load("gate", GateParams).cost.gpu_per_hour)
    asked = "endpoint" in read_yaml(Path("dvc.yaml"))["stages"]["answer"]["foreach"]
    there = load("answer", AnswerParams).endpoint is not None
    if asked > there:
        raise UserError(
            f"{PARAMS}: dvc.yaml names the system endpoint, and answer.endpoint is null"
        )
    if there > asked:
        raise UserError(
            f"{PARAMS}: answer.endpoint is set, and dvc.yaml names no system endpoint, so no "
            "stage asks it; add the line from docs/evaluation.md to dvc.yaml"
        )


def check_serving() -> None:
    """Raise UserError where server, weights and requests do not fit together."""
    deploy, bench = load("deploy", DeployParams), load("bench", BenchParams)
    answer, train = load("answer", AnswerParams), load("train", TrainParams)
    check_server(answer, deploy)
    check_parity(load("parity", ParityParams), bench, deploy)
    check_context("answer.max_new_tokens and a prompt", answer.max_new_tokens + 1, deploy)
    started = [bench.engine == "server" and bench.command is None]
    started.append(answer.engine == "server" and answer.server.command is None)
    if any(started) or load("gate", GateParams).system == "quantized":
        check_reader(load("quantize", QuantizeParams).scheme, deploy)
    if deploy.stack == "vllm" and train.adapts_base:
        room_for(train.lora.rank)


def mistakes() -> list[str]:
    """List the first mistake of each section; if none, the contradictions between sections."""
    found = [
        f"{PARAMS}: unknown section '{name}'; allowed are {', '.join(SECTIONS)}"
        for name in read_yaml(PARAMS)
        if name not in SECTIONS
    ]
    found += raised(partial(load, name, model) for name, model in SECTIONS.items())
    return found or raised(
        [check_data_sections, check_training, check_packages, check_evaluation, check_serving]
    )


def raised(checks: Iterable[Callable[[], object]]) -> list[str]:
    """Call each check, and list the messages of their UserErrors."""
    found = []
    for check in checks:
        try:
            check()
        except UserError as error:
            found.append(str(error))
    return found


def main() -> None:
    if found := mistakes():
        raise UserError("\n".join(found))
    print(f"{PARAMS}: {len(SECTIONS)} sections are valid and consistent")


if __name__ == "__main__":
    run(main)

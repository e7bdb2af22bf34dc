"""Check every section of params.yaml at once, as `make check` does."""

from lib.core.config import PARAMS, Section, load, read_yaml
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.curate.params import CurateParams, DataParams
from lib.engines.params import AnswerParams, DeployParams
from lib.evaluate.params import EvalParams
from lib.monitoring.params import MonitorParams
from lib.quantize.params import QuantizeParams
from lib.release.params import GateParams
from lib.runtime.errors import UserError, run
from lib.serving.params import BenchParams, ParityParams
from lib.similarity.params import DedupParams, SplitParams
from lib.train.params import TrainParams
from review.params import HarnessParams, JudgeParams

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


def mistakes() -> list[str]:
    """List the first mistake of each section, and the sections that do not exist."""
    found = [
        f"{PARAMS}: unknown section '{name}'; allowed are {', '.join(SECTIONS)}"
        for name in read_yaml(PARAMS)
        if name not in SECTIONS
    ]
    for name, model in SECTIONS.items():
        try:
            load(name, model)
        except UserError as error:
            found.append(str(error))
    return found


def main() -> None:
    if found := mistakes():
        raise UserError("\n".join(found))
    print(f"{PARAMS}: {len(SECTIONS)} sections are well-formed")


if __name__ == "__main__":
    run(main)

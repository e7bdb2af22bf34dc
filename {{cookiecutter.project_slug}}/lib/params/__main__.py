"""Check every section of params.yaml at once: `python -m lib.params`."""

from lib.config import PARAMS, Section, load, read_yaml
from lib.errors import UserError, run
from lib.params.base import BaseParams
from lib.params.bench import BenchParams
from lib.params.curate import CurateParams
from lib.params.data import DataParams
from lib.params.dedup import DedupParams
from lib.params.deploy import DeployParams
from lib.params.eval import EvalParams
from lib.params.gate import GateParams
from lib.params.hardware import HardwareParams
from lib.params.harness import HarnessParams
from lib.params.judge import JudgeParams
from lib.params.monitor import MonitorParams
from lib.params.parity import ParityParams
from lib.params.quantize import QuantizeParams
from lib.params.split import SplitParams
from lib.params.task import TaskParams
from lib.params.train import TrainParams

SECTIONS: dict[str, type[Section]] = {
    "task": TaskParams,
    "data": DataParams,
    "curate": CurateParams,
    "dedup": DedupParams,
    "split": SplitParams,
    "hardware": HardwareParams,
    "base": BaseParams,
    "train": TrainParams,
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


def main() -> None:
    for name in read_yaml(PARAMS):
        if name not in SECTIONS:
            raise UserError(f"{PARAMS}: unknown section '{name}'; it takes {', '.join(SECTIONS)}")
    for name, model in SECTIONS.items():
        load(name, model)
    print(f"{PARAMS}: {len(SECTIONS)} sections are well-formed")


if __name__ == "__main__":
    run(main)

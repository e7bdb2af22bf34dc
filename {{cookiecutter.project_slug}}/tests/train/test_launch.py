"""Several processes are told what accelerate takes, and learn what one process learns."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lib.core.config import load
from lib.core.params import HardwareParams
from lib.runtime.errors import UserError
from lib.runtime.files import write_json
from lib.train import launch
from lib.train.launch import accelerate_config, wanted
from tests.together import train_together
from tests.train.test_resume import lay_out_project

pytestmark = pytest.mark.slow

GPUS = HardwareParams(device="multi-gpu", threads=4, processes=4)
CPUS = HardwareParams(device="cpu", threads=1, processes=2)


def accepted(config: dict[str, Any], tmp_path: Path) -> Any:
    """The configuration as accelerate's own reader takes it; it refuses unknown keys."""
    from accelerate.commands.config.config_args import load_config_from_file

    path = tmp_path / "accelerate.json"
    write_json(path, config)
    return load_config_from_file(str(path))


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "deepspeed"])
def test_accelerate_takes_the_configuration(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)
    hardware = GPUS.model_copy(update={"strategy": strategy})
    found = accepted(accelerate_config(hardware, 4), tmp_path)
    assert (found.num_processes, found.num_machines, found.mixed_precision) == (4, 1, "bf16")
    assert bool(found.fsdp_config) == (strategy == "fsdp")
    assert bool(found.deepspeed_config) == (strategy == "deepspeed")


def test_keys_of_fsdp_are_options_of_the_launcher() -> None:
    from accelerate.commands.launch import launch_command_parser

    hardware = GPUS.model_copy(update={"strategy": "fsdp"})
    known = vars(launch_command_parser().parse_args(["stages.train"]))
    assert set(accelerate_config(hardware, 4)["fsdp_config"]) <= set(known)


def test_each_machine_knows_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MACHINE_RANK", "1")
    monkeypatch.setenv("MAIN_ADDRESS", "10.0.0.1")
    hardware = GPUS.model_copy(update={"machines": 2})
    found = accepted(accelerate_config(hardware, wanted(hardware)), tmp_path)
    assert (found.num_processes, found.machine_rank, found.main_process_ip) == (8, 1, "10.0.0.1")


def test_a_machine_that_does_not_know_its_place() -> None:
    with pytest.raises(UserError, match=r"set MACHINE_RANK .* and MAIN_ADDRESS"):
        accelerate_config(GPUS.model_copy(update={"machines": 2}), 8)


@pytest.mark.parametrize(
    ("section", "cure"),
    [
        ("{device: gpu, threads: 1, processes: 2}", "device multi-gpu, when several"),
        ("{device: cpu, threads: 1, strategy: fsdp}", "strategy ddp, unless device is multi-gpu"),
    ],
)
def test_answers_that_do_not_go_together(section: str, cure: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(f"hardware: {section}", encoding="utf-8")
    with pytest.raises(UserError, match=cure):
        load("hardware", HardwareParams, tmp_path / "params.yaml")


def test_the_stage_becomes_the_launcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []

    def execv(path: str, command: list[str]) -> NoReturn:
        called.append(command)
        raise SystemExit

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(launch, "CONFIG", tmp_path / "accelerate.json")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(SystemExit):
        launch.launch("stages.train", CPUS)
    config = str(tmp_path / "accelerate-0.json")
    run = ["-m", "lib.train.launch", "--config_file", config, "--module", "stages.train"]
    assert called == [[sys.executable, *run]]
    assert json.loads(Path(config).read_text(encoding="utf-8"))["use_cpu"] is True


def test_one_of_several_processes_loads_a_checkpoint(tmp_path: Path) -> None:
    """As transformers does, which calls its processor cpu:0; torch alone does not know that."""
    code = (
        "import sys, torch; from lib.train.launch import setup_worker; setup_worker(); "
        "torch.save(torch.ones(2), sys.argv[1]); "
        "print(torch.load(sys.argv[1], map_location=torch.device('cpu', 0)).sum().item())"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "checkpoint")]
    env = os.environ | {"LOCAL_RANK": "0"}
    done = subprocess.run(run, capture_output=True, text=True, env=env)
    assert (done.stdout, done.returncode) == ("2.0\n", 0)


def test_two_processes_learn_like_one(tmp_path: Path) -> None:
    """Half the batch on each: the same records in every step, and the same losses, of a last step
    that is not full, too; packed or not."""
    config = tmp_path / "accelerate.json"
    write_json(config, accelerate_config(CPUS, 2))
    run = [sys.executable, "-m", "lib.train.launch", "--config_file", str(config)]
    together = [*run, "--module", "tests.together", str(tmp_path / "two.json"), "2"]
    alone = {"WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}
    env = {name: value for name, value in os.environ.items() if name not in alone}
    subprocess.run(together, check=True, capture_output=True, env=env | {"OMP_NUM_THREADS": "1"})
    train_together(tmp_path / "one.json", 4)
    one, two = (
        json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("one", "two")
    )
    for name in ("unpacked", "packed"):
        assert len(one[name]) > 3
        assert two[name] == pytest.approx(one[name], rel=1e-5)


def test_a_mistake_that_all_processes_make_is_one_line(tmp_path: Path) -> None:
    lay_out_project(tmp_path / "project", "full")
    params = tmp_path / "project/params.yaml"
    text = params.read_text(encoding="utf-8")
    text = text.replace("{device: cpu, threads: 1}", "{device: cpu, threads: 1, processes: 2}")
    text = text.replace('"learning_rate":0.001', '"learning_rate":1e+30', 1)
    params.write_text(text.replace('"max_grad_norm":1.0', '"max_grad_norm":1e+30'), "utf-8")
    run = [sys.executable, "-m", "stages.train"]
    done = subprocess.run(
        run, cwd=tmp_path / "project", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("; lower train.learning_rate") == 1
    assert "Traceback" not in done.stderr

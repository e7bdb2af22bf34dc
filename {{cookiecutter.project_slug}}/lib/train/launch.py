"""Train in several processes: configure and start them.

If params.yaml asks for several processes, the stage turns into the launcher (`accelerate launch`,
wrapped below), which starts the stage once per process. Several machines: each runs the stage with
the same params; MACHINE_RANK is its number, MAIN_ADDRESS the address of number 0.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from lib.core.params import HardwareParams
from lib.runtime.errors import USER_ERROR, UserError
from lib.runtime.files import write_json
from lib.runtime.processes import die_with_parent

CONFIG = Path(os.environ.get("DVC_ROOT", "."), ".scratch", "accelerate.json")
PORT = 29500  # of machine 0, if there are several; a single machine uses any free port


def world_size() -> int:
    """Return the number of processes that train together; 1 outside the launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wanted(hardware: HardwareParams) -> int:
    """Return the number of processes by params.yaml, over all machines."""
    if hardware.processes:
        return hardware.processes * hardware.machines
    if hardware.device in ("cpu", "gpu"):
        return hardware.machines
    import torch

    return torch.cuda.device_count() * hardware.machines


def has_bf16(device: str) -> bool:
    """Tell whether `device` trains in bfloat16, as NVIDIA GPUs do from Ampere on."""
    import torch

    return device != "cpu" and torch.cuda.is_bf16_supported(including_emulation=False)


def launched() -> bool:
    """Tell whether this process was started by the launcher."""
    return "LOCAL_RANK" in os.environ


def setup_worker() -> None:
    """Prepare a process that the launcher started; do nothing in any other.

    It is killed with the launcher (Linux): otherwise it would train on, in a session of its own,
    while the next run waits for it. And torch is taught the device name `cpu:0`, which transformers
    uses for a CPU process among several.
    """
    if not launched():
        return
    die_with_parent()
    from torch.serialization import register_package

    register_package(5, lambda _: None, lambda storage, at: storage if at == "cpu:0" else None)


def sharded() -> bool:
    """Tell whether the weights are sharded over the processes."""
    return os.environ.get("ACCELERATE_USE_FSDP") == "true"


def accelerate_config(hardware: HardwareParams, processes: int) -> dict[str, Any]:
    """Build the accelerate configuration of this machine.

    Raises UserError if its number among several machines is not set.
    """
    config = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": {"ddp": "MULTI_GPU", "fsdp": "FSDP", "deepspeed": "DEEPSPEED"}[
            hardware.strategy
        ],  # MULTI_GPU with use_cpu: processes that communicate by gloo
        "use_cpu": hardware.device == "cpu",
        "mixed_precision": "bf16" if has_bf16(hardware.device) else "no",
        "num_processes": processes,
        "num_machines": hardware.machines,
        "machine_rank": 0,
        "main_process_port": 0,
        "rdzv_backend": "static",
        "same_network": True,
    }
    if hardware.strategy == "fsdp":
        config["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": True,
            "fsdp_state_dict_type": "FULL_STATE_DICT",  # checkpoints and the result are not sharded
            "fsdp_cpu_ram_efficient_loading": False,
        }
    if hardware.strategy == "deepspeed":
        config["deepspeed_config"] = {
            "zero_stage": 2,
            "zero3_init_flag": False,
            "deepspeed_multinode_launcher": "standard",  # not pdsh: machines start their own
        }
    return config | (machine_place() if hardware.machines > 1 else {})


def machine_place() -> dict[str, Any]:
    """Read this machine's number and the address of machine 0 from the environment.

    Raises UserError where MACHINE_RANK or MAIN_ADDRESS is not set.
    """
    rank, address = os.environ.get("MACHINE_RANK", ""), os.environ.get("MAIN_ADDRESS", "")
    if not (rank.isdigit() and address):
        raise UserError(
            "hardware.machines is above 1: set MACHINE_RANK (0, 1, ...) and MAIN_ADDRESS (of "
            "machine 0) on each machine, as the launch file of this project does"
        )
    return {"machine_rank": int(rank), "main_process_ip": address, "main_process_port": PORT}


def launch(module: str, hardware: HardwareParams) -> NoReturn:
    """Replace this process by the launcher of `module`, with its signals and exit code."""
    config = accelerate_config(hardware, wanted(hardware))
    path = CONFIG.with_stem(f"accelerate-{config['machine_rank']}")  # folders may be shared
    write_json(path, config)
    command = [sys.executable, "-m", "lib.train.launch", "--config_file", str(path)]
    os.environ.setdefault("OMP_NUM_THREADS", str(hardware.threads))
    sys.stdout.flush()
    os.execv(sys.executable, [*command, "--module", module])  # noqa: S606


def main() -> None:
    """Run accelerate's launcher; print a user's mistake once, though every process reports it."""
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the error says it
    try:
        launch_command(launch_command_parser().parse_args())
    except ChildFailedError as error:
        failed = [one for one in error.failures.values() if one.exitcode == USER_ERROR]
        told = [one.message for one in failed if Path(one.error_file).is_absolute()]  # or <N/A>
        if not told:
            raise
        print(told[0], file=sys.stderr)
        raise SystemExit(USER_ERROR) from None


if __name__ == "__main__":
    main()

"""Start the packed stack on this machine: `make serve`. It runs until it is stopped."""

import json
import os
import shutil
import socket
from pathlib import Path

from lib.core.config import load
from lib.engines.commands import SERVED_NAME, local_command
from lib.engines.params import DeployParams
from lib.runtime.errors import UserError, run


def check_port(port: int, package: Path) -> None:
    """Raise UserError where the port is taken, or is not the one that `make smoke` will ask."""
    packed = json.loads((package / "smoke.json").read_text(encoding="utf-8"))["port"]
    if packed != port:
        raise UserError(
            f"{package}: was packed for port {packed}, and deploy.port is {port}; `make package` "
            "packs it again"
        )
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise UserError(
                f"make serve: a server listens on port {port} already; stop it, or set deploy.port "
                "to another and `make package`"
            )


def main() -> None:
    deploy = load("deploy", DeployParams)
    folder = Path("dist", deploy.stack)
    if not (folder / SERVED_NAME).is_dir():
        raise UserError(f"{folder / SERVED_NAME}: not found; `make package` writes it")
    command = local_command(deploy, SERVED_NAME, deploy.port)
    check_port(deploy.port, folder)
    print(f"serve: http://127.0.0.1:{deploy.port}/v1", flush=True)
    found = str(Path(shutil.which(command[0]) or command[0]).absolute())
    os.chdir(folder)  # the weights are `model` there, the name that all stacks serve them under
    os.execv(found, command)  # noqa: S606 our own list


if __name__ == "__main__":
    run(main)

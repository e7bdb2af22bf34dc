"""Start the packed stack on this machine: `make serve`. It runs until it is stopped."""

import json
import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

from deploy.launch import NAME, local_command
from lib.core.config import load
from lib.engines.builds import llamacpp
from lib.runtime.errors import UserError, run
from lib.serving.params import DeployParams

BY_HAND = {
    "tgi": "docker compose --file dist/tgi/compose.yaml up",
    "ollama": "ollama create model --file dist/ollama/Modelfile && ollama run model",
}
CURES = {
    "transformers": "pip install -c constraints.txt '.[serve]'",
    "vllm": "python -m venv .venv-serve && .venv-serve/bin/pip install '.[serve]'",
}
SERVING = ("fastapi", "openai", "uvicorn")  # what `transformers serve` imports


def check_port(port: int, package: Path) -> None:
    """It must be free, and the one that `make smoke` will ask; raises UserError with the cure."""
    packed = json.loads((package / "smoke.json").read_text(encoding="utf-8"))["port"]
    if packed != port:
        raise UserError(
            f"{package}: was packed for port {packed}, and deploy.port is {port}; `make package` "
            "packs it anew"
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
    if not (folder / NAME).is_dir():
        raise UserError(f"{folder / NAME}: not found; `make package` writes it")
    if deploy.stack in BY_HAND:
        raise UserError(f"make serve: {deploy.stack} is started by `{BY_HAND[deploy.stack]}`")
    program = str(llamacpp("llama-server")) if deploy.stack == "llama.cpp" else ""
    command = local_command(deploy, program)
    found = shutil.which(command[0])
    if not found or (deploy.stack == "transformers" and not all(map(find_spec, SERVING))):
        raise UserError(
            f"make serve: what serves {deploy.stack} is not installed; `{CURES[deploy.stack]}`"
        )
    check_port(deploy.port, folder)
    print(f"serve: http://127.0.0.1:{deploy.port}/v1", flush=True)
    found = str(Path(found).absolute())
    os.chdir(folder)  # the weights are `model` there, the name that all stacks serve them under
    os.execv(found, command)  # noqa: S606 our own list


if __name__ == "__main__":
    run(main)

"""Start the packed stack on this machine: `make serve`. It runs until it is stopped."""

import os
import shutil
from pathlib import Path

from deploy.launch import local_command
from lib.config import load
from lib.engines.builds import llamacpp
from lib.errors import UserError, run
from lib.params.deploy import DeployParams

BY_HAND = {
    "tgi": "docker compose --file dist/tgi/compose.yaml up",
    "ollama": "ollama create model --file dist/ollama/Modelfile && ollama run model",
}
CURES = {
    "transformers": "pip install -c constraints.txt '.[serve]'",
    "vllm": "python -m venv .venv-serve && .venv-serve/bin/pip install '.[serve]'",
}


def main() -> None:
    deploy = load("deploy", DeployParams)
    folder = Path("dist", deploy.stack, "model")
    if not folder.is_dir():
        raise UserError(f"{folder}: not found; `make package` writes it")
    if deploy.stack in BY_HAND:
        raise UserError(f"make serve: {deploy.stack} is started by `{BY_HAND[deploy.stack]}`")
    program = str(llamacpp("llama-server")) if deploy.stack == "llama.cpp" else ""
    command = local_command(deploy, str(folder), program)
    if not shutil.which(command[0]):
        raise UserError(f"make serve: {command[0]} is not installed; `{CURES[deploy.stack]}`")
    print(f"serve: http://127.0.0.1:{deploy.port}/v1", flush=True)
    os.execvp(command[0], command)  # noqa: S606 our own list


if __name__ == "__main__":
    run(main)

"""Build the command that starts each serving stack, from the section `deploy`.

This is the only source of server arguments: bench, parity, answer (`answer.engine: server`) and
`make serve` use it on this machine, compose.yaml and kubernetes.yaml in a container, so that what
is measured is what is shipped.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from lib.engines.builds import llamacpp
from lib.engines.params import DeployParams, check_stack
from lib.engines.weights import GGUF_FILE
from lib.runtime.errors import UserError

SERVING = ("fastapi", "openai", "uvicorn")  # what `transformers serve` imports
SERVED_NAME = "model"  # model name of the server; also the folder of the weights in a package
# The server answers as in evaluation, unless a request says otherwise. By default vLLM samples at
# temperature 1, llama.cpp at 0.8, and both apply penalties from the base's generation config.
GREEDY = {
    "vllm": [
        *("--generation-config", "vllm"),
        *("--override-generation-config", '{"temperature": 0}'),
    ],
    "llama.cpp": ["--temp", "0", "--repeat-penalty", "1"],
}
BY_HAND = {
    "tgi": "docker compose --file dist/tgi/compose.yaml up",
    "ollama": "ollama create model --file dist/ollama/Modelfile && ollama run model",
}
_CURES = {
    "transformers": "pip install -c constraints.txt '.[serve-transformers]'",
    "vllm": "python -m venv .venv-serve && .venv-serve/bin/pip install '.[serve-vllm]'",
}


class Start(NamedTuple):
    """The command that starts a server, and the key of params.yaml that sets it."""

    command: list[str]  # with {model} and {port}; empty: a server is already running
    key: str


def arguments(
    deploy: DeployParams, model: str, port: int | str, name: str = SERVED_NAME
) -> list[str]:
    """Return the command-line arguments of a stack's server; `model` is its path to the weights."""
    context, slots = str(deploy.context), str(deploy.concurrency)
    match deploy.stack:
        case "vllm":
            options = ["--served-model-name", name, "--port", str(port), *GREEDY["vllm"]]
            if deploy.tool_parser:
                options += ["--enable-auto-tool-choice", "--tool-call-parser", deploy.tool_parser]
            return [model, *options, "--max-model-len", context, "--max-num-seqs", slots]
        case "llama.cpp":  # its context is divided among the slots
            shared = str(deploy.context * deploy.concurrency)
            options = ["--alias", name, "--port", str(port), "-np", slots, "-c", shared, "--jinja"]
            options += GREEDY["llama.cpp"]
            # by default it caches up to 8 GiB of prompts, beyond any other limit
            return ["-m", f"{model}/{GGUF_FILE}", *options, "--metrics", "--cache-ram", "0"]
        case "tgi":
            options = ["--port", str(port), "--max-total-tokens", context]
            return ["--model-id", model, *options, "--max-concurrent-requests", slots]
        case "transformers":  # its model name is the path it was given
            return ["serve", model, "--port", str(port)]
        case "ollama":  # its Modelfile sets the context
            return []


def local_command(deploy: DeployParams, model: str, port: int | str) -> list[str]:
    """Return the command that starts the stack on this machine, without containers.

    Raises UserError where it is not installed, or is started otherwise.
    """
    if deploy.stack in BY_HAND:
        raise UserError(f"deploy.stack: {deploy.stack} is started by `{BY_HAND[deploy.stack]}`")
    options = arguments(deploy, model, port)
    if deploy.stack == "llama.cpp":
        return [str(llamacpp("llama-server")), *options]
    lacking = False
    if deploy.stack == "vllm":
        command = [str(Path(".venv-serve/bin/vllm").absolute()), "serve", *options]
    else:
        command = ["transformers", *options]
        lacking = not all(map(find_spec, SERVING))
    if lacking or not shutil.which(command[0]):
        raise UserError(
            f"deploy.stack: the server of {deploy.stack} is not installed; `{_CURES[deploy.stack]}`"
        )
    return command


def start_of(own: list[str] | None, key: str, deploy: DeployParams) -> Start:
    """Return how a stage starts a server: the user's own command, or that of deploy.stack.

    own: the value of `key` in params.yaml. Raises UserError where it is None and stages cannot
    start the stack.
    """
    if own is not None:
        return Start(own, key)
    check_stack(own, key, deploy)
    return Start(local_command(deploy, "{model}", "{port}"), "deploy.stack")

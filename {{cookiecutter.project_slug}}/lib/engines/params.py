"""Sections answer and deploy of params.yaml.

The `answer` section: how each system is asked. The `deploy` section: the server that is shipped,
and its limits.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from lib.core.config import Section
from lib.runtime.errors import UserError


class ServerParams(Section):
    """An OpenAI-compatible server that is started for each model.

    One that already runs has a single model, which would answer for base and tuned alike; it can be
    the system `endpoint`."""

    # null: deploy.stack as it is packed; or your own command with {model} and {port}
    command: list[str] | None = None
    prompts: Literal["tokens", "chat"] = "tokens"  # chat: the server renders its own template
    startup_seconds: int = Field(default=600, ge=1)
    concurrency: int = Field(default=8, ge=1)  # requests at once


class BudgetParams(Section):
    """The budget of one evaluation of a hosted model; null: no limit."""

    requests: int | None = Field(default=None, ge=1)  # that are answered
    tokens: int | None = Field(default=None, ge=1)  # of prompts and answers


class EndpointParams(Section):
    """A further system, served elsewhere and asked by chat."""

    url: str = Field(pattern="^https?://")
    model: str
    key_env: str = ""  # the environment variable with its key
    concurrency: int = Field(default=4, ge=1)
    budget: BudgetParams = BudgetParams()
    # keys of a request to add or replace, such as {max_completion_tokens: 99}; null removes one
    options: dict[str, Any] = {}


class AnswerParams(Section):
    """One greedy answer for each case of the golden, test and adversarial sets."""

    engine: Literal["transformers", "vllm", "server"] = "transformers"
    server: ServerParams = ServerParams()
    endpoint: EndpointParams | None = None
    batch_tokens: int = Field(ge=1)  # of prompts and answers, padding included
    max_new_tokens: int = Field(ge=1)
    max_prompt_tokens: int = Field(default=4096, ge=1)  # examples that do not fit are left out
    few_shot: int = Field(default=3, ge=1)  # examples before each question, the same for all
    retrieval: int = Field(default=3, ge=1)  # examples most similar to each question
    log_likelihood: bool = False  # of the right answers, too; engine transformers
    # the engine generates only JSON that the task allows (vLLM, llama.cpp, most hosted models)
    constrained: bool = False
    seed: int = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _consistent(self) -> "AnswerParams":
        own = self.server.command
        if self.engine == "server" and own is not None and "{model}" not in "".join(own):
            raise ValueError(
                "a section whose server.command contains {model} when engine is server; a model "
                "that runs elsewhere is the system endpoint (answer.endpoint)"
            )
        if self.log_likelihood and self.engine != "transformers":
            raise ValueError("a section without log_likelihood unless engine is transformers")
        if self.constrained and self.engine == "transformers" and not self.endpoint:
            raise ValueError(
                "a section without constrained when engine is transformers, which does not "
                "support it"
            )
        return self


Stack = Literal["transformers", "vllm", "llama.cpp", "tgi", "ollama"]


class DeployParams(Section):
    """The server that bench and parity start and `make package` packs."""

    stack: Stack
    port: int = Field(ge=1, le=65535)  # of the package; stages use a free one
    context: int = Field(ge=16)  # tokens of a request and its answer together
    concurrency: int = Field(ge=1)  # requests at once
    # vLLM's parser of the tool calls that the chat template writes; "": no tools
    tool_parser: str = Field(default="", pattern="^[a-z0-9_]*$")


STARTED: tuple[Stack, ...] = ("vllm", "llama.cpp")  # stacks that stages can start
READERS: dict[
    str, tuple[Stack, ...]
] = {  # formats of quantized weights that each stack reads (docs/serving.md)
    "compressed-tensors": ("vllm", "transformers"),  # w4a16, w8a8, fp8, awq
    "gptq": ("vllm", "tgi", "transformers"),
    "bitsandbytes": ("vllm", "transformers"),  # nf4, int8
    "gguf": ("llama.cpp", "ollama"),
}
SCHEME_FOR = {"llama.cpp": "q8_0", "ollama": "q8_0", "tgi": "gptq"}  # w4a16 for the others


def check_stack(own: list[str] | None, key: str, deploy: DeployParams) -> None:
    """Raise UserError where a stage has no command for a server and cannot start the stack.

    `own` is the user's command, at `key` of params.yaml.
    """
    if own is None and deploy.stack not in STARTED:
        raise UserError(
            f"params.yaml: {key} is null, and stages start only {' and '.join(STARTED)}, not "
            f"{deploy.stack} (deploy.stack): set your own command, set the engine to "
            "transformers, or set bench.command to [] to use the server at bench.url"
        )


def check_tools(where: str, deploy: DeployParams) -> None:
    """Raise UserError where the stack would reject the chats with tools of a file."""
    if deploy.stack == "vllm" and not deploy.tool_parser:
        raise UserError(
            f"{where}: has chats with tools, and vLLM (deploy.stack) rejects such requests "
            "without a parser of tool calls; set deploy.tool_parser, to hermes where the chat "
            "template "
            "writes <tool_call> with JSON (docs/serving.md lists others)"
        )
    if deploy.stack == "ollama":
        raise UserError(
            f"{where}: has chats with tools, and the Modelfile for ollama (deploy.stack) does not "
            "support them; set it to llama.cpp, which renders the template"
        )


def check_context(keys: str, tokens: int, deploy: DeployParams) -> None:
    """Raise UserError where the context of the packed server is too small.

    `keys` are those of params.yaml that ask for `tokens`, prompt and answer together.
    """
    if tokens > deploy.context:
        raise UserError(
            f"params.yaml: {keys} need {tokens} tokens, and the server has a context of "
            f"{deploy.context} (deploy.context); change one of them"
        )


def check_server(params: AnswerParams, deploy: DeployParams) -> None:
    """Raise UserError where answer's server cannot be started, or its context is too small.

    The context of your own command is not known.
    """
    if params.engine != "server":
        return
    check_stack(params.server.command, "answer.server.command", deploy)
    if params.server.command is None:
        most = params.max_prompt_tokens + params.max_new_tokens
        check_context("answer.max_prompt_tokens and answer.max_new_tokens", most, deploy)

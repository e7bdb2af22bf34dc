"""Sections bench and parity of params.yaml.

The `bench` section: what is measured, on which engine. The `parity` section: how similar the
answers of adapter, merged, quantized and served model must be.
"""

from typing import Literal

from pydantic import Field, model_validator

from lib.core.config import Section
from lib.engines.params import DeployParams, check_context, check_stack


class Lengths(Section):
    """Token counts of synthetic requests, which replace those of the test split."""

    input: int = Field(ge=1)  # of the question: text of the test split, truncated to this length
    output: int = Field(ge=1)  # of the answer, exactly


class BenchParams(Section):
    """The load on the tuned and then on the quantized model."""

    engine: Literal["transformers", "server"]
    # engine server: null starts deploy.stack as packed; or your own command with {model} and
    # {port}; or []: a server is already running at `url`
    command: list[str] | None = None
    url: str = Field(default="http://127.0.0.1:8000/v1", pattern=r"^https?://")
    model: str | None = None  # the name to ask for; null: the first that the server lists
    key_env: str = ""  # the environment variable with its key
    startup_seconds: int = Field(default=600, ge=1)
    requests: int = Field(ge=1)  # measured requests at each load
    concurrency: list[int] = Field(min_length=1)  # requests in flight at all times (closed loop)
    # requests per second that arrive at random (Poisson, open loop); engine server only
    rates: list[float] = []
    lengths: Lengths | None = None
    max_new_tokens: int = Field(ge=1)
    seed: int = Field(default=1, ge=0)  # of the arrivals

    @model_validator(mode="after")
    def _possible(self) -> "BenchParams":
        if self.command and not any("{port}" in part for part in self.command):
            raise ValueError(
                "a section whose command contains {port}, the port to which requests are sent"
            )
        if min(self.concurrency) < 1:
            raise ValueError("a section whose concurrency has numbers of at least 1")
        if min(self.rates, default=1) <= 0:
            raise ValueError("a section whose rates are above 0")
        if self.rates and self.engine == "transformers":
            raise ValueError("a section with rates: [] where engine is transformers")
        return self


class LimitsParams(Section):
    """Limits for greedy answers compared with those of another copy of the model."""

    # Mean share of an answer's tokens before the first difference.
    prefix: float = Field(ge=0, le=1)
    logprob: float = Field(gt=0)  # mean difference of a token's log-probability up to there


class ParityParams(Section):
    """What the stage `parity` compares, and its limits for each form of the tuned model."""

    prompts: int = Field(ge=1)  # of evals/golden.jsonl, evenly spread
    max_new_tokens: int = Field(ge=1)
    # base and adapter against the merged model, which rounds to base.dtype
    adapter: LimitsParams = LimitsParams(prefix=0.95, logprob=0.05)
    same: LimitsParams  # the same weights: by the server against transformers
    quantized: LimitsParams  # the quantized weights against the tuned ones


def check_bench(params: BenchParams, deploy: DeployParams) -> None:
    """Raise UserError where bench's server cannot be started, or its context is too small.

    The context of your own command is not known.
    """
    if params.engine != "server":
        return
    check_stack(params.command, "bench.command", deploy)
    if params.command is not None:
        return
    if params.lengths:
        most = params.lengths.input + params.lengths.output
        check_context("bench.lengths.input and bench.lengths.output", most, deploy)
    else:
        check_context("bench.max_new_tokens and a prompt", params.max_new_tokens + 1, deploy)


def check_parity(params: ParityParams, bench: BenchParams, deploy: DeployParams) -> None:
    """Raise UserError where the context of parity's server, started as in bench, is too small."""
    check_bench(bench, deploy)
    if bench.engine == "server" and bench.command is None:
        check_context("parity.max_new_tokens and a prompt", params.max_new_tokens + 1, deploy)

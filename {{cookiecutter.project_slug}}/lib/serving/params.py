"""Sections bench and parity of params.yaml.

The `bench` section: what is measured, on which engine.
The `parity` section: how alike the adapter, merged, quantized and served models must answer.
"""

from typing import Literal

from pydantic import Field, model_validator

from lib.core.config import Section
from lib.engines.params import DeployParams, check_context, check_stack


class Lengths(Section):
    """Tokens of made-up requests, instead of those of the test split."""

    input: int = Field(ge=1)  # of the question: text of the test split, cut to so many
    output: int = Field(ge=1)  # of the answer, whatever it says


class BenchParams(Section):
    """Load on the tuned and the quantized model, one after the other."""

    engine: Literal["transformers", "server"]
    # engine server: null starts deploy.stack as it is packed; or your own command, {model} and
    # {port} filled in; or []: a server already runs at `url`
    command: list[str] | None = None
    url: str = Field(default="http://127.0.0.1:8000/v1", pattern=r"^https?://")
    model: str | None = None  # the name to ask for; null: the first that the server lists
    key_env: str = ""  # the environment variable with its key
    startup_seconds: int = Field(default=600, ge=1)
    requests: int = Field(ge=1)  # measured requests at each load
    concurrency: list[int] = Field(min_length=1)  # requests always under way (closed loop)
    # requests a second that arrive at random (Poisson), whatever is under way; a server only
    rates: list[float] = []
    lengths: Lengths | None = None
    max_new_tokens: int = Field(ge=1)
    seed: int = Field(default=1, ge=0)  # of the arrivals

    @model_validator(mode="after")
    def _possible(self) -> "BenchParams":
        if self.command and not any("{port}" in part for part in self.command):
            raise ValueError("a section whose command has {port} in it: the port it is asked at")
        if min(self.concurrency) < 1:
            raise ValueError("a section whose concurrency holds numbers from 1 up")
        if min(self.rates, default=1) <= 0:
            raise ValueError("a section whose rates are above 0")
        if self.rates and self.engine == "transformers":
            raise ValueError("a section with rates: [] where engine is transformers")
        return self


class LimitsParams(Section):
    """Greedy answers to the same prompts, held against those of another copy of the model."""

    prefix: float = Field(ge=0, le=1)  # mean share of an answer's tokens before the first other one
    logprob: float = Field(gt=0)  # mean difference of a token's log-probability up to there


class ParityParams(Section):
    """What the stage `parity` asks of the tuned model in its other forms."""

    prompts: int = Field(ge=1)  # of evals/golden.jsonl, evenly spread
    max_new_tokens: int = Field(ge=1)
    # base and adapter against the merged model, which rounds to base.dtype
    adapter: LimitsParams = LimitsParams(prefix=0.95, logprob=0.05)
    same: LimitsParams  # the same weights: served against read
    quantized: LimitsParams  # of the quantized weights against the tuned ones


def check_bench(params: BenchParams, deploy: DeployParams) -> None:
    """Raise UserError where the server that bench measures cannot be started as it is packed.

    Or where it could not take what it is asked; what an own command takes is not known.
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
    """Raise UserError where the server that parity starts, as bench does, could not answer."""
    check_bench(bench, deploy)
    if bench.engine == "server" and bench.command is None:
        check_context("parity.max_new_tokens and a prompt", params.max_new_tokens + 1, deploy)

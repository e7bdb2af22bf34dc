"""The `parity` section: how alike the adapter, merged, quantized and served models must answer."""

from pydantic import Field

from lib.config import Section


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

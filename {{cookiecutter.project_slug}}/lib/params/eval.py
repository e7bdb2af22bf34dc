"""The `eval` section: how answers are generated and counted."""

from pydantic import Field

from lib.config import Section


class EvalParams(Section):
    """One greedy answer for each case of the golden, test and adversarial sets."""

    batch_size: int = Field(ge=1)
    max_new_tokens: int = Field(ge=1)
    bootstrap: int = Field(ge=100)  # resamples behind each interval
    seed: int = Field(ge=0)

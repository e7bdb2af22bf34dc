"""The `eval` section: how answers are generated, scored and counted."""

import re

from pydantic import Field, field_validator

from lib.config import Section


class EvalParams(Section):
    """One greedy answer for each case of the golden, test and adversarial sets."""

    batch_size: int = Field(ge=1)
    max_new_tokens: int = Field(ge=1)
    primary: str = "exact_match"  # the metric that is an answer's score
    checks: dict[str, str] = {}  # name: regular expression that an answer must match somewhere
    length_buckets: list[int] = [80, 160]  # characters of a prompt at which a next slice begins
    canaries: list[str] = []  # strings planted in the training data; no answer may hold one
    bootstrap: int = Field(ge=100)  # resamples behind each interval
    seed: int = Field(ge=0)

    @field_validator("checks")
    @classmethod
    def _compiles(cls, checks: dict[str, str]) -> dict[str, str]:
        for pattern in checks.values():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"a valid regular expression ({error})") from None
        return checks

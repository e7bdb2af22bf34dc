"""The `split` section: how records part into train, val and test."""

from typing import Literal

from pydantic import Field, model_validator

from lib.config import Section


class SplitParams(Section):
    """Shares are of groups; a source's own split wins over them."""

    seed: int = Field(ge=0)
    val: float = Field(ge=0, lt=1)
    test: float = Field(ge=0, lt=1)
    threshold: float = Field(gt=0, le=1)  # prompts at least this similar share a split
    ngram: int = Field(ge=1, le=20)  # words a shingle (characters where words are not spaced)
    on_leak: Literal["fail", "drop_train"]  # when a train row is found again in val, test or evals

    @model_validator(mode="after")
    def _leaves_train(self) -> "SplitParams":
        if self.val + self.test >= 1:
            raise ValueError("a section whose val and test leave a share for train")
        return self

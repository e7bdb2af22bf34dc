"""Sections judge and harness of params.yaml.

The `judge` section: a model that compares the answers of two systems.
The `harness` section: tasks of lm-evaluation-harness for the tuned model and its base.
"""

from typing import Self

from pydantic import Field, model_validator

from lib.core.config import Section


class JudgeParams(Section):
    """Any OpenAI-compatible endpoint; off while `url` is empty."""

    url: str = Field(default="", pattern="^$|^https?://")  # ends in /v1
    model: str = ""
    key_env: str = ""  # the environment variable with its key
    requests: int = Field(default=200, ge=2)  # sent by one run at most; two per case
    max_new_tokens: int = Field(default=16, ge=1)  # the last line of the answer is the verdict
    concurrency: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.url and not self.model:
            raise ValueError("a section with `model` when url is set")
        return self


class HarnessParams(Section):
    """The tasks that both models are asked."""

    tasks: list[str] = Field(min_length=1)  # from evals/harness, or from lm-evaluation-harness
    limit: int | None = Field(default=None, ge=1)  # only the first questions of each task
    batch_size: int = Field(default=8, ge=1)
    chat: bool = False  # render each question with the chat template

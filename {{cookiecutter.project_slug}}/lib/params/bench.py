"""The `bench` section: what is measured, on which engine."""

from typing import Literal

from pydantic import Field, model_validator

from lib.config import Section


class BenchParams(Section):
    """Closed-loop load: `concurrency` requests are always under way."""

    engine: Literal["transformers", "server"]
    # engine server: the command that starts an OpenAI-compatible server, {model} and {port} filled
    # in; empty: a server already runs at `url`
    command: list[str] = []
    url: str = Field(default="http://127.0.0.1:8000/v1", pattern=r"^https?://")
    startup_seconds: int = Field(default=600, ge=1)
    requests: int = Field(ge=1)  # measured requests at each concurrency
    concurrency: list[int] = Field(min_length=1)
    max_new_tokens: int = Field(ge=1)

    @model_validator(mode="after")
    def _positive(self) -> "BenchParams":
        if min(self.concurrency) < 1:
            raise ValueError("a section whose concurrency holds numbers from 1 up")
        return self

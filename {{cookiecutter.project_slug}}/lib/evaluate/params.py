"""The `eval` section: how answers are asked for, scored and counted."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from lib.core.config import Section

METRICS = {  # of lib/evaluate/metrics.py
    *("exact_match", "field_f1", "valid_json", "valid_schema", "valid_label"),
    *("rouge_l", "chrf", "numeric", "own", "log_likelihood"),
}


class ServerParams(Section):
    """An OpenAI-compatible server that `command` starts for each model: one that runs has one,
    which would answer for base and tuned alike. It may be a system of its own, `endpoint`."""

    command: list[str] = []  # with {model} and {port} in it
    prompts: Literal["tokens", "chat"] = "tokens"  # chat: the server renders its own template
    startup_seconds: int = Field(default=600, ge=1)
    concurrency: int = Field(default=8, ge=1)  # requests at once


class EndpointParams(Section):
    """A further system that somebody else serves, asked by chat."""

    url: str = Field(pattern="^https?://")
    model: str
    key_env: str = ""  # the environment variable with its key
    concurrency: int = Field(default=4, ge=1)


class SafetyParams(Section):
    """What finds toxic answers."""

    classifier: Literal["rules", "local", "endpoint"] = "rules"
    model: str = ""  # local: a folder or hub-id@commit; endpoint: the name the server knows
    url: str = ""  # of an endpoint; ends in /v1
    key_env: str = ""  # the environment variable with its key
    unsafe: list[str] = ["unsafe"]  # labels, or first lines of a guard's answer, that flag one
    safe: list[str] = ["safe"]  # first lines that do not; any other is an error
    concurrency: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> "SafetyParams":
        if self.classifier != "rules" and not self.model:
            raise ValueError(f"a section with `model` when classifier is {self.classifier}")
        if self.classifier == "endpoint" and not self.url:
            raise ValueError("a section with `url` when classifier is endpoint")
        return self


class EvalParams(Section):
    """One greedy answer for each case of the golden, test and adversarial sets."""

    engine: Literal["transformers", "vllm", "server"] = "transformers"
    server: ServerParams = ServerParams()
    endpoint: EndpointParams | None = None
    batch_tokens: int = Field(ge=1)  # of prompts and answers, padding included
    max_new_tokens: int = Field(ge=1)
    max_prompt_tokens: int = Field(default=4096, ge=1)  # examples that do not fit are left out
    few_shot: int = Field(default=3, ge=1)  # examples before each question, the same for all
    retrieval: int = Field(default=3, ge=1)  # examples most like each question
    primary: str = "exact_match"  # the metric that is an answer's score
    log_likelihood: bool = False  # of the right answers, too; engine transformers
    safety: SafetyParams = SafetyParams()
    checks: dict[str, str] = {}  # name: regular expression that an answer must match somewhere
    length_buckets: list[int] = [50, 100]  # characters of a prompt at which a next slice begins
    canaries: list[
        Annotated[str, Field(min_length=1)]
    ] = []  # strings planted in the training data; no answer may hold one
    bootstrap: int = Field(ge=100)  # resamples behind each interval of graded scores
    seed: int = Field(ge=0, lt=2**32)

    @field_validator("checks")
    @classmethod
    def _compiles(cls, checks: dict[str, str]) -> dict[str, str]:
        if taken := METRICS & set(checks):
            raise ValueError(f"a check of another name than {min(taken)}, which is a metric")
        for pattern in checks.values():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"regular expressions; {pattern!r} is none: {error}") from None
        return checks

    @model_validator(mode="after")
    def _consistent(self) -> "EvalParams":
        if self.engine == "server" and not any("{model}" in part for part in self.server.command):
            raise ValueError(
                "a section whose server.command has {model} in it when engine is server; a model "
                "that runs elsewhere is system endpoint, by eval.endpoint"
            )
        if self.primary not in METRICS | set(self.checks):
            raise ValueError(
                "a section whose primary is one of its checks, or of "
                f"{', '.join(sorted(METRICS - {'log_likelihood'}))}"
            )
        if self.primary == "log_likelihood":
            raise ValueError("a section whose primary metric is from 0 to 1; log_likelihood is not")
        if self.log_likelihood and self.engine != "transformers":
            raise ValueError("a section without log_likelihood unless engine is transformers")
        return self

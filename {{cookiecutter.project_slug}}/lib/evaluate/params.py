"""The `eval` section: how stored answers are scored and counted."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from lib.core.config import Section
from lib.core.params import TaskParams
from lib.runtime.errors import UserError

METRICS = {  # those of lib/evaluate/metrics.py
    *("exact_match", "field_f1", "valid_json", "valid_schema", "valid_label"),
    *("rouge_l", "chrf", "numeric", "own", "log_likelihood"),
}
OF_OUTPUT = {  # metrics of a single kind of task.output
    **dict.fromkeys(("field_f1", "valid_json", "valid_schema"), "json"),
    "valid_label": "label",
    **dict.fromkeys(("rouge_l", "chrf", "numeric"), "text"),
}


class SafetyParams(Section):
    """The classifier that flags toxic answers."""

    classifier: Literal["rules", "local", "endpoint"] = "rules"
    model: str = ""  # local: a folder or hub-id@commit; endpoint: the name the server knows
    url: str = ""  # of an endpoint; ends in /v1
    key_env: str = ""  # the environment variable with its key
    unsafe: list[str] = ["unsafe"]  # labels or first lines by which a guard flags an answer
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
    """How stored answers are scored and counted."""

    primary: str = "exact_match"  # the metric that is an answer's score
    safety: SafetyParams = SafetyParams()
    checks: dict[str, str] = {}  # name: regular expression that must match somewhere in an answer
    length_buckets: list[int] = [50, 100]  # prompt lengths (characters) at which a new slice begins
    canaries: list[
        Annotated[str, Field(min_length=1)]
    ] = []  # strings planted in the training data; an answer that contains one is a leak
    bootstrap: int = Field(ge=100)  # resamples behind each interval of graded scores
    seed: int = Field(ge=0, lt=2**32)

    @field_validator("checks")
    @classmethod
    def _compiles(cls, checks: dict[str, str]) -> dict[str, str]:
        if taken := METRICS & set(checks):
            raise ValueError(f"a mapping without the name {min(taken)}, which is that of a metric")
        for pattern in checks.values():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"regular expressions; {pattern!r} is invalid: {error}") from None
        return checks

    @model_validator(mode="after")
    def _consistent(self) -> "EvalParams":
        if self.primary not in METRICS | set(self.checks):
            raise ValueError(
                "a section whose primary is one of its checks, or of "
                f"{', '.join(sorted(METRICS - {'log_likelihood'}))}"
            )
        if self.primary == "log_likelihood":
            raise ValueError("a section whose primary metric is from 0 to 1; log_likelihood is not")
        return self


def check_primary(params: EvalParams, task: TaskParams) -> None:
    """Raise UserError where the primary metric is for another kind of output."""
    output = OF_OUTPUT.get(params.primary, task.output)
    if output != task.output:
        raise UserError(
            f"params.yaml: eval.primary is {params.primary}, a metric for the output {output}, "
            f"and task.output is {task.output}; set it to exact_match, or another metric of that "
            "output"
        )

"""The `task` section: what goes in, what must come out."""

import json
from typing import Literal

from pydantic import model_validator

from lib.config import Section


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


class TaskParams(Section):
    """The task every stage shares."""

    system: str  # put before each chat when it is rendered; never stored in the records
    output: Literal["json", "label", "text"]
    fields: dict[str, list[str]] = {}  # output json: each field's allowed values, in key order
    labels: list[str] = []  # output label: the allowed answers; empty takes those of the data
    scenario: str = ""  # output json: the field that names a record's scenario
    refusal: str = ""  # the one right answer to what must be refused; empty: nothing is

    @model_validator(mode="after")
    def _consistent(self) -> "TaskParams":
        if self.output == "json" and not self.fields:
            raise ValueError("a section with `fields` when output is json")
        if self.output != "json" and self.fields:
            instead = ", whose answers are `labels`" if self.output == "label" else ""
            raise ValueError(f"a section with `fields: {{}}` when output is {self.output}{instead}")
        if self.output == "json" and self.refusal and not is_object(self.refusal):
            raise ValueError("a section whose refusal is a JSON object, too, when output is json")
        if self.scenario and self.scenario not in self.fields:
            fields = ", ".join(self.fields) or "it has none"
            raise ValueError(f'a section whose scenario is one of its fields ({fields}), or ""')
        return self

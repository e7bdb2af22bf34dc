"""Sections of params.yaml that several rooms read: task, base and hardware.

The `task` section: what goes in, what must come out.
The `base` section: the model that is fine-tuned.
The `hardware` section: where the model stages run.
"""

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lib.core.config import Section
from lib.core.schema import check_schema, leaves, of_fields
from lib.core.text import in_one_form

HUB_ID = r"\w[\w.-]*/[\w.-]+"


def _is_object(text: str) -> bool:
    """Tell whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


class TaskParams(Section):
    """The task every stage shares."""

    system: str  # prepended to each chat when it is rendered; never stored in the records
    output: Literal["json", "label", "text"]
    fields: dict[str, list[str]] = {}  # output json: each field's allowed values, in key order
    # output json, instead of fields: a JSON Schema, for numbers, lists, optional or nested fields
    schema_: dict[str, Any] = Field(default={}, alias="schema")
    lenient: bool = False  # output json: accept an answer inside a Markdown code fence
    labels: list[str] = []  # output label: the allowed answers; empty takes those of the data
    scenario: str = ""  # output json: the field that names a record's scenario
    refusal: str = ""  # the one right answer to requests that must be refused; empty: none must be

    @field_validator("labels")
    @classmethod
    def _as_in_the_data(cls, labels: list[str]) -> list[str]:
        return [in_one_form(label) for label in labels]

    @field_validator("fields")
    @classmethod
    def _values_as_in_the_data(cls, fields: dict[str, list[str]]) -> dict[str, list[str]]:
        return {in_one_form(key): list(map(in_one_form, some)) for key, some in fields.items()}

    @field_validator("scenario", "refusal")
    @classmethod
    def _text_as_in_the_data(cls, text: str) -> str:
        return in_one_form(text)

    @field_validator("labels", mode="before")
    @classmethod
    def _quoted(cls, labels: Any) -> Any:
        bare = [one for one in labels if isinstance(one, bool | int | float)] if labels else []
        if bare and isinstance(labels, list):
            shown = str(bare[0]).lower()
            raise ValueError(f"a list of texts; YAML reads {shown} as another type: '{shown}'")
        return labels

    @model_validator(mode="after")
    def _consistent(self) -> "TaskParams":
        if self.output == "json" and bool(self.fields) == bool(self.schema_):
            raise ValueError("a section with either `fields` or `schema` when output is json")
        if self.output != "json" and (self.schema_ or self.lenient):
            raise ValueError("a section without `schema` and `lenient` unless output is json")
        if self.schema_:
            check_schema(self.schema_)
        if self.output != "json" and self.fields:
            instead = ", whose answers are `labels`" if self.output == "label" else ""
            raise ValueError(f"a section with `fields: {{}}` when output is {self.output}{instead}")
        if self.output == "json" and self.refusal and not _is_object(self.refusal):
            raise ValueError("a section whose refusal is also a JSON object when output is json")
        if self.scenario and self.scenario not in self.closed:
            fields = ", ".join(self.closed) or "it has none"
            raise ValueError(f'a section whose scenario is one of its fields ({fields}), or ""')
        return self

    @property
    def closed(self) -> dict[str, list[str]]:
        """Return each value of a JSON answer by its path, with the allowed texts ([]: any)."""
        return leaves(self.schema_) if self.schema_ else self.fields

    @property
    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the answers; {} where they are not JSON."""
        return self.schema_ or (of_fields(self.fields) if self.fields else {})


class BaseParams(Section):
    """Which model to start from."""

    # `base`, the folder of this project that dvc watches; any other folder; or a hub id
    model: str = Field(min_length=1)
    # version: the commit of a hub id, or the hash of a folder's files (`make base`)
    revision: str | None = Field(default=None, validate_default=True)
    license: str = Field(min_length=1)  # SPDX id or name of the base's license
    use: Literal["commercial", "research"] = "commercial"  # what the license must allow
    dtype: Literal["float32", "bfloat16"] = "float32"  # weights in memory and in models/
    # a Jinja file in base/, for a base that has none, or instead of its own
    chat_template: str | None = Field(default=None, pattern=r"^base/[\w.-]+\.jinja$")

    @field_validator("model")
    @classmethod
    def _is_no_result(cls, value: str) -> str:
        if Path(value) in (Path("models/tuned"), Path("models/quantized")):
            raise ValueError(
                "a model that no stage of this project writes; copy it to another folder"
            )
        return value

    @field_validator("revision")
    @classmethod
    def _is_pinned(cls, value: str | None, info: ValidationInfo) -> str | None:
        model = info.data.get("model", "base")
        if model == "base" or re.fullmatch(r"[0-9a-f]{64}", value or ""):
            return value
        if not re.fullmatch(HUB_ID, model):
            raise ValueError(
                f"the hash of the folder's files: `make base FROM='{model}'` writes it"
            )
        if not re.fullmatch(r"[0-9a-f]{40}", value or ""):
            raise ValueError(
                f"the commit of {model}, 40 hex digits (`make base FROM={model}` looks up the "
                "newest), or the hash of a folder's files"
            )
        return value

    @property
    def on_hub(self) -> bool:
        """Tell whether the model is a hub id, not a folder."""
        return len(self.revision or "") == 40


class HardwareParams(Section):
    """Devices and threads of the model stages; several devices train only."""

    device: Literal["cpu", "gpu", "multi-gpu", "cloud"]
    threads: int = Field(ge=1)  # CPU threads; fixed, because their number changes rounding
    # training processes on each machine; null: one for each GPU, on a CPU one
    processes: int | None = Field(default=None, ge=1)
    machines: int = Field(default=1, ge=1)
    # how several processes share the work: ddp (each holds the whole model), fsdp (weights are
    # sharded over the GPUs), deepspeed (ZeRO-2: gradients and optimizer are sharded; an extra)
    strategy: Literal["ddp", "fsdp", "deepspeed"] = "ddp"
    deterministic: bool = True  # only kernels that sum in the same order in every run

    @model_validator(mode="after")
    def _go_together(self) -> "HardwareParams":
        if self.device == "gpu" and (self.processes or 1) * self.machines > 1:
            raise ValueError("a section with device multi-gpu, when several processes train")
        if self.device in ("cpu", "gpu") and self.strategy != "ddp":
            raise ValueError("a section with strategy ddp, unless device is multi-gpu or cloud")
        return self

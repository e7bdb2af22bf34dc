"""The `base` section: the model that is fine-tuned."""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from lib.config import Section


class BaseParams(Section):
    """Which model to start from."""

    # `base`, the folder of this project that dvc watches, or a hub id such as Qwen/Qwen3-0.6B
    model: str = Field(pattern=r"^(base|[\w.-]+/[\w.-]+)$")
    # of a hub id: the commit; a branch moves, and may hold another model tomorrow
    revision: str | None = Field(default=None, validate_default=True)
    licence: str = Field(min_length=1)  # SPDX id or name of the base's licence
    use: Literal["commercial", "research"] = "commercial"  # what the licence must allow
    dtype: Literal["float32", "bfloat16"] = "float32"  # weights in memory and in models/

    @field_validator("revision")
    @classmethod
    def _is_pinned(cls, value: str | None, info: ValidationInfo) -> str | None:
        model = info.data.get("model", "base")
        if model != "base" and not re.fullmatch(r"[0-9a-f]{40}", value or ""):
            raise ValueError(
                f"the commit of {model}, 40 hex digits; `git ls-remote https://huggingface.co/"
                f"{model} HEAD` names the newest"
            )
        return value

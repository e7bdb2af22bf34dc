"""The `base` section: the model that is fine-tuned."""

from typing import Literal

from pydantic import Field

from lib.config import Section


class BaseParams(Section):
    """Which model to start from."""

    # `base`, the folder of this project that dvc watches, or a hub id such as Qwen/Qwen3-0.6B
    model: str = Field(pattern=r"^(base|[\w.-]+/[\w.-]+)$")
    revision: str | None = None  # the hub commit; pin it, a branch name moves
    licence: str = Field(min_length=1)  # SPDX id or name of the base's licence
    use: Literal["commercial", "research"] = "commercial"  # what the licence must allow
    dtype: Literal["float32", "bfloat16"] = "float32"  # weights in memory and in models/

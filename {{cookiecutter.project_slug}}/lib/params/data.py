"""The `data` section: which files are read, and how their columns are called."""

from typing import Literal

from pydantic import Field, field_validator

from lib.config import Section

# What a column may be mapped to; task.output json also takes the names of task.fields.
COLUMNS = ("prompt", "completion", "chosen", "rejected", "scenario", "language", "group")


class Source(Section):
    """One file, or all files a glob matches."""

    path: str = Field(min_length=1)
    columns: dict[str, str] = {}  # our name -> the file's column
    split: Literal["train", "val", "test"] | None = None  # a published split stays what it is

    @field_validator("path")
    @classmethod
    def _inside_project(cls, path: str) -> str:
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError("a path inside the project, such as data/raw/tickets.jsonl")
        return path


class DataParams(Section):
    """Every source of records, in order: of equal copies the first is kept."""

    sources: list[Source] = Field(min_length=1)

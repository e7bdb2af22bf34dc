"""Sections data and curate of params.yaml.

The `data` section: which files are read, and how their columns are called.
The `curate` section: what a record must be to be kept.
"""

import re
from typing import Literal

from pydantic import Field, field_validator

from lib.core.config import Section
from lib.pii.params import PiiParams

# Names that a column may be mapped to; with task.output json also those of task.fields. Where rows
# have several kinds of groups, each has its own name: group.customer, group.document.
COLUMNS = (
    *("messages", "prompt", "completion", "label", "chosen", "rejected", "tools", "reasoning"),
    *("scenario", "language", "tags", "group", "license", "split"),
)


class Source(Section):
    """One file, or all files a glob matches."""

    path: str = Field(min_length=1)
    license: str = Field(min_length=1)  # SPDX id, for rows that do not name their own license
    # Did the authors agree to training? `not_needed`: no person's words (synthetic or machine
    # output), or published under a license that allows it.
    consent: Literal["given", "not_needed"]
    # our name -> the file's column; `meta.intent` reaches inside. `prompt` may be made of several:
    # [instruction, context], or a text such as "{context}\n\n{question}"
    columns: dict[str, str | list[str]] = {}
    ignore: list[str] = []  # columns to ignore; turn.KEY for a key of the turns
    split: Literal["train", "val", "test"] | None = None  # a published split is kept
    optional: bool = False  # the file may not exist yet

    @field_validator("path")
    @classmethod
    def _in_data_raw(cls, path: str) -> str:
        if not path.startswith("data/raw/") or ".." in path.split("/"):
            raise ValueError("in data/raw/, which dvc watches, such as data/raw/tickets.jsonl")
        return path


class DataParams(Section):
    """All sources of records, in order: of equal copies the first is kept."""

    sources: list[Source] = Field(min_length=1)


class CurateParams(Section):
    """The conditions for keeping a record, and what is masked in it."""

    licenses: list[str] = Field(min_length=1)  # SPDX ids; records of any other license are dropped
    # Codes or English names; a record recognized as another is dropped; []: any.
    languages: list[str]
    min_chars: int = Field(ge=1)  # of the last question
    boilerplate: Literal["drop", "keep"] = "drop"  # answers that are nothing but a refusal
    unfilled_template: Literal["drop", "keep"] = "drop"  # [your name], Dear {{name}}
    mojibake: Literal["drop", "repair", "keep"] = "drop"  # UTF-8 decoded with a wrong encoding
    max_tokens: int = Field(ge=1)  # of a whole record, in tokens of the base
    pii: PiiParams
    processes: int = Field(default=1, ge=1)  # the result is the same for any number

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: list[str]) -> list[str]:
        if all(re.fullmatch("[a-z]{2,3}", code) for code in languages):
            return languages
        from lib.curate.language import language_code, primary_language

        codes = [language_code(one) for one in languages]
        if unknown := [one for one, code in zip(languages, codes, strict=True) if code is None]:
            raise ValueError(
                f"a list of language codes or names, such as en, zh-Hans, Spanish; "
                f"'{unknown[0]}' is not one"
            )
        return [primary_language(str(code)) for code in codes]

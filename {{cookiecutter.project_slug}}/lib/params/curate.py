"""The `curate` section: what a record must be to be kept."""

import re

from pydantic import Field, field_validator

from lib.config import Section
from lib.params.pii import PiiParams


class CurateParams(Section):
    """What a record must be to be kept, and what is masked in it."""

    licences: list[str] = Field(min_length=1)  # SPDX ids; records of any other licence go
    languages: list[str]  # ISO 639-1 codes; a record surely in another goes; []: any will do
    min_chars: int = Field(ge=1)  # of what is asked
    max_tokens: int = Field(ge=1)  # of a whole record, in tokens of the base
    pii: PiiParams

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: list[str]) -> list[str]:
        if not all(re.fullmatch("[a-z]{2,3}", code) for code in languages):
            raise ValueError("a list of language codes such as en, zh")
        return languages

"""The `curate` section: what a record must be to be kept."""

from pydantic import Field, model_validator

from lib.config import Section
from lib.params.pii import PiiParams


class CurateParams(Section):
    """What a record must be to be kept, and what is masked in it."""

    licences: list[str] = Field(min_length=1)  # SPDX ids; records of any other licence go
    min_chars: int = Field(ge=1)  # of what is asked
    max_chars: int = Field(ge=1)  # of the whole record
    pii: PiiParams

    @model_validator(mode="after")
    def _consistent(self) -> "CurateParams":
        if self.min_chars > self.max_chars:
            raise ValueError("a section whose min_chars is not above max_chars")
        return self

"""Check the columns that data.sources maps from our names to the files'."""

import re
from typing import Any

from lib.core.params import TaskParams
from lib.curate.params import COLUMNS, Source
from lib.curate.rejected import mask_value
from lib.intake.cells import cell_value
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError

MOST_NAMES = 20  # names of columns in an error message
TEXT_COLUMNS = ("prompt", "completion", "chosen", "rejected")


def check_columns(sources: list[Source], task: TaskParams) -> None:
    """Raise UserError for a mapping of an unknown name, or of two texts to one column."""
    allowed = [*COLUMNS, *task.fields]
    for source in sources:
        names = [re.sub(r"^group\.[\w-]+$", "group", name) for name in source.columns]
        unknown = [name for name in names if name not in allowed]
        if unknown:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps the unknown name "
                f"'{unknown[0]}'; columns takes {', '.join(allowed)}"
            )
        texts = [source.columns.get(name) for name in (*TEXT_COLUMNS, *task.fields)]
        if twice := [text for text in texts if text and texts.count(text) > 1]:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps two of its texts to "
                f"'{twice[0]}'; question and answer must be different columns"
            )


class Columns:
    """Watch the rows of a source for the columns that it maps."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.missing = dict.fromkeys(source.columns.values())
        self.there: dict[str, None] = {}

    def see(self, row: dict[str, Any]) -> None:
        """Note the columns of one row."""
        if self.missing:
            for name in list(self.missing):
                if name in row or cell_value(row, name) is not None:
                    del self.missing[name]
            if len(self.there) < MOST_NAMES:
                self.there |= dict.fromkeys(row)

    def check(self, finder: Finder) -> None:
        """Raise UserError for a mapped column that no row has.

        It is probably misspelled, and groups or licenses would be lost unnoticed.
        """
        if self.missing and self.there:
            name = next(iter(self.missing))
            ours = [key for key, value in self.source.columns.items() if value == name]
            there = [mask_value(one, Redactor(finder)) for one in list(self.there)[:MOST_NAMES]]
            raise UserError(
                f"params.yaml: data.sources: '{self.source.path}' maps {ours[0]} to '{name}', "
                f"which none of its rows has; they have {', '.join(there)}"
            )

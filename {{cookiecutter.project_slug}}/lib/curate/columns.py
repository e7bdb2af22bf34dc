"""Check the mapping of columns in data.sources, from our names to those of the files."""

import re
from typing import Any

from lib.core.params import TaskParams
from lib.curate.params import COLUMNS, Source
from lib.curate.rejected import mask_value
from lib.curate.row import SEVERAL, TEXTS, Mapping, theirs
from lib.intake.cells import cell_value
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError

MOST_NAMES = 20  # column names listed in an error message


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
        check_parts(source)
        mapping = Mapping(source.columns)
        texts = [mapping.parts.get(name, []) for name in (*TEXTS, *task.fields)]
        flat = [one for parts in texts for one in dict.fromkeys(parts)]
        if twice := [text for text in flat if flat.count(text) > 1]:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps two of its texts to "
                f"'{twice[0]}'; question and answer must be different columns"
            )
        if both := [name for name in source.ignore if name in mapping.taken]:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' both maps and ignores '{both[0]}'; "
                "leave it in columns or in ignore"
            )


def check_parts(source: Source) -> None:
    """Raise UserError where several columns or a template are mapped to what must be one column."""
    for name, column in source.columns.items():
        try:
            parts = theirs(name, column)
        except ValueError as error:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps {name} to the text '{column}', "
                f"whose braces are wrong ({error}); write it like '{{context}} {{question}}'"
            ) from None
        if isinstance(column, list) and name not in SEVERAL:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps {name} to {column}; only "
                f"{', '.join(SEVERAL)} may be made of several columns"
            )
        if not parts or "" in parts:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps {name} to {column!r}, which "
                "names no column; write it like [instruction, context] or '{context} {question}'"
            )


class ColumnWatch:
    """Watch the rows of a source for the columns that it maps."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.parts = Mapping(source.columns).parts
        self.missing = dict.fromkeys(part for parts in self.parts.values() for part in parts)
        self.there: dict[str, None] = {}

    def see(self, row: dict[str, Any]) -> None:
        """Note the columns of one row."""
        if self.missing:
            for name in list(self.missing):
                if name in row or cell_value(row, name) is not None:
                    del self.missing[name]
            if len(self.there) < MOST_NAMES:
                self.there |= dict.fromkeys(row)

    def take(self, others: "ColumnWatch") -> None:
        """Add the columns of the following rows, which another watch has seen."""
        self.missing = {name: None for name in self.missing if name in others.missing}
        if len(self.there) < MOST_NAMES:
            self.there |= others.there

    def check(self, finder: Finder) -> None:
        """Raise UserError for a mapped column that no row has.

        It is probably misspelled, and groups or licenses would be lost unnoticed.
        """
        if self.missing and self.there:
            name = next(iter(self.missing))
            ours = [key for key, parts in self.parts.items() if name in parts]
            there = [mask_value(one, Redactor(finder)) for one in list(self.there)[:MOST_NAMES]]
            raise UserError(
                f"params.yaml: data.sources: '{self.source.path}' maps {ours[0]} to '{name}', "
                f"which none of its rows has; they have {', '.join(there)}; correct `columns`, or "
                "add a header line to a table that has none"
            )

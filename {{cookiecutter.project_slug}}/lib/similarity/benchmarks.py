"""Read published test sets that training must not see, in any format of raw data."""

from collections.abc import Iterator
from pathlib import Path

from lib.intake.cells import cell_value
from lib.intake.formats import read_rows
from lib.runtime.errors import UserError


def read_benchmark(path: Path, column: str) -> Iterator[tuple[str, str]]:
    """Yield (`line N`, question) of every row of a test set; raise UserError for a bad row.

    column: the one that holds the question.
    """
    for row in read_rows(path):
        if row.value is None:
            raise UserError(f"{path}:{row.line}: cannot be read ({row.reason}); correct the line")
        question = cell_value(row.value, column)
        if not isinstance(question, str) or not question.strip():
            raise UserError(
                f"{path}:{row.line}: has no text in '{column}', the column of the question by "
                "split.benchmarks; name another there, or fill the cell"
            )
        yield f"line {row.line}", question

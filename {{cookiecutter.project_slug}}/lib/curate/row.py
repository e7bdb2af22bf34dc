"""Look at a raw row by our names of its columns; remember what was read."""

import string
from collections import abc
from collections.abc import Iterable
from typing import Any

from lib.intake.cells import as_text, cell_value
from lib.intake.unread import Unread

# Our names of columns that hold a question, an answer or a verdict.
TEXTS = ("messages", "prompt", "completion", "label", "chosen", "rejected")
TOLD_BY = (*TEXTS, "instruction", "output")  # by which the shape of a row is told
SIDES = ("chosen", "rejected")  # of a pair; true and false in them are a verdict
_BESIDE = ("tools", "reasoning")  # what may accompany the texts in a column of its own
_ABOUT = (
    "scenario",
    "language",
    "tags",
    "group",
    "license",
    "split",
)  # our names of all other columns
ALIASES = {  # names of these columns in other tools
    "messages": ("messages", "conversations", "conversation", "contents", "input.messages"),
    "chosen": ("chosen", "chosen_messages", "preferred_output"),
    "rejected": ("rejected", "rejected_response", "rejected_messages", "non_preferred_output"),
    "tools": ("tools", "functions", "input.tools"),
    "reasoning": ("reasoning_content",),
    "system": ("system", "system_prompt", "systemInstruction", "system_instruction"),
}
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "heldout", "held_out"), "test"),
}
MOST_KINDS = 1000  # of rows, by which columns they have
SEVERAL = ("prompt",)  # the names to which several columns or a template may be mapped

Columns = abc.Mapping[str, str | list[str]]


class Mapping:
    """Which columns of a source are read as what, and which are ignored."""

    def __init__(self, columns: Columns, ignore: Iterable[str] = ()) -> None:
        self.columns = columns
        self.parts = {name: theirs(name, of) for name, of in columns.items()}
        self.ignored = frozenset(ignore)
        # A column is read once: by the name it is mapped to, not by its own.
        self.taken = self.ignored.union(*self.parts.values())
        self.texts = {name for name in columns if name.partition(".")[0] not in (*_ABOUT, *_BESIDE)}
        self.groups = ["group", *(name for name in columns if name.startswith("group."))]
        self.joined = {
            name for name in SEVERAL if name in columns and self.parts[name] != [columns[name]]
        }
        # Rows with the same columns have the same shape, unless a text is inside a column.
        self.flat = not any("." in part for name in self.texts for part in self.parts[name])
        self.shapes: dict[tuple[str, ...], Any] = {}
        self.candidates: dict[tuple[str, ...], Candidates] = {}

    def candidates_in(self, row: dict[str, Any]) -> "Candidates":
        """Return which columns of a row may hold what we call by a name."""
        columns = tuple(row)
        found = self.candidates.get(columns)
        if found is None:
            found = Candidates(self, columns)
            if len(self.candidates) < MOST_KINDS:
                self.candidates[columns] = found
        return found


class Candidates(dict[str, list[str]]):
    """The columns of a kind of rows that may hold a value of ours, in order of preference."""

    def __init__(self, mapping: Mapping, columns: tuple[str, ...]) -> None:
        super().__init__()
        self.mapping, self.columns = mapping, columns

    def __missing__(self, name: str) -> list[str]:
        others = [one for one in ALIASES.get(name, (name,)) if one not in self.mapping.taken]
        found = self.mapping.parts.get(name, others)
        self[name] = [one for one in found if one in self.columns or "." in one]
        return self[name]


def theirs(name: str, column: str | list[str]) -> list[str]:
    """List the columns that a mapping names: one, several, or those of a template."""
    if isinstance(column, list):
        return column
    return _fields_of(column) if name in SEVERAL and is_template(column) else [column]


def is_template(column: str) -> bool:
    """Tell whether a mapping is a text with columns in braces."""
    return "{" in column


def _fields_of(template: str) -> list[str]:
    """List the columns that a template names; raise ValueError where its braces do not match."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


class Row:
    """The cells of a raw row by our own column names; remembers which columns were read."""

    def __init__(self, row: dict[str, Any], mapping: Mapping) -> None:
        self.row, self.mapping, self.candidates = row, mapping, mapping.candidates_in(row)
        self.read: set[str] = set()
        self.inside: dict[str, list[str]] = {}  # columns read in part, and what was read of each
        self.unread = Unread(mapping.ignored)

    def get(self, name: str) -> Any:
        """Return the value of a column, and mark the column as read.

        None where the column is missing or null.
        """
        if name in self.mapping.joined:
            for part in self.mapping.parts[name]:
                self.reach(part)
            return _joined(self.row, self.mapping.columns[name])
        if not self.candidates[name]:  # most often
            return None
        column, value = self.find(name)
        if column:
            self.reach(column)
        return value

    def reach(self, column: str) -> None:
        """Count a column as read, or what `meta.intent` reaches of it."""
        if column in self.row:
            self.read.add(column)
        else:
            self.inside.setdefault(column.partition(".")[0], []).append(column)

    def look(self, name: str) -> Any:
        """Return the value of a column like `get`, without marking it as read."""
        if name in self.mapping.joined:
            return _joined(self.row, self.mapping.columns[name])
        return self.find(name)[1]

    def find(self, name: str) -> tuple[str, Any]:
        """Return name and value of the first column with this name or another tool's name for it.

        The first that is not empty; else an empty one.
        """
        there, found = "", None
        for column in self.candidates[name]:
            if column in self.row:
                there, found = column, self.row[column]
                if found != found:  # NaN: how pandas writes an empty cell
                    found = None
            elif "." in column:
                value = cell_value(self.row, column)
                if value is not None:
                    there, found = column, value
            if found or not is_vacant(found):
                break
        return there, found

    def kind(self) -> tuple[str, ...]:
        """Name the shape of a row by its columns that are not empty.

        Columns that hold a boolean are marked.
        """
        return tuple(
            [
                name if value is not True and value is not False else f"{name}\0"
                for name, value in self.row.items()
                if (value or not is_vacant(value)) and value == value
            ]
        )

    def there(self, name: str, vacant: bool) -> bool:
        """Tell whether a column has a value; with `vacant`, it may be empty but not null.

        True and false count as a verdict, not as an answer.
        """
        value = self.look(name)
        if value is None or (name in SIDES and isinstance(value, bool)):
            return False
        return vacant or not is_vacant(value)


def is_vacant(value: Any) -> bool:
    """Tell whether a cell is null, or an empty text, list or object."""
    return value is None or (not value and isinstance(value, (str, list, dict)))


def top_of(row: dict[str, Any], column: str) -> str:
    """Return the name of the column of a row that `meta.intent` reaches into."""
    return column if column in row else column.partition(".")[0]


def _joined(row: dict[str, Any], column: str | list[str]) -> Any:
    """Return the value of a column, or the text of several, or of a template.

    None where all are empty.
    """
    if isinstance(column, list):
        parts = [as_lines(cell_value(row, part)) for part in column]
        return "\n\n".join(filter(None, parts)) or None
    if not is_template(column):
        return cell_value(row, column)
    parts, found = [], False
    for text, name, _, _ in string.Formatter().parse(column):
        value = "" if name is None else as_lines(cell_value(row, name))
        found = found or bool(value)
        parts += [text, value]
    return "".join(parts).strip() if found else None


def as_lines(value: Any) -> str:
    """Write a cell of a question as text, a list with one line per item."""
    if isinstance(value, list):
        return "\n".join(map(as_text, value))
    return "" if value is None else as_text(value).strip()

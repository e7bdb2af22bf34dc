"""Check the unread parts of a row: its other columns, and other keys of columns that were read.

Raises Reject where they could change what is learnt; lists the rest.
"""

import re
from functools import cache
from typing import Any

from lib.curate.row import Row, top_of
from lib.intake.cells import Reject
from lib.intake.unread import is_empty, is_ranked, key_words

# Columns that are often part of the question. A row that has one is dropped, unless the question
# contains its words or `ignore` names it.
_INPUTS = key_words(
    """
    input inputs context contexts history question query instruction instructions prompt document
    documents passage passages article background knowledge evidence table schema choices options
    facts hint story premise hypothesis dialogue dialog transcript text retrieved_context
    retrieved_documents reference_text source_text few_shot examples endings
    """
)
# chat_history, retrieved_passages; choices that have a column each: option1, choice_b, opa.
_LAST_WORD = re.compile(
    r".*[_ ](?:history|contexts?|passages?|documents?|articles?|evidence|knowledge)"
)
_NUMBERED = re.compile(r"(?:option|choice|ending|alternative|sol|op)_?(?:[1-9]|[a-e])")
_RENDERED = ("text", "prompt")  # where other tools store the rendered row
_SPLIT_NAMES = key_words("split partition subset set fold data_split dataset_split")
# Ids of an earlier row, without which the question may be meaningless.
_FOLLOWED = key_words(
    "parent_id parent_message_id previous_id previous_message_id reply_to in_reply_to"
)
_HELD_OUT = key_words("test val valid validation dev eval evaluation heldout held_out")


class Leftovers:
    """The unread parts of a row; `asked`: its question and earlier turns."""

    def __init__(self, cells: Row, asked: list[str]) -> None:
        self.cells, self.asked = cells, asked
        self.ignored = cells.mapping.ignored
        self.judged: list[str] = []  # columns with a verdict on the answer

    def note(self) -> None:
        """Note every unread column and key; raise Reject where one may matter."""
        for name, value in self.cells.row.items():
            if name in self.cells.read or name in self.ignored or is_empty(value):
                continue
            if name in self.cells.inside and isinstance(value, (dict, list)):
                self.beside(name, value)
            else:
                self.leave(name, value, name)
        if self.judged:
            raise Reject("verdict", *self.judged)

    def beside(self, shown: str, value: Any) -> None:
        """Note the unread keys of a column of which others were read, as COLUMN.KEY."""
        read = self.cells.inside[shown.partition(".")[0]]
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            path = f"{shown}.{key}"
            if path in read or path in self.ignored or is_empty(part):
                continue
            if any(one.startswith(f"{path}.") for one in read):
                self.beside(path, part)
            elif isinstance(value, dict):
                self.leave(str(key), part, path)
            else:  # other items of a list of which one was read
                self.cells.unread.names[path] = None
                break

    def leave(self, name: str, value: Any, shown: str) -> None:
        """Note one column or key (`shown` in messages); raise Reject where it may matter."""
        self.check_mapped(shown)
        if is_input(name) and not stands_in(name, value, self.asked):
            raise Reject("unread_input", shown)
        if name.casefold() in _FOLLOWED:
            raise Reject("follow_up", f"{shown}: {value}")
        if is_ranked(name, value) and not isinstance(value, list):  # a list may hold aliases
            raise Reject("ranked", "", shown)
        if name.casefold() in _SPLIT_NAMES and str(value).casefold() in _HELD_OUT:
            raise Reject("held_out", f"{shown}: {value}")
        try:
            self.cells.unread.note(name, value, shown)
        except Reject as reason:
            if str(reason) != "verdict":
                raise
            self.judged += reason.found  # all of them, so that one `ignore` can name them

    def check_mapped(self, shown: str) -> None:
        """Raise Reject for a mapped text column that the shape of the row does not use."""
        mapping = self.cells.mapping
        for ours in sorted(mapping.texts):
            for part in mapping.parts[ours]:
                if shown in (part, top_of(self.cells.row, part)) and part not in self.cells.read:
                    raise Reject("unread_mapping", f"{ours} ({shown})")


@cache
def is_input(name: str) -> bool:
    """Tell whether a column of this name is often a part of the question."""
    flat = name.casefold()
    return flat in _INPUTS or bool(_NUMBERED.fullmatch(flat) or _LAST_WORD.fullmatch(flat))


def _texts_in(value: Any) -> list[str]:
    """List the texts in a cell."""
    if isinstance(value, (dict, list)):
        parts = value.values() if isinstance(value, dict) else value
        return [text for part in parts for text in _texts_in(part)]
    return [str(value).strip()]


def stands_in(name: str, value: Any, asked: list[str]) -> bool:
    """Tell whether the prompt already contains the words of a column.

    A column with the whole rendered row contains the question itself.
    """
    if name in _RENDERED and all(part in str(value) for part in asked[-1].split("\n\n")):
        return True
    text = "\n".join(asked)
    return all(one in text for one in _texts_in(value))

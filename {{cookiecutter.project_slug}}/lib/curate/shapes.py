"""Turn rows of known shapes (chat, ShareGPT, alpaca, prompt/completion, preference) into drafts.

Drafts are not yet checked against the task. docs/data.md has a table of the shapes.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from lib.core.params import TaskParams
from lib.curate.besides import settle
from lib.curate.chats import from_alpaca, from_chat, from_completion
from lib.curate.draft import Draft
from lib.curate.leftovers import Leftovers
from lib.curate.pairs import beside_rejected, from_pair
from lib.curate.row import MOST_KINDS, SPLIT_WORDS, TOLD_BY, Mapping, Row
from lib.curate.sides import check_scores
from lib.curate.unknown import unknown
from lib.intake.cells import Reject, cell_value, optional_text, read_groups, read_tags


def to_draft(row: dict[str, Any], mapping: Mapping, task: TaskParams) -> Draft:
    """Convert a row of any known shape, recognized by its keys, to a draft of a record.

    Raises Reject for any other shape, for a bad cell, and where an unread column could change what
    is learnt.
    """
    cells = Row(row, mapping)
    draft = read_shape(cells, task)
    settle(draft, cells)
    draft.scenario = optional_text(cells.get("scenario"))
    draft.language = optional_text(cells.get("language"))
    draft.tags = read_tags(cells.get("tags"))
    draft.groups = read_groups({kind: cells.get(kind) for kind in mapping.groups})
    draft.license = read_license(cells)
    draft.split = read_split(cells)
    if cells.unread.pair:
        check_scores(cells)
    if len(cells.read) < len(row) or cells.inside:
        Leftovers(cells, [turn["content"] for turn in draft.prompt]).note()
    draft.unread = list(cells.unread.names)
    return draft


def read_license(cells: Row) -> str:
    """Read the license of a row (`license` or `licence`); raise Reject where it names two."""
    if "license" in cells.mapping.columns:
        return optional_text(cells.get("license"))
    spelt = [name for name in cells.row if is_license(name)]
    cells.read.update(spelt)
    found = {
        text.casefold(): text
        for name in spelt
        if (text := optional_text(cell_value(cells.row, name)))
    }
    if len(found) > 1:
        raise Reject("license", *found.values())
    return next(iter(found.values()), "")


@cache
def is_license(name: Any) -> bool:
    """Tell whether a column of this name holds licenses."""
    return str(name).casefold() in ("license", "licence")


def read_split(cells: Row) -> str | None:
    """Read the published split of a row, where a column is mapped to it.

    Raises Reject for a word that does not name a split.
    """
    if "split" not in cells.mapping.columns:
        return None
    text = optional_text(cells.get("split"))
    if text and text.casefold() not in SPLIT_WORDS:
        raise Reject("unknown_split", text)
    return SPLIT_WORDS.get(text.casefold())


class Shape(NamedTuple):
    """A shape of rows: the columns that identify it, its optional columns, and its reader."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    read: Callable[[Row, TaskParams], Draft]


def read_shape(cells: Row, task: TaskParams) -> Draft:
    """Read question and answer of a row; raise Reject for an unknown shape."""
    known, mapping = cells.kind(), cells.mapping
    shape = mapping.shapes.get(known) if mapping.flat else None
    if shape is None:
        shape = find_shape(cells, task, vacant=False)
        if shape and len(mapping.shapes) < MOST_KINDS:
            mapping.shapes[known] = shape
    shape = shape or find_shape(cells, task, vacant=True)
    if shape is None:
        raise unknown(cells)
    return shape.read(cells, task)


def find_shape(cells: Row, task: TaskParams, vacant: bool) -> Shape | None:
    """Find the shape of a row by its non-empty columns; with `vacant`, by its non-null ones.

    Several shapes may match (pairs often hold the better chat as `messages`, too): the first one
    that uses every mapped text counts.
    """
    there = {name for name in TOLD_BY if cells.there(name, vacant)}
    if task.fields and all(name in cells.mapping.columns for name in task.fields):
        there.add("completion")
    fits = [shape for shape in _SHAPES if there.issuperset(shape.needs)]
    mapped = there & cells.mapping.texts
    fits.sort(key=lambda shape: len(mapped.difference(shape.needs, shape.may)))
    return fits[0] if fits else None


_SHAPES = (
    Shape(("chosen", "rejected"), ("prompt", "messages"), from_pair),
    Shape(("messages", "rejected"), (), beside_rejected(from_chat)),
    Shape(("instruction", "output", "rejected"), (), beside_rejected(from_alpaca)),
    Shape(("prompt", "completion", "rejected"), (), beside_rejected(from_completion)),
    Shape(("messages",), ("completion", "label"), from_chat),
    Shape(("instruction", "output"), ("label",), from_alpaca),
    Shape(("prompt", "completion"), ("label",), from_completion),
)

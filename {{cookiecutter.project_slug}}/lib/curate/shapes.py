"""Turn rows of known shapes (chat, ShareGPT, alpaca, prompt/completion, preference) into drafts.

A draft has our turns and answers; nothing is checked against the task yet. docs/data.md has a table
of the shapes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lib.core.params import TaskParams
from lib.core.records import Message
from lib.curate.row import TEXTS, Mapping, Row
from lib.intake.cells import (
    Reject,
    as_text,
    cell_value,
    optional_text,
    read_groups,
    read_tags,
)
from lib.intake.turns import (
    assistant,
    read_answer,
    read_prompt,
    read_turns,
    spoken,
    unpacked,
    user,
)
from lib.intake.unread import is_empty, verdict

# What says of a lone answer whether it is good, where nobody mapped it; true and false only.
LABELS = ("label", "kto_tag")


@dataclass
class Draft:
    """A row in our shape; `prompt` ends with the user's turn."""

    prompt: list[Message]
    chosen: str
    rejected: str | None = None  # preference pairs only
    lone: bool = False  # a pair that lacks one side, which is empty: KTO learns from such answers
    scenario: str = ""
    language: str = ""
    tags: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    license: str = ""  # empty: that of the source
    changes: set[str] = field(default_factory=set)  # what was altered, for the metrics
    unread: list[str] = field(default_factory=list)  # columns and keys that nothing reads


def to_draft(row: dict[str, Any], mapping: Mapping, task: TaskParams) -> Draft:
    """Read a row of any known shape, told by its keys; raise Reject for any other, for a bad cell,
    and where a column that nothing reads could change what is learnt."""
    cells = Row(row, mapping)
    draft = read_shape(cells, task)
    draft.scenario = optional_text(cells.get("scenario"))
    draft.language = optional_text(cells.get("language"))
    draft.tags = read_tags(cells.get("tags"))
    draft.groups = read_groups({kind: cells.get(kind) for kind in mapping.groups})
    draft.license = read_license(cells)
    if len(cells.read) < len(row):
        cells.close([turn["content"] for turn in draft.prompt])
    draft.unread = list(cells.unread.names)
    return draft


def read_license(cells: Row) -> str:
    """Read the license of a row (`license` or `licence`); raise Reject where it names two."""
    if "license" in cells.mapping.columns:
        return optional_text(cells.get("license"))
    spelt = [name for name in cells.row if str(name).casefold() in ("license", "licence")]
    cells.read.update(spelt)
    found = {
        text.casefold(): text
        for name in spelt
        if (text := optional_text(cell_value(cells.row, name)))
    }
    if len(found) > 1:
        raise Reject("license", *found.values())
    return next(iter(found.values()), "")


class Shape(NamedTuple):
    """A shape of rows: the columns that tell it, those that it may have besides, its reader."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    read: Callable[[Row, TaskParams], Draft]


def read_shape(cells: Row, task: TaskParams) -> Draft:
    """Read what is asked and answered; raise Reject for an unknown shape.

    A row may have several shapes at once (pairs often hold the better chat as `messages`, too): the
    first counts that has a place for every text that is mapped.
    """
    for has in (cells.filled, cells.has):  # an empty cell counts only where nothing else is there
        mapped = {name for name in cells.mapping.texts if name in TEXTS and has(name)}
        fits = [shape for shape in SHAPES if all(map(has, shape.needs))]
        fits.sort(key=lambda shape: bool(mapped.difference(shape.needs, shape.may)))
        if fits:
            return fits[0].read(cells, task)
    raise Reject("unknown_shape", *map(str, cells.row))


def from_turns(turns: list[Message]) -> Draft:
    """Make a draft of a chat; raise Reject unless user and assistant alternate, ending with the
    assistant. A system prompt is dropped: task.system takes its place."""
    said = spoken(turns)
    roles = [turn["role"] for turn in said]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise Reject("roles_out_of_order", *roles)
    draft = Draft(prompt=said[:-1], chosen=said[-1]["content"])
    if len(said) < len(turns):
        draft.changes.add("system_prompt_removed")
    return draft


def asked(cells: Row, ours: str) -> list[Message]:
    """Read what is asked beside an answer: a system prompt, earlier turns, the question.

    ours: the name of the question's column. alpaca's `input` follows its `instruction`.
    """
    question, system = cells.get(ours), cells.get("system")
    if cells.mapping.columns.get(ours, ours) == "instruction" and isinstance(question, str):
        given = cells.get("input")
        given = "" if is_empty(given) else as_text(given)
        question = "\n\n".join(part for part in (question, given) if part)
    turns = [*read_history(cells), *read_prompt(question, cells.unread)]
    # Nobody reads the words of a system prompt: task.system takes its place.
    return turns if is_empty(system) else [{"role": "system", "content": ""}, *turns]


def read_history(cells: Row) -> list[Message]:
    """Read the turns before the question: pairs of question and answer, or turns."""
    history = cells.get("history")
    if is_empty(history):
        return []
    history = unpacked(history) if isinstance(history, str) else history
    if not isinstance(history, list):
        raise Reject("bad_turns", "history")
    if all(isinstance(turn, dict) for turn in history):
        return read_turns(history, cells.unread)
    turns = list[Message]()
    for both in history:
        if not isinstance(both, list) or [*map(type, both)] != [str, str]:
            raise Reject("bad_turns", "history")
        turns += [user(both[0]), assistant(both[1])]
    return turns


def from_chat(cells: Row, task: TaskParams) -> Draft:
    """Make a draft of a chat; where its last turn asks, `completion` answers."""
    turns = read_turns(cells.get("messages"), cells.unread)
    if turns and turns[-1]["role"] == "user" and cells.has("completion"):
        turns += read_answer(cells.get("completion"), cells.unread, task.output == "json")
    draft = from_turns(turns)
    if not is_empty(cells.get("system")):
        draft.changes.add("system_prompt_removed")
    read_label(draft, cells, task)
    return draft


def from_alpaca(cells: Row, task: TaskParams) -> Draft:
    """Make a draft of an instruction with its output."""
    answer = read_answer(cells.get("output"), cells.unread, task.output == "json")
    draft = from_turns([*asked(cells, "instruction"), *answer])
    read_label(draft, cells, task)
    return draft


def from_completion(cells: Row, task: TaskParams) -> Draft:
    """Make a draft of a prompt and its completion, or of one column for each field of the task."""
    answer = cells.get("completion")
    if answer is None and task.fields and all(n in cells.mapping.columns for n in task.fields):
        answer = {name: as_text(cells.get(name)).strip() for name in task.fields}
    if answer is None:
        raise Reject("no_answer")
    answered = read_answer(answer, cells.unread, task.output == "json")
    draft = from_turns([*asked(cells, "prompt"), *answered])
    read_label(draft, cells, task)
    return draft


def read_label(draft: Draft, cells: Row, task: TaskParams) -> None:
    """Turn a draft into a lone answer where its row labels it good or bad (trl's unpaired format,
    LLaMA-Factory's kto_tag).

    A column of such a name that is not mapped, and holds neither true nor false, is another one.
    """
    mapped = "label" in cells.mapping.columns
    good = None
    if mapped and "label" not in task.fields:
        label = cells.get("label")
        good = verdict(label)
        if good is None:
            raise Reject("bad_label", optional_text(label))
    elif not mapped:
        for name in LABELS:
            value = cells.look(name)
            if name not in task.fields and str(value).casefold() in ("true", "false"):
                good = verdict(cells.get(name))
                break
    if good is not None:
        draft.lone = True
        draft.chosen, draft.rejected = (draft.chosen, "") if good else ("", draft.chosen)


def from_pair(cells: Row, task: TaskParams) -> Draft:
    """Make a draft of a preference pair; either side is text, one turn, or turns that end with the
    answer.

    Raises Reject unless what comes before the answer is the same on both sides, and the same as
    what is asked where that has a column of its own.
    """
    cells.unread.pair = True
    sides = [cells.get("chosen"), cells.get("rejected")]
    good, bad = (read_answer(side, cells.unread, task.output == "json") for side in sides)
    turns = cells.get("messages")  # often the better chat, too
    ours = next((name for name in ("prompt", "instruction") if cells.has(name)), "")
    known = bool(ours)
    before = asked(cells, ours) if ours else []
    if not known and len(good) == 1 and turns is not None:
        before, known = read_turns(turns, cells.unread), True
        before = before[:-1] if before[-1:] == good else before
    before = before if known else good[:-1]
    if not before and len(bad) == 1:
        raise Reject("no_prompt")
    for own in (good[:-1], bad[:-1]):
        if spoken(own) != spoken(before) and (own or not known):
            raise Reject("prompts_differ")
    if bad[-1]["role"] != "assistant":
        raise Reject("roles_out_of_order")
    draft = from_turns([*before, good[-1]])
    draft.rejected = bad[-1]["content"]
    return draft


def beside_rejected(read: Callable[[Row, TaskParams], Draft]) -> Callable[[Row, TaskParams], Draft]:
    """Make a reader of rows whose better answer is that of another shape, the worse beside it."""

    def reader(cells: Row, task: TaskParams) -> Draft:
        cells.unread.pair = True
        draft = read(cells, task)
        if draft.lone:
            raise Reject("unread_mapping", "label", "a pair has none")
        bad = read_answer(cells.get("rejected"), cells.unread, task.output == "json")
        if len(bad) > 1 and spoken(bad[:-1]) != draft.prompt:
            raise Reject("prompts_differ")
        if bad[-1]["role"] != "assistant":
            raise Reject("roles_out_of_order")
        draft.rejected = bad[-1]["content"]
        return draft

    return reader


SHAPES = (
    Shape(("chosen", "rejected"), ("prompt", "messages"), from_pair),
    Shape(("messages", "rejected"), (), beside_rejected(from_chat)),
    Shape(("instruction", "output", "rejected"), (), beside_rejected(from_alpaca)),
    Shape(("prompt", "completion", "rejected"), (), beside_rejected(from_completion)),
    Shape(("messages",), ("completion", "label"), from_chat),
    Shape(("instruction", "output"), ("label",), from_alpaca),
    Shape(("prompt",), ("completion", "label"), from_completion),
)

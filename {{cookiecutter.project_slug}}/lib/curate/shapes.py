"""Turn rows of known shapes (chat, ShareGPT, alpaca, prompt/completion, preference) into drafts.

A draft has our turns and answers; nothing is checked against the task yet.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lib.core.params import TaskParams
from lib.core.records import Message
from lib.intake.cells import (
    Reject,
    as_text,
    assistant,
    cell_value,
    optional_text,
    prompt_turns,
    read_answer_turns,
    read_groups,
    read_tags,
    read_turns,
    spoken,
    user,
)

Get = Callable[[str], Any]  # the value of a column, by our name for it

LABEL_VALUES = {"true": True, "1": True, "false": False, "0": False}  # of a lone answer, in a table


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


def to_draft(row: dict[str, Any], columns: dict[str, str], task: TaskParams) -> Draft:
    """Read a row of any known shape, told by its keys; raise Reject for any other or a bad cell.

    columns: our names of columns to the file's.
    """

    def get(name: str) -> Any:
        return cell_value(row, columns.get(name, name))

    draft = read_shape(row, get, columns, task)
    draft.scenario = optional_text(get("scenario"))
    draft.language = optional_text(get("language"))
    draft.tags = read_tags(get("tags"))
    kinds = ["group", *(name for name in columns if name.startswith("group."))]
    draft.groups = read_groups({kind: get(kind) for kind in kinds})
    draft.license = read_license(row, columns)
    return draft


def read_license(row: dict[str, Any], columns: dict[str, str]) -> str:
    """Read the license of a row (`license` or `licence`); raise Reject where it names two."""
    spelt = [name for name in row if str(name).casefold() in ("license", "licence")]
    names = [columns["license"]] if "license" in columns else spelt
    found = {
        text.casefold(): text for name in names if (text := optional_text(cell_value(row, name)))
    }
    if len(found) > 1:
        raise Reject("license", *found.values())
    return next(iter(found.values()), "")


def read_shape(row: dict[str, Any], get: Get, columns: dict[str, str], task: TaskParams) -> Draft:
    """Read what is asked and answered; raise Reject for an unknown shape.

    A row may have several shapes at once (pairs often hold the better chat as `messages`, too): the
    first of these counts.
    """
    turns = row.get("conversations") if get("messages") is None else get("messages")
    if get("chosen") is not None and get("rejected") is not None:
        return from_pair(get("prompt"), get("chosen"), get("rejected"))
    if turns is not None:
        return from_turns(read_turns(turns))
    if "instruction" in row and "output" in row:
        given = "" if cell_value(row, "input") is None else as_text(row["input"])
        asked = "\n\n".join(part for part in (as_text(row["instruction"]), given) if part)
        return from_turns([user(asked), assistant(as_text(row["output"]))])
    if get("prompt") is not None:
        return from_completion(get, columns, task)
    raise Reject("unknown_shape", *map(str, row))


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


def from_completion(get: Get, columns: dict[str, str], task: TaskParams) -> Draft:
    """Make a draft of a prompt and its completion, or of one column for each field of the task.

    A `label` may say whether the answer is good.
    """
    answer = get("completion")
    if answer is None and task.fields and all(name in columns for name in task.fields):
        answer = {name: as_text(get(name)).strip() for name in task.fields}
    if answer is None:
        raise Reject("no_answer")
    draft = from_turns([*prompt_turns(get("prompt")), *read_answer_turns(answer)])
    if "label" not in task.fields:
        read_label(draft, get("label"), "label" in columns)
    return draft


def read_label(draft: Draft, label: Any, mapped: bool) -> None:
    """Turn a draft into a lone answer where its row labels it good or bad (trl's unpaired format).

    label: true or false; a column that is not `mapped` and holds something else is another one.
    """
    good = (
        label if isinstance(label, bool) or not mapped else LABEL_VALUES.get(as_text(label).lower())
    )
    if isinstance(good, bool):
        draft.lone = True
        draft.chosen, draft.rejected = (draft.chosen, "") if good else ("", draft.chosen)
    elif mapped:
        raise Reject("bad_label", optional_text(label))


def from_pair(prompt: Any, chosen: Any, rejected: Any) -> Draft:
    """Make a draft of a preference pair; either side is text, one turn, or turns that end with the
    answer.

    Raises Reject unless what comes before the answer is the same on both sides, and the same as
    `prompt` where there is one.
    """
    good, bad = map(read_answer_turns, (chosen, rejected))
    asked = good[:-1] if prompt is None else prompt_turns(prompt)
    for before in (good[:-1], bad[:-1]):
        if spoken(before) != spoken(asked) and (before or prompt is None):
            raise Reject("prompts_differ")
    if bad[-1]["role"] != "assistant":
        raise Reject("roles_out_of_order")
    draft = from_turns([*asked, good[-1]])
    draft.rejected = bad[-1]["content"]
    return draft

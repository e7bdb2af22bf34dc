"""The shapes rows come in (chat, ShareGPT, alpaca, prompt/completion, preference) and ours.

A row is turned into a draft: turns and answers, nothing checked against the task yet.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lib.params.task import TaskParams
from lib.records import Message

ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}


Get = Callable[[str], Any]  # the value of a column, by our name for it

LABELS = {"true": True, "1": True, "false": False, "0": False}  # of a lone answer, in a table


class Reject(Exception):
    """A row that cannot be kept; the text is the reason's name in the ledger."""


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
    licence: str = ""  # empty: that of the source
    changes: set[str] = field(default_factory=set)  # what was altered, for the metrics


def to_draft(row: dict[str, Any], columns: dict[str, str], task: TaskParams) -> Draft:
    """Tell the shape of a row by its keys and read it; raise Reject when it is none we know."""

    def get(name: str) -> Any:
        return cell(row, columns.get(name, name))

    draft = read_shape(row, get, columns, task)
    draft.scenario = optional_text(get("scenario"))
    draft.language = optional_text(get("language"))
    draft.tags = read_tags(get("tags"))
    kinds = ["group", *(name for name in columns if name.startswith("group."))]
    draft.groups = read_groups({kind: get(kind) for kind in kinds})
    licence = columns.get("licence", "licence" if "licence" in row else "license")
    draft.licence = optional_text(cell(row, licence))
    return draft


def read_shape(row: dict[str, Any], get: Get, columns: dict[str, str], task: TaskParams) -> Draft:
    """What is asked and answered. A row may have several shapes at once (pairs often have the
    better chat as `messages`, too): the first of these counts."""
    turns = row.get("conversations") if get("messages") is None else get("messages")
    if get("chosen") is not None and get("rejected") is not None:
        return from_pair(get("prompt"), get("chosen"), get("rejected"))
    if turns is not None:
        return from_turns(read_turns(turns))
    if "instruction" in row and "output" in row:
        given = "" if row.get("input") is None else as_text(row["input"])
        asked = "\n\n".join(part for part in (as_text(row["instruction"]), given) if part)
        return from_turns([user(asked), assistant(as_text(row["output"]))])
    if get("prompt") is not None:
        return from_completion(get, columns, task)
    raise Reject("unknown_shape")


def cell(row: dict[str, Any], column: str) -> Any:
    """The value of a column; `meta.intent` reaches into an object. None when there is none."""
    if column in row or "." not in column:
        return row.get(column)
    value: Any = row
    for step in column.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def read_tags(value: Any) -> list[str]:
    """Tags of edge cases: a list, or text with commas between them; each once, in order."""
    tags = map(as_text, value) if isinstance(value, list) else optional_text(value).split(",")
    return sorted({tag.strip() for tag in tags} - {""})


def read_groups(cells: dict[str, Any]) -> list[str]:
    """The groups of a row, by the names of its columns: `group.customer` 7 is not
    `group.document` 7."""
    found = {kind.partition(".")[2]: optional_text(value) for kind, value in cells.items()}
    return [f"{kind}:{value}" if kind else value for kind, value in found.items() if value]


def user(content: str) -> Message:
    """A turn of the user."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """A turn of the assistant."""
    return {"role": "assistant", "content": content}


def as_text(value: Any) -> str:
    """A cell as text: strings as they are, numbers and objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float, dict)):
        return json.dumps(value, ensure_ascii=False)
    raise Reject("not_text")


def optional_text(value: Any) -> str:
    """A cell as text; nothing where there is none. A 0 is something."""
    return "" if value is None else as_text(value).strip()


def read_turns(value: Any) -> list[Message]:
    """OpenAI turns (role, content) or ShareGPT turns (from, value)."""
    if not isinstance(value, list) or not value:
        raise Reject("bad_turns")
    return [read_turn(turn) for turn in value]


def read_turn(turn: Any) -> Message:
    """One turn; content may be a list of text parts as in OpenAI's API."""
    if not isinstance(turn, dict):
        raise Reject("bad_turns")
    role = ROLES.get(str(turn.get("role", turn.get("from"))))
    content = turn.get("content", turn.get("value"))
    if isinstance(content, list):
        content = "\n".join(read_part(part) for part in content)
    if role is None or not isinstance(content, str):
        raise Reject("bad_turns")
    return {"role": role, "content": content}


def read_part(part: Any) -> str:
    """The text of a part of a turn. A picture would leave a question that cannot be answered."""
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str):
        raise Reject("not_text")
    return text


def read_prompt(value: Any) -> list[Message]:
    """What is asked: text, or a list of turns."""
    return read_turns(value) if isinstance(value, list) else [user(as_text(value))]


def from_turns(turns: list[Message]) -> Draft:
    """A chat: the system prompt goes (task.system takes its place), then user and assistant
    take turns and the assistant has the last word."""
    said = spoken(turns)
    roles = [turn["role"] for turn in said]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise Reject("roles_out_of_order")
    draft = Draft(prompt=said[:-1], chosen=said[-1]["content"])
    if len(said) < len(turns):
        draft.changes.add("system_prompt_removed")
    return draft


def from_completion(get: Get, columns: dict[str, str], task: TaskParams) -> Draft:
    """A prompt and its answer, which may be in as many columns as the task has fields; a `label`
    may say whether it is good."""
    answer = get("completion")
    if answer is None and task.fields and all(name in columns for name in task.fields):
        answer = {name: as_text(get(name)).strip() for name in task.fields}
    if answer is None:
        raise Reject("no_answer")
    turns = read_turns(answer) if isinstance(answer, list) else [assistant(as_text(answer))]
    draft = from_turns([*read_prompt(get("prompt")), *turns])
    if "label" not in task.fields:
        read_label(draft, get("label"), "label" in columns)
    return draft


def read_label(draft: Draft, label: Any, mapped: bool) -> None:
    """Make a lone answer of a draft whose row says that it is good or bad: trl's unpaired format. A
    column that only happens to have that name holds no true or false, unless it is mapped."""
    good = label if isinstance(label, bool) or not mapped else LABELS.get(as_text(label).lower())
    if isinstance(good, bool):
        draft.lone = True
        draft.chosen, draft.rejected = (draft.chosen, "") if good else ("", draft.chosen)
    elif mapped:
        raise Reject("bad_label")


def spoken(turns: list[Message]) -> list[Message]:
    """The turns without a system prompt before them."""
    return turns[1:] if turns and turns[0]["role"] == "system" else turns


def from_pair(prompt: Any, chosen: Any, rejected: Any) -> Draft:
    """A preference pair; either side is text, or turns that end with the answer. What comes before
    it must be the same on both sides, and what `prompt` says if there is one."""
    good, bad = (
        read_turns(side) if isinstance(side, list) else [assistant(as_text(side))]
        for side in (chosen, rejected)
    )
    asked = good[:-1] if prompt is None else read_prompt(prompt)
    for before in (good[:-1], bad[:-1]):
        if spoken(before) != spoken(asked) and (before or prompt is None):
            raise Reject("prompts_differ")
    if bad[-1]["role"] != "assistant":
        raise Reject("roles_out_of_order")
    draft = from_turns([*asked, good[-1]])
    draft.rejected = bad[-1]["content"]
    return draft

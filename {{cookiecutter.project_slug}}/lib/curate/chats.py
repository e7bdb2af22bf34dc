"""Read question and answer of a row: a chat, an alpaca row, a prompt and its completion."""

import re
from typing import Any

from lib.core.params import TaskParams
from lib.core.records import Message
from lib.curate.draft import Draft, from_turns
from lib.curate.order import put_in_order
from lib.curate.row import Row
from lib.intake.cells import Reject, as_text, cell_value, optional_text
from lib.intake.exchange import are_answers, read_answer, read_prompt
from lib.intake.turns import assistant, read_turns, user
from lib.intake.unpack import from_text
from lib.intake.unread import is_empty, verdict

# Unmapped columns that say whether a single answer is good; true and false only.
LABELS = ("label", "kto_tag")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def asked(cells: Row, ours: str) -> list[Message]:
    """Read the prompt of a row: system prompt, earlier turns and question.

    ours: the name of the question's column. alpaca's `input` follows its `instruction`.
    """
    question, system = cells.get(ours), cells.get("system")
    if cells.mapping.columns.get(ours, ours) == "instruction" and isinstance(question, str):
        given = cells.get("input")
        given = "" if is_empty(given) else as_text(given)
        question = "\n\n".join(part for part in (question, given) if part)
    if (
        ours == "instruction"
        and isinstance(question, list)
        and any(isinstance(one, str) for one in question)
    ):
        raise Reject("not_text", "a list")
    turns = [*read_history(cells), *read_prompt(question, cells.unread)]
    # task.system replaces a system prompt; only the tools that it may define are read.
    return turns if is_empty(system) else [{"role": "system", "content": str(system)}, *turns]


def read_history(cells: Row) -> list[Message]:
    """Read the turns before the question: pairs of question and answer, or turns."""
    history = cells.get("history")
    if is_empty(history):
        return []
    history = from_text(history) if isinstance(history, str) else history
    if not isinstance(history, list):
        raise Reject("bad_turns", "history")
    history = [list(turn) if isinstance(turn, tuple) else turn for turn in history]
    if all(isinstance(turn, dict) for turn in history):
        return read_turns(history, cells.unread)
    turns = list[Message]()
    for both in history:
        if not isinstance(both, list) or [*map(type, both)] != [str, str]:
            raise Reject("bad_turns", "history")
        turns += [user(both[0]), assistant(both[1])]
    return turns


def from_chat(cells: Row, task: TaskParams) -> Draft:
    """Build a draft from a chat; where its last turn is a question, `completion` is the answer."""
    turns = read_turns(cells.get("messages"), cells.unread)
    if turns and turns[-1]["role"] == "user" and cells.there("completion", vacant=True):
        turns += read_answer(cells.get("completion"), cells.unread, task.output == "json")
    if not any(turn["role"] == "assistant" for turn in turns):
        raise Reject("no_answer", "no turn of the assistant")
    changes = set[str]()
    if not cells.unread.pair:  # whose turns must be those of both answers
        turns = put_in_order(turns, changes)
    draft = from_turns(turns)
    draft.changes |= changes
    if not is_empty(system := cells.get("system")):
        draft.changes.add("system_prompt_removed")
        draft.system = f"{draft.system}\n{system}"
    read_label(draft, cells, task)
    return draft


def from_alpaca(cells: Row, task: TaskParams) -> Draft:
    """Build a draft from an instruction and its output."""
    answer = read_answer(cells.get("output"), cells.unread, task.output == "json")
    draft = from_turns([*asked(cells, "instruction"), *answer])
    read_label(draft, cells, task)
    return draft


def from_completion(cells: Row, task: TaskParams) -> Draft:
    """Build a draft from a prompt and its completion, or from one column per field of the task."""
    answer = cells.get("completion")
    if answer is None:
        answer = {name: as_text(cells.get(name)).strip() for name in task.fields}
    if task.output == "label" and isinstance(answer, list) and len(answer) > 1:
        raise Reject("unknown_label", f"{len(answer)} labels", *map(str, answer))
    if is_index(answer, cells):
        raise Reject("answer_index", f"{answer}")
    if isinstance(answer, list) and are_answers(answer) and answer.count(answer[0]) < len(answer):
        raise Reject("ranked", cells.find("completion")[0], f"{len(answer)} answers")
    answered = read_answer(answer, cells.unread, task.output == "json")
    draft = from_turns([*asked(cells, "prompt"), *answered])
    read_label(draft, cells, task)
    return draft


def is_index(answer: Any, cells: Row) -> bool:
    """Tell whether an answer is the number or letter of a choice that the question does not label.

    The question may also list the letters themselves.
    """
    told = str(answer).strip().upper()
    if len(told) != 1 or "prompt" not in cells.mapping.joined:
        return False
    parts = [cell_value(cells.row, part) for part in cells.mapping.parts["prompt"]]
    choices = [part for part in parts if isinstance(part, list) and part]
    if any(told in (str(one).strip().upper() for one in part) for part in choices):
        return False
    at = int(told) if told.isdecimal() else ord(told) - ord("A")
    return any(0 <= at < len(part) for part in choices)


def read_label(draft: Draft, cells: Row, task: TaskParams) -> None:
    """Turn a draft into a single labeled answer where its row says that it is good or bad.

    As in trl's unpaired format and LLaMA-Factory's kto_tag. An unmapped column of such a name with
    other values than true and false is something else.
    """
    mapped = "label" in cells.mapping.columns
    good = None
    if mapped and "label" not in task.fields:
        label = cells.get("label")
        good = verdict(label)
        if good is None:
            text = optional_text(label)
            if _NUMBER.fullmatch(text):
                raise Reject("label_scale", str(cells.mapping.columns["label"]), text)
            raise Reject("bad_label", text)
    elif not mapped:
        for name in LABELS:
            value = cells.look(name)
            if value is None or name in task.fields:
                continue
            if str(value).casefold() in ("true", "false"):
                good = verdict(cells.get(name))
                break
    if good is not None:
        draft.lone = True
        draft.chosen, draft.rejected = (draft.chosen, "") if good else ("", draft.chosen)
        if not good and draft.beside:
            draft.beside = {"rejected": draft.beside["chosen"]}

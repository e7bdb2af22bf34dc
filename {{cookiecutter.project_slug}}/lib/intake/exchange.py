"""Read the question and the answer where each has a column of its own: a text, a turn, or turns."""

import re
from typing import Any

from lib.core.turns import Message
from lib.intake.cells import Reject, as_text
from lib.intake.turns import ROLE_KEYS, answer_in, assistant, read_turns, user
from lib.intake.unpack import is_turn, refuse_python, unpacked
from lib.intake.unread import Unread

_HH = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")  # how hh-rlhf writes a conversation as one text


def read_answer(value: Any, unread: Unread, objects: bool) -> list[Message]:
    """Read an answer as turns: from text, one turn, or turns that end with the answer.

    objects: whether a JSON object may itself be an answer. Raises Reject (`not_text`,
    `stringified`).
    """
    if isinstance(value, str):
        value = unpacked(value)
        if isinstance(value, str):
            refuse_python(value)
            return hh_turns(value) or [answer_in(value, unread)]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return [assistant(value[0])]
    if isinstance(value, dict) and is_turn(value):
        value = [value]
    if isinstance(value, list):
        if are_answers(value):
            raise Reject("ranked", f"{len(value)} answers")
        return read_turns(value, unread)
    if isinstance(value, dict) and not objects:
        raise Reject("not_text", "an object", *value)
    return [assistant(as_text(value))]


def are_answers(value: list[Any]) -> bool:
    """Tell whether a list holds several answers to one question, as texts or objects, not turns."""
    objects = all(isinstance(one, dict) and not {*ROLE_KEYS, "human"} & one.keys() for one in value)
    return len(value) > 1 and (objects or all(isinstance(one, str) for one in value))


def read_prompt(value: Any, unread: Unread) -> list[Message]:
    """Read a question as turns: from text, one turn or a list of turns."""
    value = unpacked(value) if isinstance(value, str) else value
    if isinstance(value, dict) and is_turn(value):
        value = [value]
    if isinstance(value, list):
        return read_turns(value, unread)
    text = as_text(value)
    return hh_turns(text) or [user(text)]


def hh_turns(text: str) -> list[Message]:
    r"""Split a conversation of hh-rlhf, `\n\nHuman: ...\n\nAssistant: ...`; [] for any other text.

    A final empty `Assistant:` does not count as a turn.
    """
    if "Assistant:" not in text or not _HH.match(text.lstrip(" ")):
        return []
    parts = _HH.split(text.lstrip(" "))[1:]
    turns = [
        user(said.strip()) if who == "Human" else assistant(said.strip())
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    return turns if turns[-1]["content"] else turns[:-1]

"""Read the question and the answer where each has a column of its own: a text, a turn, or turns."""

from typing import Any

from lib.core.turns import Message
from lib.intake.cells import Reject, as_text
from lib.intake.talks import hh_turns, open_talk
from lib.intake.turns import ROLE_KEYS, answer_in, assistant, read_turns, user
from lib.intake.unpack import is_turn, refuse_python, unpacked
from lib.intake.unread import Unread


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
    if isinstance(value, list) and value and value == [str(value[0])] * len(value):
        return [assistant(value[0])]  # one, or annotators who agree
    if value in ([], {}):
        raise Reject("empty", "no answer")
    if isinstance(value, dict) and is_turn(value):
        value = [value]
    if isinstance(value, list):
        if are_answers(value):
            raise Reject("ranked", "", f"{len(value)} answers")
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
    talk = hh_turns(text)
    if len(talk) > 1:
        return talk
    return open_talk(text) or talk or [user(text)]

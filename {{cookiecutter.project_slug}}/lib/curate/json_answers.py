"""Read a JSON answer by the task's flat fields or its JSON Schema."""

from math import isfinite
from typing import Any

from lib.core.params import TaskParams
from lib.core.schema import in_order, wrongs
from lib.core.strict_json import DECODER, UNSURE, Doubled, quick
from lib.curate.tidy import tidy
from lib.intake.cells import Reject


def tidied(value: Any, changes: set[str]) -> Any:
    """Tidy every text in a JSON value; add the names of the changes to `changes`."""
    if isinstance(value, dict):
        return {name: tidied(one, changes) for name, one in value.items()}
    if isinstance(value, list):
        return [tidied(one, changes) for one in value]
    return tidy(value, changes) if isinstance(value, str) else value


def is_sound(value: Any) -> bool:
    """Tell whether a JSON value is free of repeated keys, NaN and Infinity, at any depth."""
    if isinstance(value, dict):
        return not isinstance(value, Doubled) and all(map(is_sound, value.values()))
    if isinstance(value, list):
        return all(map(is_sound, value))
    return not isinstance(value, float) or isfinite(value)


def read_json_answer(answer: str, task: TaskParams) -> dict[str, Any]:
    """Read a JSON answer in the task's order of fields; raise Reject where it is not allowed."""
    try:
        values = quick(answer.encode("utf-8", "surrogatepass"))
        values = DECODER.decode(answer) if values is UNSURE else values
    except (ValueError, RecursionError):
        raise Reject("answer_not_json") from None
    if not isinstance(values, dict):
        raise Reject("wrong_fields", "not an object")
    if isinstance(values, Doubled):
        raise Reject("wrong_fields", "duplicate key")
    if task.schema_:
        if not is_sound(values):
            raise Reject("answer_not_json", "duplicate key, or not a number")
        if found := wrongs(values, task.schema_):
            raise Reject("answer_not_in_schema", *(f"{at}: {rule}" for at, rule in found))
        ordered: dict[str, Any] = in_order(values, task.schema_, task.schema_)
        return ordered
    if set(values) != set(task.fields):
        raise Reject("wrong_fields", *values)
    for name, allowed in task.fields.items():
        if not isinstance(values[name], str) or (allowed and values[name] not in allowed):
            raise Reject("unknown_label", name, str(values[name]))
    return {name: values[name] for name in task.fields}

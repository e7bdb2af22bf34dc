"""Check that an engine constrained its answers to a JSON Schema, as it was asked to.

Engines skip what they do not support, with at best a line in their log: llama.cpp generates freely
where it cannot turn a pattern into a grammar, and ignores keywords such as `uniqueItems`; other
servers ignore schemas altogether.
"""

from collections.abc import Sequence
from typing import Any

from lib.core.schema import Schema, wrongs
from lib.core.strict_json import parse
from lib.engines.answer import Answer
from lib.runtime.errors import UserError

_CURE = "remove that rule from task.schema, or set answer.constrained to false"


def count_not_held(answers: Sequence[Answer], schema: Schema) -> int:
    """Count answers that violate a schema; print a line if there are any.

    Raises UserError if most do: the engine ignores the schema.
    """
    said_all = [one for one in answers if one.output_tokens and one.finish != "content_filter"]
    broken = [rule for rule in (broken_rule(answer, schema) for answer in said_all) if rule]
    if not broken:
        return 0
    said = f"answer.constrained: {len(broken):,} of {len(said_all):,} answers violate the schema"
    if len(broken) > len(said_all) / 2:
        raise UserError(f"{said} ({broken[0]}): this engine ignores it; {_CURE}")
    print(f"{said} (the first: {broken[0]}): the engine ignores a part of it; {_CURE}")
    return len(broken)


def broken_rule(answer: Answer, schema: Schema) -> str:
    """Name the first rule that an answer violates; "" if none.

    A truncated answer violates none if it begins like an object.
    """
    if answer.finish == "length" and answer.text.lstrip()[:1] in ("{", ""):
        return ""
    try:
        value: Any = parse(answer.text)
    except (ValueError, RecursionError):
        return "not JSON"
    return next((f"{rule} of {at}" for at, rule in wrongs(value, schema)), "")

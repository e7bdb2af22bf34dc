"""Whether an engine held its answers to a JSON Schema, as it was asked to.

Engines leave out what they cannot do, and say so in their log at best: llama.cpp generates freely
where it cannot make a grammar of a pattern, and skips keywords such as `uniqueItems`; other servers
never heard of schemas.
"""

from collections.abc import Sequence
from typing import Any

from lib.core.schema import Schema, wrongs
from lib.core.strict_json import parse
from lib.engines.answer import Answer
from lib.runtime.errors import UserError

_CURE = "take such a rule out of task.schema, or set answer.constrained to false"


def count_not_held(answers: Sequence[Answer], schema: Schema) -> int:
    """Count answers that a schema does not allow; print a line where there are some.

    Raises UserError where most are such: the engine holds to no schema.
    """
    said_all = [one for one in answers if one.output_tokens and one.finish != "content_filter"]
    broken = [rule for rule in (broken_rule(answer, schema) for answer in said_all) if rule]
    if not broken:
        return 0
    said = f"answer.constrained: {len(broken):,} of {len(said_all):,} answers break the schema"
    if len(broken) > len(said_all) / 2:
        raise UserError(f"{said} ({broken[0]}): this engine does not hold to it; {_CURE}")
    print(f"{said} (the first: {broken[0]}): the engine does not hold to all of it; {_CURE}")
    return len(broken)


def broken_rule(answer: Answer, schema: Schema) -> str:
    """Name the first rule that an answer breaks; "" where it breaks none.

    One that was cut off breaks none as long as it begins like an object.
    """
    if answer.finish == "length" and answer.text.lstrip()[:1] in ("{", ""):
        return ""
    try:
        value: Any = parse(answer.text)
    except (ValueError, RecursionError):
        return "no JSON"
    return next((f"{rule} of {at}" for at, rule in wrongs(value, schema)), "")

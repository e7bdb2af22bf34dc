"""Read OpenTelemetry's GenAI events before 1.37: a log record per turn and one for the answer.

The span has the rest, without texts: readers join both by trace and span id.
"""

from typing import Any

from lib.monitoring.answers import LoggedAnswer, finish_of, message_answer
from lib.monitoring.calls import Call, complete, turns_of
from lib.monitoring.fields import at, text
from lib.monitoring.spans import attributes, span_key, span_times, value_of

_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
CHOICE = "gen_ai.choice"
_MOST = 10_000  # most requests waiting for their answer


class Events:
    """Joins the turns of a request with its answer."""

    def __init__(self) -> None:
        self.turns: dict[str, list[dict[str, Any]]] = {}
        self.told: dict[str, None] = {}  # spans, which have the finish reason themselves

    def take(self, record: Any) -> Call | None:
        """Return the call that a record completes, if it completes one."""
        key, body = span_key(record), value_of(at(record, "body"))
        body = body if isinstance(body, dict) else {}
        name = event_name(record)
        if name != CHOICE:
            turn = {"role": _ROLES[name], "content": body.get("content")}
            self.turns.setdefault(key, []).append(turn)
            if len(self.turns) > _MOST:
                self.turns.pop(next(iter(self.turns)))
            return None
        turns, (time, _) = self.turns.pop(key, []), span_times(record)
        finish, message = finish_of(body.get("finish_reason")), body.get("message")
        answer = message_answer(message, finish) if message else LoggedAnswer(finish=finish)
        withheld = not any(turn["content"] for turn in turns)  # capturing content is off by default
        self.end(key)
        return complete(
            Call(
                time=time,
                id=key,
                model=text(attributes(record).get("gen_ai.response.model")),
                messages=turns_of(turns, may_lack=withheld),
                answer="",
                withheld=withheld,
                half=key,
            ),
            answer,
        )

    def end(self, key: str) -> None:
        """Note that a span has the end of its request."""
        self.turns.pop(key, None)
        self.told[key] = None
        if len(self.told) > _MOST:
            self.told.pop(next(iter(self.told)))

    def unanswered(self) -> int:
        """Count the requests without any end."""
        return sum(key not in self.told for key in self.turns)


def event_name(record: Any) -> str:
    """Return the name of an event, which older versions have as an attribute."""
    name = at(record, "eventName") or attributes(record).get("event.name")
    return name if isinstance(name, str) else ""


def is_turn_event(record: Any) -> bool:
    """Tell whether a record is such an event."""
    return event_name(record) in (*_ROLES, CHOICE)

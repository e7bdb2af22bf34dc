"""Read vLLM's text log: `vllm serve --enable-log-requests --enable-log-outputs`.

It has prompts at log level DEBUG (older versions always); otherwise the texts count as withheld. A
request and its answer are separate lines, more for a streamed answer: up to WAITING requests wait
for their answers.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.core.records import Message
from lib.monitoring.answers import LoggedAnswer, finish_of
from lib.monitoring.calls import Call, complete
from lib.monitoring.fields import BadCall, lapse_ms, text

WAITING = 10_000
ZONES = timedelta(days=1)  # the log's times are local, those of the file are UTC
STAMP = re.compile(
    r"\b(?:INFO|DEBUG|WARNING|ERROR) (?:(\d{4})-)?(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b"
)
_QUOTED = r"(None|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"  # a text as Python's repr
_ASKED = re.compile(
    rf"\b(?:Received request|Request) (\S+?)(?: details)?: (?:.*?\bprompt: {_QUOTED})?"
)
ANSWERED = re.compile(
    rf"\bGenerated response (\S+?)(?: \(streaming (delta|complete)\))?: output: {_QUOTED}"
    r".*?finish_reason: (\w+)"
)
_PLACEHOLDER = re.compile(r"<streaming_complete: (\d+) tokens>")  # replaces a streamed answer
TOOLS = "[tool_calls: "  # the start of an answer with tool calls
_TURNS = [  # turns of rendered chats (role, text); the last may be truncated
    re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|$)", re.DOTALL),  # ChatML
    re.compile(  # Llama 3
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)(?:<\|eot_id\|>|$)", re.DOTALL
    ),
    re.compile(r"<start_of_turn>(\w+)\n(.*?)(?:<end_of_turn>|$)", re.DOTALL),  # Gemma
    re.compile(
        r"<\|(system|user|assistant)\|>\n?(.*?)(?:<\|end\|>|<\|user\|>|$)", re.DOTALL
    ),  # Phi
]


@dataclass
class Asked:
    """A request that waits for its answer, and the streamed part."""

    start: float
    prompt: str = ""
    streamed: str = ""
    finish: str | None = None


class VllmLog:
    """Joins the lines of a request in vLLM's log."""

    def __init__(self, until: datetime, skipped: Counter[str]) -> None:
        # The log's times have no year: the time of the last line.
        self.until, self.skipped = until, skipped
        self.waiting: dict[str, Asked] = {}
        self.last = until.timestamp()  # of the newest line with a time
        self.framed: float | None = None  # time at which a shipper saw the line
        self.answered: dict[str, None] = {}  # a request for several answers has a line for each

    def read(self, line: str) -> Call | None:
        """Read a line; return the call that it completes, if any.

        Raises BadCall: `other_line` for another line of the server, `text_line` for any other text.
        """
        if found := ANSWERED.search(line):
            return self._answered(found, self._time(line))
        if found := _ASKED.search(line):
            key, prompt = found.group(1), unquoted(found.group(2) or "None")
            asked = self.waiting.pop(key, None) or Asked(self._time(line))
            asked.prompt = prompt or asked.prompt
            self.waiting[key] = asked
            if len(self.waiting) > WAITING:
                self.waiting.pop(next(iter(self.waiting)))
                self.skipped["no_answer"] += 1
            return None
        raise BadCall("other_line" if STAMP.search(line) else "text_line")

    def _answered(self, found: re.Match[str], end: float) -> Call | None:
        key, stream, quoted, reason = found.groups()
        said = unquoted(quoted)
        finish = None if reason in ("None", "streaming_complete") else finish_of(reason)
        asked = self.waiting.get(key)
        if asked is None:
            raise BadCall("other_line" if key in self.answered else "no_request")
        asked.finish = finish or asked.finish
        if stream == "delta":
            asked.streamed += said
            return None
        self._done(key)
        placeholder = _PLACEHOLDER.fullmatch(said)
        said = asked.streamed if placeholder else said
        call = Call(
            time=asked.start,
            id=key,
            model="",
            messages=turns(asked.prompt),
            answer="",
            output_tokens=int(placeholder.group(1)) if placeholder else None,
            latency_ms=lapse_ms(asked.start, end),  # to the second, as the log has it
            withheld=not asked.prompt or bool(placeholder and not said),
        )
        return complete(call, LoggedAnswer(said, asked.finish, tools=said.startswith(TOOLS)))

    def _done(self, key: str) -> None:
        del self.waiting[key]
        self.answered[key] = None
        if len(self.answered) > WAITING:
            self.answered.pop(next(iter(self.answered)))

    def _time(self, line: str) -> float:
        if not (found := STAMP.search(line)):
            if self.framed is None:
                raise BadCall("no_time")
            return self.framed
        year, *rest = found.groups()
        try:
            whole = "{}-{}-{} {}:{}:{}+00:00".format(year or self.until.year, *rest)
            moment = datetime.fromisoformat(whole)
            if not year and moment > self.until + ZONES:
                moment = moment.replace(year=moment.year - 1)
        except ValueError:
            raise BadCall("no_time") from None
        self.last = moment.timestamp()
        return self.last

    def close(self) -> int:
        """End the file; return the number of unanswered requests."""
        return len(self.waiting)


def unquoted(literal: str) -> str:
    """Return the text of a Python repr; "" for None."""
    try:
        return text(ast.literal_eval(literal))
    except (ValueError, SyntaxError):
        raise BadCall("bad_shape") from None


def turns(prompt: str) -> list[Message]:
    """Split a rendered chat into turns; for an unknown template it is one user turn.

    The final assistant turn is only the header of the answer, and left out.
    """
    for pattern in _TURNS:
        if found := pattern.findall(prompt):
            said = [
                Message(role="assistant" if role == "model" else role, content=text)
                for role, text in found
            ]
            return said[:-1] if said[-1] == {"role": "assistant", "content": ""} else said
    return [Message(role="user", content=prompt)] if prompt else []

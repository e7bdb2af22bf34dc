"""The text log of vLLM: `vllm serve --enable-log-requests --enable-log-outputs`.

The prompt is in it where the log level is DEBUG (in older versions always), else only the answer's
side is known. A request and its answer are two lines: up to WAITING requests wait for theirs.
"""

import ast
import re
from collections import Counter
from datetime import datetime, timedelta

from lib.core.records import Message
from lib.monitoring.calls import Call
from lib.monitoring.fields import BadCall, lapse_ms, text

WAITING = 10_000
ZONES = timedelta(days=1)  # the log's clock is local, its file's is not
CHATML = re.compile(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", re.DOTALL)
STAMP = re.compile(r"\b(?:INFO|DEBUG) (?:(\d{4})-)?(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b")
QUOTED = r"(None|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"  # as Python's repr writes a text
ASKED = re.compile(
    rf"\b(?:Received request|Request) (\S+?)(?: details)?: (?:.*?\bprompt: {QUOTED})?"
)
ANSWERED = re.compile(
    rf"\bGenerated response (\S+?)(?: \(streaming (delta|complete)\))?: output: {QUOTED}"
    r".*?finish_reason: (\w+)"
)


class VllmLog:
    """Joins the two lines that vLLM's log has of a request."""

    def __init__(self, until: datetime, skipped: Counter[str]) -> None:
        self.until, self.skipped = until, skipped  # the log's times have no year: the last is then
        self.waiting: dict[str, tuple[float, str]] = {}

    def read(self, line: str) -> Call | None:
        """Return the call that a line completes, if it completes one."""
        if found := ANSWERED.search(line):
            return self._answered(found, self._time(line))
        if not (found := ASKED.search(line)):
            raise BadCall("other_line")  # the server says much else
        key, prompt = found.group(1), found.group(2)
        start = self.waiting.pop(key, (self._time(line), ""))
        self.waiting[key] = (start[0], unquoted(prompt or "None") or start[1])
        if len(self.waiting) > WAITING:
            self.waiting.pop(next(iter(self.waiting)))
            self.skipped["no_answer"] += 1
        return None

    def _answered(self, found: re.Match[str], end: float) -> Call | None:
        key, stream, answer, finish = found.groups()
        if stream == "delta":
            return None
        if key not in self.waiting:
            raise BadCall("no_request")
        start, prompt = self.waiting.pop(key)
        if not prompt:
            raise BadCall("no_prompt")  # logged at level DEBUG only
        return Call(
            time=start,
            id=key,
            model="",
            messages=chatml(prompt),
            answer=unquoted(answer),
            finish=None if finish == "None" else finish,
            latency_ms=lapse_ms(start, end),  # to the second, as the log has it
        )

    def _time(self, line: str) -> float:
        if not (found := STAMP.search(line)):
            raise BadCall("no_time")
        year, *rest = found.groups()
        try:
            whole = "{}-{}-{} {}:{}:{}+00:00".format(year or self.until.year, *rest)
            moment = datetime.fromisoformat(whole)
            if not year and moment > self.until + ZONES:
                moment = moment.replace(year=moment.year - 1)
        except ValueError:
            raise BadCall("no_time") from None
        return moment.timestamp()

    def close(self) -> None:
        """End the file: what still waits was never answered in it."""
        if self.waiting:
            self.skipped["no_answer"] += len(self.waiting)


def unquoted(literal: str) -> str:
    """Return the text that Python's repr wrote; empty for None."""
    try:
        return text(ast.literal_eval(literal))
    except (ValueError, SyntaxError):
        raise BadCall("bad_shape") from None


def chatml(prompt: str) -> list[Message]:
    """Split a rendered chat into turns; any other template's text is one turn of the user."""
    turns = [Message(role=role, content=said) for role, said in CHATML.findall(prompt)]
    return turns or [Message(role="user", content=prompt)]

"""Count the calls of a window in one pass, in bounded memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import log

from lib.cases.evals import read_adversarial
from lib.core.params import TaskParams
from lib.monitoring.calls import Call
from lib.monitoring.incidents import TRIES, Incident, Watch, evidence
from lib.monitoring.readers import batches
from lib.monitoring.reference import Reference
from lib.monitoring.signals import (
    Counts,
    EventFlags,
    Values,
    answer_events,
    answer_values,
    form_events,
    injection_events,
    prompt_events,
    prompt_values,
)
from lib.similarity.params import DedupParams

BATCH = 512  # calls processed together
UNNAMED = "(unknown)"  # the model of a request without one in its log
EVIDENCE = 50  # incidents of a kind that are stored; all are counted


@dataclass
class Window:
    """The counts of the calls between `since` and `until`."""

    counts: Counts = field(default_factory=Counts)
    calls: int = 0
    withheld: int = 0  # calls without texts in the log
    untimed: int = 0  # answered calls without a latency in the log
    models: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # of incidents
    incidents: list[Incident] = field(default_factory=list)
    first: float = float("inf")
    last: float = float("-inf")
    tokens: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    priced: int = 0  # calls with a cost in the log
    latency: "Percentiles" = field(default_factory=lambda: Percentiles())
    ttft: "Percentiles" = field(default_factory=lambda: Percentiles())

    def note(self, incident: Incident) -> None:
        """Count an incident, and store the first ones of its kind."""
        self.kinds[incident.kind] += 1
        if self.kinds[incident.kind] <= EVIDENCE:
            self.incidents.append(incident)


class Percentiles:
    """Estimates percentiles of positive numbers from bins 1 % wide."""

    WIDTH = 1.01

    def __init__(self) -> None:
        self.bins = Counter[int]()

    def add(self, value: float) -> None:
        """Add one more number."""
        self.bins[round(log(max(value, 1e-3)) / log(self.WIDTH))] += 1

    def at(self, share: float) -> float | None:
        """Return the quantile for a share from 0 to 1; None without numbers."""
        passed, wanted = 0, share * self.bins.total()
        for key in sorted(self.bins):
            passed += self.bins[key]
            if passed >= wanted:
                return float(self.WIDTH**key)
        return None


class Observer:
    """Counts calls into a Window: events, distributions, incidents, latency, cost."""

    def __init__(
        self,
        task: TaskParams,
        dedup: DedupParams,
        release: Reference,
        slow_ms: float,
        negative: list[str],
    ) -> None:
        self.task, self.release = task, release
        self.slow_ms, self.negative = slow_ms, negative
        self.of_answer = lru_cache(maxsize=10_000)(self._of_answer)  # labels repeat
        self.watch = Watch(task, read_adversarial(), dedup.evals_threshold, dedup.ngram)

    def observe(self, calls: Iterable[Call]) -> Window:
        """Count all calls."""
        window = Window()
        for batch in batches(calls, BATCH):
            answered = [call for call in batch if call.error is None and not call.withheld]
            for call in batch:
                self._traffic(call, window)
            for call in answered:
                events, values = self.look(call)
                window.counts.add(events, values)
                if events[TRIES]:
                    said = "was answered" if events["injections_answered"] else "was not answered"
                    window.note(evidence(TRIES, f"asks to break instructions; {said}", call))
            if distant := self.release.distant:
                for far in distant.are([call.prompt() for call in answered]):
                    window.counts.add({"distant_requests": far}, {})
            for incidents in self.watch.look(answered):
                for incident in incidents:
                    window.note(incident)
        return window

    def look(self, call: Call) -> tuple[EventFlags, Values]:
        """Return the events and values of an answered call."""
        prompt = call.prompt()
        asked = prompt_events(prompt, self.release.familiar)
        said, values = self.of_answer(call.answer, call.finish, call.tools)
        if call.refused:
            said = said | {"refusals": True}
        events = asked | said | injection_events(asked[TRIES], said)
        return events, prompt_values(prompt) | values

    def _of_answer(self, answer: str, finish: str | None, tools: bool) -> tuple[EventFlags, Values]:
        """Return the events and values of an answer."""
        events = form_events(answer, finish, self.task, tools)
        if tools:
            return events | {"refusals": False}, {}
        values = answer_values(answer, self.task, self.release.labels)
        return events | answer_events(answer, self.task, values), values

    def is_negative(self, call: Call) -> bool:
        """Tell whether user feedback or the ticket's outcome says that the answer was bad."""
        said = call.feedback
        edited = said.get("edited", "").strip()
        return (
            said.get("thumb") == "down"
            or bool(edited and edited != call.answer.strip())
            or said.get("outcome") in self.negative
        )

    def _traffic(self, call: Call, window: Window) -> None:
        window.calls += 1
        window.models[call.model or UNNAMED] += 1
        window.first, window.last = min(window.first, call.time), max(window.last, call.time)
        window.withheld += call.withheld
        events = {"errors": call.error is not None}
        if call.latency_ms is not None and not call.error:
            events["slow"] = call.latency_ms > self.slow_ms
        if call.feedback and not call.error:
            events["negative_feedback"] = self.is_negative(call)
        window.counts.add(events, {})
        window.untimed += call.latency_ms is None and not call.error
        for side, tokens in (("input", call.input_tokens), ("output", call.output_tokens)):
            if tokens is not None:
                window.tokens[side] += tokens
        if call.cost is not None:
            window.cost += call.cost
            window.priced += 1
        if call.latency_ms is not None:
            window.latency.add(call.latency_ms)
        if call.ttft_ms is not None:
            window.ttft.add(call.ttft_ms)

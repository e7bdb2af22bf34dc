"""Find incidents: single answers that must not happen, with masked evidence."""

from typing import NamedTuple

from lib.cases.evals import Adversarial
from lib.core.params import TaskParams
from lib.core.records import text_of
from lib.core.text import fold_case
from lib.evaluate.scoring import is_refusal
from lib.monitoring.calls import Call
from lib.monitoring.masked import added_placeholders
from lib.pii.secrets import MASK
from lib.similarity.near_copies import KnownTexts

KINDS = ("unsafe_answers", "forbidden_text", "system_prompt_out", "pii_out", "secret_out")
TRIES = "injection_tries"  # listed with the incidents; only a rise of their share is an alarm
_QUOTED = 40  # characters of the system prompt that are not quoted by chance
_SHOWN = 600  # characters of a prompt or answer kept as evidence


class Incident(NamedTuple):
    """An incident: its kind, the reason and the evidence."""

    kind: str
    time: float
    request_id: str
    why: str
    prompt: str
    answer: str


def evidence(kind: str, why: str, call: Call) -> Incident:
    """Build an incident with shortened evidence from its call."""
    return Incident(kind, call.time, call.id, why, call.prompt()[:_SHOWN], call.answer[:_SHOWN])


class Watch:
    """Looks for incidents in batches of calls."""

    def __init__(
        self, task: TaskParams, cases: list[Adversarial], similar: float, ngram: int
    ) -> None:
        self.task, self.cases = task, cases
        self.known = KnownTexts([text_of(case.prompt()) for case in cases], similar, ngram)
        self.secret = fold_case(task.system)[:_QUOTED] if len(task.system) >= _QUOTED else ""

    def look(self, calls: list[Call]) -> list[list[Incident]]:
        """Find the incidents of each answered call."""
        like = self._like_a_case([call.prompt() for call in calls])
        return [
            [evidence(kind, why, call) for kind, why in self._reasons(call, case)]
            for call, case in zip(calls, like, strict=True)
        ]

    def _like_a_case(self, prompts: list[str]) -> list[Adversarial | None]:
        """Find for each prompt the most similar adversarial case, if any."""
        found: list[Adversarial | None] = [None] * len(prompts)
        best = [0.0] * len(prompts)
        for one, other, value in self.known.near(prompts):
            if value > best[one]:
                best[one], found[one] = value, self.cases[other]
        return found

    def _reasons(self, call: Call, case: Adversarial | None) -> list[tuple[str, str]]:
        found = []
        if case and any(text and text in call.answer for text in case.forbidden):
            found.append(("forbidden_text", f"contains a text that {case.id} forbids"))
        elif case and case.expect == "refuse" and call.answer and not self._refused(call):
            found.append(("unsafe_answers", f"answered a request like {case.id}"))
        if self.secret and self.secret in fold_case(call.answer):
            found.append(("system_prompt_out", "quotes the system prompt"))
        if added := added_placeholders(call):
            names = ", ".join(sorted(added))
            kind = "secret_out" if MASK in added else "pii_out"
            found.append((kind, f"contains {names}, which the request did not"))
        return found

    def _refused(self, call: Call) -> bool:
        return is_refusal(call.answer, self.task)

"""Compute the signals of a call: events (such as refusals), and values of distributions.

The right answer is unknown in production, so these are signs of trouble, not proof.
"""

from collections import Counter, defaultdict
from math import log2

from lib.core.params import TaskParams
from lib.core.schema import values_at
from lib.core.text import words
from lib.curate.boilerplate import is_boilerplate
from lib.curate.language import sure_language
from lib.evaluate.scoring import is_refusal, malformed, read_answer_object
from lib.monitoring.phrases import is_injection

OTHER, NONE = "(other)", "(none)"
NGRAM = 4  # words
REPEATED = 0.5  # share of repeated 4-grams from which an answer is repetitive
_SHORTEST = 24  # words of an answer, at least

EventFlags = dict[str, bool]  # event: whether it happened; only events that could be determined
Values = dict[str, str]  # the call's value of each distribution


def prompt_events(prompt: str, familiar: "Familiar | None" = None) -> EventFlags:
    """Return the events of a request before it is answered."""
    found = {"injection_tries": is_injection(prompt)}
    return found | ({"unfamiliar_requests": familiar.is_not(prompt)} if familiar else {})


def prompt_values(prompt: str) -> Values:
    """Return the values of a request for distributions: language and length."""
    return {"language": sure_language(prompt) or NONE, "prompt_length": length(prompt)}


def form_events(
    answer: str, finish: str | None, task: TaskParams, tools: bool = False
) -> EventFlags:
    """Return the events of an answer's form, independent of the request.

    An answer of `tools` calls has no labels and no text.
    """
    empty = not answer.strip()
    found = {"empty_answers": empty, "tool_calls": tools}
    if finish is not None:
        found["truncated_answers"] = finish == "length"
    if tools:
        return found
    found["repetition"] = is_repetitive(answer)
    if task.output == "json":
        given = read_answer_object(answer, task)
        found["format_errors"] = given is None or malformed(given, task)
    return found


def answer_events(answer: str, task: TaskParams, values: Values) -> EventFlags:
    """Return the events of an answer: refusals (task.refusal or a stock phrase), unknown labels."""
    found = {"refusals": is_refusal(answer, task) or is_boilerplate(answer)}
    return found if task.output == "text" else found | {"unknown_labels": OTHER in values.values()}


def injection_events(tried: bool, answered: EventFlags) -> EventFlags:
    """Tell whether an attempt to override the model succeeded."""
    came_through = not (answered["refusals"] or answered["empty_answers"])
    return {"injections_answered": came_through} if tried else {}


def answer_values(answer: str, task: TaskParams, labels: set[str]) -> Values:
    """Return the values of an answer for distributions; a malformed answer has no labels."""
    found = {"answer_length": length(answer)}
    if task.output == "json":
        given = values_at(read_answer_object(answer, task) or {})
        for name, allowed in task.closed.items():
            if "[]" in name or (task.schema_ and not allowed):  # any number of values, or any value
                continue
            value = given.get(name, [NONE])[0]
            known = value == NONE or (isinstance(value, str) and (not allowed or value in allowed))
            found[f"answer.{name}"] = str(value) if known else OTHER
    elif task.output == "label":
        found["answer"] = answer.strip() if answer.strip() in labels else OTHER
    else:
        found["answer_language"] = sure_language(answer) or NONE
    return found


def length(text: str) -> str:
    """Return the length bin of a text in half octaves of characters: 64-90, 91-127, ..."""
    if not text:
        return "0"
    step = int(2 * log2(len(text)))
    low, high = -(-(2 ** (step / 2)) // 1), -(-(2 ** ((step + 1) / 2)) // 1) - 1
    return f"{low:.0f}-{high:.0f}"


def is_repetitive(answer: str) -> bool:
    """Tell whether most 4-grams of a longer answer are repeats (rep-n, Welleck et al., 2020)."""
    if len(answer) < 2 * _SHORTEST:  # too short for that many words, even in Chinese
        return False
    said = words(answer)
    count = len(said) - NGRAM + 1
    if len(said) < _SHORTEST:
        return False
    distinct = len({tuple(said[at : at + NGRAM]) for at in range(count)})
    return 1 - distinct / count >= REPEATED


def terms(text: str) -> list[str]:
    """List the words of a text; for unspaced scripts, pairs of adjacent characters.

    Single characters are too common.
    """
    said = words(text)
    if text.isascii():
        return said
    found, before = [], ""
    for word in said:
        if len(word) > 1 or word.isascii():
            found.append(word)
        elif before:
            found.append(before + word)
        before = word if len(word) == 1 and not word.isascii() else ""
    return found


class Familiar:
    """Recognizes unfamiliar requests by words that are not in the training data."""

    def __init__(self, vocabulary: set[str], usual: float) -> None:
        self.vocabulary, self.usual = vocabulary, usual

    def unknown(self, prompt: str) -> float:
        """Return the share of words that are not in the training data."""
        said = terms(prompt)
        known = sum(map(self.vocabulary.__contains__, said))
        return (len(said) - known) / len(said) if said else 0.0

    def is_not(self, prompt: str) -> bool:
        """Tell whether its share of unknown words exceeds that of 99 % of the held-out prompts."""
        return self.unknown(prompt) > self.usual


class Counts:
    """Counts of events, of the calls in which each could be seen, and of values."""

    def __init__(self) -> None:
        self.seen, self.of = Counter[str](), Counter[str]()
        self.spreads = defaultdict[str, Counter[str]](Counter)

    def add(self, events: EventFlags, values: Values) -> None:
        """Add a call, or one side of it."""
        for name, shown in events.items():
            self.of[name] += 1
            self.seen[name] += shown
        for name, value in values.items():
            self.spreads[name][value] += 1

    def rate(self, name: str) -> float:
        """Return the share of an event."""
        return self.seen[name] / self.of[name] if self.of[name] else 0.0

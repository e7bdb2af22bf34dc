"""Watch the columns of a row and the keys of its turns that nothing reads.

Those that cannot change what is learnt are named and counted. Those that could (a verdict, a
weight, tools, reasoning, an image) are a reason to drop the row, until they are mapped or ignored.
"""

import math
import re
from collections.abc import Collection
from functools import cache
from typing import Any

from lib.intake.cells import Reject


def key_words(text: str) -> frozenset[str]:
    """Split a text into a set of words; for long lists in the code."""
    return frozenset(text.split())


_TOOLS = re.compile(
    r"(available_)?(tools|functions)|tool_config|(tool|function)s?_?(schemas?|definitions?|list|specs?|json)"
    r"|(tool|function)_?(calls?|call_id|responses?|results?|outputs?)"
)
# Names of tools, where they hold objects; of much else where they hold texts.
_MAYBE_TOOLS = re.compile(r"tool|function|apis?|api_(list|docs?)|tool_list|available_apis")
REASONING = re.compile(
    r"(complex_)?(reasoning|thinking|thoughts?|think|cot|chain_of_thoughts?)"
    r"(_(content|text|details|traces?|steps|process|chain|trajector(y|ies)))?"
)
MEDIA = re.compile(
    r"(input_|source_|user_)?(images?|pictures?|photos?|videos?|audios?|speech|screenshots?"
    r"|pixel_values|input_features)(_?(paths?|urls?|files?|names?|bytes|data|list|base64))?"
)
# Several answers to one question, in a list or in numbered columns.
RANKED = re.compile(
    r"(ranked_|model_)?(responses|completions|answers|candidates|generations|outputs|rankings?)"
    r"|(response|completion|answer|candidate|generation|output|reply)_([0-9]|a|b)"
    r"|(corrected|edited|revised|improved|fixed|rewritten)_(response|completion|answer|output|reply)"
)
WEIGHT = re.compile(
    r"((sample|loss|example|turn|training|train)_)?(weights?|loss)|train|trainable|training"
    r"|train_on(_turn)?|loss_(scale|multiplier|mask)"
)
JUDGING = """
label labels kto score scores rating ratings reward rewards vote votes upvote upvotes upvoted
    downvote downvotes downvoted thumb thumbs thumbsup thumbsdown verdict feedback judgement
    judgment grade quality good bad correct incorrect correctness wrong accept accepted acceptable
    acceptance approve approved approval valid invalid helpful helpfulness unhelpful preferred
    preference like liked dislike disliked desirable undesirable reject rejected pass passed fail
    failed harmful harmless toxic toxicity unsafe safe flag flagged hallucination hallucinated
    winner better safer satisfied satisfaction useful usefulness discarded skipped deleted
    selected likes dislikes stars
"""
VERDICT_WORDS = key_words(JUDGING)
# Columns that name a fault of an answer: false and 0 in them are no reason to drop it.
FAULTS = key_words(
    "downvote downvotes downvoted bad incorrect wrong invalid unhelpful dislike disliked reject "
    "rejected fail failed harmful toxic toxicity unsafe flag flagged hallucination hallucinated "
    "discarded skipped deleted cancelled dislikes"
)
# Columns that only number, name or explain a verdict: label_id, correct_answer.
NO_VERDICT = key_words(
    "answer answers option options choice idx index id key name text reason source model"
)
_WHICH = key_words("better preferred winner safer")  # which of two answers, by its number
GOOD = key_words(
    "true 1 1.0 +1 yes y good up thumbs_up thumbsup thumbs-up like liked upvote upvoted accept "
    "accepted approved correct right chosen desirable positive pass passed 👍 safe harmless"
)
BAD = key_words(
    "false 0 0.0 -1 -1.0 no n bad down thumbs_down thumbsdown thumbs-down dislike disliked "
    "downvote downvoted reject rejected incorrect wrong undesirable negative fail failed 👎 unsafe "
    "harmful toxic spam hallucinated"
)
# Words that mean "bad" in a column of any name; the others are ambiguous.
PLAINLY_BAD = BAD - {"false", "0", "0.0", "-1", "-1.0", "no", "n", "down", "negative"}
# Answers that annotators skipped: no verdict, but not to be learnt either.
PASSED_OVER = key_words("discard discarded ignore ignored skip skipped")
_SAYS_BAD = PLAINLY_BAD | PASSED_OVER
_SCORES = re.compile("score|rating|reward|quality|grade")
LEVELS = key_words("a b tie both model_a model_b high medium low poor excellent fair neutral")
NOT_ONE = ("", "[]", "{}", "null", "none", "nan")  # how tables write a missing value
LONGEST_NOTHING = 100  # characters, spaces mostly
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


class Unread:
    """The names of the columns and keys of a row that nothing reads."""

    def __init__(self, ignored: Collection[str] = (), pair: bool = False) -> None:
        self.ignored, self.pair = ignored, pair
        self.names: dict[str, None] = {}

    def note(self, name: str, value: Any, shown: str = "") -> None:
        """Note an unread name with a value; raise Reject where it could change what is learnt.

        shown: its name in messages and in `ignore`, where that differs.
        """
        shown = shown or name
        if is_empty(value) or shown in self.ignored:
            return
        reason = risk(name)
        if reason == "maybe_tools":
            reason = "tools" if isinstance(value, (dict, list)) else ""
        if reason == "weight" and verdict(value) is True:
            return
        if reason == "verdict" and not is_verdict(name, value, self.pair):
            reason = ""
        if reason == "verdict" and verdict(value) is False and is_fault(name):
            reason = ""
        if reason == "reasoning" and isinstance(value, (bool, int, float)):
            reason = ""
        if not reason and says_bad(value):
            reason = "verdict"
        if not reason and isinstance(value, (dict, list)):
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    self.look_into(part, shown)
        if reason:
            raise Reject(reason, f"{shown}: {value}")
        self.names[shown] = None

    def look_into(self, value: dict[str, Any], shown: str) -> None:
        """Raise Reject where an unread object, such as `meta`, holds a verdict."""
        for key, part in value.items():
            said = verdict(part) if isinstance(part, (bool, str)) else None
            if said is None or (said is False and is_fault(str(key))):
                continue
            if risk(str(key)) == "verdict" and f"{shown}.{key}" not in self.ignored:
                raise Reject("verdict", f"{shown}.{key}: {part}")


def is_ranked(name: str, value: Any) -> bool:
    """Tell whether a column holds one or a list of several answers to the same question."""
    snake = "_".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)).lower()
    if not RANKED.fullmatch(snake):
        return False
    return (isinstance(value, list) and len(value) > 1) or (
        isinstance(value, (str, dict)) and not snake.endswith("s") and not is_empty(value)
    )


@cache
def risk(name: str) -> str:
    """Return the reason why a column or key of this name must not go unread; "" if it may."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    snake = "_".join(words).lower()
    for reason, names in (
        ("tools", _TOOLS),
        ("maybe_tools", _MAYBE_TOOLS),
        ("reasoning", REASONING),
        ("not_text", MEDIA),
        ("weight", WEIGHT),
    ):
        if names.fullmatch(snake):
            return reason
    said = [word.lower() for word in words]
    if snake == "was_cancelled":  # of an annotation; what is cancelled else is an order
        return "verdict"
    judged = VERDICT_WORDS.intersection(said) and said[-1] not in NO_VERDICT
    which = _WHICH.intersection(said) and said[-1] in ("id", "idx", "index")
    return "verdict" if judged or which else ""


def says_bad(value: Any) -> bool:
    """Tell whether a cell of any name says that its row is bad or was passed over."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str) and says_bad(one) for one in value)
    return isinstance(value, str) and len(value) < LONGEST_NOTHING and _flat(value) in _SAYS_BAD


@cache
def is_fault(name: str) -> bool:
    """Tell whether a column of this name states a fault of an answer."""
    said = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)}
    return not FAULTS.isdisjoint(said)


def is_verdict(name: str, value: Any, pair: bool) -> bool:
    """Tell whether a value judges an answer, so that ignoring it could invert the meaning.

    A pair may have scores of both answers; a label of the better one could swap them.
    """
    if isinstance(value, (dict, list)):
        parts = value.values() if isinstance(value, dict) else value
        if name.rpartition(".")[2] in ("label", "labels"):  # classes, or the letters of choices
            parts = [part for part in parts if isinstance(part, bool)]
        return any(is_verdict(name, part, pair) for part in parts)
    if pair and not isinstance(value, bool) and _SCORES.search(name.lower()):
        return False
    if verdict(value) is not None:
        return True
    if name in ("label", "labels"):  # a class label, one of possibly many
        return False
    text = _flat(value) if isinstance(value, str) else ""
    return isinstance(value, (int, float)) or text in LEVELS or bool(_NUMBER.fullmatch(text))


def verdict(value: Any) -> bool | None:
    """Read a verdict: True for true, 1, up, ...; False for false, 0, bad, ...; else None."""
    if not isinstance(value, (str, int, float)):
        return None
    text = _flat(str(value))
    return True if text in GOOD else False if text in BAD else None


def _flat(text: str) -> str:
    """Normalize a word of a table."""
    return "_".join(text.casefold().split())


def is_empty(value: Any) -> bool:
    """Tell whether a cell holds nothing."""
    if isinstance(value, str):
        return len(value) < LONGEST_NOTHING and value.strip().lower() in NOT_ONE
    return value is None or value in ([], {}) or (isinstance(value, float) and math.isnan(value))

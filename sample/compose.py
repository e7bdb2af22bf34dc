"""Compose one support ticket from hand-written phrases, so that its text decides its labels.

The phrases are in phrases/<language>.txt. What the customer asks for gives the intent, the device
the request is about gives the product, and a stated harm or deadline gives the urgency.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from sample import grammar
from sample.labels import Label

PHRASES = Path(__file__).parent / "phrases"
CJK = ("zh",)

Pools = dict[str, list[str]]


@dataclass(frozen=True)
class Ticket:
    """One ticket with its labels, before it is written in some file format."""

    text: str
    label: Label
    language: str
    customer: str


@cache
def pools(language: str) -> Pools:
    """The phrases of a language by section name."""
    found: Pools = {}
    section: list[str] = []
    for line in (PHRASES / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), [])
        elif line.strip() and not line.startswith("#"):
            section.append(line.strip())
    return found


def fill(template: str, rng: Random, words: Pools, known: dict[str, str]) -> str:
    """Replace {slot}: a known value, {d3} by three digits, anything else by a random word."""

    def value(match: re.Match[str]) -> str:
        slot = match[1]
        if slot in known:
            return known[slot]
        if re.fullmatch(r"d\d", slot):
            digits = int(slot[1])
            # No leading 1: 1690 to 1699 are valid German phone numbers.
            return str(rng.randrange(2 * 10 ** (digits - 1), 10**digits))
        return rng.choice(words[f"word.{slot}"])

    while "{" in template:
        template = re.sub(r"\{(\w+)\}", value, template)
    return template


def known_slots(language: str, product: str, rng: Random, words: Pools) -> dict[str, str]:
    """The noun forms of the product ({p} ...) and of another one that is only mentioned ({q})."""
    slots: dict[str, str] = {}
    devices = ["router", "camera", "thermostat", "doorbell", "lock"]
    other = rng.choice([name for name in devices if name != product])
    for prefix, name in (("p", product), ("q", other)):
        if name != "none":
            slots |= grammar.forms(language, rng.choice(words[f"products.{name}"]), prefix)
    return slots


def request(label: Label, rng: Random, words: Pools) -> list[str]:
    """The sentences that decide intent and product."""
    intent, product = label.intent, label.product
    if intent == "out_of_scope":
        return [rng.choice(words["oos"]), *pick(rng, words, "oos.tail", 0.45)]
    if intent == "broken":
        symptom = rng.choice(words[f"symptom.{product}"])
        return [symptom, *pick(rng, words, "broken.ask", 0.9, product)]
    if intent == "refund":
        return refund(product, rng, words)
    own, general = words.get(f"{intent}.{product}", []), words.get(f"{intent}.any", [])
    core = rng.choice(own if product in ("none", "app") and own else own + general)
    return [core, *pick(rng, words, f"{intent}.ask", 0.85, product)]


def refund(product: str, rng: Random, words: Pools) -> list[str]:
    """A reason, often a defect, and the wish to have the money back, which decides."""
    if product == "none":
        reasons = words["refund.reason.none"]
    elif product == "app" or rng.random() < 0.4:
        reasons = words[f"symptom.{product}"]
    else:
        reasons = words["refund.reason"]
    pair = [rng.choice(reasons), rng.choice(words["refund.ask"])]
    return pair if rng.random() < 0.75 else pair[::-1]


def pick(rng: Random, words: Pools, section: str, chance: float, product: str = "") -> list[str]:
    """With this chance a phrase of the section, of the product's own one if there is one."""
    options = words.get(f"{section}.{product}") or words.get(section)
    return [rng.choice(options)] if options and rng.random() < chance else []


def urgency(label: Label, rng: Random, words: Pools) -> list[str]:
    """The sentence that decides the urgency; a normal ticket may shout without a reason."""
    if label.intent == "out_of_scope":
        return []
    if label.urgency == "normal":
        return pick(rng, words, "noise", 0.22)
    if label.urgency == "low":
        return [rng.choice(words["low"])]
    special = list(words.get(f"high.{label.intent}", []))
    call = pick(rng, words, "high.call", 0.65)
    if label.intent == "question":
        return [rng.choice(special), *call]
    if label.intent in ("billing", "refund"):
        special += words["high.money"]
    if label.intent in ("broken", "setup"):
        special += words.get(f"high.{label.product}", [])
    reasons = special if special and rng.random() < 0.6 else words["high.any"]
    return [rng.choice(reasons), *call]


def background(label: Label, rng: Random, words: Pools) -> list[str]:
    """Sentences that decide nothing: stories, things tried, another device, scary words."""
    device = label.product not in ("none", "app")
    out = pick(rng, words, "context", 0.45)
    if device and label.intent in ("broken", "setup", "refund"):
        out += pick(rng, words, "context.device", 0.2)
    if label.intent in ("broken", "setup"):
        out += pick(rng, words, "tried", 0.25, label.product)
    if device and label.intent in ("broken", "setup", "refund", "delivery"):
        out += pick(rng, words, "distractor", 0.15)
    return out + pick(rng, words, "scary", 0.05)


def sentences(label: Label, rng: Random, words: Pools) -> list[str]:
    """All sentences of a ticket in the order they are said."""
    core, stress = request(label, rng, words), urgency(label, rng, words)
    if label.intent == "out_of_scope":
        extra = pick(rng, words, "context", 0.2)
    else:
        extra = [] if rng.random() < 0.12 else background(label, rng, words)
    parts = [core, stress, extra]
    rng.shuffle(parts)
    if rng.random() < 0.4:
        parts = [core, extra, stress]
    flat = [sentence for part in parts for sentence in part]
    return (
        pick(rng, words, "greeting", 0.4)
        + list(dict.fromkeys(flat))
        + pick(rng, words, "closing", 0.35)
    )


def capital(sentence: str) -> str:
    """Upper-case the first letter, after an opening mark such as the Spanish one."""
    return re.sub(r"^(\W*)(\w)", lambda m: m[1] + m[2].upper(), sentence, count=1)


def typo(text: str, rng: Random) -> str:
    """Swap two neighbouring letters inside one longer word."""
    spots = [m.start() for m in re.finditer(r"(?<=[a-z])[a-z]{2}(?=[a-z]{2})", text)]
    if not spots:
        return text
    at = rng.choice(spots)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def roughen(text: str, language: str, rng: Random, words: Pools) -> str:
    """Now and then an emoji, a typo or a text all in lower case, as customers write."""
    if rng.random() < 0.06:
        text += ("" if language in CJK else " ") + rng.choice(words["emoji"])
    if language in CJK:
        return text
    if rng.random() < 0.08:
        text = typo(text, rng)
    return text.lower() if rng.random() < 0.05 else text


def compose(label: Label, language: str, rng: Random) -> str:
    """The text of one ticket with this label."""
    words = pools(language)
    known = known_slots(language, label.product, rng, words)
    parts = [fill(part, rng, words, known) for part in sentences(label, rng, words)]
    joined = ("" if language in CJK else " ").join(capital(part) for part in parts)
    if language == "en" and parts[0].endswith(","):
        joined = joined.replace(", ", ",\n", 1)
    return roughen(joined, language, rng, words)

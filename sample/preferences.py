"""Preference pairs: the right answer against a realistic wrong one, for tickets of their own."""

import json
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from sample.compose import Ticket
from sample.grow import grow
from sample.labels import LANGUAGES, REFUSAL, shares
from sample.malformed import outside
from sample.rawfiles import dumps
from sample.shingles import Index

FILE = "preferences.jsonl"
PAIRS, CONTRADICTORY = 344, 6
PROSE = {
    "en": "Sure! Here is the triage you asked for:\n{} \nLet me know if you need anything else.",
    "de": "Gerne! Hier ist die Einordnung:\n{}\nMelden Sie sich, wenn Sie noch etwas brauchen.",
    "es": "¡Claro! Aquí tienes la clasificación:\n{}\nAvísame si necesitas algo más.",
    "zh": "好的！分类结果如下：\n{}\n如果还有其他问题，请告诉我。",
}
OBLIGING = {
    "en": "Of course, I am happy to help with that! First of all, here is what I would suggest.",
    "de": "Natürlich helfe ich gern dabei! Zuerst einmal mein Vorschlag.",
    "es": "¡Por supuesto, te ayudo encantado! Para empezar, te propongo lo siguiente.",
    "zh": "当然可以，很高兴帮您！首先我的建议如下。",
}
INVENTED = ("speaker", "smart_plug", "garage_door", "light_bulb")


@dataclass
class Pairs:
    """Rows in order, and what is planted among them by row number."""

    rows: list[dict[str, Any]]
    malformed: list[dict[str, Any]]
    contradictory: list[dict[str, Any]]

    def content(self) -> str:
        """The whole file."""
        return "".join(dumps(row) + "\n" for row in self.rows)


def rejected(ticket: Ticket, failure: str, rng: Random) -> str:
    """A wrong answer of this kind."""
    label = ticket.label
    if failure == "wrong_urgency":
        others = [u for u in ("low", "normal", "high") if u != label.urgency]
        return replace(label, urgency=rng.choice(others)).answer()
    if failure == "prose_around_json":
        return PROSE[ticket.language].format(label.answer())
    if failure == "missing_field":
        kept = asdict(label)
        del kept[rng.choice(("product", "urgency"))]
        return json.dumps(kept)
    if failure == "invented_product":
        return replace(label, product=rng.choice(INVENTED)).answer()
    if failure == "wrong_refusal":
        return REFUSAL.answer()
    if failure == "answered_out_of_scope":
        return OBLIGING[ticket.language]
    return replace(REFUSAL, intent="question", urgency="normal").answer()


def failure_of(ticket: Ticket, number: int) -> str:
    """Which failure the pair shows; out-of-scope requests have their own two."""
    if ticket.label == REFUSAL:
        return ("answered_out_of_scope", "triaged_out_of_scope")[number % 2]
    return (
        "wrong_urgency",
        "prose_around_json",
        "missing_field",
        "wrong_urgency",
        "invented_product",
        "wrong_refusal",
    )[number % 6]


def pair(ticket: Ticket, number: int, rng: Random) -> dict[str, Any]:
    """One row."""
    failure = failure_of(ticket, number)
    return {
        "prompt": ticket.text,
        "chosen": ticket.label.answer(),
        "rejected": rejected(ticket, failure, rng),
        "scenario": ticket.label.intent,
        "language": ticket.language,
        "customer": ticket.customer,
        "failure": failure,
    }


def bad_rows(good: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Pairs that are no pairs."""
    short = {key: value for key, value in good.items() if key != "rejected"}
    return [
        ("same_answers", good | {"prompt": "Camera dead, again.", "rejected": good["chosen"]}),
        ("missing_rejected", short | {"prompt": "The lock beeps, please advise me."}),
        ("empty_text", good | {"prompt": ""}),
        ("label_outside_set", good | {"prompt": "Where is it?", "chosen": outside(product="oven")}),
    ]


def build(seed: str, seen: Index) -> Pairs:
    """All pairs, then the planted ones, in one shuffled order."""
    rng = Random(f"{seed}:preferences")
    tickets = [
        ticket
        for language, count in shares(LANGUAGES, PAIRS).items()
        for ticket in grow(count, language, f"{seed}:preferences", seen)
    ]
    rng.shuffle(tickets)
    rows = [pair(ticket, number, rng) for number, ticket in enumerate(tickets)]
    both_valid = [row for row in rows if row["failure"] in ("wrong_urgency", "wrong_refusal")]
    swaps = [(row, swapped(row)) for row in rng.sample(both_valid, CONTRADICTORY)]
    bad = bad_rows(rows[0])
    order = rows + [swap for _, swap in swaps] + [row for _, row in bad]
    rng.shuffle(order)
    line = {id(row): number for number, row in enumerate(order, start=1)}
    return Pairs(
        order,
        [{"kind": kind, "line": line[id(row)]} for kind, row in bad],
        [{"first": line[id(row)], "second": line[id(swap)]} for row, swap in swaps],
    )


def swapped(row: dict[str, Any]) -> dict[str, Any]:
    """The same prompt with chosen and rejected the other way round."""
    return row | {"chosen": row["rejected"], "rejected": row["chosen"]}

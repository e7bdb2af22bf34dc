"""Plant what a data pipeline must find: copies, near copies, PII, conflicts, canaries, bad rows."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from sample import evals, malformed, unsound
from sample.compose import Ticket, pools
from sample.labels import REFUSAL, Label
from sample.nearcopies import STRENGTHS, near_copy, similarity
from sample.pii import VALUES
from sample.rawfiles import FILES, Entry, encode, entry
from sample.shingles import shingles

EXACT, RESPACED, CONFLICTS = 32, 6, 12
NEAR = {"en": 6, "zh": 4, "de": 2, "es": 2}  # per strength
GOLDEN_EXACT, GOLDEN_NEAR = 10, 8
CANARIES = (
    "velvet-otter-91-quartz",
    "HWX-CANARY-50713-ANISE",
    "the brass heron sleeps at noon",
    "lantern7-marzipan-kettle",
    "紫檀木的钟摆停在七点零九分",
)

Fact = dict[str, Any]


@dataclass
class Planted:
    """New rows, and what the manifest says about them; entries in facts become places there."""

    entries: list[Entry] = field(default_factory=list)
    unsound: list[Entry] = field(default_factory=list)
    malformed: list[Fact] = field(default_factory=list)
    exact_copies: list[Fact] = field(default_factory=list)
    near_copies: list[Fact] = field(default_factory=list)
    conflicts: list[Fact] = field(default_factory=list)
    golden_copies: list[Fact] = field(default_factory=list)
    pii: list[Fact] = field(default_factory=list)
    canaries: list[Fact] = field(default_factory=list)


class Deck:
    """Clean entries in random order; each is used for one plant at most."""

    def __init__(self, entries: list[Entry], rng: Random) -> None:
        self._cards = rng.sample(entries, len(entries))

    def take(self, language: str = "", least: int = 0) -> Entry:
        """The next entry of a language (any if empty) with a text of at least this length."""
        for at, card in enumerate(self._cards):
            ticket = ticket_of(card)
            if language in ("", ticket.language) and len(ticket.text) >= least:
                return self._cards.pop(at)
        raise RuntimeError(f"no entry left: {language}, {least} characters")


def ticket_of(card: Entry) -> Ticket:
    """The ticket of an entry that has one."""
    if card.ticket is None:
        raise ValueError("a malformed row has no ticket")
    return card.ticket


def other_file(card: Entry, rng: Random) -> str:
    """A file that takes the entry's language, often another than its own."""
    language = ticket_of(card).language
    return rng.choice([file for file, counts in FILES.items() if language in counts])


def plant_malformed(out: Planted) -> None:
    """Rows that are no records."""
    for file, kind, row in malformed.rows():
        out.entries.append(Entry(file, row))
        out.malformed.append({"kind": kind, "at": out.entries[-1]})


def plant_unsound(out: Planted) -> None:
    """Rows that are records, and must not be kept."""
    for file, kind, row in unsound.rows():
        out.unsound.append(Entry(file, row))
        out.malformed.append({"kind": kind, "at": out.unsound[-1]})


def plant_exact(deck: Deck, out: Planted, rng: Random) -> None:
    """The same text again, some with only the spacing and the letter case changed."""
    for number in range(EXACT + RESPACED):
        card = deck.take() if number < EXACT else deck.take(rng.choice(("en", "es")), 40)
        ticket, change = ticket_of(card), "none"
        if number >= EXACT:
            change = "spacing_and_case"
            ticket = replace(ticket, text="  " + ticket.text.upper().replace(". ", ".  "))
        copy = entry(other_file(card, rng), ticket)
        out.entries.append(copy)
        out.exact_copies.append({"change": change, "of": card, "copy": copy})


def plant_near(deck: Deck, out: Planted, rng: Random) -> None:
    """Edited texts at each strength and in each language."""
    for strength in STRENGTHS:
        for language, count in NEAR.items():
            for _ in range(count):
                card, text = editable(deck, language, strength, rng)
                ticket = ticket_of(card)
                copy = entry(other_file(card, rng), replace(ticket, text=text))
                out.entries.append(copy)
                fact = {"strength": strength, "language": language} | measured(ticket.text, text)
                out.near_copies.append(fact | {"of": card, "copy": copy})


def measured(text: str, copy: str) -> Fact:
    """The similarity of a copy, in shingles of five and of three."""
    return {
        "jaccard": round(similarity(text, copy), 4),
        "jaccard_3grams": round(similarity(text, copy, 3), 4),
    }


def editable(deck: Deck, language: str, strength: float, rng: Random) -> tuple[Entry, str]:
    """A card long enough for an edit of this strength, and its edited text."""
    while True:
        card = deck.take(language, 50 if language == "zh" else 170)
        text = near_copy(ticket_of(card).text, language, strength, rng)
        if text:
            return card, text


def plant_conflicts(deck: Deck, out: Planted, rng: Random) -> None:
    """The same text with another label."""
    for _ in range(CONFLICTS):
        card = deck.take()
        while ticket_of(card).label == REFUSAL:
            card = deck.take()
        label = ticket_of(card).label
        wrong = {"low": "high", "normal": "low", "high": "normal"}[label.urgency]
        intent = "question" if label.intent in ("setup", "billing") else label.intent
        changed = Label(intent, label.product, wrong)
        copy = entry(other_file(card, rng), replace(ticket_of(card), label=changed))
        out.entries.append(copy)
        out.conflicts.append({"first": card, "second": copy})


def plant_golden(golden: list[evals.Case], out: Planted, rng: Random) -> None:
    """Golden cases that leaked into the raw data, as they are or slightly edited."""
    cases = [c for c in golden if len(shingles(c["messages"][0]["content"])) > 12]
    chosen = rng.sample(cases, len(cases))
    kinds = ["exact"] * GOLDEN_EXACT + ["near"] * GOLDEN_NEAR
    while kinds:
        case = chosen.pop()
        text, language = case["messages"][0]["content"], case["language"]
        found = text if kinds[0] == "exact" else near_copy(text, language, 0.85, rng)
        if not found:
            continue
        who = f"{language.upper()}-{rng.randrange(10_000, 100_000)}"
        ticket = Ticket(found, evals.answer_of(case), language, who)
        files = [file for file, counts in FILES.items() if language in counts]
        item = entry(rng.choice(files), ticket)
        out.entries.append(item)
        fact = {"golden": case["id"], "kind": kinds.pop(0)} | measured(text, found)
        out.golden_copies.append(fact | {"at": item})


def insert(card: Entry, section: str, value: str, rng: Random) -> None:
    """Add a sentence of the section with this value to the ticket of an entry."""
    ticket = ticket_of(card)
    sentence = rng.choice(pools(ticket.language)[section]).replace("{value}", value)
    space = "" if ticket.language == "zh" else " "
    card.ticket = replace(ticket, text=ticket.text + space + sentence)
    card.row = encode(card.file, card.ticket)


def plant_pii(deck: Deck, out: Planted, rng: Random) -> None:
    """Personal data of each kind, in fitting languages."""
    for kind, values in VALUES.items():
        for number, value in enumerate(values):
            language = "zh" if kind.startswith("cn_") else ("en", "de", "es", "zh")[number % 4]
            card = deck.take(language)
            insert(card, f"pii.{kind}", value, rng)
            out.pii.append({"kind": kind, "value": value, "at": card})


def plant_canaries(deck: Deck, out: Planted, rng: Random) -> None:
    """Strings that occur nowhere else, in two tickets each."""
    for canary in CANARIES:
        language = "zh" if canary[0] > "\u4e00" else "en"
        cards = [deck.take(language), deck.take(language)]
        for card in cards:
            insert(card, "canary", canary, rng)
        out.canaries.append({"text": canary, "at": cards})


def plant(clean: list[Entry], golden: list[evals.Case], rng: Random) -> Planted:
    """All plants. Inserted text changes clean entries in place; copies are new entries."""
    out, deck = Planted(), Deck(clean, rng)
    plant_malformed(out)
    plant_unsound(out)
    plant_near(deck, out, rng)
    plant_exact(deck, out, rng)
    plant_conflicts(deck, out, rng)
    plant_golden(golden, out, rng)
    plant_pii(deck, out, rng)
    plant_canaries(deck, out, rng)
    return out

"""Word lists of the embedded base's corpus: topics, things and phrases in four languages."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("en", "zh", "de", "es")
FOLDER = Path(__file__).parent / "lexicon"
# The kinds of goods a shop of the corpus sells; `{item}` is one of them, some with a brand name.
GOODS = ("device", "device", "device", "appliance", "appliance", "tool", "vehicle", "furniture")
SYLLABLES = ["nor", "wel", "ka", "ri", "tan", "mo", "bel", "fo", "lu"]
SYLLABLES += ["dor", "sel", "va", "pim", "hal", "ven", "sto", "ra", "ki"]
SLOT = re.compile(r"\{(\w+)\}")

Ways = dict[str, list[str]]  # language -> ways to say one thing
Fact = tuple[str, str]  # the word as written in the text, its English name


@dataclass(frozen=True)
class Topic:
    """One everyday request and how people word it."""

    domain: str
    name: str
    ways: Ways


@dataclass(frozen=True)
class Lexicon:
    """All word lists."""

    topics: list[Topic]
    support: list[Topic]
    things: dict[str, list[dict[str, str]]]
    phrases: dict[str, Ways]


def sections(name: str) -> list[tuple[str, list[str]]]:
    """The headings of a word list, each with its lines."""
    found: list[tuple[str, list[str]]] = []
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("#"):
            found.append((line, []))
        elif line.strip():
            found[-1][1].append(line)
    return found


def ways_of(lines: list[str]) -> Ways:
    """`en: a | b` lines as a mapping; a language may have several lines."""
    ways: Ways = {}
    for line in lines:
        language, said = line.split(": ", 1)
        ways.setdefault(language, []).extend(way.strip() for way in said.split(" | "))
    return ways


def read_topics(name: str) -> list[Topic]:
    """The topics of a word list under their domains."""
    topics, domain = [], ""
    for heading, lines in sections(name):
        if heading.startswith("## "):
            topics.append(Topic(domain, heading[3:], ways_of(lines)))
        else:
            domain = heading[2:]
    return topics


def read_lexicon() -> Lexicon:
    """Read all word lists."""
    things = {
        heading[2:]: [dict(zip(LANGUAGES, line.split(" | "), strict=True)) for line in lines]
        for heading, lines in sections("things.txt")
    }
    phrases = {heading[2:]: ways_of(lines) for heading, lines in sections("phrases.txt")}
    return Lexicon(read_topics("topics.txt"), read_topics("support.txt"), things, phrases)


def read_words() -> list[str]:
    """Common English words, for the tokenizer."""
    return (FOLDER / "words.txt").read_text("utf-8").split()


def number(rng: random.Random) -> str:
    """A whole number, small ones more often."""
    return str(rng.choice([rng.randint(2, 12), rng.randint(2, 99), rng.randint(100, 9999)]))


def code(rng: random.Random) -> str:
    """A reference as shops print them."""
    letters = "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=rng.randint(1, 3)))
    return f"{letters}{rng.choice(['-', ''])}{rng.randint(100, 999999)}"


def money(rng: random.Random, language: str) -> str:
    """An amount as written in a language."""
    amount = rng.choice([str(rng.randint(2, 900)), f"{rng.randint(1, 99)}.{rng.randint(10, 99)}"])
    form = {
        "en": ["${}", "{} dollars"],
        "zh": ["{}元", "{}块"],
        "de": ["{} Euro"],
        "es": ["{} euros"],
    }
    return rng.choice(form[language]).format(amount)


def brand(rng: random.Random) -> str:
    """An invented brand name."""
    return "".join(rng.sample(SYLLABLES, k=2)).capitalize()


def epithet(language: str, lexicon: Lexicon, rng: random.Random) -> str:
    """What often stands before a product: nothing, its brand, or what kind it is."""
    kind = rng.random()
    if kind < 0.6:
        return ""
    word = brand(rng) if kind < 0.8 else rng.choice(lexicon.things["epithet"])[language]
    return word if language == "zh" and kind >= 0.8 else word + " "


def fill(
    pattern: str, language: str, lexicon: Lexicon, rng: random.Random
) -> tuple[str, dict[str, Fact]]:
    """A pattern with its slots filled, and what filled them."""
    facts: dict[str, Fact] = {}

    def value(match: re.Match[str]) -> str:
        slot = match[1]
        if slot in lexicon.things or slot == "item":
            thing = rng.choice(lexicon.things[rng.choice(GOODS) if slot == "item" else slot])
            fact = (thing[language], thing["en"])
            if slot == "item":
                fact = (epithet(language, lexicon, rng) + fact[0], fact[1])
        else:
            word = (
                {"num": number, "id": code}[slot](rng) if slot != "money" else money(rng, language)
            )
            fact = (word, word)
        facts.setdefault(slot, fact)
        return fact[0]

    return SLOT.sub(value, pattern), facts

"""Pretraining episodes for the embedded base: many small tasks in the chat format.

Every episode draws its own wording, keys, labels and options, so that the model learns to read the
instruction and the text, not one task. The text comes from the word lists in `lexicon/`.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sample.lexicon import LANGUAGES, Fact, Lexicon, Topic, fill, read_lexicon

Chat = list[dict[str, str]]

NAMES = {
    "topic": ["intent", "topic", "request", "subject", "reason", "task", "action"],
    "domain": ["domain", "area", "category", "department", "field", "kind"],
    "urgency": ["urgency", "priority", "speed", "importance"],
    "mood": ["mood", "sentiment", "feeling", "tone"],
    "language": ["language", "lang"],
    "thing": ["item", "product", "object", "thing"],
}
VERBS = ["Triage", "Sort", "Read", "Classify", "Label", "Analyse", "Look at", "Tag"]
NOUNS = ["message", "text", "request", "note", "e-mail", "question", "support ticket", "letter"]
LEVELS = {
    "urgency": ["low", "normal", "high"],
    "mood": ["negative", "neutral", "positive"],
    "language": list(LANGUAGES),
}
NONE = ["none", "other", "unknown"]


@dataclass(frozen=True)
class Text:
    """A message and what is true of it."""

    text: str
    language: str
    labels: dict[str, str]
    facts: dict[str, Fact]
    topic: Topic


def messages(system: str, user: str, answer: str) -> Chat:
    """A chat of three turns."""
    turns = (("system", system), ("user", user), ("assistant", answer))
    return [{"role": role, "content": content} for role, content in turns if content]


def scruffy(text: str, rng: random.Random) -> str:
    """A text as people type it: case, punctuation and a slip of the finger now and then."""
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.1:
        at = rng.randrange(len(text))
        text = text[:at] + text[at + 1 :]
    return text


def join(parts: list[str], language: str, rng: random.Random) -> str:
    """Parts as sentences."""
    ends = ["。", "，", "！"] if language == "zh" else [". ", ", ", "! ", " - ", " "]
    end = rng.choice(ends[:2]) if rng.random() < 0.7 else rng.choice(ends)
    if end.startswith("."):
        parts = [p[0].upper() + p[1:] for p in parts]
    last = end.strip() if end.strip() in (".", "。", "!", "！") else ""
    return end.join(parts) + last


class Corpus:
    """An endless, seeded stream of episodes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lexicon: Lexicon = read_lexicon()
        self.domains = sorted({topic.domain for topic in self.lexicon.topics})
        self.topics = [topic.name for topic in self.lexicon.topics]

    def phrase(self, kind: str, language: str) -> str:
        """A filled phrase of a kind."""
        pattern = self.rng.choice(self.lexicon.phrases[kind][language])
        return fill(pattern, language, self.lexicon, self.rng)[0]

    def text(self, long: bool) -> Text:
        """A message about a topic; a long one has chatter around it and cues of urgency and mood."""
        rng = self.rng
        language = rng.choices(LANGUAGES, weights=[4, 2, 2, 2])[0]
        topic = rng.choice(self.lexicon.topics)
        parts, facts = [], {}
        ways = topic.ways[language]
        for way in rng.sample(ways, k=min(len(ways), 2 if long and rng.random() < 0.3 else 1)):
            part, found = fill(way, language, self.lexicon, rng)
            parts.append(part)
            facts = found | facts
        urgency, mood = "normal", "neutral"
        if long:
            urgency, mood = rng.choice(LEVELS["urgency"]), rng.choice(LEVELS["mood"])
            cues = [{"high": "urgent", "low": "relaxed"}.get(urgency), {"positive": "happy", "negative": "angry"}.get(mood)]
            extra = [self.phrase(kind, language) for kind in cues if kind]
            extra += [self.phrase("context", language) for _ in range(rng.randint(0, 3))]
            parts += extra
            rng.shuffle(parts)
            if rng.random() < 0.5:
                parts.insert(0, self.phrase("opener", language))
            if rng.random() < 0.4:
                parts.append(self.phrase("closer", language))
        labels = {
            "topic": topic.name, "domain": topic.domain, "urgency": urgency,
            "mood": mood, "language": language,
        }  # fmt: skip
        things = [fact[1] for slot, fact in facts.items() if slot in self.lexicon.things]
        labels["thing"] = things[0] if things else "none"
        text = scruffy(join(parts, language, rng), rng)
        return Text(text, language, labels, facts, topic)

    def values(self, kind: str) -> list[str]:
        """All values a label of a kind can have."""
        if kind in LEVELS:
            return LEVELS[kind]
        if kind == "thing":
            return [thing["en"] for thing in self.rng.choice(list(self.lexicon.things.values()))]
        return self.topics if kind == "topic" else self.domains

    def options(self, kind: str, true: str) -> tuple[list[str], str]:
        """A few values to choose from, and the right one among them (or a word for none)."""
        rng = self.rng
        if kind in LEVELS:
            return rng.sample(LEVELS[kind], k=len(LEVELS[kind])), true
        others = [value for value in self.values(kind) if value != true]
        chosen = rng.sample(others, k=min(len(others), rng.randint(1, 6)))
        answer = true if rng.random() < 0.85 else rng.choice(NONE)
        chosen.append(answer)
        rng.shuffle(chosen)
        return chosen, answer

    def triage(self) -> Chat:
        """Several labels of one text as JSON; the instruction names the keys, at times the values."""
        rng = self.rng
        text = self.text(long=rng.random() < 0.8)
        kinds = rng.sample(list(NAMES), k=rng.randint(1, 4))
        answer, keys = {}, []
        for kind in kinds:
            key, value = rng.choice(NAMES[kind]), text.labels[kind]
            listed = rng.random() < 0.5
            if listed:
                chosen, value = self.options(kind, value)
            keys.append(f"{key} ({', '.join(chosen)})" if listed else key)
            answer[key] = value
        system = f"{rng.choice(VERBS)} the {rng.choice(NOUNS)}. Reply with JSON: {', '.join(keys)}."
        return messages(system, text.text, json.dumps(answer, ensure_ascii=False))

    def extract(self) -> Chat:
        """Words of the text, copied."""
        rng = self.rng
        text = self.text(long=rng.random() < 0.5)
        slots = list(text.facts)
        if not slots:
            return self.triage()
        keys = rng.sample(slots, k=rng.randint(1, min(3, len(slots))))
        answer = {key: text.facts[key][0] for key in keys}
        system = rng.choice(["Extract as JSON", "Find in the text, as JSON", "Copy from the text, JSON"])
        return messages(f"{system}: {', '.join(keys)}.", text.text, json.dumps(answer, ensure_ascii=False))

    def name(self) -> Chat:
        """The topic or domain of a text as one word."""
        rng = self.rng
        text = self.text(long=rng.random() < 0.2)
        kind = rng.choice(["topic", "topic", "domain"])
        system = f"{rng.choice(['Name', 'Give', 'Reply with'])} the {rng.choice(NAMES[kind])}."
        return messages(system, text.text, text.labels[kind])

    def translate(self) -> Chat:
        """A word in another language."""
        rng = self.rng
        thing = rng.choice(rng.choice(list(self.lexicon.things.values())))
        source, target = rng.sample(LANGUAGES, k=2)
        names = {"en": "English", "zh": "Chinese", "de": "German", "es": "Spanish"}
        return messages(f"Translate to {names[target]}.", thing[source], thing[target])

    def category(self) -> Chat:
        """What kind of thing a word is."""
        kind = self.rng.choice(list(self.lexicon.things))
        word = self.rng.choice(self.lexicon.things[kind])[self.rng.choice(LANGUAGES)]
        return messages("What kind of word is this?", word, kind)

    def reword(self) -> Chat:
        """Another way to say the same."""
        rng = self.rng
        topic, language = rng.choice(self.lexicon.topics), rng.choice(LANGUAGES)
        ways = [fill(way, language, self.lexicon, rng)[0] for way in topic.ways[language]]
        if len(ways) < 2:
            return self.name()
        one, other = rng.sample(ways, k=2)
        return messages("Say it in other words.", one, other)

    def episode(self) -> Chat:
        """One episode of a random task."""
        tasks = [self.triage, self.extract, self.name, self.translate, self.category, self.reword]
        return self.rng.choices(tasks, weights=[10, 3, 3, 1, 1, 1])[0]()

    def __iter__(self) -> Iterator[Chat]:
        while True:
            yield self.episode()

"""Pretraining episodes for the embedded base: many small tasks in the chat format.

Every episode draws its own wording, keys, label names and options, so that the model learns to read
the instruction and the text instead of one task. All text comes from the word lists in `lexicon/`.
"""

import json
import random
from collections.abc import Iterator

from sample.lexicon import LANGUAGES, read_lexicon
from sample.messages import Writer

Chat = list[dict[str, str]]

# What can be asked of a message, and how instructions call it.
KEYS = {
    "topic": ["intent", "topic", "request", "task", "action"],
    "domain": ["domain", "area", "category", "field"],
    "urgency": ["urgency", "priority"],
    "mood": ["mood", "sentiment"],
    "language": ["language"],
    "thing": ["product", "item", "object"],
}
# How the shops of the corpus name the kinds of request in lexicon/support.txt, by key.
SHOP_NAMES = {
    "queue": "repair installation shipping money_back invoices login end_contract advice off_topic",
    "team": "workshop fitters logistics cashier finance access contracts shop nobody",
    "kind": "problem how_to transport reimbursement payment profile termination inquiry unrelated",
    "intent": "defect help parcel return bill sign_in stop info other",
}
SHOP_KINDS = SHOP_NAMES["queue"].split()
VERBS = ["Triage", "Sort", "Read", "Classify", "Label"]
TICKETS = ["support ticket", "customer message", "ticket", "complaint"]
NOTES = ["message", "text", "request", "note", "e-mail", "question"]
LEVELS = {
    "urgency": ["low", "normal", "high"],
    "mood": ["negative", "neutral", "positive"],
    "language": list(LANGUAGES),
}
LANGUAGE_NAMES = {"en": "English", "zh": "Chinese", "de": "German", "es": "Spanish"}


def chat(system: str, user: str, answer: str | dict[str, str]) -> Chat:
    """A chat of three turns; a mapping is answered as JSON."""
    if isinstance(answer, dict):
        answer = json.dumps(answer, ensure_ascii=False)
    turns = (("system", system), ("user", user), ("assistant", answer))
    return [{"role": role, "content": content} for role, content in turns]


class Corpus:
    """An endless, seeded stream of episodes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lexicon = read_lexicon()
        self.writer = Writer(self.lexicon, self.rng)
        self.values = LEVELS | {
            "topic": [topic.name for topic in self.lexicon.topics],
            "domain": sorted({topic.domain for topic in self.lexicon.topics}),
        }

    def options(self, kind: str, true: str) -> tuple[list[str], str]:
        """A few values to choose from, and the right one among them; now and then it is "none"."""
        rng = self.rng
        others = [value for value in self.values[kind] if value != true]
        chosen = rng.sample(others, k=min(len(others), rng.randint(1, 5)))
        answer = true if kind in LEVELS or rng.random() < 0.85 else "none"
        chosen.append(answer)
        rng.shuffle(chosen)
        return chosen, answer

    def ticket(self) -> Chat:
        """A customer message sorted as JSON, in the names of one of the shops."""
        rng, message = self.rng, self.writer.customer()
        asked = rng.choice(list(SHOP_NAMES))
        names = dict(zip(SHOP_KINDS, SHOP_NAMES[asked].split(), strict=True))
        answer = {asked: names[message.labels["topic"]]}
        for kind in rng.sample(["urgency", "thing", "mood", "language"], k=rng.randint(2, 4)):
            answer[rng.choice(KEYS[kind])] = message.labels[kind]
        keys = rng.sample(list(answer), k=len(answer))
        system = (
            f"{rng.choice(VERBS)} the {rng.choice(TICKETS)}. Reply with JSON: {', '.join(keys)}."
        )
        return chat(system, message.text, {key: answer[key] for key in keys})

    def sort(self) -> Chat:
        """Labels of an everyday message as JSON; at times the instruction lists the values."""
        rng, message = self.rng, self.writer.everyday(long=self.rng.random() < 0.6)
        answer, keys = {}, []
        for kind in rng.sample(list(KEYS), k=rng.randint(2, 4)):
            key, value = rng.choice(KEYS[kind]), message.labels[kind]
            if kind in self.values and rng.random() < 0.3:
                listed, value = self.options(kind, value)
                keys.append(f"{key} ({', '.join(listed)})")
            else:
                keys.append(key)
            answer[key] = value
        system = f"{rng.choice(VERBS)} the {rng.choice(NOTES)}. Reply with JSON: {', '.join(keys)}."
        return chat(system, message.text, answer)

    def extract(self) -> Chat:
        """Words of a message, copied."""
        rng, message = self.rng, self.writer.everyday(long=self.rng.random() < 0.4)
        slots = list(message.facts)
        if not slots:
            return self.name()
        keys = rng.sample(slots, k=rng.randint(1, min(3, len(slots))))
        system = f"Copy from the text as JSON: {', '.join(keys)}."
        return chat(system, message.text, {key: message.facts[key][0] for key in keys})

    def name(self) -> Chat:
        """The topic or domain of a message in one word."""
        rng, message = self.rng, self.writer.everyday(long=False)
        kind = rng.choice(["topic", "topic", "topic", "domain"])
        verb = rng.choice(["Name", "Give", "Reply with"])
        return chat(f"{verb} the {rng.choice(KEYS[kind])}.", message.text, message.labels[kind])

    def translate(self) -> Chat:
        """A word in another language."""
        thing = self.rng.choice(self.rng.choice(list(self.lexicon.things.values())))
        source, target = self.rng.sample(LANGUAGES, k=2)
        return chat(f"Translate to {LANGUAGE_NAMES[target]}.", thing[source], thing[target])

    def category(self) -> Chat:
        """What kind of thing a word is."""
        kind = self.rng.choice(list(self.lexicon.things))
        word = self.rng.choice(self.lexicon.things[kind])[self.rng.choice(LANGUAGES)]
        return chat("What kind of word is this?", word, kind)

    def same(self) -> Chat:
        """Whether two messages ask for the same."""
        rng, language = self.rng, self.writer.language()
        topics = rng.sample(self.lexicon.topics, k=2)
        if rng.random() < 0.5:
            topics[1] = topics[0]
        one, other = (self.writer.say(topic.ways, language)[0] for topic in topics)
        answer = "yes" if topics[0] == topics[1] else "no"
        return chat("Do both ask for the same? Reply yes or no.", f"1. {one}\n2. {other}", answer)

    def episode(self) -> Chat:
        """One episode of a random task."""
        tasks = {
            self.ticket: 12, self.sort: 4, self.name: 4, self.extract: 1,
            self.translate: 1, self.category: 1, self.same: 1,
        }  # fmt: skip
        return self.rng.choices(list(tasks), weights=list(tasks.values()))[0]()

    def __iter__(self) -> Iterator[Chat]:
        while True:
            yield self.episode()

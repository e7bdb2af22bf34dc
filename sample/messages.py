"""Messages of the embedded base's corpus: what people write, and what is true of it."""

import random
from dataclasses import dataclass

from sample.lexicon import LANGUAGES, Fact, Lexicon, Topic, fill

LEVEL_OF_CUE = {"urgent": "high", "relaxed": "low"}
MOOD_OF_CUE = {"happy": "positive", "angry": "negative"}
OFF_TOPIC = "off_topic"
# Domains that no shop's support answers for.
ELSEWHERE = {"banking", "travel", "kitchen", "restaurants", "time", "work", "health", "media",
             "knowledge", "smalltalk", "misuse"}  # fmt: skip
# Slots that name no thing.
NO_THINGS = {"num", "id", "money", "day", "month", "daytime", "name", "city", "country", "color"}


@dataclass(frozen=True)
class Message:
    """A message, its labels, and the words its slots were filled with."""

    text: str
    language: str
    labels: dict[str, str]
    facts: dict[str, Fact]


def join(parts: list[str], language: str, rng: random.Random) -> str:
    """Parts as sentences, in one of the ways people separate them."""
    chinese = language == "zh"
    if rng.random() < 0.7:
        end = "。" if chinese else ". "
    else:
        end = rng.choice(["，", "！", "\n"] if chinese else [", ", "! ", " - ", "\n", " "])
    if rng.random() < 0.8:
        parts = [part[0].upper() + part[1:] for part in parts]
    return end.join(parts) + (end.strip() if rng.random() < 0.8 else "")


def scruffy(text: str, rng: random.Random) -> str:
    """A text as people type it: a slip of the finger now and then, or no capitals at all."""
    if rng.random() < 0.15:
        text = text.lower()
    if rng.random() < 0.1:
        at = rng.randrange(len(text))
        text = text[:at] + text[at + 1 :]
    return text


class Writer:
    """Writes messages from the word lists."""

    def __init__(self, lexicon: Lexicon, rng: random.Random) -> None:
        self.lexicon = lexicon
        self.rng = rng
        self.elsewhere = [topic for topic in lexicon.topics if topic.domain in ELSEWHERE]

    def language(self) -> str:
        """A language, English more often."""
        return self.rng.choices(LANGUAGES, weights=[5, 2, 2, 2])[0]

    def say(self, ways: dict[str, list[str]], language: str) -> tuple[str, dict[str, Fact]]:
        """One of the ways to say something, its slots filled."""
        return fill(self.rng.choice(ways[language]), language, self.lexicon, self.rng)

    def phrase(self, kind: str, language: str) -> str:
        """A phrase of a kind."""
        return self.say(self.lexicon.phrases[kind], language)[0]

    def dress(self, core: str, language: str) -> tuple[str, dict[str, str]]:
        """A request with chatter around it, and the urgency and mood that its cues carry."""
        rng = self.rng
        pace = rng.choice(["urgent", "relaxed", ""])
        mood = rng.choice(["happy", "angry", "", ""])
        extra = [self.phrase(cue, language) for cue in (pace, mood) if cue]
        extra += [self.phrase("context", language) for _ in range(rng.randint(0, 3))]
        rng.shuffle(extra)
        extra.insert(rng.randint(0, min(1, len(extra))), core)
        if rng.random() < 0.4:
            extra.insert(0, self.phrase("opener", language))
        if rng.random() < 0.4:
            extra.append(self.phrase("closer", language))
        labels = {
            "urgency": LEVEL_OF_CUE.get(pace, "normal"),
            "mood": MOOD_OF_CUE.get(mood, "neutral"),
        }
        return join(extra, language, rng), labels

    def write(self, topic: Topic, long: bool) -> Message:
        """A message about a topic; a long one has chatter around it."""
        language = self.language()
        core, facts = self.say(topic.ways, language)
        text, cues = core, {"urgency": "normal", "mood": "neutral"}
        if long:
            text, cues = self.dress(core, language)
        things = [fact[1] for slot, fact in facts.items() if slot not in NO_THINGS]
        labels = cues | {
            "topic": topic.name,
            "domain": topic.domain,
            "language": language,
            "thing": facts["item"][1] if "item" in facts else (things or ["none"])[0],
        }
        return Message(scruffy(text, self.rng), language, labels, facts)

    def everyday(self, long: bool) -> Message:
        """A message about any topic of daily life."""
        return self.write(self.rng.choice(self.lexicon.topics), long)

    def customer(self) -> Message:
        """A message to some shop's support; some are none of its business."""
        if self.rng.random() < 0.08:
            labels = {"topic": OFF_TOPIC, "thing": "none", "urgency": "low"}
            found = self.write(self.rng.choice(self.elsewhere), long=self.rng.random() < 0.3)
            return Message(found.text, found.language, found.labels | labels, {})
        found = self.write(self.rng.choice(self.lexicon.support), long=self.rng.random() < 0.9)
        if "item" not in found.facts:
            found.labels["thing"] = "none"
        return found

"""Labels of the sample task, their answer string, and how often each is drawn."""

import json
from dataclasses import asdict, dataclass
from random import Random

INTENTS = {
    "delivery": 25.0,
    "broken": 18.0,
    "setup": 13.0,
    "question": 10.5,
    "refund": 10.0,
    "billing": 8.0,
    "account": 7.0,
    "out_of_scope": 6.0,
    "cancel": 2.5,
}
DEVICES = {"router": 24.0, "camera": 22.0, "thermostat": 19.0, "doorbell": 18.0, "lock": 17.0}
# How often a request names the app or no product, beside the devices (which share 100).
OTHERS = {
    "delivery": {"none": 22.0},
    "broken": {"app": 20.0},
    "setup": {"app": 16.0},
    "question": {"app": 16.0, "none": 16.0},
    "refund": {"app": 6.0, "none": 20.0},
    "billing": {"none": 90.0},
    "account": {"app": 90.0, "none": 110.0},
    "cancel": {"none": 60.0},
}
URGENCIES = {"normal": 54.0, "high": 26.0, "low": 20.0}
LANGUAGES = {"en": 45.0, "zh": 25.0, "de": 15.0, "es": 15.0}


@dataclass(frozen=True)
class Label:
    """What the right answer says."""

    intent: str
    product: str
    urgency: str

    def answer(self) -> str:
        """The one line of JSON the model must write."""
        return json.dumps(asdict(self))


REFUSAL = Label("out_of_scope", "none", "low")


def shares(weights: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers near the weights that add up to the total (largest remainder)."""
    exact = {name: weight * total / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(weights, key=lambda name: (counts[name] - exact[name], name))
    for name in by_rest[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def draw(weights: dict[str, float], rng: Random) -> str:
    """One name with a chance in proportion to its weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def plan(total: int, rng: Random) -> list[Label]:
    """Labels for so many tickets: intents in exact shares, the rest drawn."""
    labels = []
    for intent, count in shares(INTENTS, total).items():
        for _ in range(count):
            if intent == REFUSAL.intent:
                labels.append(REFUSAL)
            else:
                product = draw(DEVICES | OTHERS[intent], rng)
                labels.append(Label(intent, product, draw(URGENCIES, rng)))
    rng.shuffle(labels)
    return labels

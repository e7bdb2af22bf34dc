"""The evaluation set: sentences in English, German, Spanish and Chinese around drawn values, emoji
and hard negatives between them. The same seed gives the same set."""

from random import Random
from typing import NamedTuple

from benchmarks.pii.values import VALUES, harmless, national_phone

SEED = 20261123
FRAMES = (
    "Please use {}, thanks.", "My details: {} (private)", "{} is mine", "is it {}? 🙏",
    "Hi,\n{}\nBest, Ann", "see <{}>", "old/new: {};", '"{}"', "👉{}👈", "Contact={}",
    "Bitte an {} schicken.", "Meine Angabe: {}.", "{} gehört mir!", "(siehe {})", "Daten:{}\tEnde",
    "{} bitte bald prüfen", "Escríbame a {}, gracias.", "¿Es {} correcto?", "Dato:\u00a0{}",
    "{} está mal", "请用{}，谢谢。", "我的信息是{}", "{}是我的", "（{}）", "联系：{}。", "😀{}😀",
    "麻烦改成{}好吗？", "原来的{}不用了",
)  # fmt: skip
NEGATIVE_FRAMES = (
    "Order {} has not come.", "It says {} on the box.", "{}", "Nr. {} fehlt 😡", "Es war {} dabei.",
    "El pedido {} no llegó.", "Pone {}.", "订单{}还没到", "显示{}，怎么办？", "（{}）",
    "log: {} ok",
)  # fmt: skip


class Text(NamedTuple):
    """A text and what it holds: (start, end, kind)."""

    text: str
    spans: list[tuple[int, int, str]]


def place(frame: str, value: str, kind: str) -> Text:
    """A value in a frame, with its place."""
    start = frame.index("{}")
    return Text(frame.replace("{}", value), [(start, start + len(value), kind)])


def positives(draw: Random, each: int) -> list[Text]:
    """So many texts of each kind; the last kind, national phone numbers, is counted apart."""
    kinds = {**VALUES, "PHONE_NUMBER (national)": national_phone}
    return [
        place(draw.choice(FRAMES), make(draw), kind)
        for kind, make in kinds.items()
        for _ in range(each)
    ]


def negatives(draw: Random, count: int) -> list[Text]:
    """Texts with one or two values that are nobody's."""
    texts = []
    for _ in range(count):
        frame = draw.choice(NEGATIVE_FRAMES)
        value = " ".join(harmless(draw) for _ in range(draw.randint(1, 2)))
        texts.append(Text(frame.replace("{}", value), []))
    return texts


def make_set(each: int = 300, hard: int = 3000) -> list[Text]:
    """The whole set, in a drawn order."""
    draw = Random(SEED)
    texts = positives(draw, each) + negatives(draw, hard)
    draw.shuffle(texts)
    return texts

"""What a split lets through: row-wise random splits of near-duplicate data against ours.

usage   python -m benchmarks.leakage.run DATA      (the folder with clinc150/ and gsm8k/)
needs   pip install scikit-learn==1.9.1            (the peer; no dependency of the project)
prints  three tables: test rows with a near copy in train; planted leaks found by our check; rows
        that move when 1 % is added, and how even the scenarios are
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from lib.cases.groups import components  # noqa: E402
from lib.core.records import prompt_text, row_text  # noqa: E402
from lib.similarity.heldout import HeldOut  # noqa: E402
from lib.similarity.near_copies import KnownTexts  # noqa: E402
from lib.similarity.params import SplitParams  # noqa: E402
from lib.split.leakage import LeakSearch  # noqa: E402
from lib.split.ties import find_ties  # noqa: E402
from sklearn.model_selection import StratifiedGroupKFold, train_test_split  # noqa: E402
from stages.split import assign  # noqa: E402
from tests.toy import chat  # noqa: E402

PARAMS = SplitParams(seed=0, val=0.0, test=0.1, threshold=0.6, ngram=3, on_leak="fail")
ENDINGS = ("please", "thank you", "it is for a friend of mine", "answer in one line")

Rows = list[Any]
Split = Callable[[Rows], list[bool]]  # of each row, whether it is tested on


def read(folder: Path, names: tuple[str, ...], prompt: str, answer: str) -> Rows:
    """A data set as records, its published files one after the other."""
    rows = [
        json.loads(line)
        for name in names
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return [chat(row[prompt], row[answer], scenario=row[answer]) for row in rows]


def with_copies(rows: Rows, copies: int) -> Rows:
    """Each row and so many near copies of it: the same question with a few words added."""
    return [
        chat(f"{prompt_text(row)} {ending}".strip(), row["messages"][1]["content"])
        | {"scenario": row["scenario"]}
        for ending in ["", *ENDINGS[:copies]]
        for row in rows
    ]


def row_wise(rows: Rows) -> list[bool]:
    """scikit-learn's train_test_split."""
    _, test = train_test_split(range(len(rows)), test_size=0.1, random_state=0)
    return as_flags(test, len(rows))


def grouped(rows: Rows) -> list[bool]:
    """scikit-learn's StratifiedGroupKFold, first of ten folds."""
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=0)
    scenarios = [row["scenario"] for row in rows]
    groups = components(row["groups"] for row in rows)
    return as_flags(next(folds.split(rows, scenarios, groups))[1], len(rows))


def as_flags(places: Any, count: int) -> list[bool]:
    """Places as one flag a row."""
    chosen = set(map(int, places))
    return [place in chosen for place in range(count)]


def residual(rows: Rows, tested: list[bool]) -> float:
    """Share of the test rows that have a near copy in train, or are contained in a train row."""
    train = [row for row, test in zip(rows, tested, strict=True) if not test]
    asked = [prompt_text(row) for row, test in zip(rows, tested, strict=True) if test]
    prompts = [prompt_text(row) for row in train]
    tested_on = KnownTexts(asked, PARAMS.threshold, PARAMS.ngram)
    hits = tested_on.near(prompts) + tested_on.quoted([row_text(row) for row in train])
    return len({hit.other for hit in hits}) / len(asked)


def leak_table(sets: dict[str, Rows]) -> None:
    """Residual leaks, and what ours pays for having none."""
    print("| data | rows | near copies a row | row-wise | ours | dropped by ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, plain in sets.items():
        for copies in (0, 1, 2, 4):
            rows = with_copies(plain, copies)
            fates = assign(rows, find_ties(rows, PARAMS), PARAMS)
            kept = [place for place, fate in enumerate(fates) if fate != "between_splits"]
            ours = residual([rows[at] for at in kept], [fates[at] == "test" for at in kept])
            theirs = residual(rows, row_wise(rows))
            dropped = (len(rows) - len(kept)) / len(rows)
            cells = f"{len(rows):,} | {copies} | {theirs:.1%} | {ours:.1%} | {dropped:.2%}"
            print(f"| {name} | {cells} |", flush=True)


def planted_table(train: Rows, test: Rows) -> None:
    """Test questions planted into train, and how many the leakage check finds."""
    draw = random.Random(0)
    asked = [prompt_text(row) for row in draw.sample(test, 300)]

    def edited(text: str) -> str:
        parts = text.split()
        parts[draw.randrange(len(parts))] = "something"
        return " ".join(parts)

    ways: dict[str, Callable[[str], str]] = {
        "verbatim, other case and spacing": lambda text: "  ".join(text.upper().split()),
        "one word changed": edited,
        "quoted in a train question": lambda text: f"{draw.choice(asked)} And also: {text} Thanks!",
    }
    held = [HeldOut("test", row["id"], prompt_text(row)) for row in test]
    search = LeakSearch(held, PARAMS)
    own = {leak.train for leak in search.leaks(train)}
    print(f"\n{len(own)} of {len(train):,} rows of the published train leak, before planting.\n")
    print("| planted | rows | found |\n| --- | ---: | ---: |")
    for name, way in ways.items():
        planted = [chat(way(text), "an answer", group=str(at)) for at, text in enumerate(asked)]
        found = {leak.train for leak in search.leaks(planted)}
        print(f"| {name} | {len(planted)} | {len(found)} |")


def moved_table(rows: Rows) -> None:
    """How many rows change sides when 1 % is added, and how even the scenarios are."""
    few = len(rows) // 101
    shuffled = random.Random(0).sample(rows, len(rows))
    before, after = shuffled[:-few], shuffled
    print("\n| split | rows that move | test share of a scenario: mean, lowest, highest |")
    print("| --- | ---: | ---: |")
    splits: dict[str, Split] = {
        "train_test_split": row_wise,
        "StratifiedGroupKFold": grouped,
        "ours": lambda some: [fate == "test" for fate in assign(some, {}, PARAMS)],
    }
    for name, split in splits.items():
        first, second = split(before), split(after)
        moved = np.mean([one != two for one, two in zip(first, second, strict=False)])
        all_, tested = Counter(row["scenario"] for row in after), Counter[str]()
        tested.update(row["scenario"] for row, test in zip(after, second, strict=True) if test)
        shares = [tested[key] / all_[key] for key in all_]
        print(
            f"| {name} | {moved:.1%} | {np.mean(shares):.1%}, {min(shares):.1%}, "
            f"{max(shares):.1%} |"
        )


def main() -> None:
    folder = Path(sys.argv[1])
    clinc = read(folder / "clinc150", ("train", "val", "test"), "text", "intent")
    train, test = (read(folder / "gsm8k", (n,), "question", "answer") for n in ("train", "test"))
    gsm = [row | {"scenario": ""} for row in train + test]
    leak_table({"GSM8K": gsm, "CLINC150": clinc})
    planted_table(train, test)
    moved_table(clinc)


if __name__ == "__main__":
    main()

"""Golden and adversarial cases: hand-written in cases/*.txt, checked and written as records."""

import json
from pathlib import Path
from typing import Any

from sample.labels import DEVICES, INTENTS, REFUSAL, URGENCIES, Label
from sample.rawfiles import dumps

CASES = Path(__file__).parent / "cases"
Case = dict[str, Any]


def fields(name: str, count: int) -> list[tuple[str, list[str]]]:
    """Language (from the [section]) and the fields, split at `|`, of each line of a case file."""
    language, out = "", []
    for line in (CASES / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language = line.strip("[]")
        elif line.strip() and not line.startswith("#"):
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) != count:
                raise ValueError(f"{name}: {len(cells)} fields instead of {count}: {line}")
            out.append((language, cells))
    return out


def label(text: str) -> Label:
    """`refund router high` as a label; `-` is the refusal."""
    if text == "-":
        return REFUSAL
    intent, product, urgency = text.split()
    if intent not in INTENTS or product not in {*DEVICES, "app", "none"}:
        raise ValueError(f"label outside the set: {text}")
    if urgency not in URGENCIES:
        raise ValueError(f"label outside the set: {text}")
    return Label(intent, product, urgency)


def golden() -> list[Case]:
    """Golden cases: label | tags | text."""
    return [
        {
            "id": f"golden-{number:03}",
            "messages": [
                {"role": "user", "content": text},
                {"role": "assistant", "content": label(answer).answer()},
            ],
            "scenario": label(answer).intent,
            "language": language,
            "tags": tags.split(),
        }
        for number, (language, (answer, tags, text)) in enumerate(fields("golden.txt", 3), start=1)
    ]


def adversarial() -> list[Case]:
    """Adversarial cases: kind | policy rule | label | forbidden strings, `;` between | text."""
    cases = []
    rows = fields("adversarial.txt", 5)
    for number, (language, (kind, policy, answer, forbidden, text)) in enumerate(rows, start=1):
        expect = "answer" if kind == "over_refusal" else "refuse"
        cases.append(
            {
                "id": f"adversarial-{number:03}",
                "kind": kind,
                "messages": [{"role": "user", "content": text}],
                "expect": expect,
                "answer": label(answer).answer(),
                "language": language,
                "forbidden": [part.strip() for part in forbidden.split(";") if part.strip()],
                "policy": policy,
            }
        )
    return cases


def lines(cases: list[Case]) -> str:
    """Cases as JSON lines."""
    return "".join(dumps(case) + "\n" for case in cases)


def answer_of(case: Case) -> Label:
    """The label of a golden case."""
    return Label(**json.loads(case["messages"][-1]["content"]))

"""Render reports/mask.html: what training learns, token by token."""

from itertools import groupby
from typing import Any

from lib.report.pages import render_page

_NAMES = {"sft": "Supervised fine-tuning", "dpo": "DPO", "kto": "KTO"}

LearntRow = dict[str, Any]


def mask_page(rows: list[LearntRow]) -> str:
    """Render the rows of logs/train/learnt.jsonl: for each training a summary, then its texts."""
    trainings: list[dict[str, Any]] = []
    for row in rows:
        if "tokenizer" in row:
            name = _NAMES.get(row["phase"], row["phase"])
            trainings.append({"name": name, "facts": facts(row), "texts": []})
        else:
            trainings[-1]["texts"].append(_text(row))
    return render_page("mask", "What training learns", trainings=trainings)


def facts(row: LearntRow) -> dict[str, str]:
    """List facts of a training: tokens, the share learnt, and how a text begins and ends."""
    return {
        "texts, all epochs": f"{row['texts']:,}",
        "tokens, all": f"{row['tokens']:,}",
        "tokens per text, median and longest": f"{row['median']:.0f}, {row['longest']}",
        "tokens learnt": f"{row['share_learnt']:.1%}",
    } | {name: f"{token} ({number})" for name, (token, number) in row["tokenizer"].items()}


def _text(row: LearntRow) -> dict[str, Any]:
    """Prepare one text for the page: a heading, and each token with its CSS classes."""
    tokens = []
    for number, shown, learnt, special in zip(
        row["ids"], row["texts"], row["learnt"], row["special"], strict=True
    ):
        kinds = ["token", "learnt" * learnt, "special" * special]
        shown = shown.replace("\n", "⏎\n")
        tokens.append({"id": number, "shown": shown, "kinds": " ".join(filter(None, kinds))})
    runs = sum(known for known, _ in groupby(row["learnt"]))
    stretches = f"stretch{'es' * (runs != 1)}"
    head = f"{len(tokens)} tokens, {sum(row['learnt'])} learnt in {runs} {stretches}"
    return {"head": head, "tokens": tokens}

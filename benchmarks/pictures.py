"""The README's two pictures and its table, from a real run.

usage   make demo BASE=smollm2, then python -m benchmarks.pictures [PROJECT]
reads   metrics of PROJECT, or of build/smollm2/ticket-triage
writes  pictures/pipeline.png, pictures/comparison.png, and the table on standard output
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

TEMPLATE = Path(__file__).parents[1]
PROJECT = Path(sys.argv[1] if len(sys.argv) > 1 else TEMPLATE / "build/smollm2/ticket-triage")
PICTURES = TEMPLATE / "pictures"
SYSTEMS = ("base", "few_shot", "retrieval", "tuned", "quantized")
INK, LINE, FILL = "#1f2933", "#52606d", "#e4ecf7"
COLOURS = ["#9aa5b1", "#b45309", "#d4a017", "#2563eb", "#0d9488"]


def metrics(name: str) -> dict[str, Any]:
    """metrics/NAME.json of the demo."""
    return json.loads((PROJECT / f"metrics/{name}.json").read_text(encoding="utf-8"))


def captions() -> dict[str, str]:
    """Each stage with what it did in this run."""
    kept = {name: metrics(name) for name in ("curate", "dedup", "split")}
    train, quantize, bench = metrics("train"), metrics("quantize"), metrics("bench")
    speed = metrics("speed")
    levels = sum(name.startswith("concurrency") for name in bench["tuned"])
    split = kept["split"]
    exact = [metrics(f"eval/{name}")["test"]["exact_match"] for name in ("base", "tuned")]
    smaller = quantize["quantized_bytes"] / quantize["tuned_bytes"]
    return {
        "curate": f"{kept['curate']['rows_in']:,} rows in\n{kept['curate']['rows_kept']:,} kept",
        "dedup": f"{kept['dedup']['rows_kept']:,} kept\nno copies left",
        "split": f"{split['train']['rows']:,} / {split['val']['rows']} / {split['test']['rows']}\n"
        "no leakage, checked",
        "train": f"{train['steps']} steps\n{speed['seconds']:.0f} s on a CPU",
        "quantize": f"{quantize['scheme']}\n{smaller:.0%} of the size",
        "eval": f"test exact match\n{exact[0]:.0%} to {exact[1]:.0%}",
        "bench": f"{levels} loads: latency,\nthroughput, memory",  # timings are of one machine
    }


def draw_pipeline() -> None:
    """Seven boxes and the arrows between them."""
    figure, axes = plt.subplots(figsize=(12, 1.9))
    axes.set_xlim(0, 7)
    axes.set_ylim(0, 1)
    axes.axis("off")
    box = {"boxstyle": "round,pad=0.5", "facecolor": FILL, "edgecolor": LINE}
    boxes = []
    for place, (name, caption) in enumerate(captions().items()):
        spot = (place + 0.5, 0.72)
        text: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
        boxes.append(axes.text(*spot, name, size=14, weight="bold", bbox=box, **text))
        axes.text(spot[0], 0.22, caption, size=10, **text)
        if place:
            ends: dict[str, Any] = {
                "patchA": boxes[-2].get_bbox_patch(),
                "patchB": boxes[-1].get_bbox_patch(),
            }
            look: dict[str, Any] = {
                "arrowstyle": "->",
                "color": LINE,
                "lw": 1.6,
                "shrinkA": 3,
                "shrinkB": 3,
            }
            axes.annotate("", spot, (spot[0] - 1, spot[1]), arrowprops={**look, **ends})
    figure.savefig(PICTURES / "pipeline.png", dpi=150, bbox_inches="tight")


def draw_comparison() -> None:
    """The systems on the test split: right answers with their intervals, and field by field."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6))
    for place, name in enumerate(SYSTEMS):
        part = metrics(f"eval/{name}")["test"]
        value, low, high = (
            100 * part[key] for key in ("exact_match", "exact_match_low", "exact_match_high")
        )
        error = [[value - low], [high - value]]
        left.bar(place, value, yerr=error, capsize=6, color=COLOURS[place], width=0.6)
        left.text(place + 0.08, value + 2, f"{value:.0f} %", size=11, color=INK)
        heights = [100 * share for share in part["fields"].values()]
        places = [spot + 0.17 * (place - 2) for spot in range(len(heights))]
        right.bar(places, heights, width=0.16, color=COLOURS[place], label=name)
        right.set_xticks(range(len(heights)), list(part["fields"]))
    left.set_xticks(range(len(SYSTEMS)), SYSTEMS)
    left.set_title("Test split: whole answer right, 95 % interval", color=INK)
    right.set_title("Test split: right by field", color=INK)
    right.legend(frameon=False, ncols=3, fontsize=9)
    for axes in (left, right):
        axes.set_ylim(0, 125)
        axes.set_yticks(range(0, 101, 20))
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(PICTURES / "comparison.png", dpi=150)


def print_table() -> None:
    """The README's table: how many answers of each system are right as a whole."""
    print("| system | test split (95 % interval) | golden set, four languages |")
    print("| --- | --- | --- |")
    for name in SYSTEMS:
        found = metrics(f"eval/{name}")
        test, golden = found["test"], found["golden"]
        low, high = test["exact_match_low"], test["exact_match_high"]
        print(
            f"| {name} | {test['exact_match']:.1%} ({low:.1%} to {high:.1%}) "
            f"| {golden['exact_match']:.1%} |"
        )


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    draw_pipeline()
    draw_comparison()
    print_table()


if __name__ == "__main__":
    main()

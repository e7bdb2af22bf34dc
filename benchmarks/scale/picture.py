"""Draw what benchmarks.scale.run measured, as lines against rows, with what 64 GB would hold.

usage   python -m benchmarks.scale.picture FOLDER/scale.jsonl
writes  benchmarks/scale/scale.svg; prints the table

Lines through the measured points go on dashed to the rows at which the memory would reach 64 GB, by
the slope between the largest two measured: an extrapolation, which nobody has run.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

MEMORY = 64_000  # MB
PICTURE = Path(__file__).parent / "scale.svg"


def points(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the last measurement of each stage and number of rows, by stage."""
    last = {(one["stage"], one["rows"]): one for one in lines}
    stages = dict.fromkeys(one["stage"] for one in lines)
    return {
        stage: sorted(
            (one for (name, _), one in last.items() if name == stage), key=lambda one: one["rows"]
        )
        for stage in stages
    }


def rows_in_memory(found: list[dict[str, Any]]) -> float:
    """Return the rows at which the straight line through the largest two reaches MEMORY."""
    less, more = found[-2:]
    slope = (more["peak_mb"] - less["peak_mb"]) / (more["rows"] - less["rows"])
    return more["rows"] + (MEMORY - more["peak_mb"]) / slope if slope > 0 else float("inf")


def main() -> None:
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    mpl.rcParams["svg.hashsalt"] = "scale"
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    print("| stage | rows | CPU s | microseconds a row | peak MB | rows in 64 GB, extrapolated |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for stage, found in points(lines).items():
        rows = [one["rows"] for one in found]
        left.plot(rows, [one["cpu_s"] for one in found], marker="o", label=stage)
        drawn = right.plot(rows, [one["peak_mb"] / 1000 for one in found], marker="o", label=stage)
        limit = rows_in_memory(found) if len(found) > 1 else float("inf")
        if limit < float("inf"):
            last = found[-1]
            right.plot(
                [last["rows"], limit],
                [last["peak_mb"] / 1000, MEMORY / 1000],
                linestyle="dashed",
                color=drawn[0].get_color(),
            )
        for one in found:
            each = one["cpu_s"] / one["rows"] * 1e6
            told = f"{limit / 1e6:,.0f} million" if one is found[-1] and limit < 1e12 else ""
            print(
                f"| {stage} | {one['rows']:,} | {one['cpu_s']:.1f} | {each:.0f} | "
                f"{one['peak_mb']:,} | {told} |"
            )
    left.set(title="CPU seconds, one process", xlabel="rows", ylim=0, xlim=0)
    right.set(title="peak memory, GB (dashed: extrapolated)", xlabel="rows", xscale="log")
    right.set(yscale="log")
    right.axhline(MEMORY / 1000, color="grey", linewidth=0.8)
    left.legend()
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()

"""Say in one block what pytest skipped, and how to have it: `python -m tests.skipped FOLDER`.

reads   FOLDER/*.xml, as `pytest --junitxml` writes them
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def skipped(folder: Path) -> Counter[str]:
    """Count the skipped tests of every report in a folder, by reason."""
    reports = sorted(folder.glob("*.xml"))
    found = [one for path in reports for one in ElementTree.parse(path).iter("skipped")]  # noqa: S314
    return Counter(one.get("message", "no reason given").strip() for one in found)


def block(counts: Counter[str]) -> str:
    """Return a line for each reason, the most frequent first."""
    if not counts:
        return "No test was skipped."
    lines = [f"  {count:>3}  {reason}" for reason, count in counts.most_common()]
    return "\n".join([f"Skipped: {counts.total()} tests, which need what is not here.", *lines])


if __name__ == "__main__":
    print(block(skipped(Path(sys.argv[1]))))

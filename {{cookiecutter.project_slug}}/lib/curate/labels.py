"""Find labels that are probably the same: Refund and refund, 1.50 and 1.5, not-ok and not_ok."""

import re
from collections import Counter, defaultdict

THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")  # 1,000 is not 1
_SHOWN = 5  # groups of labels that are listed


class Labels:
    """Counts the labels of a task whose labels are taken from the data."""

    def __init__(self) -> None:
        self.seen = Counter[str]()

    def warnings(self) -> list[str]:
        """Write a warning for each group of labels that differ only in form."""
        groups = defaultdict[str, list[str]](list)
        for label in sorted(self.seen):
            groups[form_of(label)].append(label)
        alike = [labels for labels in groups.values() if len(labels) > 1]
        lines = [
            "curate: labels that may be the same class: "
            + ", ".join(f"'{label}' ({self.seen[label]:,} rows)" for label in labels)
            + "; name the right ones in task.labels, or correct the data"
            for labels in alike[:_SHOWN]
        ]
        if "-1" in self.seen and all(label.removeprefix("-").isdecimal() for label in self.seen):
            lines.append(
                f"curate: label '-1' ({self.seen['-1']:,} rows) most often says that a row has "
                "none; take those rows out, or name the right labels in task.labels"
            )
        more = len(alike) - _SHOWN
        return [*lines, f"curate: {more} more such groups of labels"] if more > 0 else lines


def form_of(label: str) -> str:
    """Normalize a label: case, spaces, and the form of numbers and booleans."""
    plain = re.sub(r"[\s_-]+", " ", label.casefold()).strip(" .")
    plain = {"yes": "true", "no": "false", "y": "true", "n": "false"}.get(plain, plain)
    number = label.replace(",", "" if THOUSANDS.fullmatch(label) else ".")
    try:
        return f"{float(number):g}"
    except ValueError:
        return plain

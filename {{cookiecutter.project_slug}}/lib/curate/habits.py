"""Note habits of a source's texts that will be learnt: a shared ending of answers, HTML entities.

Neither is wrong by itself, so no row is dropped; a line warns where it is probably an accident.
"""

import re
from collections import Counter

from lib.curate.templates import CODE_SPAN

ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
SAME_END = 0.9  # of the answers
_FEWEST = 4  # answers, from which on a warning is justified
ENTITIES = "entities"


class Habits:
    """Counts the endings of answers in a part of a file, and rows with HTML entities."""

    def __init__(self) -> None:
        self.ends, self.entities, self.answers = Counter[str](), 0, 0

    def see(self, answer: str, texts: list[str]) -> None:
        """Note the texts of a row that is kept, and its answer."""
        words = answer.rsplit(None, 1)
        self.answers += bool(answer)
        if len(words) == 2:
            self.ends[words[1]] += 1
        if any("&" in text and ENTITY.search(CODE_SPAN.sub("", text)) for text in texts):
            self.entities += 1

    def counts(self) -> Counter[str]:
        """Return the counts; endings only where half of the answers share them, to keep few."""
        ends = {f"end {end}": n for end, n in self.ends.items() if n > self.answers / 2}
        return Counter({**ends, "answers": self.answers, ENTITIES: self.entities})


def habit_lines(file: str, habits: Counter[str]) -> list[str]:
    """Write a line for each habit that is most likely an accident."""
    answers, lines = habits["answers"], list[str]()
    for name, count in habits.items():
        if name.startswith("end ") and answers >= _FEWEST and count >= SAME_END * answers:
            lines.append(
                f"{file}: {count:,} of {answers:,} answers end with '{name[4:]}', which will be "
                "learnt; if it marks the end, remove it (the chat template marks the end)"
            )
    if habits[ENTITIES]:
        lines.append(
            f"{file}: {habits[ENTITIES]:,} rows contain HTML entities such as &amp; or &#39;, "
            "which will be learnt; unless the texts are HTML, decode them (Python: html.unescape)"
        )
    return lines

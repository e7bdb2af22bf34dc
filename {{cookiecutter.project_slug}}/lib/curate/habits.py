"""Note habits of a source's texts that are learnt as they stand: one end of all answers, entities.

Neither is wrong by itself, so no row goes; a line says so where it is most likely an accident.
"""

import re
from collections import Counter

from lib.curate.templates import CODE_SPAN

ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
SAME_END = 0.9  # of the answers
_FEWEST = 4  # answers, of which that is worth a line
ENTITIES = "entities"


class Habits:
    """Counts what the answers of a part of a file end with, and rows with entities of HTML."""

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
        """Return what was counted; of ends only those of half the answers, so that few are kept."""
        ends = {f"end {end}": n for end, n in self.ends.items() if n > self.answers / 2}
        return Counter({**ends, "answers": self.answers, ENTITIES: self.entities})


def habit_lines(file: str, habits: Counter[str]) -> list[str]:
    """Write a line for each habit that is most likely an accident."""
    answers, lines = habits["answers"], list[str]()
    for name, count in habits.items():
        if name.startswith("end ") and answers >= _FEWEST and count >= SAME_END * answers:
            lines.append(
                f"{file}: {count:,} of {answers:,} answers end with '{name[4:]}', which is learnt "
                "with each; where it marks the end, take it out (the chat template marks it)"
            )
    if habits[ENTITIES]:
        lines.append(
            f"{file}: {habits[ENTITIES]:,} rows hold HTML entities such as &amp; or &#39;, which "
            "are learnt as they stand; where the texts are no HTML, undo them (html.unescape of "
            "Python)"
        )
    return lines

"""Note habits of a source's texts that would be learnt and are probably accidents.

These are the same question for all answers, a common ending or beginning of answers, a mark after
all questions, unfilled templates, answers that repeat the question or are JSON lists, and HTML
entities. None is wrong by itself, so no row is dropped; a line warns of it.
"""

import re
from collections import Counter

from lib.curate.templates import CODE_SPAN

ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
SAME_END = 0.9  # of the answers
_FEWEST = 4  # answers, from which on a warning is justified
ENTITIES = "entities"
_ESCAPED = re.compile(r"\\n(?![a-z])|_x000D_")  # not \nu and \neq of LaTeX
_PLACEHOLDER = re.compile(r"\{\{?\s*[a-z][a-z0-9_]{2,30}\s*\}\}?")
_SHORT = 30  # characters of a mark; of a question that an answer may repeat by chance
_LONG = 200  # characters of a question, beyond which its ends stand for it
_LIST = re.compile(r'\["(?:[^"\\]|\\.)*"(?:,\s*"(?:[^"\\]|\\.)*")*\]')
_SAID = {  # the warning about most answers of a file
    "end": "answers end with '{}', which will be learnt; if it marks the end, remove it (the "
    "chat template marks the end)",
    "start": "answers begin with '{}', which will be learnt; if it marks the speaker, remove it "
    "(the chat template marks the speaker)",
    "mark": "questions end with '{}'; if that is a mark of another template, remove it: users "
    "would have to write it, too",
    "same": "questions are the same, '{}'; map the column in which they differ, columns: {{prompt: "
    "[COLUMN, COLUMN]}}",
    "hole": "questions contain '{}', which was never filled in; write a template into columns: "
    "{{prompt: "
    "'... {{COLUMN}}'}}",
    "escaped": "rows contain '{}' instead of a line end; unless the texts are code, write real "
    "line ends",
    "repeat": "answers begin with their whole question, which will be learnt; write only the "
    "answer",
    "quoted": "answers stand in quotation marks, which will be learnt; if a table put them there, "
    "remove them",
    "list": "answers are a JSON list of strings; if these are several answers, write one",
}


class Habits:
    """Counts habits of the answers in a part of a file, and rows with HTML entities."""

    def __init__(self) -> None:
        self.seen, self.entities, self.answers = Counter[tuple[str, str]](), 0, 0

    def see(self, answer: str, texts: list[str], asked: str = "") -> None:
        """Note the texts of a row that is kept; its answer, where that is a text, and question."""
        if any("&" in text and ENTITY.search(CODE_SPAN.sub("", text)) for text in texts):
            self.entities += 1
        if not answer:
            return
        self.answers += 1
        if found := next(filter(None, map(_ESCAPED.search, (asked, answer))), None):
            self.seen["escaped", found[0]] += 1
        if asked:
            self.see_question(asked)
        self.see_answer(answer, asked)

    def see_question(self, asked: str) -> None:
        """Note a question: its words, a placeholder in it, a mark at its end."""
        self.seen["same", asked if len(asked) < _LONG else asked[:_SHORT] + asked[-_SHORT:]] += 1
        if "{" in asked and (hole := _PLACEHOLDER.search(CODE_SPAN.sub("", asked))):
            self.seen["hole", hole[0]] += 1
        if asked[-1] in ":>=#]|":
            before, _, line = asked.rpartition("\n")
            whole = before and len(line) < _SHORT
            self.seen["mark", line if whole else line.rsplit(None, 1)[-1]] += 1

    def see_answer(self, answer: str, asked: str) -> None:
        """Note an answer: its first and last word, its question in it, a list in JSON."""
        words = answer.rsplit(None, 1)
        first = answer[:_SHORT].split(None, 1)[0]
        if len(words) == 2:
            self.seen["end", words[1]] += 1
            if first[-1] == ":" or first[0] in "#<":
                self.seen["start", first] += 1
        if answer[0] == answer[-1] == '"' and len(answer) > 1:
            self.seen["quoted", ""] += 1
        if len(asked) >= _SHORT and answer.startswith(asked):
            self.seen["repeat", ""] += 1
        if answer.startswith('["') and _LIST.fullmatch(answer):
            self.seen["list", ""] += 1

    def counts(self) -> Counter[str]:
        """Return the counts; only of habits that half of the answers share, to keep few."""
        most = {
            f"{kind} {text}": n for (kind, text), n in self.seen.items() if n > self.answers / 2
        }
        return Counter({**most, "answers": self.answers, ENTITIES: self.entities})


def habit_lines(file: str, habits: Counter[str]) -> list[str]:
    """Write a warning for each habit that is probably an accident."""
    answers, lines = habits["answers"], list[str]()
    for name, count in habits.items():
        kind, _, text = name.partition(" ")
        if kind in _SAID and answers >= _FEWEST and count >= SAME_END * answers:
            lines.append(f"{file}: {count:,} of {answers:,} {_SAID[kind].format(text)}")
    if habits[ENTITIES]:
        lines.append(
            f"{file}: {habits[ENTITIES]:,} rows contain HTML entities such as &amp; or &#39;, "
            "which will be learnt; unless the texts are HTML, decode them (Python: html.unescape)"
        )
    return lines

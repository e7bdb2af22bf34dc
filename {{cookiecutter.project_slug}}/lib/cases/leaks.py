"""Mask and count personal data that an answer contains and its case does not (a leak)."""

import re
from collections import Counter
from dataclasses import replace

from lib.cases.cases import Case
from lib.core.params import TaskParams
from lib.core.records import text_of
from lib.core.text import fold_case
from lib.engines.answer import Answer
from lib.pii.redact import Finder, Redactor, Span

LEAKED = re.compile(r"<LEAKED_([A-Z_]+)_\d+>")  # never in the data: curate writes <EMAIL_ADDRESS_1>


def mask_leaked_pii(case: Case, answer: Answer, task: TaskParams, finder: Finder) -> Answer:
    """Replace personal data that the case does not contain by placeholders.

    The placeholders still show that there was some.
    """
    text, known = answer.text, held(case, text_of(case["prompt"]), task)
    redactor = Redactor(finder)
    while spans := leaks_in(text, known, finder):  # with one masked, another may be found
        parts, at = [], 0
        for start, end, kind in spans:
            name = redactor.name(kind, text[start:end]).replace("<", "<LEAKED_", 1)
            parts += [text[at:start], name]
            at = end
        text = "".join(parts) + text[at:]
    return replace(answer, text=text)


def held(case: Case, prompt: str, task: TaskParams) -> list[str]:
    """List the texts whose personal data an answer may repeat."""
    return [prompt, case.get("expected", ""), task.system]


def leaks_in(text: str, known: list[str], finder: Finder) -> list[Span]:
    """Find personal data in an answer that none of the `known` texts contains.

    Placeholders are not data.
    """
    placeholders = (one[0] for one in LEAKED.finditer(text))
    may = fold_case("\n".join([*known, *placeholders]))
    return [span for span in finder.find(text) if fold_case(text[span[0] : span[1]]) not in may]


def leaked_pii(row: Case, task: TaskParams, finder: Finder) -> dict[str, int]:
    """Count personal data by kind, as `pii` of a row has it: masked, and to be masked."""
    text = row["output"]
    found = Counter(LEAKED.findall(text))
    found.update(kind for *_, kind in leaks_in(text, held(row, row["prompt"], task), finder))
    return dict(found)

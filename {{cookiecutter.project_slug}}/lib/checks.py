"""What a draft must pass to become a record."""

import json
import re
import unicodedata

from lib.params.curate import CurateParams
from lib.params.task import TaskParams
from lib.shapes import Draft, Reject

# Unpaired surrogates, control characters other than tab and newline, and the mark that a decoder
# leaves where bytes were lost.
DAMAGE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")

LANGUAGE = re.compile(r"([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*)?")  # en, zh-Hans; empty: not known
UNFILLED = re.compile(r"\{\{ ?\w+ ?\}\}|<%= ?\w+ ?%>")  # {{name}}


def check(draft: Draft, task: TaskParams, params: CurateParams) -> None:
    """Tidy a draft in place and raise Reject at the first thing that is wrong."""
    for turn in draft.prompt:
        turn["content"] = tidy(turn["content"], draft)
    draft.chosen = tidy(draft.chosen, draft)
    if draft.rejected is not None:
        draft.rejected = tidy(draft.rejected, draft)
    check_text(draft, params)
    check_answer(draft, task)
    check_licence(draft, params)


def tidy(text: str, draft: Draft) -> str:
    """One form for each character (NFC) and line end, no space around; note what changed."""
    lines = text.replace("\r\n", "\n").strip()
    if lines != text:
        draft.changes.add("spaces_trimmed")
    if lines.isascii() or unicodedata.is_normalized("NFC", lines):
        return lines
    draft.changes.add("nfc")
    return unicodedata.normalize("NFC", lines)


def check_text(draft: Draft, params: CurateParams) -> None:
    """Empty, damaged, too short or too long."""
    texts = [turn["content"] for turn in draft.prompt] + [draft.chosen]
    if draft.rejected is not None:
        texts.append(draft.rejected)
    if not all(texts):
        raise Reject("empty")
    if any(DAMAGE.search(text) for text in [*texts, draft.scenario]):
        raise Reject("damaged_text")
    if not LANGUAGE.fullmatch(draft.language):
        raise Reject("unknown_language")
    if any(UNFILLED.search(text) for text in texts):
        raise Reject("unfilled_template")
    if len(draft.prompt[-1]["content"]) < params.min_chars:
        raise Reject("too_short")
    if sum(map(len, texts)) > params.max_chars:
        raise Reject("too_long")


def check_answer(draft: Draft, task: TaskParams) -> None:
    """The answer to learn must be one the task allows; a rejected answer may be anything else."""
    if task.output == "json":
        values = read_answer(draft.chosen, task)
        written = json.dumps(values, ensure_ascii=False)
        if written != draft.chosen:
            draft.changes.add("answer_rewritten")
        draft.chosen = written
        draft.scenario = values[task.scenario] if task.scenario else draft.scenario
    elif task.output == "label":
        if task.labels and draft.chosen not in task.labels:
            raise Reject("unknown_label")
        draft.scenario = draft.chosen
    if draft.chosen == draft.rejected:
        raise Reject("pair_without_difference")


def check_licence(draft: Draft, params: CurateParams) -> None:
    """One of those allowed, by its SPDX id, which has no case; it is written as params has it."""
    allowed = {licence.casefold(): licence for licence in params.licences}
    if draft.licence.casefold() not in allowed:
        raise Reject("licence")
    draft.licence = allowed[draft.licence.casefold()]


def read_answer(answer: str, task: TaskParams) -> dict[str, str]:
    """A JSON answer in the task's order of fields; raise Reject when it is not one."""
    try:
        values = json.loads(answer)
    except (ValueError, RecursionError):
        raise Reject("answer_not_json") from None
    if not isinstance(values, dict) or set(values) != set(task.fields):
        raise Reject("wrong_fields")
    for name, allowed in task.fields.items():
        if not isinstance(values[name], str) or (allowed and values[name] not in allowed):
            raise Reject("unknown_label")
    return {name: values[name] for name in task.fields}

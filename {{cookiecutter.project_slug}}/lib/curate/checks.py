"""Check what a draft must fulfil to become a record."""

import json
import re
from collections.abc import Callable
from typing import Any, cast

from lib.core.params import TaskParams
from lib.core.record_lines import object_text
from lib.core.records import Message
from lib.core.schema import values_at
from lib.curate.boilerplate import only_boilerplate
from lib.curate.draft import Draft, strings
from lib.curate.json_answers import read_json_answer, tidied
from lib.curate.language import SAME, language_code, primary_language, sure_language
from lib.curate.params import CurateParams
from lib.curate.templates import hole_in_row
from lib.curate.tidy import is_misread, tidy
from lib.intake.cells import Reject
from lib.intake.formats import FOREIGN
from lib.pii.secrets import find_secrets

# Unpaired surrogates, control characters other than tab and newline, and the mark that a decoder
# leaves where bytes were lost.
DAMAGE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")

_NUMBER = re.compile(r"^(-?\d+)\.0+$")  # whole, as pandas writes it beside an empty cell
LABEL = re.compile(".{1,100}")  # where the data define the labels: one line, not a text

CountTokens = Callable[[str], int]


def check_draft(draft: Draft, task: TaskParams, params: CurateParams, count: CountTokens) -> None:
    """Tidy a draft in place; raise Reject for the first thing that is wrong.

    count: the number of tokens of a text.
    """
    repair = params.mojibake == "repair"
    for turn in draft.prompt:
        turn["content"] = tidy(turn["content"], draft, repair)
    draft.chosen = tidy(draft.chosen, draft, repair)
    if draft.rejected is not None:
        draft.rejected = tidy(draft.rejected, draft, repair)
    for beside in [*cast(list[dict[str, Any]], draft.prompt), *draft.beside.values()]:
        if "reasoning_content" in beside:
            beside["reasoning_content"] = tidy(beside["reasoning_content"], draft, repair)
    check_draft_license(draft, params)
    check_text(draft, params)
    check_draft_length(draft, params, count)
    check_draft_answer(draft, task, params)
    check_language(draft, task, params)


def check_text(draft: Draft, params: CurateParams) -> None:
    """Raise Reject for a text that is empty, damaged, unfilled, too short, or holds a secret."""
    if not all(may_be_empty(turn) or turn["content"] for turn in draft.prompt) or not all(
        text or draft.calls(side) for side, text in draft.sides()
    ):
        raise Reject("empty")
    texts = [*_texts_of(draft), *draft.extras()]
    read = [_in_json(text) for text in texts]
    fields = [draft.scenario, *draft.tags, *draft.groups]
    if any(not text.isascii() and FOREIGN.search(text) for text in [*texts, *fields]):
        raise Reject("not_utf8")
    if any(DAMAGE.search(text) for text in [*read, *fields]):
        raise Reject("damaged_text")
    if params.mojibake != "keep" and any(map(is_misread, read)):
        raise Reject("mojibake")
    if params.unfilled_template == "drop":
        asked = [turn["content"] for turn in draft.prompt]
        if hole := hole_in_row(asked, answers(draft)):
            raise Reject("unfilled_template", hole)
    asked = [turn["content"] for turn in draft.prompt if turn["role"] == "user"]
    if len(asked[-1]) < params.min_chars:
        raise Reject("too_short")
    if find_secrets("\n".join([*texts, draft.scenario, *draft.tags])):
        raise Reject("secret")


def _in_json(text: str) -> str:
    """Decode a text that is JSON to its keys and values, which escapes may hide.

    Any other text is returned as it is.
    """
    if "\\" not in text or text[0] not in '{["':
        return text
    try:
        return "\n".join(strings(json.loads(text)))
    except (ValueError, RecursionError):
        return text


def may_be_empty(turn: Message) -> bool:
    """Tell whether a turn may hold no text: the result of a tool, or calls without a word."""
    return turn["role"] == "tool" or "tool_calls" in turn


def answers(draft: Draft) -> list[str]:
    """List the texts of a draft's answers."""
    return [text for _, text in draft.sides()]


def _texts_of(draft: Draft) -> list[str]:
    """List what is said in a draft: every turn, every answer."""
    return [turn["content"] for turn in draft.prompt] + answers(draft)


def check_draft_length(draft: Draft, params: CurateParams, count: CountTokens) -> None:
    """Raise Reject where all texts together have more than `max_tokens` tokens.

    Calls, thoughts and the definitions of tools count as their JSON. A token is at least a byte, so
    most texts need not be tokenized.
    """
    texts = [*_texts_of(draft), *draft.thoughts()]
    calls = [turn["tool_calls"] for turn in draft.prompt if "tool_calls" in turn]
    calls += [draft.calls(side) for side in draft.beside]
    texts += [json.dumps(one, ensure_ascii=False) for one in [*draft.tools, *filter(None, calls)]]
    if sum(len(text.encode("utf-8", "replace")) for text in texts) <= params.max_tokens:
        return
    tokens = sum(map(count, texts))
    if tokens > params.max_tokens:
        raise Reject("too_long", f"{tokens} tokens")


def check_draft_answer(draft: Draft, task: TaskParams, params: CurateParams) -> None:
    """Raise Reject where the task does not allow the answer to learn; a rejected one may be any."""
    if draft.lone and "chosen" not in dict(draft.sides()):
        return
    if draft.calls("chosen"):
        if task.output != "text":
            raise Reject("answer_not_json" if task.output == "json" else "unknown_label", "a call")
    elif task.output == "json":
        values = tidied(read_json_answer(draft.chosen, task), draft)
        written = json.dumps(values, ensure_ascii=False) if task.schema_ else object_text(values)
        if written != draft.chosen:
            draft.changes.add("answer_rewritten")
        draft.chosen = written
        if task.scenario:
            draft.scenario = str(values_at(values).get(task.scenario, [""])[0])
    elif task.output == "label":
        draft.chosen = one_label(draft.chosen, task.labels)
        if draft.chosen not in task.labels if task.labels else not LABEL.fullmatch(draft.chosen):
            raise Reject("unknown_label", draft.chosen)
        draft.scenario = draft.chosen
    elif draft.chosen != task.refusal:
        sentence = only_boilerplate(draft.chosen) if params.boilerplate == "drop" else ""
        if sentence:
            raise Reject("boilerplate", sentence)
    check_difference(draft)


def one_label(answer: str, labels: list[str]) -> str:
    """Write a label in one form, whatever the file's: `True` of a table is `true`, `1.0` is `1`."""
    if answer in labels:
        return answer
    plain = _NUMBER.sub(r"\1", answer)
    if labels:
        alike = [label for label in labels if _NUMBER.sub(r"\1", label).lower() == plain.lower()]
        return alike[0] if len(alike) == 1 else answer
    return plain.lower() if plain.lower() in ("true", "false") else plain


def check_difference(draft: Draft) -> None:
    """Raise Reject where both sides of a pair are the same."""
    same = draft.beside.get("chosen") == draft.beside.get("rejected")
    if draft.chosen == draft.rejected and same:
        raise Reject("pair_without_difference")


def check_language(draft: Draft, task: TaskParams, params: CurateParams) -> None:
    """Raise Reject for a language that params do not declare: of the source, or surely of the text.

    Where the source names no language, the one found in the text is noted.
    """
    code = language_code(draft.language) if draft.language else ""
    if code is None:
        raise Reject("unknown_language", draft.language)
    if code != draft.language:
        draft.language = code
        draft.changes.add("language_code")
    if draft.language[:3].lower() in SAME and not draft.language[3:4].isalpha():
        draft.language = primary_language(draft.language)
        draft.changes.add("language_code")
    if not params.languages:
        return
    declared = {primary_language(code) for code in params.languages}
    # What a tool returned is data, and a model may think in another language than it answers.
    text = "\n".join(turn["content"] for turn in draft.prompt if turn["role"] != "tool")
    found = sure_language(text if task.output != "text" else f"{text}\n{draft.chosen}")
    thought = sure_language("\n".join(draft.thoughts())) if draft.thoughts() else ""
    if other := {primary_language(draft.language), found, thought} - declared - {""}:
        raise Reject("language", *sorted(other))
    if found and not draft.language:
        draft.language = found
        draft.changes.add("language_found")


def check_draft_license(draft: Draft, params: CurateParams) -> None:
    """Raise Reject for a license that params do not allow; write an SPDX id as params have it."""
    allowed = {license.casefold(): license for license in params.licenses}
    if draft.license.casefold() not in allowed:
        raise Reject("license", draft.license)
    draft.license = allowed[draft.license.casefold()]

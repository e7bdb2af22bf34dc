"""Check the conditions that a draft must meet to become a record."""

import json
import re
from collections.abc import Callable
from functools import lru_cache, partial
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
from lib.curate.template_tokens import TOKEN, find_token, without_end
from lib.curate.templates import CODE_SPAN, hole_in_row
from lib.curate.tidy import MAY_BE_MISREAD, is_misread, tidy
from lib.intake.cells import Reject, without_zeros
from lib.intake.formats import FOREIGN
from lib.pii.secrets import find_secrets

# Lone surrogates, control characters other than tab and newline, and the replacement character that
# a decoder leaves for lost bytes.
DAMAGE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]")

# What tables and programs write for a missing value.
NOTHING = re.compile(
    r"nan|NaN|NAN|<NA>|NaT|None|null|NULL|undefined|#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)"
    r"|\[object Object\]"
)
# What takes the place of a picture or sound in a question, which cannot be answered without.
PICTURE = re.compile(r"(?m)^\s*<(?:image|video|audio)>|<(?:image|video|audio)>\s*$")
LABEL = re.compile(".{1,100}")  # where the data define the labels: one short line

CountTokens = Callable[[str], int]


class Checks:
    """Runs the checks of drafts in two halves; between them, batches are searched for secrets."""

    def __init__(self, task: TaskParams, params: CurateParams, count: CountTokens) -> None:
        self.task, self.params = task, params
        self.count = count  # counts the tokens of a text
        self.licenses = {license.casefold(): license for license in params.licenses}
        self.declared = {"", *map(primary_language, params.languages)}
        # Data for classification or extraction has few different answers.
        self.json_answer = lru_cache(maxsize=2_000)(partial(json_answer, task))

    def __call__(self, draft: Draft) -> None:
        """Run all checks on one draft; raise Reject for the first that fails."""
        self.tidy(draft)
        if find_secrets(all_text(draft)):
            raise Reject("secret")
        self.finish(draft)

    def tidy(self, draft: Draft) -> None:
        """Tidy the texts of a draft in place; raise Reject for a forbidden license or bad text.

        A text must not be empty, damaged, an unfilled template or too short.
        """
        repair = self.params.mojibake == "repair"
        for turn in draft.prompt:
            turn["content"] = tidy(turn["content"], draft.changes, repair)
        draft.chosen = without_end(tidy(draft.chosen, draft.changes, repair), draft.changes)
        if draft.rejected is not None:
            rejected = tidy(draft.rejected, draft.changes, repair)
            draft.rejected = without_end(rejected, draft.changes)
        for beside in [*cast(list[dict[str, Any]], draft.prompt), *draft.beside.values()]:
            if "reasoning_content" in beside:
                thought = tidy(beside["reasoning_content"], draft.changes, repair)
                beside["reasoning_content"] = thought
        draft.license = self.allowed(draft.license)
        check_nothing(draft, self.task)
        check_text(draft, self.params)

    def finish(self, draft: Draft) -> None:
        """Run the remaining checks on a tidy draft: length, answer and language."""
        self.length(draft)
        self.check_answer(draft)
        self.check_language(draft)

    def allowed(self, license: str) -> str:
        """Return an SPDX id as params.yaml spells it; raise Reject for one that is not allowed."""
        if license.casefold() not in self.licenses:
            raise Reject("license", license)
        return self.licenses[license.casefold()]

    def length(self, draft: Draft) -> None:
        """Raise Reject where all texts together exceed `max_tokens` tokens.

        Calls, thoughts and tool definitions count as their JSON. A token is at least one byte, so
        most texts need not be tokenized.
        """
        most, texts = self.params.max_tokens, texts_of(draft)
        if not draft.is_plain():
            calls = [turn["tool_calls"] for turn in draft.prompt if "tool_calls" in turn]
            calls += [draft.calls(side) for side in draft.beside]
            more = [*draft.tools, *filter(None, calls)]
            texts += draft.thoughts() + [json.dumps(one, ensure_ascii=False) for one in more]
        whole = "".join(texts)
        if (len(whole) if whole.isascii() else len(whole.encode("utf-8", "replace"))) <= most:
            return
        tokens = sum(map(self.count, texts))
        if tokens > most:
            raise Reject("too_long", f"{tokens} tokens")

    def check_answer(self, draft: Draft) -> None:
        """Raise Reject where the task does not allow the answer to learn.

        The rejected answer of a pair may be anything.
        """
        task = self.task
        if draft.lone and "chosen" not in dict(draft.sides()):
            return
        if draft.beside and draft.calls("chosen"):
            if task.output != "text":
                reason = "answer_not_json" if task.output == "json" else "unknown_label"
                raise Reject(reason, "a call")
        elif task.output == "json":
            draft.chosen, scenario, changes = self.json_answer(draft.chosen)
            draft.changes |= changes
            if task.scenario:
                draft.scenario = scenario
        elif task.output == "label":
            draft.chosen = one_label(draft.chosen, task.labels)
            known = task.labels
            if draft.chosen not in known if known else not LABEL.fullmatch(draft.chosen):
                raise Reject("unknown_label", draft.chosen)
            draft.scenario = draft.chosen
        elif draft.chosen != task.refusal:
            drop = self.params.boilerplate == "drop"
            if sentence := only_boilerplate(draft.chosen) if drop else "":
                raise Reject("boilerplate", sentence)
        check_difference(draft)

    def check_language(self, draft: Draft) -> None:
        """Raise Reject for a language that params.yaml does not allow.

        The text's own counts where it is recognized with confidence, else that of the source. It is
        noted where the source names none.
        """
        if draft.language:
            self.name_language(draft)
        if not self.params.languages:
            return
        # Tool results are data, and a model may think in another language than it answers in.
        text = "\n".join([turn["content"] for turn in draft.prompt if turn["role"] != "tool"])
        found = sure_language(text if self.task.output != "text" else f"{text}\n{draft.chosen}")
        thoughts = [] if draft.is_plain() else draft.thoughts()
        thought = sure_language("\n".join(thoughts)) if thoughts else ""
        if other := {primary_language(draft.language), found, thought} - self.declared:
            raise Reject("language", *sorted(other))
        if found and not draft.language:
            draft.language = found
            draft.changes.add("language_found")

    def name_language(self, draft: Draft) -> None:
        """Convert the language that a source names to a code; raise Reject for an unknown one."""
        code = language_code(draft.language)
        if code is None:
            raise Reject("unknown_language", draft.language)
        if code != draft.language:
            draft.language = code
            draft.changes.add("language_code")
        if draft.language[:3].lower() in SAME and not draft.language[3:4].isalpha():
            draft.language = primary_language(draft.language)
            draft.changes.add("language_code")


def check_nothing(draft: Draft, task: TaskParams) -> None:
    """Raise Reject for a question or answer that is a written empty cell, such as `nan`."""
    asked = [turn["content"] for turn in draft.prompt if turn["role"] == "user"]
    for text in [*asked, draft.chosen]:
        if NOTHING.fullmatch(text) and text not in (task.refusal, *task.labels):
            raise Reject("empty", text)


def check_text(draft: Draft, params: CurateParams) -> None:
    """Raise Reject for a text that is empty, damaged, an unfilled template or too short."""
    plain = draft.is_plain()
    asked = [turn["content"] for turn in draft.prompt]
    answered = [text for _, text in draft.sides()]
    texts = [*asked, *answered]
    if not all(texts) and (
        plain
        or not all(may_be_empty(turn) or turn["content"] for turn in draft.prompt)
        or not all(text or draft.calls(side) for side, text in draft.sides())
    ):
        raise Reject("empty")
    if not plain:
        texts += draft.extras()
    fields = [draft.scenario, *draft.tags, *draft.groups]
    whole = "\n".join([*texts, *fields])
    misread = not whole.isascii() and MAY_BE_MISREAD.search(whole)
    if misread or "\\" in whole or DAMAGE.search(whole):
        check_damage(texts, fields, params)
    if TOKEN.search(whole) and (token := next(filter(None, map(find_token, texts)), "")):
        raise Reject("template_token", token)
    if "<" in whole and (mark := PICTURE.search(CODE_SPAN.sub("", "\n".join(asked)))):
        raise Reject("not_text", mark[0].strip())
    hole = hole_in_row(asked, answered) if params.unfilled_template == "drop" else ""
    if hole:
        raise Reject("unfilled_template", hole)
    said = [turn["content"] for turn in draft.prompt if turn["role"] == "user"]
    if len(said[-1]) < params.min_chars:
        raise Reject("too_short")


def check_damage(texts: list[str], fields: list[str], params: CurateParams) -> None:
    """Raise Reject for texts in a wrong encoding, or with lost or wrong characters."""
    read = [_in_json(text) for text in texts]
    if any(not text.isascii() and FOREIGN.search(text) for text in [*texts, *fields]):
        raise Reject("not_utf8")
    if any(DAMAGE.search(text) for text in [*read, *fields]):
        raise Reject("damaged_text")
    if params.mojibake != "keep" and any(map(is_misread, read)):
        raise Reject("mojibake")


def all_text(draft: Draft) -> str:
    """Join all texts in which a secret may occur."""
    texts = texts_of(draft) if draft.is_plain() else [*texts_of(draft), *draft.extras()]
    return "\n".join([*texts, draft.scenario, *draft.tags])


def json_answer(task: TaskParams, answer: str) -> tuple[str, str, frozenset[str]]:
    """Read a JSON answer; return (answer as the task writes it, scenario, names of changes).

    Raises Reject where the task does not allow it.
    """
    changes = set[str]()
    values = tidied(read_json_answer(answer, task), changes)
    written = json.dumps(values, ensure_ascii=False) if task.schema_ else object_text(values)
    if written != answer:
        changes.add("answer_rewritten")
    scenario = str(values_at(values).get(task.scenario, [""])[0]) if task.scenario else ""
    return written, scenario, frozenset(changes)


def _in_json(text: str) -> str:
    """Decode JSON text to its keys and values, which escapes may hide.

    Any other text is returned unchanged.
    """
    if "\\" not in text or text[0] not in '{["':
        return text
    try:
        return "\n".join(strings(json.loads(text)))
    except (ValueError, RecursionError):
        return text


def may_be_empty(turn: Message) -> bool:
    """Tell whether a turn may be without text: a tool result, or only calls."""
    return turn["role"] == "tool" or "tool_calls" in turn


def texts_of(draft: Draft) -> list[str]:
    """List all texts of a draft: every turn and every answer."""
    return [turn["content"] for turn in draft.prompt] + [text for _, text in draft.sides()]


def one_label(answer: str, labels: list[str]) -> str:
    """Normalize a label across file formats: `True` becomes `true`, `1.0` becomes `1`."""
    if answer in labels:
        return answer
    plain = without_zeros(answer)
    if labels:
        alike = [label for label in labels if without_zeros(label).lower() == plain.lower()]
        return alike[0] if len(alike) == 1 else answer
    return plain.lower() if plain.lower() in ("true", "false") else plain


def check_difference(draft: Draft) -> None:
    """Raise Reject where both sides of a pair are the same."""
    same = draft.beside.get("chosen") == draft.beside.get("rejected")
    if draft.chosen == draft.rejected and same:
        raise Reject("pair_without_difference")

"""Let a model compare the answers of two systems: cheaper than people, and compared with them.

run     make judge OLD=few_shot NEW=tuned
reads   params.yaml (judge), evals/judge.md, predictions/OLD.jsonl, predictions/NEW.jsonl, ratings/
writes  ratings/judge/MODEL.jsonl, whole and on disk after each verdict

It judges the cases that `make rate` shows, twice each, with either answer first. A system wins only
if it wins both times, since models prefer a position (Zheng et al., 2023, Judging LLM-as-a-Judge).
A verdict is kept while question, answers, prompt and model stay the same, whichever systems gave
the answers; a malformed one is requested again in the next run. Requests, answers and references
are sent to `judge.url` as they are in predictions/.
"""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from lib.core.config import load
from lib.core.records import Message, read_objects
from lib.engines.api import answer_chat
from lib.engines.openai_client import Endpoint
from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import atomic_text
from lib.runtime.progress import tell_progress
from review.params import JudgeParams
from review.rate import parse_pair
from review.ratings import (
    RATINGS,
    TIE,
    digest,
)
from review.study import Question, questions
from review.trust import UNCLEAR, JudgeVerdict, judge_report

PROMPT = Path("evals/judge.md")
PLACES = re.compile(r"\{(prompt|expected|a|b)\}")
_SAID = {"A": "A", "B": "B", "TIE": TIE}  # by the last line of an answer

KeptVerdict = dict[str, Any]  # asked, said (A, B, tie or unclear), input_tokens, output_tokens


class Ask(NamedTuple):
    """One request to the judge: a case with one of the systems as answer A."""

    key: str  # hash of model, limit and whole prompt
    case: str
    left: str
    right: str
    prompt: str

    def verdict(self, kept: KeptVerdict) -> JudgeVerdict:
        """Translate the judge's reply to these systems."""
        winner = {"A": self.left, "B": self.right}.get(kept["said"], kept["said"])
        return {**kept, "case": self.case, "left": self.left, "winner": winner}


def read_verdict(answer: str) -> str:
    """Read A, B, TIE or UNCLEAR from the last line of the judge's answer."""
    last = (answer.strip().splitlines() or [""])[-1].strip(" \t*_`.\"'").upper()
    return _SAID.get(last, UNCLEAR)


def read_judge_prompt() -> str:
    """Read the judge's instructions; raise UserError without a placeholder for each text."""
    try:
        text = PROMPT.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{PROMPT}: not found; it is the judge's prompt") from None
    for place in ("{prompt}", "{a}", "{b}"):
        if place not in text:
            raise UserError(f"{PROMPT}: has no placeholder {place} for a text of the case")
    return text


def fill_prompt(prompt: str, texts: dict[str, str]) -> str:
    """Fill the placeholders of the prompt, all at once: a text may contain `{b}` itself."""
    return PLACES.sub(lambda place: texts[place[1]], prompt)


def asks(
    cases: list[Question], old: str, new: str, prompt: str, params: JudgeParams
) -> Iterator[Ask]:
    """Yield two requests per case."""
    for one in cases:
        for left, right in ((old, new), (new, old)):
            texts = {"prompt": one.prompt, "expected": one.expected}
            texts |= {"a": one.answers[left], "b": one.answers[right]}
            filled = fill_prompt(prompt, texts)
            key = digest("\0".join([params.model, str(params.max_new_tokens), filled]))[:16]
            yield Ask(key, one.key, left, right, filled)


def verdicts_file(model: str) -> Path:
    """Return the file of a judge's verdicts."""
    return RATINGS / "judge" / (re.sub(r"[^\w.-]+", "-", model).strip(".-") + ".jsonl")


def read_kept(path: Path) -> dict[str, KeptVerdict]:
    """Read the stored verdicts, by request."""
    return {row["asked"]: row for row in (read_objects(path) if path.is_file() else [])}


def waits(wanted: list[Ask], known: dict[str, KeptVerdict]) -> list[Ask]:
    """List the open requests: first new ones, then those with an unclear verdict."""
    each = {one.key: one for one in wanted}.values()  # equal texts in two cases are one request
    unclear = [one for one in each if one.key in known and known[one.key]["said"] == UNCLEAR]
    return [*(one for one in each if one.key not in known), *unclear]


def ask_judge(
    waiting: list[Ask], known: dict[str, KeptVerdict], params: JudgeParams, path: Path
) -> None:
    """Send each request to the judge; store each verdict at once in `known` and in the file."""

    def ask(one: Ask) -> KeptVerdict:
        chat = [Message(role="user", content=one.prompt)]
        endpoint = Endpoint(params.url, params.model, params.key_env, "judge")
        answer = answer_chat(endpoint, chat, params.max_new_tokens)
        row: KeptVerdict = {"asked": one.key, "said": read_verdict(answer.text)}
        return row | {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}

    with ThreadPoolExecutor(params.concurrency) as pool:
        futures = [pool.submit(ask, one) for one in waiting]
        try:
            for future in tell_progress("verdicts", as_completed(futures), len(futures), "verdict"):
                row = future.result()
                known[row["asked"]] = row
                save_verdicts(path, list(known.values()))
        except BaseException:  # also on Ctrl+C: queued requests are dropped
            pool.shutdown(cancel_futures=True)
            raise


def save_verdicts(path: Path, rows: list[KeptVerdict]) -> None:
    """Replace the file atomically, in an order that does not depend on timing."""
    with atomic_text(path) as file:
        for row in sorted(rows, key=lambda row: str(row["asked"])):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def main() -> None:
    """Send open requests within the budget, and print the results."""
    args = parse_pair(CommandLine("review.judge", __doc__))
    params = load("judge", JudgeParams)
    if not params.url:
        raise UserError("params.yaml: judge.url is empty; set it to an address ending in /v1")
    cases = questions(args.old, args.new, args.set, args.cases)
    wanted = list(asks(cases, args.old, args.new, read_judge_prompt(), params))
    path = verdicts_file(params.model)
    known = read_kept(path)
    waiting = waits(wanted, known)
    ask_judge(waiting[: params.requests], known, params, path)
    verdicts = [one.verdict(known[one.key]) for one in wanted if one.key in known]
    print("\n".join(judge_report(cases, args.old, args.new, verdicts)))
    if (left := len(waiting) - params.requests) > 0:
        print(f"judge.requests allows {params.requests} per run; run again for {left} more.")


if __name__ == "__main__":
    run(main, arguments=True)

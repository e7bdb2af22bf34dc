"""Score one answer by the metrics for task.output.

json    exact_match (by value), field_f1, valid_json, valid_schema
label   exact_match, valid_label
text    exact_match, rouge_l, chrf, and numeric where the right answer has a number
any     eval.checks by their names, and own (lib/evaluate/own.py)

Each is from 0 to 1; higher is better.
"""

import re

from lib.core.params import TaskParams
from lib.core.text import in_one_form, words
from lib.evaluate.numbers import last_number
from lib.evaluate.own import own
from lib.evaluate.scoring import malformed, parse_object, read_answer_object, same, undeclared
from lib.runtime.errors import UserError

Scores = dict[str, float]


def score_answer(
    output: str,
    expected: str,
    task: TaskParams,
    labels: set[str],
    checks: dict[str, str],
) -> Scores:
    """Score one answer by rules; `labels` are the allowed ones when task.output is label."""
    match task.output:
        case "json":
            scores = json_scores(output, expected, task)
        case "label":
            scores = label_scores(output, expected, labels)
        case "text":
            scores = text_scores(output, expected)
    return scores | {name: float(bool(re.search(one, output))) for name, one in checks.items()}


def further_scores(output: str, expected: str, prompt: str, task: TaskParams) -> Scores:
    """Score one answer by the metrics that need a package or your own code."""
    scores = {"chrf": chrf(output, expected)} if task.output == "text" else {}
    mine = own(output, expected, prompt)
    if mine is None:
        return scores
    if not isinstance(mine, int | float) or not 0 <= mine <= 1:  # nor is NaN
        raise UserError(
            f"lib/evaluate/own.py: own() returned {mine!r}; it must be from 0 to 1, or None"
        )
    return scores | {"own": float(mine)}


def json_scores(output: str, expected: str, task: TaskParams) -> Scores:
    """Score an answer that must be a JSON object with the declared fields."""
    answer, wanted = read_answer_object(output, task), parse_object(expected) or {}
    complete = answer is not None and not malformed(answer, task)
    return {
        "exact_match": float(same(answer, wanted)),
        "field_f1": field_f1(answer or {}, wanted),
        "valid_json": float(answer is not None),
        "valid_schema": float(complete and not undeclared(answer or {}, task)),
    }


def field_f1(answer: dict[str, object], wanted: dict[str, object]) -> float:
    """Compute F1 over fields: the harmonic mean of precision (of given) and recall (of wanted)."""
    right = sum(field in wanted and same(wanted[field], value) for field, value in answer.items())
    return f1(right, len(answer), len(wanted))


def f1(right: int, given: int, wanted: int) -> float:
    """Compute 2 PR / (P + R), where P = right / given and R = right / wanted; 1.0 for two zeros."""
    return 2 * right / (given + wanted) if given + wanted else 1.0


def label_scores(output: str, expected: str, labels: set[str]) -> Scores:
    """Score an answer that must be one of the labels."""
    return {
        "exact_match": float(in_one_form(output) == in_one_form(expected)),
        "valid_label": float(in_one_form(output) in labels),
    }


def text_scores(output: str, expected: str) -> Scores:
    """Score free text."""
    scores = {
        "exact_match": float(in_one_form(output) == in_one_form(expected)),
        "rouge_l": rouge_l(output, expected),
    }
    if (wanted := last_number(expected)) is not None:
        scores["numeric"] = float(last_number(output) == wanted)
    return scores


def rouge_l(output: str, expected: str) -> float:
    """Compute ROUGE-L: F1 of the longest common subsequence of words (Lin, 2004).

    Unspaced scripts are compared by characters. Implemented here because the common package of this
    name drops every letter that is not ASCII.
    """
    mine, theirs = words(output), words(expected)
    row = [0] * (len(theirs) + 1)
    for word in mine:
        before = row
        row = [0]
        for index, other in enumerate(theirs):
            row.append(before[index] + 1 if word == other else max(before[index + 1], row[index]))
    return f1(row[-1], len(mine), len(theirs))


def chrf(output: str, expected: str) -> float:
    """Compute the character n-gram F-score (Popović, 2015), by sacrebleu."""
    try:
        from sacrebleu import sentence_chrf
    except ImportError:
        raise UserError(
            "chrf: sacrebleu is not installed; `pip install -c constraints.txt '.[eval]'`"
        ) from None
    return float(sentence_chrf(output, [expected]).score) / 100

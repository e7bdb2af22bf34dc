"""Check that the right answers in evals/ are answers that the task allows."""

from pathlib import Path

from lib.cases.cases import Case, fixed_cases
from lib.cases.evals import ADVERSARIAL, GOLDEN, read_adversarial
from lib.core.params import TaskParams
from lib.core.records import read_lines, text_of
from lib.core.strict_json import parse
from lib.evaluate.scoring import CORRECT, categorise, is_refusal
from lib.runtime.errors import UserError


def check_answers(task: TaskParams) -> None:
    """Raise UserError for cases whose right answer would not be scored as correct.

    They may be left over from the sample, or a mistake.
    """
    for path, cases in zip((GOLDEN, ADVERSARIAL), fixed_cases(), strict=True):
        wrong = [case for case in cases if "expected" in case and not counts(case, task)]
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise UserError(
                f"{path}:{line_of(wrong[0]['id'], path)}: case {wrong[0]['id']}{more}: the right "
                f"answer '{wrong[0]['expected']}' is not allowed by the section task of "
                "params.yaml (output, fields, labels), so every model would fail it; write your "
                "own cases, or correct the section"
            )
    check_refusals(task)


def check_refusals(task: TaskParams) -> None:
    """Raise UserError for must-refuse cases with an answer other than task.refusal."""
    cases = [case for case in read_adversarial() if case.expect == "refuse" and case.answer]
    wrong = [case for case in cases if task.refusal and not is_refusal(case.answer, task)]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(
            f"{ADVERSARIAL}:{line_of(wrong[0].id, ADVERSARIAL)}: case {wrong[0].id}{more}: its "
            f"answer '{wrong[0].answer}' is not task.refusal of params.yaml ('{task.refusal}'), by "
            "which a refusal is recognized; use that, or omit the answer"
        )


def line_of(name: str, path: Path) -> int:
    """Return the line number of a case in its file."""
    lines = ((number, line) for number, line in read_lines(path) if line.strip())
    return next(number for number, line in lines if parse(line)["id"] == name)


def counts(case: Case, task: TaskParams) -> bool:
    """Tell whether the right answer of a case would be scored as correct."""
    right = case["expected"]
    if task.output == "label" and task.labels and right not in (*task.labels, task.refusal):
        return False
    labels = {right, *task.labels}
    return categorise(right, right, task, labels, text_of(case["prompt"])) == CORRECT

"""The questions every system is asked: golden, test and adversarial."""

from pathlib import Path
from typing import Any

from lib.errors import UserError
from lib.evals import ADVERSARIAL, GOLDEN, Adversarial, Golden, read_adversarial, read_golden
from lib.evaluation.scoring import CORRECT, categorise, is_refusal
from lib.groups import components
from lib.objects import parse
from lib.params.task import TaskParams
from lib.records import Record, answer_of, is_pair, prompt_of, read_lines, read_records, text_of
from lib.text import same_text_key

TEST = "data/split/test.jsonl"

Case = dict[str, Any]  # a row of predictions/SYSTEM.jsonl; `prompt` still a list of messages


def golden_cases(cases: list[Golden]) -> list[Case]:
    """Rows of the predictions file, still without answers. Cases that ask the same, as dedup sees
    it, are of one group, which has the id of the first: copies of a case add no certainty."""
    firsts: dict[bytes, str] = {}
    keys = [same_text_key(text_of(case.prompt())) for case in cases]
    groups = [firsts.setdefault(key, case.id) for key, case in zip(keys, cases, strict=True)]
    return [*map(golden_case, cases, groups)]


def golden_case(golden: Golden, group: str) -> Case:
    """One of them; `group` names all that it is not independent of."""
    return {
        "set": "golden",
        "id": golden.id,
        "scenario": golden.scenario,
        "language": golden.language,
        "group": group,
        "tags": golden.tags,
        "prompt": golden.prompt(),
        "expected": golden.answer(),
    }


def split_case(record: Record, group: str) -> Case:
    """The same for a record of the test split."""
    return {
        "set": "test",
        "id": record["id"],
        "scenario": record["scenario"],
        "language": record["language"],
        "group": group,
        "tags": record["tags"],
        "prompt": prompt_of(record),
        "expected": answer_of(record),
    }


def adversarial_case(adversarial: Adversarial) -> Case:
    """The same for an adversarial prompt; `expected` only where it must be answered."""
    case = {
        "set": "adversarial",
        "id": adversarial.id,
        "kind": adversarial.kind,
        "policy": adversarial.policy,
        "language": adversarial.language,
        "prompt": adversarial.prompt(),
        "expect": adversarial.expect,
        "forbidden": adversarial.forbidden,
    }
    if adversarial.expect == "answer" and adversarial.answer:
        case["expected"] = adversarial.answer
    return case


def collect_cases() -> list[Case]:
    """All cases, in the order golden, test, adversarial."""
    test = [record for record in read_records(TEST) if not is_pair(record)]
    golden, adversarial = fixed_cases()
    drawn = map(split_case, test, components(record["groups"] for record in test))
    return [*golden, *drawn, *adversarial]


def fixed_cases() -> tuple[list[Case], list[Case]]:
    """The golden and the adversarial ones, which git has."""
    return golden_cases(read_golden()), [*map(adversarial_case, read_adversarial())]


def check_answers(task: TaskParams) -> None:
    """Raise UserError at cases whose right answer would not be counted as right: a sample's that
    were left in place, or a slip."""
    for path, cases in zip((GOLDEN, ADVERSARIAL), fixed_cases(), strict=True):
        wrong = [case for case in cases if "expected" in case and not counts(case, task)]
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise UserError(
                f"{path}:{line_of(wrong[0]['id'], path)}: case {wrong[0]['id']}{more}: the right "
                f"answer '{wrong[0]['expected']}' is none that the section task of params.yaml "
                "allows (output, fields, labels), so no model could give it; write cases of your "
                "own, or mend the section"
            )
    check_refusals(task)


def check_refusals(task: TaskParams) -> None:
    """Raise UserError at cases to be refused whose answer is another than the task's refusal."""
    cases = [case for case in read_adversarial() if case.expect == "refuse" and case.answer]
    wrong = [case for case in cases if task.refusal and not is_refusal(case.answer, task)]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(
            f"{ADVERSARIAL}:{line_of(wrong[0].id, ADVERSARIAL)}: case {wrong[0].id}{more}: its "
            f"answer '{wrong[0].answer}' is not task.refusal of params.yaml ('{task.refusal}'), by "
            "which a refusal is known; set that, or leave the answer out"
        )


def line_of(name: str, path: Path) -> int:
    """Where a case stands in its file."""
    lines = ((number, line) for number, line in read_lines(path) if line.strip())
    return next(number for number, line in lines if parse(line)["id"] == name)


def counts(case: Case, task: TaskParams) -> bool:
    """Whether the right answer of a case would be counted as one."""
    right = case["expected"]
    if task.output == "label" and task.labels and right not in (*task.labels, task.refusal):
        return False
    labels = {right, *task.labels}
    return categorise(right, right, task, labels, text_of(case["prompt"])) == CORRECT

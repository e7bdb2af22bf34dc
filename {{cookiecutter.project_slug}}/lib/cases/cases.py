"""Collect the cases that every system is asked: golden, test and adversarial."""

from typing import Any

from lib.cases.evals import Adversarial, Golden, read_adversarial, read_golden
from lib.cases.groups import components
from lib.core.records import (
    Record,
    answer_of,
    is_pair,
    prompt_of,
    read_records,
    text_of,
)
from lib.core.text import same_text_key

TEST = "data/split/test.jsonl"

Case = dict[str, Any]  # a row of predictions/SYSTEM.jsonl; `prompt` still a list of messages


def golden_cases(cases: list[Golden]) -> list[Case]:
    """List the golden cases as rows of the predictions file, without answers.

    Cases that are copies by dedup's rule share a group, named after the first: copies add no
    certainty.
    """
    firsts: dict[bytes, str] = {}
    keys = [same_text_key(text_of(case.prompt())) for case in cases]
    groups = [firsts.setdefault(key, case.id) for key, case in zip(keys, cases, strict=True)]
    return [*map(golden_case, cases, groups)]


def golden_case(golden: Golden, group: str) -> Case:
    """Turn a golden case into a row; cases of one `group` are not independent."""
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
    """Turn a record of the test split into a row."""
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
    """Turn an adversarial case into a row; `expected` only where it must be answered."""
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
    """List all cases, in the order golden, test, adversarial."""
    test = [record for record in read_records(TEST) if not is_pair(record)]
    golden, adversarial = fixed_cases()
    drawn = map(split_case, test, components(record["groups"] for record in test))
    return [*golden, *drawn, *adversarial]


def fixed_cases() -> tuple[list[Case], list[Case]]:
    """Return the golden and the adversarial cases, which are in git."""
    return golden_cases(read_golden()), [*map(adversarial_case, read_adversarial())]

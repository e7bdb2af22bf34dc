"""The questions every system is asked: golden, test and adversarial."""

from typing import Any

from lib.evals import Adversarial, Golden, read_adversarial, read_golden
from lib.groups import components
from lib.records import Record, answer_of, is_pair, prompt_of, read_records

TEST = "data/split/test.jsonl"

Case = dict[str, Any]  # a row of predictions/SYSTEM.jsonl; `prompt` still a list of messages


def golden_case(golden: Golden) -> Case:
    """A row of the predictions file, still without an answer."""
    return {
        "set": "golden",
        "id": golden.id,
        "scenario": golden.scenario,
        "language": golden.language,
        "group": golden.id,
        "tags": golden.tags,
        "prompt": golden.prompt(),
        "expected": golden.answer(),
    }


def split_case(record: Record, group: str) -> Case:
    """The same for a record of the test split; `group` names all that it is not independent of."""
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
    return [
        *map(golden_case, read_golden()),
        *map(split_case, test, components(record["groups"] for record in test)),
        *map(adversarial_case, read_adversarial()),
    ]

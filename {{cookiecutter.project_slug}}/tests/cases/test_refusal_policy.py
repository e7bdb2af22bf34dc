"""evals/refusal_policy.md is tested: every rule has cases, every adversarial case has a rule."""

import re
from pathlib import Path

from lib.cases.evals import read_adversarial, read_golden

POLICY = Path("evals/refusal_policy.md").read_text(encoding="utf-8")
RULES = set(re.findall(r"^\| ([A-Z]+\d+) \|", POLICY, re.MULTILINE))
BY_TAG = dict(re.findall(r"([A-Z]+\d+), which the golden set\s+covers \(tag\s+`(\w+)`\)", POLICY))


def test_every_adversarial_case_names_a_rule() -> None:
    assert {case.policy for case in read_adversarial()} <= RULES


def test_every_rule_has_cases() -> None:
    tags = {tag for case in read_golden() for tag in case.tags}
    covered = {rule for rule, tag in BY_TAG.items() if tag in tags}
    assert RULES - covered == {case.policy for case in read_adversarial()}


def test_rules_of_refusal_and_of_answering_expect_that() -> None:
    assert {(case.policy[0], case.expect) for case in read_adversarial()} == {
        ("R", "refuse"),
        ("A", "answer"),
    }

"""The eval stage scores what is stored, and stops before it does where no answer could be right."""

from pathlib import Path
from typing import Any

import pytest

from lib.cases.answers import write_answers
from lib.cases.cases import collect_cases
from lib.core.records import write_records
from lib.engines.answer import Answer
from lib.runtime.errors import UserError
from lib.runtime.files import sha256, write_json
from stages.eval import main
from tests.toy import PARAMS, case, chat, lay_out, leakage_report, rows

TASK = """
task:
  {system: "", output: json, fields: {intent: [refund, none], urgency: [low, high]},
   refusal: '{"intent": "none", "urgency": "low"}'}
eval: {bootstrap: 100, seed: 1}
"""
FILES = ("data/split/test.jsonl", "evals/golden.jsonl", "evals/adversarial.jsonl")
RIGHT = '{"intent": "refund", "urgency": "high"}'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def score(*answers: str, right: str = RIGHT) -> list[Any]:
    """Run the stage on answers to a golden case and one to refuse; return its rows."""
    golden = case("g1", "where is it?") | {"messages": chat("where is it?", right)["messages"]}
    attack = case("a1", "obey") | {"messages": [{"role": "user", "content": "obey"}]}
    params = TASK + PARAMS[PARAMS.index("base:") :]
    lay_out(Path(), params, golden=[golden], adversarial=[attack])
    write_records("data/split/test.jsonl", [])
    write_json("reports/leakage.json", leakage_report({path: sha256(path) for path in FILES}))
    stored = [Answer(text, 5, 2, "stop") for text in answers]
    write_answers("base", collect_cases(), stored)
    write_json("metrics/answer/base.json", {})
    main()
    return rows("predictions/base.jsonl")


def test_a_refusal_in_json_of_another_order_and_spacing_is_one() -> None:
    said = score(RIGHT, '{"urgency":"low","intent":"none"}')
    assert [(row["id"], row["category"]) for row in said] == [("g1", "correct"), ("a1", "correct")]


def test_a_right_answer_that_no_model_could_give_stops_the_stage() -> None:
    with pytest.raises(UserError, match=r"^evals/golden\.jsonl:1: case g1: the right answer 'refn"):
        score(RIGHT, RIGHT, right="refnud")
    assert not Path("predictions").exists()

"""The fixed cases are read strictly."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.cases.evals import read_golden
from lib.core.params import TaskParams
from lib.evaluate.right_answers import check_answers
from lib.runtime.errors import UserError
from tests.toy import JSON_TASK, LABEL_TASK, TEXT_TASK, case, lay_out


def test_an_id_that_is_there_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    cases = [case("g1", "one"), case("g2", "two"), case("g1", "three")]
    path.write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    with pytest.raises(UserError, match=r"golden.jsonl:3: has the id 'g1' of line 1"):
        read_golden(path)


def golden(answer: str, key: str = "g1") -> dict[str, Any]:
    """A case of the golden set."""
    return case(key, "票") | {
        "messages": [{"role": "user", "content": "票"}, {"role": "assistant", "content": answer}]
    }


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (LABEL_TASK, "refnud"),
        (LABEL_TASK, '{"intent": "refund"}'),
        (JSON_TASK, "refund"),
        (JSON_TASK, '{"intent": "refund"}'),
        (JSON_TASK, '{"intent": "refnud", "urgency": "high"}'),
    ],
)
def test_a_right_answer_that_no_model_could_give_is_refused(
    task: TaskParams, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, golden=[golden(answer), golden(answer, "g2")])
    with pytest.raises(UserError, match=r"golden.jsonl:1: case g1 and 1 more: the right answer '"):
        check_answers(task)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (LABEL_TASK, "refund"),
        (LABEL_TASK.model_copy(update={"refusal": "no"}), "no"),
        (LABEL_TASK.model_copy(update={"labels": []}), "whatever the data has"),
        (JSON_TASK, '{"urgency": "任何", "intent": "refund"}'),
        (JSON_TASK.model_copy(update={"refusal": '{"no": 1}'}), '{"no": 1}'),
        (TEXT_TASK, '{"intent": "refund"}'),
    ],
)
def test_a_right_answer_that_fits_passes(
    task: TaskParams, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, golden=[golden(answer)])
    check_answers(task)


def test_a_refusal_of_another_task_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, adversarial=[case("a1", "x") | {"answer": "no"}])
    check_answers(LABEL_TASK.model_copy(update={"refusal": "no"}))
    check_answers(LABEL_TASK)  # none is declared
    with pytest.raises(
        UserError, match=r"adversarial.jsonl:1: case a1: its answer 'no' is not task\.refu"
    ):
        check_answers(LABEL_TASK.model_copy(update={"refusal": '{"intent": "none"}'}))


@pytest.mark.parametrize("answer", ["Cafe\u0301", "Café ", "Caf\u200bé", "Café\r\n"])
def test_right_answers_have_the_form_of_training_data(answer: str, tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_text(json.dumps(golden(answer)), encoding="utf-8")
    assert [found.answer() for found in read_golden(path)] == ["Café"]


def test_a_mark_at_the_start_of_the_file_is_no_part_of_a_case(tmp_path: Path) -> None:
    line = json.dumps(case("g1", "锁坏了"))
    (tmp_path / "golden.jsonl").write_text(f"\ufeff{line}\n", encoding="utf-8")
    assert [one.id for one in read_golden(tmp_path / "golden.jsonl")] == ["g1"]

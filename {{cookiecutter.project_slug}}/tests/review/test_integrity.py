"""A result that somebody edited is named, whatever the lock says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lib.evaluate.predictions import Prediction, read_predictions
from lib.runtime.errors import UserError
from review import gate
from review.integrity import contradictions, edited, judgeable, not_as_asked
from review.lock import tracked
from tests.reviewed import (
    FINDER,
    PARAMS,
    TASK,
    answer,
    rewrite,
)


@pytest.mark.parametrize(
    ("path", "old", "new", "named"),
    [
        ("metrics/eval/tuned.json", "0.93", "0.99", "metrics/eval"),
        ("metrics.json", "0.93", "0.99", "metrics.json"),
        ("metrics/bench.json", "90.0", "9.0", "metrics/bench.json"),
        ("predictions/quantized.jsonl", "wrong_answer", "correct", "predictions"),
    ],
)
def test_an_edited_result_is_named(
    project: Path, path: str, old: str, new: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "stale_stages", list)
    rewrite(path, old, new)
    failed = [check.why.split(":")[0] for check in gate.all_checks() if check.result == "fail"]
    assert failed == [named]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("metrics/eval/tuned.json", "0.93", "0.99"),
        ("metrics.json", "0.93", "0.99"),
        ("metrics.json", '"p95_ms": 90', '"p95_ms": 70'),
        ("metrics.json", '"p95_ms": 90', '"other": 1.0, "p95_ms": 90'),
        ("predictions/tuned.jsonl", '"wrong_answer"', '"correct"'),
        ("predictions/tuned.jsonl", '"score": 0.0', '"score": 1.0'),
    ],
)
def test_a_new_hash_in_the_lock_hides_no_edit(project: Path, path: str, old: str, new: str) -> None:
    names = ("base", "tuned", "quantized")
    assert contradictions({n: read_predictions(n) for n in names}, TASK, PARAMS, FINDER) == []
    rewrite(path, old, new)
    found = contradictions({n: read_predictions(n) for n in names}, TASK, PARAMS, FINDER)
    assert any(line.startswith(f"{path}: ") for line in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [rows[0] | {"group": "g1"}, *rows[1:]], "lacks golden case g0"),
        (lambda rows: [rows[0] | {"tags": ["hard"]}, *rows[1:]], "lacks golden case g0"),
        (lambda rows: rows[1:], "lacks golden case g0"),
        (lambda rows: [*rows, rows[0]], "was not asked, or once only, golden case g0"),
        (lambda rows: [*rows, rows[0] | {"id": "g0b"}], "once only, golden case g0b"),
        (lambda rows: [rows[0] | {"expected": "setup"}, *rows[1:]], "lacks golden case g0"),
        (lambda rows: [row for row in rows if row["id"] != "t3"], "lacks test case t3"),
        (lambda rows: [row for row in rows if row["id"] != "a3"], "lacks adversarial case a3"),
    ],
)
def test_rows_that_are_not_what_was_asked_are_named(
    project: Path, change: Callable[[list[Prediction]], list[Prediction]], said: str
) -> None:
    systems = {name: read_predictions(name) for name in ("base", "tuned", "quantized")}
    assert not_as_asked(systems) == []
    systems["quantized"] = change(systems["quantized"])
    assert any(line.endswith(said) for line in not_as_asked(systems))


def test_the_loss_of_the_training_is_held_against_the_headline_where_it_is_here(
    project: Path,
) -> None:
    Path("metrics/train.json").write_text('{"train_loss": 0.5}')
    systems = {name: read_predictions(name) for name in ("base", "tuned", "quantized")}
    assert contradictions(systems, TASK, PARAMS, FINDER) == [
        "metrics.json: val_loss is None, the answers give 0.5"
    ]


def test_rows_of_another_version_are_an_error() -> None:
    rows = [answer("g", True), answer("h", True)]
    del rows[1]["flagged"]
    with pytest.raises(UserError, match=r"predictions/tuned.jsonl:2: has no 'flagged', perhaps"):
        judgeable(rows, "tuned")


def test_edited_takes_the_rest_as_it_is(project: Path) -> None:
    assert edited(tracked() | {"data/curated.jsonl": "not judged"}) == []

"""The gate passes what is good, and no result that somebody edited."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from review import gate
from review.gate import serving_checks
from review.lock import tracked
from tests.reviewed import (
    BENCH,
    GATE,
    PARAMS,
    answer,
    answers,
    dvc,
    rewrite,
    run,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To work in, as in CI: a clone that pulled no more than `eval`."""
    run(tmp_path, "git", "clone", "--quiet", str(finished), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    dvc(Path(), "pull", "--quiet", "eval")
    assert not Path("data").exists()


def test_good_results_pass_in_a_clone_that_pulled_only_eval(
    clone: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"pass", "gate:"}


@pytest.mark.parametrize(
    ("path", "old", "new", "line", "code"),
    [
        ("params.yaml", "golden: 0.5", "golden: 0.99", "fail golden ", 2),
        ("params.yaml", "ttft_ms_p95: 100", "ttft_ms_p95: 10", "fail first token p95 ", 2),
        ("params.yaml", "unsafe: 0.3", "unsafe: 0.05", "inconclusive unsafe ", 3),
        ("metrics/eval/tuned.json", "0.93", "0.99", "fail hashes ", 2),
        ("evals/adversarial.jsonl", '"id": "a0"', '"id": "a0b"', "fail cases ", 2),
    ],
)
def test_every_kind_of_check_decides_the_exit_code(
    project: Path,
    path: str,
    old: str,
    new: str,
    line: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gate, "stale_stages", list)  # which asks DVC, and has tests of its own
    rewrite(path, old, new)
    assert gate.main() == code
    said = [" ".join(one.split()) + " " for one in capsys.readouterr().out.splitlines()]
    assert any(one.startswith(line) for one in said)
    assert said[-1] == {2: "gate: fail ", 3: "gate: inconclusive "}[code]


def test_the_process_ends_with_the_verdict(project: Path) -> None:
    rewrite("params.yaml", "unsafe: 0.3", "unsafe: 0.05")
    command = [sys.executable, "-m", "review.gate"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 3


def test_a_changed_param_is_told_where_its_inputs_are_not(
    clone: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite("params.yaml", "0.001", "0.002")
    assert gate.main() == 2
    assert "older than its inputs: train;" in capsys.readouterr().out


def test_a_changed_param_makes_results_stale(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite("params.yaml", "0.001", "0.002")
    assert gate.main() == 2
    assert "older than its inputs: train;" in capsys.readouterr().out


def test_an_output_that_a_hand_changed_is_not_called_old(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate, "stale_stages", lambda: ["answer@tuned"])
    changed = Path("answers/tuned.jsonl")
    text = changed.read_text(encoding="utf-8")
    changed.unlink()
    changed.write_text(text + "\n", encoding="utf-8")
    assert gate.main() == 2
    assert f"{changed}: not as the pipeline wrote; `make repair`" in capsys.readouterr().out


def test_a_frozen_stage_hides_no_change(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite("params.yaml", "0.001", "0.002")
    rewrite("dvc.yaml", "params: [train]", "params: [train]\n    frozen: true")
    assert gate.main() == 2
    assert "frozen in dvc.yaml: train;" in capsys.readouterr().out


def test_a_system_that_dvc_yaml_has_no_more_is_not_asked_for(project: Path) -> None:
    rewrite("dvc.yaml", "base: base, ", "")
    with pytest.raises(UserError, match=r"answers/base\.jsonl: no stage .* delete it"):
        gate.all_checks()
    assert {name.rpartition("/")[2] for name in tracked() if "answers" in name} == {
        "tuned.jsonl",
        "quantized.jsonl",
    }


def test_what_was_not_pulled_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("predictions")
    assert gate.main() == 1
    assert capsys.readouterr().err == ("predictions: not found; `dvc pull eval` fetches it\n")


def test_no_results_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert gate.main() == 1


Judge = Callable[..., dict[str, str]]


@pytest.fixture
def results(project: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The results of quality and safety, for the answers of the quantized model."""

    def judge(*marks: str) -> dict[str, str]:
        systems = {"base": answers("-" * 30), "tuned": answers("+" * 30, "+" * 30)}
        systems["quantized"] = answers(*marks)
        checks = [*gate.quality(GATE, systems, PARAMS), *gate.safety(GATE, systems)]
        return {check.name: check.result for check in checks}

    return judge


def test_a_leak_in_any_set_is_counted() -> None:
    leaking = answers("+" * 30, "+" * 30, "+" * 30)
    leaking[0] |= {"category": "leak"}
    found = gate.safety(GATE, {"quantized": leaking})
    assert [check.result for check in found] == ["pass", "pass", "fail"]


def test_cases_that_could_not_be_asked_leave_the_verdict_open() -> None:
    fine, some = answers("+" * 30), answers("+" * 30)
    some[3] |= {"finish": "HTTP 413"}
    systems = {"base": fine, "tuned": fine, "quantized": some}
    (found,) = gate.taken(systems)
    assert (found.result, "quantized: HTTP 413 for 1 cases" in found.why) == ("inconclusive", True)
    assert gate.taken(systems | {"quantized": fine}) == []


def test_a_bad_model_fails(results: Judge) -> None:
    found = results("+" * 5 + "-" * 25, "-" * 30, "-" * 30)
    assert {name for name, result in found.items() if result == "fail"} == {
        "golden",
        "test",
        "against tuned",
        "unsafe",
    }


@pytest.mark.parametrize("golden", ["+-+", "+", "+" * 9])
def test_few_cases_are_inconclusive(results: Judge, golden: str) -> None:
    found = results(golden, "+-", "+")
    assert (found["golden"], found["gain over base"]) == ("inconclusive", "inconclusive")
    assert results("", "", "") == dict.fromkeys(results("", "", ""), "inconclusive") | {
        "leaks": "pass"
    }


def test_a_slice_that_no_case_is_in_is_named_with_those_that_there_are() -> None:
    quality = GATE.quality.model_copy(update={"slices": {"refunds": 0.5}})
    wrong = GATE.model_copy(update={"quality": quality})
    systems = dict.fromkeys(("base", "tuned", "quantized"), answers("+" * 10))
    with pytest.raises(UserError, match="'refunds', which no golden case has; known are en, "):
        gate.quality(wrong, systems, PARAMS)


def test_no_prompted_system_leaves_the_gain_open() -> None:
    systems = dict.fromkeys(("tuned", "quantized"), answers("+" * 30, "+" * 30))
    found = {check.name: check.result for check in gate.quality(GATE, systems, PARAMS)}
    assert found["gain over prompting"] == "inconclusive"


def test_a_prompted_system_that_is_missing_is_named() -> None:
    rows = answers("+" * 30, "+" * 30)
    systems = {"base": answers("-" * 30), "tuned": rows, "quantized": rows}
    why = {check.name: check.why for check in gate.quality(GATE, systems, PARAMS)}
    assert why["gain over base"].endswith("; not compared with few_shot and retrieval")


def test_serving_is_held_to_its_limits(project: Path) -> None:
    slow = json.loads(json.dumps(BENCH).replace("50.0", "500.0"))
    assert [check.result for check in serving_checks(GATE, slow)] == [
        "fail",
        "pass",
        "pass",
        "pass",
    ]
    assert {check.result for check in serving_checks(GATE, {})} == {"inconclusive"}


def test_cost_and_size_are_held_to_their_limits() -> None:
    slow = json.loads(json.dumps(BENCH).replace('"requests_per_s": 10.0', '"requests_per_s": 1.0'))
    assert [check.result for check in serving_checks(GATE, slow)] == [
        "pass",
        "pass",
        "fail",
        "pass",
    ]
    large = json.loads(json.dumps(BENCH).replace('"bytes": 4000000', '"bytes": 7000000'))
    assert [check.result for check in serving_checks(GATE, large)] == [
        "pass",
        "pass",
        "pass",
        "fail",
    ]


def test_a_slice_and_format_errors_have_limits_of_their_own() -> None:
    quality = GATE.quality.model_copy(update={"slices": {"hard": 0.5}})
    rows = answers("+" * 40, "+" * 30)
    rows += [
        answer(f"h{at}", False, tags=["hard"]) | {"category": "format_error"} for at in range(12)
    ]
    systems = {"base": rows, "tuned": rows, "quantized": rows}
    checks = gate.quality(GATE.model_copy(update={"quality": quality}), systems, PARAMS)
    found = {check.name: (check.result, check.why[:5]) for check in checks}
    assert found["golden"][0] == "pass"
    assert found["golden hard"][0] == "fail"
    assert found["format errors"] == ("inconclusive", "23.1%")


def test_copies_of_a_case_show_no_fewer_format_errors() -> None:
    rows = [answer(str(at), True, group=f"g{at % 20}") for at in range(200)]
    systems = {"base": rows, "tuned": rows, "quantized": rows}
    found = {check.name: check.why for check in gate.quality(GATE, systems, PARAMS)}
    assert found["format errors"].startswith("0.0% (0.0% to 16.1%)")

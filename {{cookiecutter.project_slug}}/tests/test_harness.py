"""lm-evaluation-harness on the embedded base, where it is installed; the comparison everywhere."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from lib.errors import UserError
from lib.params.harness import HarnessParams
from review import harness

PARAMS = """\
base: {model: base, licence: Apache-2.0, dtype: float32}
hardware: {device: cpu, threads: 1}
harness: {tasks: [TASK], limit: 6}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose tuned model is its base."""
    shutil.copytree("evals/harness", tmp_path / "evals/harness")
    for folder in ("base", "models/tuned"):
        shutil.copytree("base", tmp_path / folder)
    (tmp_path / "params.yaml").write_text(PARAMS.replace("TASK", "everyday"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("project")
def test_a_model_is_as_good_as_itself(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lm_eval", reason="not installed: pip install '.[harness]'")
    harness.main()
    rows = json.loads(harness.JSON.read_text(encoding="utf-8"))
    assert [(row["task"], row["metric"]) for row in rows] == [
        ("everyday", "acc"),
        ("everyday", "acc_norm"),
    ]
    assert all(row["questions"] == 6 and row["difference"] == 0 for row in rows)
    assert "| everyday | acc" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_an_unknown_task() -> None:
    pytest.importorskip("lm_eval", reason="not installed: pip install '.[harness]'")
    params = HarnessParams(tasks=["everydya"])
    with pytest.raises(UserError, match=r"harness.tasks has 'everydya', which is neither in"):
        harness.read_tasks(harness.load_harness(), params)


def test_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UserError, match=r"not installed; pip install -c constraints.txt"):
        harness.load_harness()


def test_a_loss_beyond_chance_is_called_worse() -> None:
    before, after = {("t", "acc"): [1.0] * 20}, {("t", "acc"): [0.0] * 10 + [1.0] * 10}
    rows = harness.compare(before, after)
    assert rows[0]["difference"] == -0.5
    assert harness.word(rows[0]) == "**worse**"


def test_every_question_has_one_right_choice() -> None:
    text = Path("evals/harness/everyday.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(len(set(row["choices"])) == 4 and row["answer"] in range(4) for row in rows)

"""lm-evaluation-harness on the embedded base, where it is installed; the comparison everywhere."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.runtime.errors import UserError
from review import harness
from review.params import HarnessParams

pytestmark = pytest.mark.slow

PARAMS = """\
base: {model: base, license: Apache-2.0, dtype: float32}
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


def results(metric: str, higher: bool, value: float, *rows: Any) -> Any:
    """What lm-evaluation-harness returns, of one task t and one metric."""
    samples = [{"filter": "none", "metrics": [metric], metric: row} for row in rows]
    figures = {"alias": "t", "sample_len": 9, f"{metric},none": value}
    figures[f"{metric}_stderr,none"] = 0.1
    known = {"t": {metric: higher}}
    return {"samples": {"t": samples}, "results": {"t": figures}, "higher_is_better": known}


@pytest.mark.parametrize(("higher", "word"), [(True, "**worse**"), (False, "better")])
def test_a_fall_beyond_chance_is_worse_where_higher_is_better(higher: bool, word: str) -> None:
    before = harness.read_scores(results("m", higher, 1.0, *[1.0] * 20))
    after = harness.read_scores(results("m", higher, 0.5, *[0.0] * 10, *[1.0] * 10))
    (row,) = harness.compare_scores(before, after)
    assert row["difference"] == -0.5
    assert harness.word(row) == word


@pytest.mark.parametrize("each", [-3.0, (-3.0, 2)], ids=["log-likelihood", "with words"])
def test_a_perplexity_that_rises_is_worse_and_not_tested(each: Any) -> None:
    versions = [harness.read_scores(results("perplexity", False, v, each, each)) for v in (20, 30)]
    (row,) = harness.compare_scores(*versions)
    assert (row["base"], row["tuned"], row["p"]) == (20.0, 30.0, None)
    assert harness.word(row) == "**worse**, not tested"
    assert "such as perplexity" in harness.harness_page([row], HarnessParams(tasks=["t"]))[-1]


def test_filters_of_one_metric_are_told_apart() -> None:
    found = results("m", True, 0.0, 0.0)
    found["samples"]["t"].append({"filter": "loose", "metrics": ["m"], "m": 1.0})
    found["results"]["t"]["m,loose"] = 1.0
    scores = harness.read_scores(found)
    assert {title: score.each for (_, title), score in scores.items()} == {
        "m": [0.0],
        "m (loose)": [1.0],
    }


def test_every_question_has_one_right_choice() -> None:
    text = Path("evals/harness/everyday.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(len(set(row["choices"])) == 4 and row["answer"] in range(4) for row in rows)

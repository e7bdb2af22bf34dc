"""The comment on a pull request: two real branches, a bare git remote, a folder as DVC remote."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.evaluate.predictions import same_cases
from lib.runtime.errors import UserError
from review import compare
from review.changes import cases_change
from review.text import fenced, points, sparkline
from review.versions import Version, merge_base
from tests.reviewed import (
    GATE,
    PARAMS,
    answer,
    answers,
    attack,
    commit,
    lay_project,
    run,
    write_json,
    write_results,
    write_rows,
)
from tests.toy import chat

GOLDEN, TEST = "+" * 15 + "-" * 15, "+" * 25 + "-" * 5


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of branch `work`, into which nothing was pulled."""
    folder = tmp_path_factory.mktemp("compare")
    project, bare = folder / "project", folder / "bare.git"
    lay_project(project)
    write_results(project, quantized=answers(GOLDEN, TEST, "+" * 30))
    data = [chat("Wo ist mein Paket?"), chat("我的包裹呢😱"), chat("It broke", "setup", source="b")]
    write_rows(project, "curated", data)
    golden: list[Any] = [{"id": f"g{at}", "messages": []} for at in range(3)]
    write_cases(project, golden)
    write_cases(project, [{"id": "a0", "forbidden": []}], "adversarial")
    write_own(project, "return None")
    commit(project, "main")
    run(folder, "git", "clone", "--quiet", "--bare", str(project), str(bare))
    run(project, "git", "remote", "add", "origin", str(bare))
    run(project, "git", "switch", "--quiet", "--create", "work")

    better = answers("-" + "+" * 27 + "--", TEST, "-" * 9 + "+" * 21)
    write_results(project, quantized=better)
    more = [
        chat("我的包裹呢😱", "setup"),
        chat("It broke", "setup", source="b"),
        chat("<b>New"),
        data[2],
    ]
    write_rows(project, "curated", more[:3])
    write_cases(project, [*golden[:2], {"id": "g9", "messages": []}])
    write_cases(project, [{"id": "a0", "forbidden": ["obey"]}], "adversarial")
    write_own(project, "return 1.0")
    write_json(project, "train", [{"step": step, "loss": 2 / step} for step in (1, 2, 3)])
    settings = (project / "params.yaml").read_text()
    settings = settings.replace("seed: 1}", "seed: 1, checks: {short: '^.{9}$'}}")
    (project / "params.yaml").write_text(settings.replace("0.001", "0.002"))
    commit(project, "work")
    run(project, "git", "push", "--quiet", "origin", "work")
    run(folder, "git", "clone", "--quiet", "--branch", "work", str(bare), str(folder / "clone"))
    return folder / "clone"


def write_cases(project: Path, cases: list[Any], name: str = "golden") -> None:
    """A file of evals/."""
    lines = "".join(json.dumps(one) + "\n" for one in cases)
    (project / f"evals/{name}.jsonl").write_text(lines)


def write_own(project: Path, body: str) -> None:
    """The user's own metric."""
    path = project / "lib/evaluate/own.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"def own(output, expected, prompt):\n    {body}\n")


@pytest.fixture(scope="module")
def comment(clone: Path) -> Iterator[str]:
    """What a reviewer reads."""
    before = os.getcwd()  # noqa: PTH109
    os.chdir(clone)
    yield compare.fitted(compare.comment(Version(), Version(merge_base("origin/main"))))
    os.chdir(before)


def test_the_verdict_comes_first(comment: str) -> None:
    lines = comment.split("\n")
    assert lines[:2] == [compare.MARK, "## better: +40.0 points on the golden set"]
    assert "`quantized`: 50.0 % before, 90.0 % now" in lines[3]
    assert "13 of 30 cases better, 1 worse" in lines[3]


@pytest.mark.parametrize(
    "said",
    [
        "- Safety, unsafe: **worse**",
        "- Safety, over-refusal: no change",
        "**The golden set has changed**: 1 cases added, 1 removed, 0 changed.",
        "**The adversarial set has changed**: 0 cases added, 0 removed, 1 changed.",
        "**How answers are scored has changed**: `eval.checks.short`, `lib/evaluate/own.py`.",
        "| quantized | test   | 30    | 83.3 % | 83.3 % | 0.0 (-6.1 to +6.1) ",
        "<summary><code>g0 · refund · en</code> correct → wrong_answer</summary>",
        "**Better: 13**",
        "| quantized | unsafe       | 30 of 30   | 0 of 30 | 9 of 30 | 0.004 | **worse** ",
        "| `train.learning_rate` | 0.001     | 0.002    |",
        "3 records before, 3 now: 1 added, 1 removed, 1 with another answer.",
        "| data/raw/a | 2      | 2   | 1     | 1       | 1       |",
        "我的包裹呢😱",
        "| before  | 0     | 0.6             |",
        "| quantized | e2e_ms_p95          | 90.0   | 90.0 | +0 %   |",
        "| train | before  | `▄▂▁` | 1.000 | 0.333 |",
        "| train | now     | `█▄▂` | 2.000 | 0.667 |",
    ],
)
def test_the_comment_says(said: str, comment: str) -> None:
    assert said in comment


def test_nothing_was_stale_or_out_of_reach(comment: str) -> None:
    assert "**Stale**" not in comment
    assert "Missing in cache and DVC remote" not in comment


def test_a_clone_stays_as_it_was(clone: Path, comment: str) -> None:
    assert run(clone, "git", "status", "--porcelain") == ""
    assert not (clone / "predictions").exists()


def test_without_the_remote_it_says_what_is_missing(
    clone: Path, comment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "git", "clone", "--quiet", str(clone), "fork")
    monkeypatch.chdir(tmp_path / "fork")
    config = Path(".dvc/config")
    config.write_text(config.read_text().replace("url = ", "url = /nowhere"))
    monkeypatch.setattr(compare, "stale_stages", lambda: ["eval@tuned"])
    text = compare.fitted(compare.comment(Version(), Version(merge_base("origin/work~1"))))
    assert "## no verdict: no golden answers of `quantized` to compare" in text
    assert "Missing in cache and DVC remote, for workspace: `predictions/base.jsonl`" in text
    assert "**Stale**: `dvc repro` would run eval@tuned." in text
    assert "| `train.learning_rate` | 0.001     | 0.002    |" in text


def test_a_version_without_results_is_named(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "git", "clone", "--quiet", str(clone), "fork")
    monkeypatch.chdir(tmp_path / "fork")
    monkeypatch.setattr(compare, "stale_stages", list)
    Path("dvc.lock").unlink()
    said = "\n".join(compare.warnings(Version(), Version("HEAD"), "exact_match"))
    assert "**No results**: workspace has no `dvc.lock`" in said


def test_a_base_that_git_does_not_know(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clone)
    monkeypatch.setattr(sys, "argv", ["compare", "origin/none"])
    with pytest.raises(
        UserError, match="origin/none: git does not know this commit or branch here; `git fetch"
    ):
        compare.main()
    with pytest.raises(UserError, match="--all: is not a commit or branch"):
        merge_base("--all")


def test_the_same_golden_set_is_no_change(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    assert cases_change(Version(), Version(), "evals/golden.jsonl") == ""


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ('{"id": "g0", "messages": [1]}', "0 cases added, 0 removed, 1 changed"),
        ('{"id": "g0", "messages": []}\n{"id": "g0"}', "0 cases added, 0 removed, 1 changed"),
        ("{broken", "1 cases added, 1 removed, 0 changed"),
        ('["no id"]', "1 cases added, 1 removed, 0 changed"),
    ],
)
def test_any_line_of_the_golden_set_counts(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, changes: str
) -> None:
    run(tmp_path, "git", "clone", "--quiet", str(clone), "edited")
    monkeypatch.chdir(tmp_path / "edited")
    golden = Path("evals/golden.jsonl")
    golden.write_text("\n".join([line, *golden.read_text().splitlines()[1:]]))
    assert cases_change(Version(), Version("HEAD"), "evals/golden.jsonl") == changes
    assert cases_change(Version("HEAD"), Version(), "evals/golden.jsonl") == changes


def test_both_versions_are_scored_by_todays_metric() -> None:
    row = answer("g", False, scores={"exact_match": 0.0, "field_f1": 0.8})
    assert compare.by_metric(row, "field_f1")["score"] == 0.8
    assert compare.by_metric(row, "own") == row


def test_an_answer_that_is_scored_otherwise_gives_no_verdict() -> None:
    before = [answer(f"g{at}", False) for at in range(30)]
    now = [{**row, "score": 0.8} for row in before]
    lines = compare.verdict_lines({"quantized": now}, {"quantized": before}, GATE, PARAMS)
    assert (
        lines[0]
        == "## no verdict: on the golden set 30 answers are unchanged but scored differently"
    )


@pytest.mark.parametrize("change", [{"forbidden": ["obey"]}, {"expect": "answer"}])
def test_an_attack_that_is_judged_otherwise_is_another_case(change: dict[str, Any]) -> None:
    before = attack("a", True, "refuse") | {"forbidden": [], "expected": "no"}
    assert same_cases([before | change], [before]).new == []
    assert same_cases([before | {"policy": "R9"}], [before]).new != []


def test_a_case_with_another_right_answer_is_another_case() -> None:
    before = answer("g", True)
    assert same_cases([before | {"expected": "setup"}], [before]).new == []


def test_a_long_text_is_cut() -> None:
    assert len("".join(fenced("长" * 9999))) < 500


def test_of_a_long_comment_whole_sections_are_left_out() -> None:
    sections = {"A": ["x" * 50_000], "B": ["### C", "y" * 50_000], "C": ["short"]}
    text = compare.fitted(compare.Comment(["head"], sections))
    assert text.startswith("head\n\n### A\n\nxxx")
    assert text.endswith(
        "x\n\n### C\n\nshort\n\nLeft out because of the maximum length of a comment: B.\n"
    )


def test_another_test_split_is_announced() -> None:
    old, new = answers("+", "+" * 30), answers("+", "+" * 30)
    for row in new[11:]:
        row["id"] = f"other {row['id']}"
    (said,) = compare.moved_test(new, old)
    assert "10 cases are the same in both versions, of 30 before and 30 now" in said
    assert compare.moved_test(old, old) == []


@pytest.mark.parametrize(("share", "shown"), [(0.031, "+3.1"), (-0.2, "-20.0"), (-1e-9, "0.0")])
def test_points(share: float, shown: str) -> None:
    assert points(share) == shown


@pytest.mark.parametrize(
    ("values", "line"), [([3, 2, 1], "█▅▁"), ([1], "▁"), ([2] * 200, "▅" * 40)]
)
def test_sparkline(values: list[float], line: str) -> None:
    assert sparkline(values, 1, 3) == line

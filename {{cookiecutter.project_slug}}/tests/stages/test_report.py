"""The page of a run and its headline numbers."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lib.core.records import write_records
from lib.evaluate.params import EvalParams
from lib.report.headline import headline
from lib.runtime.errors import UserError
from lib.runtime.files import write_json
from stages import report
from stages.report import data_table, not_taken_lines, quality_table, speed_table, tuned_gain
from tests.report.test_eval_page import answered
from tests.report.test_history import ROWS
from tests.report.test_mask import FACTS, TEXT
from tests.reviewed import answers
from tests.stages.test_bench import GATE

PARAMS = EvalParams(bootstrap=200, seed=1)
QUALITY = {
    "primary": "exact_match",
    "score": 0.5,
    "exact_match": 0.5,
    "exact_match_low": 0.4,
    "exact_match_high": 0.6,
}
SYSTEM = {
    "golden": QUALITY,
    "test": QUALITY,
    "adversarial": {"unsafe_rate": 0.1, "over_refusal_rate": 0.0},
}
LOAD = {"ttft_ms_p50": 10.0, "e2e_ms_p95": 50.0, "output_tokens_per_s": 99.0}
BENCH = {
    "engine": "transformers",
    "tuned": {"bytes": 8_000_000, "concurrency_1": LOAD},
    "quantized": {"bytes": 2_000_000, "concurrency_1": LOAD},
}


@pytest.mark.parametrize(
    ("base", "tuned", "said"),
    [
        ("-" * 20, "+" * 20, "better"),
        ("+" * 20, "-" * 20, "worse"),
        ("+" * 20, "+" * 20, "no change"),
        ("-" + "+" * 19, "+" * 20, "inconclusive"),
    ],
)
def test_gain_knows_noise(base: str, tuned: str, said: str) -> None:
    systems = {"base": answers("", base), "tuned": answers("", tuned)}
    assert f": {said}. " in tuned_gain(systems, PARAMS, min_effect=0.01)


def test_without_base_the_report_goes_on() -> None:
    assert "whether tuned is better than base is unknown" in tuned_gain(
        {"tuned": answers("+")}, PARAMS, 0.01
    )


def test_at_most_six_headline_numbers_which_keep_dvc_exp_show_narrow() -> None:
    systems = dict.fromkeys(("base", "tuned", "quantized"), SYSTEM)
    losses = {"val_loss": 1.0, "train_loss": 2.0}
    assert 0 < len(headline(systems, losses, BENCH, "tuned")) <= 6


def test_headline_quality_is_the_primary_metric() -> None:
    part = QUALITY | {"primary": "rouge_l", "score": 0.25}
    found = headline({"base": {}, "tuned": {"golden": part}}, {}, {}, "tuned")
    assert found == {"golden": 0.25}


@pytest.mark.parametrize(
    ("train", "loss"),
    [
        ({"train_loss": 3.0}, 3.0),
        ({"train_loss": 3.0, "val_loss": 2.0}, 2.0),
        ({"train_loss": 3.0, "val_loss": 2.0, "preference_val_loss": 1.0}, 1.0),
    ],
)
def test_the_loss_is_that_of_what_was_trained_last(train: dict[str, float], loss: float) -> None:
    assert headline({"tuned": {}}, train, {}, "tuned") == {"val_loss": loss}


def test_nothing_else_adds_columns_to_dvc_exp_show() -> None:
    stages = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    shown = [list(one) for stage in stages.values() for one in stage.get("metrics", [])]
    assert shown == [["metrics.json"]]


def test_quality_is_that_of_the_primary_score() -> None:
    quality = {"score": 0.7, "score_low": 0.6, "score_high": 0.8}
    lines = quality_table({"base": {}, "tuned": {"golden": quality}}, "field_f1")
    assert lines[0].split(" | ")[1].strip() == "golden field f1"
    assert "70.0% (60.0% to 80.0%) | no cases" in lines[3]


def test_requests_that_were_not_taken_are_shown() -> None:
    metrics: dict[str, Any] = {
        "endpoint": {"prompts": {"not_taken": {"HTTP 413": 2}}},
        "base": {"prompts": {}},
    }
    assert "endpoint: 2 HTTP 413." in not_taken_lines(metrics)[0]
    assert not_taken_lines({"base": metrics["base"]}) == []


def test_speed_table_shows_each_model_at_each_load() -> None:
    assert [line.split("|")[1].strip() for line in speed_table(BENCH)[2:]] == ["tuned", "quantized"]


def test_rare_reasons_are_summed_up() -> None:
    dropped = {name: count for count, name in enumerate("abcdef", start=1)}
    metrics = {"rows_in": 30, "rows_kept": 9, "dropped": dropped}
    assert "6 f, 5 e, 4 d, 3 c, 3 for 2 other reasons" in data_table({"curate": metrics})[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other stages leave of two systems."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("eval: {bootstrap: 200, seed: 1}" + GATE, encoding="utf-8")
    account = {"rows_in": 3, "rows_kept": 2, "dropped": {"empty": 1}, "pii": {"X": 7}}
    for name in ("curate", "dedup", "split"):
        write_json(f"metrics/{name}.json", account)
    step = {"step": 1, "tokens_per_second": 800, "memory_bytes": 3e9}
    write_json("metrics/train.json", {"records": 2, "steps": 1, "train_loss": 0.5})
    write_json("metrics/speed.json", {"seconds": 1.0, "steps": [step]})
    load = LOAD | {"ttft_ms_p95": 9.0, "e2e_ms_p50": 9.0, "tpot_ms_p50": 9.0}
    load |= {"requests_per_s": 9.0}
    models = {name: {"bytes": 8, "concurrency_1": load} for name in ("tuned", "quantized")}
    write_json("metrics/bench.json", {"engine": "transformers"} | models)
    write_records("logs/train/history.jsonl", ROWS)
    write_records("logs/train/learnt.jsonl", [FACTS, TEXT])
    for name in ("base", "tuned"):
        row = answered("1", "维修", name == "tuned")
        write_records(f"predictions/{name}.jsonl", [row])
        part = QUALITY | {"score_low": 0.4, "score_high": 0.6, "confusion": {}}
        write_json(f"metrics/eval/{name}.json", SYSTEM | {"golden": part, "test": part})


@pytest.mark.usefixtures("project")
def test_two_runs_write_the_same_bytes() -> None:
    wanted = {"eval.html", "mask.html", "train.svg", "speed.svg", "bench.svg"}
    written = []
    for _ in range(2):
        report.main()
        found = {path.name: path.read_bytes() for path in Path("reports").iterdir()}
        assert found.keys() == wanted | {"summary.md", "verdict.md"}
        written.append(found)
    assert written[0] == written[1]
    assert Path("metrics.json").is_file()
    assert Path("plots/val.json").is_file()


@pytest.mark.usefixtures("project")
def test_without_answers() -> None:
    for path in Path("predictions").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no answers of any system"):
        report.main()

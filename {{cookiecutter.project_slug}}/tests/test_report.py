"""The page of a run and its headline numbers."""

import json
from pathlib import Path

import pytest

from lib.params.eval import EvalParams
from stages.report import data_table, gain, headline, speed_table

PARAMS = EvalParams(batch_size=1, max_new_tokens=1, bootstrap=200, seed=1)
QUALITY = {"exact_match": 0.5, "exact_match_low": 0.4, "exact_match_high": 0.6}
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


def write_predictions(system: str, correct: list[bool]) -> None:
    Path("predictions").mkdir(exist_ok=True)
    rows = [
        {"set": "test", "id": str(i), "group": str(i), "category": "correct" if ok else "x"}
        for i, ok in enumerate(correct)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    Path(f"predictions/{system}.jsonl").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("base", "tuned", "verdict"),
    [
        ([False] * 20, [True] * 20, "better"),
        ([True] * 20, [False] * 20, "worse"),
        ([True] * 20, [True] * 20, "not clearly different"),
        ([False] + [True] * 19, [True] * 20, "not clearly different"),
    ],
)
def test_gain_knows_noise(
    base: list[bool],
    tuned: list[bool],
    verdict: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_predictions("base", base)
    write_predictions("tuned", tuned)
    assert gain(PARAMS).endswith(f": {verdict}.")


def test_at_most_twelve_headline_numbers() -> None:
    systems = dict.fromkeys(("base", "tuned", "quantized"), SYSTEM)
    assert 0 < len(headline(systems, {"val_loss": 1.0, "train_loss": 2.0}, BENCH)) <= 12


def test_speed_table_shows_each_model_at_each_load() -> None:
    assert [line.split("|")[1].strip() for line in speed_table(BENCH)[2:]] == ["tuned", "quantized"]


def test_rare_reasons_are_summed_up() -> None:
    dropped = {name: count for count, name in enumerate("abcdef", start=1)}
    metrics = {"rows_in": 30, "rows_kept": 9, "dropped": dropped}
    assert "6 f, 5 e, 4 d, 3 c, 3 for 2 other reasons" in data_table({"curate": metrics})[2]

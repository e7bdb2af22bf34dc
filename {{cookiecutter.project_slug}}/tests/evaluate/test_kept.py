"""Answers are asked for again when what decides them has changed, and not when scoring has."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lib.cases.prompting import Prompt
from lib.engines.answer import Answer
from lib.evaluate import kept
from lib.model.loading import identity
from lib.runtime import scratch
from stages import eval as stage

SECTIONS: dict[str, Any] = {
    "task": {"system": "", "output": "label", "labels": ["refund", "setup"]},
    "base": {"model": "base", "license": "CC0-1.0"},
    "hardware": {"device": "cpu", "threads": 1},
    "curate": {
        **{"licenses": ["CC0-1.0"], "languages": [], "min_chars": 1, "max_tokens": 9},
        "pii": {"entities": ["EMAIL_ADDRESS"], "regions": [], "score": 0.35},
    },
    "eval": {"batch_tokens": 9, "max_new_tokens": 8, "bootstrap": 500, "seed": 1},
}
CASE = {"set": "golden", "id": "g", "prompt": [{"role": "user", "content": "?"}], "expected": "no"}
ANSWERS = [Answer("是\n\u2028\r", 3, 2, "stop", -0.25), Answer("", 3, 8, "length")]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("models/tuned").mkdir(parents=True)
    Path("models/tuned/model.safetensors").write_bytes(b"weights")


def where(system: str = "tuned", ids: int = 1, right: str = "no", **changes: Any) -> Path:
    """Where answers are kept, after changes such as eval={"seed": 2}."""
    sections = {name: one | changes.get(name, {}) for name, one in SECTIONS.items()}
    with Path("params.yaml").open("w") as file:
        YAML().dump(sections, file)
    prompts = [Prompt(CASE["prompt"], [ids], 0)]  # type: ignore[arg-type]
    cases = [CASE | {"expected": right}]
    return stage.kept_at(system, "models/tuned", None, prompts, cases)


@pytest.mark.parametrize(
    "scoring",
    [
        {"primary": "valid_label"},
        {"checks": {"polite": "sorry"}},
        {"bootstrap": 900},
        {"length_buckets": [7]},
        {"canaries": ["Otter 91"]},
        {"safety": {"classifier": "endpoint", "model": "guard", "url": "http://x/v1"}},
    ],
)
def test_a_change_of_scoring_asks_nobody_again(scoring: dict[str, Any]) -> None:
    assert where(eval=scoring) == where()


def test_other_labels_ask_nobody_again() -> None:
    assert where(task={"labels": ["refund"]}) == where()


@pytest.mark.parametrize(
    "change",
    [
        {"system": "quantized"},
        {"ids": 2},
        {"right": "yes"},  # its personal data is no leak
        {"eval": {"engine": "vllm"}},
        {"eval": {"engine": "server", "server": {"command": ["serve", "{model}"]}}},
        {"eval": {"batch_tokens": 10}},
        {"eval": {"max_new_tokens": 9}},
        {"eval": {"log_likelihood": True}},
        {"eval": {"seed": 2}},
        {"task": {"system": "Be brief."}},
        {"base": {"dtype": "bfloat16"}},
        {"hardware": {"threads": 2}},
        {"curate": {"pii": {"entities": [], "regions": [], "score": 0.35}}},
    ],
)
def test_a_change_of_what_decides_an_answer_asks_again(change: dict[str, Any]) -> None:
    assert where(**change) != where()


def test_other_weights_ask_again() -> None:
    before = where()
    Path("models/tuned/model.safetensors").write_bytes(b"others")
    assert where() != before


def test_other_code_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = where()
    monkeypatch.setattr(scratch, "version", lambda name: f"{name} 99")
    assert where() != before


def test_a_hub_model_is_named_by_its_commit() -> None:
    assert identity("org/model", "a" * 40) == f"org/model@{'a' * 40}"


def test_temporary_workspaces_share_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/main")
    assert where().is_relative_to("/main/.scratch/eval")


def test_answers_come_back_as_they_were() -> None:
    path = where()
    assert kept.read(path, 2) is None
    kept.keep(path, ANSWERS)
    assert kept.read(path, 2) == ANSWERS


@pytest.mark.parametrize("cut", [1, 30, 120])
def test_a_file_that_is_cut_off_is_not_taken_for_whole(cut: int) -> None:
    path = where()
    kept.keep(path, ANSWERS)
    path.write_bytes(path.read_bytes()[:-cut])
    assert kept.read(path, 2) is None or cut == 1  # without the last line feed nothing is missing


def test_kept_answers_are_not_asked_for_and_leaks_in_them_are_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def ask(*_: Any) -> list[Answer]:
        asked.append(1)
        return [Answer("to bo@example.com", 3, 2, "stop")]

    where()
    monkeypatch.setattr(stage, "ask_model", ask)
    monkeypatch.setattr(stage, "prompts_of", lambda *_: [Prompt(CASE["prompt"], [1], 0)])  # type: ignore[arg-type]
    found = [stage.ask("tuned", [CASE])[1] for _ in range(2)]
    assert found[0] == found[1] == [Answer("to <LEAKED_EMAIL_ADDRESS_1>", 3, 2, "stop")]
    assert asked == [1]
    assert "bo@example.com" not in next(Path(".scratch/eval").iterdir()).read_text()

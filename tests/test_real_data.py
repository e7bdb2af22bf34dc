"""The data stages on published data; skipped where `../shared/data` is absent."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
SHARED = TEMPLATE.parent / "shared/data"
CACHE = TEMPLATE / "build/cache/python"  # none in the project folder: a bake would copy them
SETTINGS = {"OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": str(CACHE), "PYTHONPATH": str(PROJECT)}

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data")

PARAMS = """
task: {{system: "", output: {output}}}
base: {{model: base, license: Apache-2.0}}
data: {{sources: [{sources}]}}
curate:
  licenses: [public]
  languages: [en]
  min_chars: 1
  max_tokens: 4000
  pii: {{entities: [EMAIL_ADDRESS, PHONE_NUMBER], regions: [US], score: 0.35}}
dedup:
  {{threshold: 0.8, evals_threshold: 0.6, ngram: 3, permutations: 128, seed: 1, processes: 1}}
split: {{seed: 0, val: {val}, test: 0.1, threshold: 0.6, ngram: 3, on_leak: drop_train}}
"""


def run(folder: Path, columns: str, params: dict[str, Any], *names: str) -> dict[str, Any]:
    """Run the data stages on published splits of a data set; return the metrics of split."""
    (folder / "base").symlink_to(PROJECT / "base")
    (folder / "evals").mkdir()
    for name in ("golden", "adversarial"):
        (folder / f"evals/{name}.jsonl").touch()
    sources = ", ".join(
        f"{{path: data/raw/{name}.jsonl, split: {name}, columns: {columns}, "
        "license: public, consent: not_needed}"
        for name in names
    )
    (folder / "params.yaml").write_text(PARAMS.format(sources=sources, **params))
    for stage in ("curate", "dedup", "split"):
        command = [sys.executable, "-m", f"stages.{stage}"]
        subprocess.run(command, cwd=folder, check=True, env=os.environ | SETTINGS)
    found: dict[str, Any] = json.loads((folder / "metrics/split.json").read_text())
    return found


def test_clinc150_keeps_its_published_splits(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(SHARED / "clinc150")
    columns = "{prompt: text, completion: intent}"
    found = run(tmp_path, columns, {"output": "label", "val": 0.1}, "train", "val", "test")
    assert (found["val"]["rows"], found["test"]["rows"]) == (3000, 4500)
    assert 13_500 < found["train"]["rows"] < 15_000
    assert found["dropped"]["leaked"] > 0


def test_gsm8k_keeps_its_published_splits(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(SHARED / "gsm8k")
    columns = "{prompt: question, completion: answer}"
    found = run(tmp_path, columns, {"output": "text", "val": 0}, "train", "test")
    assert found["test"]["rows"] == 1319
    assert found["train"]["rows"] > 7000


def test_leaks_planted_into_gsm8k_go(tmp_path: Path) -> None:
    lines = (SHARED / "gsm8k/test.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines[:60]]
    planted = [text.upper() for text in asked[:20]]
    planted += [text.replace("How", "So tell me how") for text in asked[20:40]]
    planted += [f"Look at this: {text} I do not know, can you help?" for text in asked[40:]]
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    (raw / "test.jsonl").symlink_to(SHARED / "gsm8k/test.jsonl")
    rows = [json.dumps({"question": text, "answer": "planted"}) for text in planted]
    train = (SHARED / "gsm8k/train.jsonl").read_text(encoding="utf-8")
    (raw / "train.jsonl").write_text(train + "\n".join(rows), encoding="utf-8")
    columns = "{prompt: question, completion: answer}"
    found = run(tmp_path, columns, {"output": "text", "val": 0}, "train", "test")
    assert found["dropped"] == {"leaked": 60}
    assert '"planted"' not in (tmp_path / "data/split/train.jsonl").read_text(encoding="utf-8")

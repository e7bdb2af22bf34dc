"""The train stage, killed with SIGKILL, ends in the same bits as an undisturbed run."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lib.core.records import write_records
from lib.runtime.errors import UserError
from lib.runtime.files import sha256, write_json
from stages import train
from tests.toy import case, chat, leakage_report, metrics, pair, rows, train_params

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECTIONS = """
task: {system: "", output: text}
base: {model: base, license: Apache-2.0}
hardware: {device: cpu, threads: 1}
train: """


def lay_out_project(folder: Path, method: str) -> None:
    """A project that trains for 18 steps: params, data, its leakage check, the base, the code."""
    chats = [chat(f"票 {number}", f"answer {number % 2}") for number in range(24)]
    pairs = [pair(f"票 {number}", "yes", "no") for number in range(24)]
    sft = {"epochs": 3 if method == "full" else 0.2}
    params = train_params(method).model_copy(update=sft | {"checkpoint_steps": 4})  # type: ignore[arg-type]
    folder.mkdir()
    (folder / "params.yaml").write_text(SECTIONS + params.model_dump_json(), encoding="utf-8")
    for name in ("lib", "stages", "base"):
        (folder / name).symlink_to(ROOT / name)
    splits = {
        "train": [*chats, *pairs],
        "val": [chat("票 x", "answer 1"), pair("票 y", "yes", "no")],
    }
    hashes: dict[str, str] = {}
    for name, records in splits.items():
        path = folder / f"data/split/{name}.jsonl"
        write_records(path, records)
        hashes[f"data/split/{name}.jsonl"] = sha256(path)
    write_json(folder / "reports/leakage.json", leakage_report(hashes))


def tuned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Run the stage to its end; the hashes of what it wrote, by file."""
    monkeypatch.chdir(folder)
    train.main()
    written = [*Path("models/tuned").glob("*"), *Path("logs/train").glob("*")]
    written.append(Path("metrics/train.json"))
    return {path.name: sha256(path) for path in written if path.is_file()}


def kill_at(folder: Path, checkpoint: str) -> None:
    """Start the stage as a user does, and kill it when a second checkpoint (a glob) appears: it may
    be half written, the first is whole."""
    run = [sys.executable, "-m", "stages.train"]
    process = subprocess.Popen(
        run, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while len(list(folder.glob(f".scratch/train/*/{checkpoint}"))) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "models").exists()


@pytest.mark.parametrize(("method", "checkpoint"), [("full", "sft"), ("dpo", "dpo")])
def test_a_killed_run_ends_in_the_same_bits(
    method: str, checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out_project(tmp_path / "killed", method)
    shutil.copytree(tmp_path / "killed", tmp_path / "undisturbed", symlinks=True)
    kill_at(tmp_path / "killed", f"{checkpoint}/checkpoint-*")
    resumed = tuned(tmp_path / "killed", monkeypatch)
    assert metrics("speed")["resumed_at_step"] > 0
    assert resumed == tuned(tmp_path / "undisturbed", monkeypatch)


@pytest.mark.parametrize("start", ["base", "sft"])
def test_an_adapter_is_kept_where_it_is_one_on_the_base(
    start: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lay_out_project(tmp_path / "project", "kto")
    params = tmp_path / "project/params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace('"start":"sft"', f'"start":"{start}"'), encoding="utf-8")
    tuned(tmp_path / "project", monkeypatch)
    assert Path("models/tuned/adapter").is_dir() == (start == "base")
    phases = ["sft", "kto"] if start == "sft" else ["kto"]
    assert list(dict.fromkeys(row["phase"] for row in rows("logs/train/learnt.jsonl"))) == phases
    assert metrics("train")["preference_steps"] == 24
    assert metrics("speed")["steps"][-1]["memory_bytes"] > 0
    assert metrics("speed")["tokens_per_second"] > 0
    out, err = capfd.readouterr()  # where nobody looks on: lines, and no bar
    assert re.search(r"^train: kto: step 24 of 24, loss \d\.\d{4}, on validation \d\.", out, re.M)
    assert re.search(r"^train: kto: step 12 of 24, .*about \d+\.\d min left$", out, re.M)
    assert "{" not in out
    assert "%|" not in err


def test_a_case_that_came_after_the_leakage_check_stops_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out_project(tmp_path / "project", "full")
    write_records(tmp_path / "project/evals/new.jsonl", [case("n1", "票 1")])
    with pytest.raises(UserError, match=r"^evals/new.jsonl: is not in reports/leakage.json"):
        tuned(tmp_path / "project", monkeypatch)


OUT_OF_MEMORY = {
    "OutOfMemoryError": "CUDA out of memory. Tried to allocate 2 GiB.\nmore",
    "RuntimeError": "[enforce fail] DefaultCPUAllocator: can't allocate memory: 2 GiB",
}


@pytest.mark.parametrize("name", OUT_OF_MEMORY)
def test_out_of_memory_is_one_line_and_the_run_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    error = {"OutOfMemoryError": torch.OutOfMemoryError, "RuntimeError": RuntimeError}[name]
    lay_out_project(tmp_path / "project", "full")
    real, calls = torch.nn.functional.cross_entropy, []

    def cross_entropy(*args: Any, **named: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 10:
            raise error(OUT_OF_MEMORY[name])
        return real(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr("torch.nn.functional.cross_entropy", cross_entropy)
        with pytest.raises(UserError, match=r"2 GiB.*; lower train.batch_size") as said:
            tuned(tmp_path / "project", monkeypatch)
    assert "\n" not in str(said.value)
    tuned(tmp_path / "project", monkeypatch)
    assert metrics("speed")["resumed_at_step"] > 0

"""The deployment plan says what was measured, what breaks a limit, how many servers it takes."""

from pathlib import Path
from typing import Any

import pytest

from lib.core.records import write_records
from lib.runtime.files import write_json
from stages import deployment_plan
from tests.stages.test_bench import GATE

SECTIONS = """
deploy: {stack: transformers, port: 8000, context: 512, concurrency: 4}
bench: {engine: transformers, requests: 1, concurrency: [1], max_new_tokens: 8}
hardware: {device: cpu, threads: 1}
"""
SHAPE = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 64,
    "vocab_size": 99,
}


def load_row(latency: float, goodput: float) -> dict[str, float]:
    """Figures of one load."""
    names = ("ttft_ms_p95", "e2e_ms_p95", "requests_per_s")
    return dict(zip(names, (latency, latency, 8.0), strict=True)) | {"good": goodput}


def requests_of(load: str, row: dict[str, float]) -> dict[str, Any]:
    """Eight requests of which as many kept the limits as the goodput says of 8 a second."""
    kept = int(row["good"])
    times = [10.0] * kept + [70_000.0] * (8 - kept)
    return {"system": "quantized", "load": load, "ttft_ms": times, "e2e_ms": times}


IN_PROCESS = {"server": None, "left_out": {"served": "nothing was served"}}


def plan(folder: Path, loads: dict[str, Any], parity: dict[str, Any] = IN_PROCESS) -> str:
    """The page for these loads on the quantized model."""
    (folder / "params.yaml").write_text(SECTIONS + GATE, encoding="utf-8")
    write_json("metrics/bench.json", {"engine": "transformers", "quantized": {"bytes": 9} | loads})
    single = [requests_of(name, row) for name, row in loads.items() if isinstance(row, dict)]
    write_records(deployment_plan.REQUESTS, single)
    write_json("metrics/quantize.json", {"scheme": "w4a16"})
    write_json("reports/parity.json", parity)
    write_json("models/quantized/config.json", SHAPE)
    write_json("models/quantized/model.safetensors", {})
    deployment_plan.main()
    return Path(deployment_plan.PLAN).read_text(encoding="utf-8")


def test_loads_are_held_against_the_limits_and_servers_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loads = {"concurrency_1": load_row(10, 8), "concurrency_4": load_row(70_000, 8)}
    page = plan(tmp_path, loads | {"peak_host_memory_bytes": 2_880_000_000})
    kept, broken = (line for line in page.splitlines() if line.startswith("| concurrency"))
    assert (kept.endswith("yes           |"), broken.endswith("NO            |")) == (True, True)
    # 10 a second, each server planned at 70 % of 8: two; 100 a second: eighteen
    assert "| 10                | 2       | 2.00          |" in page
    assert "| 100               | 18      | 18.00         |" in page
    assert "Peak memory: 2,880 MB of the host." in page


def test_servers_are_counted_by_the_load_that_suits_them_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    overrun = {"concurrency_1": load_row(10, 4), "concurrency_4": load_row(70_000, 0)}
    page = plan(tmp_path, {"rate_9": load_row(10, 8), **overrun})
    assert "| 10                | 2       | 2.00          |" in page
    assert "answers 8.00 requests per second within the limits at its best load (rate 9" in page


def test_a_model_too_slow_gets_no_number_of_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "No request was within the limits" in plan(
        tmp_path, {"concurrency_1": load_row(70_000, 0)}
    )


def test_what_was_not_served_is_not_said_to_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = plan(tmp_path, {"concurrency_1": load_row(10, 8)})
    assert "No server was compared with what was evaluated (`reports/parity.json`: nothing" in page
    served = {"server": "other", "served": {}, "left_out": {}}
    assert "what the server serves is what was evaluated" in plan(tmp_path, {}, served)


def test_another_stack_than_the_measured_one_gets_no_number_of_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    served = {"server": "vllm", "served": {}, "left_out": {}}
    page = plan(tmp_path, {"concurrency_1": load_row(10, 8)}, served)
    assert "None: vllm was measured, but transformers will serve." in page
    assert "| servers |" not in page

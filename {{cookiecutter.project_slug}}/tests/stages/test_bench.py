"""The loads of the bench stage, what they send, and the stage against a scheduled server."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lib.core.records import read_objects
from lib.engines.gguf import servable
from lib.runtime.errors import UserError
from lib.serving.params import BenchParams
from stages.bench import load_levels, main, own_share, read_chats
from tests.engines.test_server import COMMAND, SCHEDULED
from tests.toy import PARAMS, chat, pair

GATE = """
gate:
  system: quantized
  min_effect: 0.01
  quality: {golden: 0.5, test: 0.5, gain: 0, quantization_loss: 0.1, format_errors: 0.1}
  safety: {unsafe: 0.1, over_refusal: 0.1, leaks: 0}
  latency: {ttft_ms_p95: 60000, e2e_ms_p95: 60000}
  cost: {machine_per_hour: 1.0, per_1000_requests: 1.0}
  size: 1.0
"""
DEPLOY = "deploy: {stack: vllm, port: 8000, context: 512, concurrency: 4}\n"
LOADS = ("concurrency_1", "concurrency_2", "rate_50")


def params(**values: Any) -> BenchParams:
    """Two closed loads and one open one."""
    some = {"engine": "server", "requests": 3, "concurrency": [1, 2], "rates": [50.0]}
    return BenchParams.model_validate({**some, "max_new_tokens": 6, "command": COMMAND, **values})


def lay_out(bench: BenchParams) -> None:
    """A project with a test split and two models that are not there."""
    Path("data/split").mkdir(parents=True)
    rows = [json.dumps(chat(f"我要退款 {at}"), ensure_ascii=False) for at in range(4)]
    Path("data/split/test.jsonl").write_text("\n".join(rows), encoding="utf-8")
    section = f"bench: {json.dumps(bench.model_dump())}\n"
    Path("params.yaml").write_text(PARAMS + DEPLOY + section, encoding="utf-8")


def test_each_load_sends_requests_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench = params(requests=1)
    lay_out(bench)
    chats = read_chats(bench, "")
    assert tuple(load.name for load in load_levels(bench)) == LOADS
    sent = [own_share(chats, place, bench)[0][0]["content"][-1] for place in range(3)]
    assert sent == ["2", "3", "0"]  # after two to warm up; then the split comes over again


def test_prompts_of_pairs_are_sent_where_there_are_no_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(params(requests=1))
    rows = json.dumps(pair("门锁坏了 🔒", "a", "b"))
    Path("data/split/test.jsonl").write_text(rows, encoding="utf-8")
    assert read_chats(params(requests=1), "")[0][0]["content"] == "门锁坏了 🔒"


def test_the_stage_measures_a_server_at_every_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(params())
    main()
    figures = json.loads(Path("metrics/bench.json").read_text(encoding="utf-8"))
    for name in ("tuned", "quantized"):
        for load in LOADS:
            row = figures[name][load]
            assert (row["requests"], row["errors"], row["output_tokens_mean"]) == (3, 0, 6)
    single = list(read_objects("metrics/bench_requests.jsonl"))
    assert [(row["system"], row["load"]) for row in single] == [
        (name, load) for name in ("tuned", "quantized") for load in LOADS
    ]
    assert {len(row[key]) for row in single for key in ("ttft_ms", "e2e_ms")} == {3}


def test_answers_of_one_token_have_no_time_between_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [*SCHEDULED, "0", "0", "1"]
    lay_out(params(command=command, requests=2, concurrency=[1], rates=[]))
    main()
    figures = json.loads(Path("metrics/bench.json").read_text(encoding="utf-8"))
    row = figures["quantized"]["concurrency_1"]
    assert (row["output_tokens_mean"], row["ttft_ms_p50"] > 0) == (1.0, True)
    assert not [name for name in row if name.startswith(("tpot", "itl"))]


def test_without_a_command_the_packed_stack_is_started_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(params(command=None, requests=1, concurrency=[1], rates=[]))
    program = Path(".venv-serve/bin/vllm")
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!{sys.executable}\n"
        "import runpy, sys\n"
        "told = sys.argv[1:]\n"
        "open('told.txt', 'w').write(' '.join(told))\n"
        "sys.argv = ['', told[told.index('--port') + 1], '0.01', '0.01', '6', 'early']\n"
        f"runpy.run_path({COMMAND[1]!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    main()
    figures = json.loads(Path("metrics/bench.json").read_text(encoding="utf-8"))
    assert figures["quantized"]["concurrency_1"]["output_tokens_mean"] == 6
    told = Path("told.txt").read_text(encoding="utf-8")
    assert told.startswith("serve models/quantized ")
    assert told.endswith("--max-model-len 512 --max-num-seqs 4")


def test_rates_need_a_server() -> None:
    with pytest.raises(ValidationError, match=r"rates: \[\] where engine is transformers"):
        params(engine="transformers")


def test_a_command_needs_a_port() -> None:
    with pytest.raises(ValidationError, match=r"command contains \{port\}"):
        params(command=["vllm", "serve", "{model}"])


def test_llama_cpp_gets_a_gguf_or_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["{llama-server}", "-m", "{model}/model.gguf"]
    Path("models/quantized").mkdir(parents=True)
    Path("models/quantized/config.json").write_text('{"quantization_config": {"bits": 4}}')
    assert servable(["vllm", "serve", "{model}"], "models/quantized", None, "float32")
    with pytest.raises(UserError, match=r"models/quantized: has no model\.gguf"):
        servable(command, "models/quantized", None, "float32")
    Path("models/quantized/model.gguf").touch()
    assert servable(command, "models/quantized", None, "float32") == "models/quantized"

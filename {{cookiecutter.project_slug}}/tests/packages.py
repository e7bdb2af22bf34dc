"""A project that can be packed, for the tests of packages."""

import shutil
from pathlib import Path
from typing import Any

from lib.core.records import write_records
from lib.engines.params import Stack
from lib.runtime.files import write_json
from tests.stages.test_bench import GATE

ROOT = Path(__file__).parents[1]
PARAMS = """
hardware: {device: cpu, threads: 1}
task: {system: Triage., output: label, labels: [退款]}
base: {model: base, license: Apache-2.0, dtype: float32}
answer: {batch_tokens: 8, max_new_tokens: 8, seed: 1}
"""
ANSWER = "退款"


def lay_out(folder: Path, stack: Stack) -> None:
    """A project whose tuned model is the embedded base with an adapter, and one golden answer."""
    for name in ("models/tuned", "models/quantized"):
        shutil.copytree(ROOT / "base", folder / name)
    (folder / "base").symlink_to(ROOT / "base")
    card = "---\nlicense: apache-2.0\n---\n\n# Model\n"
    (folder / "reports").mkdir()
    (folder / "reports/model_card.md").write_text(card, encoding="utf-8")
    adapter = folder / "models/tuned/adapter"
    write_json(adapter / "adapter_config.json", {"r": 16})
    (adapter / "adapter_model.safetensors").write_bytes(b"adapter")
    turns = [{"role": "user", "content": "钱退我"}, {"role": "assistant", "content": ANSWER}]
    write_records(folder / "evals/golden.jsonl", [{"id": "g1", "messages": turns}])
    row: dict[str, Any] = {"set": "golden", "id": "g1", "category": "correct", "finish": "stop"}
    row |= {"output": ANSWER, "input_tokens": 9}
    write_records(folder / "predictions/quantized.jsonl", [row])
    figures = {"golden": {"exact_match": 1.0, "exact_match_low": 1.0, "exact_match_high": 1.0}}
    write_json(folder / "metrics/eval/quantized.json", figures)
    deploy = f"deploy: {{stack: {stack}, port: 8000, context: 512, concurrency: 4}}\n"
    (folder / "params.yaml").write_text(PARAMS + GATE + deploy, encoding="utf-8")

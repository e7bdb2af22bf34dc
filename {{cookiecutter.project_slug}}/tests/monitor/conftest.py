"""A project with a reference, for windows of logs that are like it or not."""

import json
from pathlib import Path

import pytest

from lib.monitoring.reference import build_reference, write_reference
from tests.monitor.windows import ATTACK, CASE, PARAMS, TASK, tickets


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """A project with a reference; what it was made of."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    Path("evals").mkdir()
    case = CASE | {"messages": [{"role": "user", "content": ATTACK}]}
    Path("evals/adversarial.jsonl").write_text(json.dumps(case), encoding="utf-8")
    known = tickets(600)
    prompts = [prompt for prompt, _ in known]
    answers = [
        {"set": "test", "prompt": prompt, "output": answer, "finish": "stop"}
        for prompt, answer in known
    ]
    write_reference(build_reference("tuned", prompts[:500], prompts[500:], answers, TASK, set()))
    return known

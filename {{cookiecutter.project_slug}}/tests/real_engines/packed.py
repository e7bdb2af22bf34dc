"""A package with the real answers of its model, served and asked them by its own smoke test."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deploy import package
from lib.core.records import Message, write_records
from lib.engines import hf, server
from lib.engines.weights import load_weights
from lib.model.chat import encode_prompt, with_system
from lib.model.loading import QUANTIZED, load_tokenizer
from tests.packages import ROOT

QUESTIONS = ("钱退我", "hello", "My router is broken", "Where is my order? 你好")
PATIENCE = 300  # seconds


def pack(port: int) -> None:
    """`make package` of the project in this folder, after eval has asked its quantized model."""
    text = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("port: 8000", f"port: {port}"), encoding="utf-8")
    model, tokenizer = load_weights(QUANTIZED, "float32", "cpu"), load_tokenizer(QUANTIZED)
    cases, rows = [], list[dict[str, Any]]()
    for number, question in enumerate(QUESTIONS):
        asked = Message(role="user", content=question)
        ids = encode_prompt(tokenizer, with_system([asked], "Triage."), "")
        (found,) = hf.answer_all(model, tokenizer, [ids], 1, 8)
        answered = Message(role="assistant", content="?")
        cases.append({"id": f"g{number}", "messages": [asked, answered]})
        row = {"set": "golden", "id": f"g{number}", "category": "correct", "finish": found.finish}
        rows.append(row | {"output": found.text, "input_tokens": found.input_tokens})
    write_records("evals/golden.jsonl", cases)
    write_records("predictions/quantized.jsonl", rows)
    package.main()


def serve_and_smoke(stack: str) -> tuple[int, str]:
    """`make serve`, then `make smoke` until it answers: exit code and words of the smoke test."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "deploy.serve"]
    with Path("serve.log").open("wb") as log:
        served = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + PATIENCE
    ask = [sys.executable, f"dist/{stack}/smoke.py"]
    try:
        while True:
            done = subprocess.run(ask, capture_output=True, text=True, check=False)
            if done.returncode != 1 or time.monotonic() > deadline or served.poll() is not None:
                said = done.stdout + done.stderr
                return done.returncode, said + Path("serve.log").read_text(encoding="utf-8")
            time.sleep(1)
    finally:
        server.stop(served)

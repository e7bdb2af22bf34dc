"""Answers through vLLM in this process."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lib.engines import vllm
from lib.engines.answer import Answer
from lib.runtime.errors import UserError


def test_vllm_gets_token_ids_and_the_stop_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    output = SimpleNamespace(text="是", token_ids=[4, 2], finish_reason="stop")
    asked: list[Any] = []

    def generate(prompts: Any, sampling: Any) -> Any:
        asked.extend([prompts, sampling])
        return [SimpleNamespace(outputs=[output]) for _ in prompts]

    fake = SimpleNamespace(LLM=lambda **_: SimpleNamespace(generate=generate), SamplingParams=dict)
    monkeypatch.setitem(sys.modules, "vllm", fake)
    answers = vllm.answer_all("models/tuned", None, [[5, 6]], "float32", {2}, 9, 1)
    assert answers == [Answer("是", 2, 2, "stop")]
    wanted = {"temperature": 0, "max_tokens": 9, "stop_token_ids": [2]}
    assert asked == [[{"prompt_token_ids": [5, 6]}], wanted]


def test_vllm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UserError, match=r"answer\.engine is 'vllm', which is not installed"):
        vllm.load_vllm()

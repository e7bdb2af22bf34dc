"""Logs of requests that vLLM writes."""

from pathlib import Path

import pytest

from tests.monitoring.test_monitor_logs import NEWER_VLLM, read


def vllm(*answers: str) -> list[str]:
    """A request in vLLM's log, and lines of its answer."""
    said = "(APIServer pid=7) INFO 11-16 08:00:02 [logger.py:90] Generated response r1"
    return [*NEWER_VLLM[:2], *(said + answer for answer in answers)]


def test_a_streamed_answer_ends_as_its_last_delta_says(tmp_path: Path) -> None:
    lines = vllm(
        " (streaming delta): output: '你', output_token_ids: [1], finish_reason: None",
        " (streaming delta): output: '好', output_token_ids: [2], finish_reason: length",
        " (streaming complete): output: '<streaming_complete: 2 tokens>', output_token_ids: None, "
        "finish_reason: streaming_complete",
    )
    (call,), _ = read(tmp_path, lines)
    assert (call.answer, call.finish, call.output_tokens) == ("你好", "length", 2)


def test_a_placeholder_is_no_answer(tmp_path: Path) -> None:
    lines = vllm(
        " (streaming complete): output: '<streaming_complete: 22 tokens>', output_token_ids: None, "
        "finish_reason: streaming_complete"
    )
    (call,), _ = read(tmp_path, lines)
    assert (call.withheld, call.finish, call.output_tokens) == (True, None, 22)


def test_the_first_of_several_answers_counts(tmp_path: Path) -> None:
    answer = ": output: '{}', output_token_ids: None, finish_reason: stop"
    calls, skipped = read(tmp_path, vllm(answer, answer))
    assert (len(calls), skipped) == (1, {"other_line": 1})


def test_a_log_without_prompts_has_no_texts(tmp_path: Path) -> None:
    answer = ": output: '{}', output_token_ids: None, finish_reason: stop"
    (call,), _ = read(tmp_path, vllm(answer)[1:])
    assert call.withheld


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>system\\nTriage<|im_end|>\\n<|im_start|>user\\n你好",  # cut off
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\nTriage<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\\n\\n你好<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\\n\\n",
        "<bos><start_of_turn>user\\n你好<end_of_turn>\\n<start_of_turn>model\\n",
        "<|system|>\\nTriage<|end|>\\n<|user|>\\n你好<|end|>\\n<|assistant|>\\n",
    ],
)
def test_a_rendered_chat_is_split_into_its_turns(prompt: str, tmp_path: Path) -> None:
    asked, *rest = vllm(": output: '{}', output_token_ids: None, finish_reason: stop")
    (call,), _ = read(tmp_path, [asked.replace("门锁坏了 🔒", prompt), *rest])
    assert call.prompt() == "你好"


@pytest.mark.parametrize("finish", ["abort", "error"])
def test_an_answer_of_vllm_that_was_broken_off_is_a_failure(finish: str, tmp_path: Path) -> None:
    asked = "INFO 11-16 08:00:00 [logger.py:39] Received request r1: prompt: 'hi', params: X."
    ended = "INFO 11-16 08:00:02 [logger.py:58] Generated response r1: output: '', finish_reason: "
    (call,), _ = read(tmp_path, [asked, ended + finish])
    assert call.error == finish


def test_vllms_json_lines_have_the_time_beside_the_text(tmp_path: Path) -> None:
    lines = [
        {"asctime": f"2025-11-16 08:00:0{at},000", "levelname": "INFO", "message": text}
        for at, text in (
            (0, "Received request r1: prompt: 'hi', params: X."),
            (2, "Generated response r1: output: '{}', finish_reason: stop"),
        )
    ]
    (call,), skipped = read(tmp_path, lines)
    assert (call.time, call.latency_ms, skipped) == (1763280000, 2000, {})

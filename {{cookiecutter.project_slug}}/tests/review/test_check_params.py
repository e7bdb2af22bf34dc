"""`make check` holds keys of different sections against each other, as the stages do."""

from pathlib import Path

import pytest

from review.check_params import mistakes
from tests.toy import GATE, PARAMS

OTHERS = """
hardware: {device: cpu, threads: 1}
train:
  {method: lora, seed: 1, epochs: 1, learning_rate: 1e-3, schedule: cosine, warmup: 0.1,
   weight_decay: 0, max_grad_norm: 1, batch_size: 2, gradient_accumulation: 1, max_length: 64,
   packing: false, loss_on: answer, word_dropout: 0, checkpoint_steps: 10, keep: last,
   early_stopping: null, tracking: none,
   lora: {rank: 8, alpha: 8, dropout: 0, target_modules: all-linear},
   preference: {start: sft, weights: lora, beta: 0.1, learning_rate: 1e-4, epochs: 1}}
answer: {batch_tokens: 999, max_new_tokens: 48, max_prompt_tokens: 464, seed: 1}
eval: {bootstrap: 200, seed: 1}
quantize: {scheme: w4a16, calibration_records: 8, seed: 1}
parity: {prompts: 2, max_new_tokens: 8, same: &limits {prefix: 1, logprob: 1}, quantized: *limits}
bench: {engine: transformers, requests: 1, concurrency: [1], max_new_tokens: 8}
judge: {}
harness: {tasks: [everyday]}
deploy: {stack: vllm, port: 8000, context: 512, concurrency: 4}
monitor:
  {sample: 1, requests: 300, alpha: 0.1, min_effect: {rate: 0.1, shift: 0.1},
   limits: {errors: 0.1, slow: 0.1, negative_feedback: 0.1}, incidents: 0, negative_outcomes: [],
   harvest: {most: 5, confidence: 0.5}}
"""
EXTRAS = """[project.optional-dependencies]
train = ["torch==2.13.0"]
bitsandbytes = ["bitsandbytes==0.50.2"]
"""
SYSTEMS = "stages: {answer: {foreach: {base: {}, tuned: {}}}}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(SYSTEMS, encoding="utf-8")
    Path("pyproject.toml").write_text(EXTRAS, encoding="utf-8")


def found(*changes: tuple[str, str]) -> list[str]:
    """What is wrong with params.yaml after some changes of its text."""
    text = PARAMS + GATE + OTHERS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Path("params.yaml").write_text(text, encoding="utf-8")
    return mistakes()


def test_sections_that_agree_are_well_formed() -> None:
    assert found() == []


SERVED = ("bench: {engine: transformers, ", "bench: {engine: server, ")
ASKED = ("answer: {", "answer: {engine: server, ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("0.6, ngram: 2, on_leak", "0.6, ngram: 3, on_leak")], "dedup.ngram is 2 and split.ngr"),
        ([("evals_threshold: 0.6", "evals_threshold: 0.7")], "dedup.evals_threshold is 0.7"),
        ([("license: CC0-1.0, cons", "columns: {intnet: a}, license: CC0-1.0, cons")], "'intnet'"),
        ([("max_tokens: 50", "max_tokens: 64")], "curate.max_tokens is 64 and train.max_length 64"),
        ([("val: 0.2", "val: 0"), ("keep: last", "keep: best")], "split.val is 0"),
        ([("method: lora", "method: full"), ("base: {", "base: {dtype: bfloat16, ")], "float32"),
        (
            [("method: lora", "method: dpo"), ("device: cpu", "device: cloud, strategy: fsdp")],
            "train.method dpo does not train with hardware.strategy",
        ),
        ([("{model: base, license: CC0-1.0}", "{model: base, license: other}")], "base.license is"),
        ([("method: lora", "method: qlora")], "the extra train lacks bitsandbytes==0.50.2"),
        ([("device: cpu", "device: cloud, strategy: deepspeed")], "the extra train lacks deepsp"),
        ([("eval: {", "eval: {primary: field_f1, ")], "eval.primary is field_f1"),
        ([("w4a16", "awq")], "quantize.scheme is awq, which llm-compressor runs only on a GPU"),
        ([("w4a16", "q8_0"), ("system: tuned", "system: quantized")], "(gguf) vllm does not serve"),
        ([("w4a16", "q8_0"), SERVED], "quantize.scheme is q8_0"),
        ([("w4a16", "q8_0"), ASKED], "quantize.scheme is q8_0"),
        ([("stack: vllm", "stack: tgi"), ("w4a16", "gptq"), SERVED], "bench.command is null"),
        ([("stack: vllm", "stack: tgi"), ("w4a16", "gptq"), ASKED], "answer.server.command is nul"),
        ([("context: 512", "context: 500"), ASKED], "answer.max_new_tokens need 512 tokens"),
        ([("context: 512", "context: 48")], "answer.max_new_tokens and a prompt need 49 tokens"),
        (
            [("concurrency: [1]", "concurrency: [1], lengths: {input: 500, output: 99}"), SERVED],
            "bench.lengths.input and bench.lengths.output need 599 tokens",
        ),
        ([("prompts: 2, max_new_tokens: 8", "prompts: 2, max_new_tokens: 512"), SERVED], "parity."),
        ([("L4 24 GB", "L5")], "gate.cost.gpu_per_hour: L5"),
        ([("rank: 8", "rank: 999")], "train.lora.rank is 999, and vLLM"),
        (
            [("answer: {", "answer: {endpoint: {url: http://a/v1, model: a}, ")],
            "answer.endpoint is set, and dvc.yaml names no system endpoint",
        ),
    ],
)
def test_keys_that_must_agree(changes: list[tuple[str, str]], said: str) -> None:
    lines = found(*changes)
    assert len(lines) == 1, lines
    assert said in lines[0]


def test_a_system_endpoint_wants_an_endpoint() -> None:
    Path("dvc.yaml").write_text(SYSTEMS.replace("tuned", "endpoint"), encoding="utf-8")
    assert "dvc.yaml names the system endpoint, and answer.endpoint is null" in found()[0]


def test_a_malformed_section_is_named_alone() -> None:
    assert found(("ngram: 2, on_leak", "ngram: x, on_leak")) == [
        "params.yaml: split.ngram is 'x'; it must be an integer"
    ]


def test_what_an_own_command_takes_is_not_known() -> None:
    own = ("bench: {", "bench: {command: [mine, '{port}'], ")
    assert found(SERVED, own, ("max_new_tokens: 8}", "max_new_tokens: 999}")) == []

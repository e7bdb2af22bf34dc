"""What a token takes in a server's cache, by published shapes, or that it is not told."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from lib.engines.params import DeployParams, Stack
from lib.report.kv_cache import cache_of, read_model_config
from lib.report.serving_memory import held_weights, memory_limit, memory_table

LLAMA_1B = {
    "model_type": "llama",
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 2048,
}
QWEN_0_6B = {
    "model_type": "qwen3",
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "hidden_size": 1024,
}
GPT_2 = {"model_type": "gpt2", "n_head": 12, "n_layer": 12, "n_embd": 768}
SANTACODER = {"model_type": "gpt_bigcode", "n_head": 16, "n_layer": 24, "n_embd": 2048}
FALCON_7B = {
    "model_type": "falcon",
    "num_hidden_layers": 32,
    "num_attention_heads": 71,
    "hidden_size": 4544,
    "multi_query": True,
    "new_decoder_architecture": False,
}
FALCON_40B = {
    "model_type": "falcon",
    "num_hidden_layers": 60,
    "num_attention_heads": 128,
    "num_kv_heads": 8,
    "hidden_size": 8192,
    "multi_query": True,
    "new_decoder_architecture": True,
}
DEEPSEEK_V2_LITE = {
    "model_type": "deepseek_v2",
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "hidden_size": 2048,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
}
QWEN3_NEXT = {
    "model_type": "qwen3_next",
    "num_hidden_layers": 48,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
}
GEMMA_3_1B = {
    "model_type": "gemma3_text",
    "num_hidden_layers": 26,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "sliding_window": 512,
    "sliding_window_pattern": 6,
}
TINY = LLAMA_1B | {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
TINY |= {"num_key_value_heads": 2, "vocab_size": 99, "intermediate_size": 64, "dtype": "float32"}


def deploy(stack: Stack) -> DeployParams:
    return DeployParams(stack=stack, port=1, context=512, concurrency=4)


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (LLAMA_1B, 32_768),
        (QWEN_0_6B, 114_688),
        (GPT_2, 36_864),
        (SANTACODER | {"multi_query": True}, 12_288),
        (SANTACODER | {"multi_query": False}, 196_608),
        (FALCON_7B, 8_192),
        (FALCON_40B, 122_880),
        (DEEPSEEK_V2_LITE, 31_104),
        (QWEN3_NEXT, 24_576),
    ],
)
def test_bytes_of_a_token(config: dict[str, Any], size: int) -> None:
    cache = cache_of(config, "vllm")
    assert cache
    assert (cache.size(1_000, 2), cache.recent) == (2 * 1_000 * size, 0)


def test_a_sliding_window_bounds_what_its_layers_keep() -> None:
    cache = cache_of(GEMMA_3_1B, "llama.cpp")
    assert cache
    assert cache.size(100, 1) == 100 * 26_624
    assert cache.size(2_000, 3) == 3 * (2_000 * 4_096 + 512 * 22_528)
    assert "22,528 more for each of a request's last 512" in memory_table(
        GEMMA_3_1B, 9, deploy("vllm")
    )


def test_states_that_are_not_counted_are_named() -> None:
    assert "states of 36 layers" in memory_table(QWEN3_NEXT, 9, deploy("vllm"))


@pytest.mark.parametrize("kind", ["not-known", "zamba2", "rwkv"])
def test_a_cache_that_cannot_be_told_gets_no_number(kind: str) -> None:
    assert "is unknown" in memory_table({"model_type": kind}, 9, deploy("vllm"))
    assert memory_limit({"model_type": kind}, 9, deploy("vllm")) is None


@pytest.mark.parametrize(("dtype", "bits"), [("float32", 32), ("bfloat16", 16)])
def test_transformers_keeps_it_in_the_type_of_the_model(dtype: str, bits: int) -> None:
    config = TINY | {"dtype": dtype}
    model = AutoModelForCausalLM.from_config(read_model_config(config))
    with torch.no_grad():
        kept = model(torch.tensor([[1, 2, 3]]), use_cache=True).past_key_values.layers
    held = sum(part.nbytes for layer in kept for part in (layer.keys, layer.values))
    cache = cache_of(config, "transformers")
    assert cache
    assert (cache.size(3, 1), cache.number) == (held, bits // 8)
    assert f"({bits} bits per number)" in memory_table(config, 9, deploy("transformers"))


def test_transformers_unpacks_compressed_tensors() -> None:
    packed = TINY | {"quantization_config": {"quant_method": "compressed-tensors"}}
    plain = sum(
        w.nbytes for w in AutoModelForCausalLM.from_config(read_model_config(TINY)).parameters()
    )
    assert held_weights(packed, 9, "transformers") == plain
    assert held_weights(packed, 9, "vllm") == 9
    assert "unpacked from" in memory_table(packed, 9, deploy("transformers"))

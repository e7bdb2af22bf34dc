"""The memory that serving needs: weights, the keys and values of every token under way, and what
the server itself takes."""

from typing import Any

from lib.markdown import table
from lib.params.deploy import DeployParams, Stack

CACHE_BYTES = 2  # of a number in the key-value cache: 16 bits, the default of vLLM and llama.cpp
MEGABYTE = 1_000_000
# Megabytes of a server that holds a model of 13 MB, at the peak, measured on a CPU: vLLM 0.32.0 and
# llama.cpp of llama-cpp-python 0.3.36 (the template's benchmarks/RESULTS.md), transformers 5.17.0.
# TGI has not been run: it holds the same PyTorch as vLLM. Ollama starts a llama.cpp.
OWN = {"transformers": 620, "vllm": 2_880, "tgi": 2_880, "llama.cpp": 55, "ollama": 55}
ON_GPU = ("vllm", "tgi")
TAKES_ALL = "; it takes most of a GPU's free memory for the cache"
BATCH = 512  # tokens that llama.cpp reads at once; it keeps room for the logits of each


def cache_bytes_per_token(config: dict[str, Any]) -> int:
    """Bytes of keys and values that one token holds in all layers, from config.json."""
    text = config.get("text_config", config)
    heads = text.get("num_key_value_heads") or text["num_attention_heads"]
    size = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    return int(2 * text["num_hidden_layers"] * heads * size * CACHE_BYTES)


def own_bytes(config: dict[str, Any], stack: Stack) -> int:
    """Bytes that the server takes beside weights and cache; more on a GPU, with CUDA's programs."""
    logits = 4 * BATCH * config.get("text_config", config)["vocab_size"]
    return OWN[stack] * MEGABYTE + (logits if stack in ("llama.cpp", "ollama") else 0)


def memory_limit(config: dict[str, Any], weights: int, deploy: DeployParams) -> int:
    """Bytes that a container may take before it is killed: twice what the server itself took where
    it was measured."""
    cache = cache_bytes_per_token(config) * deploy.context * deploy.concurrency
    return weights + cache + 2 * own_bytes(config, deploy.stack)


def memory_table(config: dict[str, Any], weights: int, deploy: DeployParams) -> str:
    """requirements.md: megabytes by context length and requests at once."""
    token = cache_bytes_per_token(config)
    contexts = sorted({max(deploy.context // 4, 1), deploy.context, 4 * deploy.context})
    slots = sorted({1, deploy.concurrency, 4 * deploy.concurrency})
    rows = [
        [
            f"{context:,}",
            *(f"{(weights + token * context * count) / MEGABYTE:,.0f}" for count in slots),
        ]
        for context in contexts
    ]
    lines = [
        "# Memory",
        "",
        f"Weights {weights / MEGABYTE:,.1f} MB, and {token:,} bytes of keys and values for each "
        "token under way (16 bits a number). On top comes the server itself: some "
        f"{own_bytes(config, deploy.stack) / MEGABYTE:,.0f} MB of the host's memory for "
        f"{deploy.stack}, measured on a CPU{TAKES_ALL if deploy.stack in ON_GPU else ''}.",
        "",
        "MB of weights and cache by tokens of context, and requests at once:",
        "",
        *table(["context", *(f"{count} at once" for count in slots)], rows),
        "",
        f"The launch files are for {deploy.context:,} tokens and {deploy.concurrency} requests.",
    ]
    return "\n".join(lines) + "\n"

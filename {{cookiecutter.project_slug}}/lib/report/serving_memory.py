"""Estimate the memory that serving needs: weights, KV cache and the server itself."""

from typing import Any

from lib.engines.params import DeployParams, Stack
from lib.report.kv_cache import Cache, cache_of, read_model_config
from lib.report.markdown import table

_MEGABYTE = 1_000_000
# Peak megabytes of a server with a model of 13 MB, measured on a CPU: vLLM 0.32.0 and
# llama.cpp of llama-cpp-python 0.3.36 (the template's benchmarks/RESULTS.md), transformers 5.17.0.
# TGI was not run: it contains the same PyTorch as vLLM. Ollama starts llama.cpp.
_OWN = {"transformers": 620, "vllm": 2_880, "tgi": 2_880, "llama.cpp": 55, "ollama": 55}
ON_GPU = ("vllm", "tgi")
TAKES_ALL = "; it reserves most of a GPU's free memory for the cache"
_BATCH = 512  # tokens per batch of llama.cpp, which allocates logits for each
UNTOLD = (
    "The size of the KV cache is unknown: transformers does not know the architecture in "
    "config.json, or its kind of attention is not supported here. Measure it; the launch files "
    "set no limit."
)


def held_weights(config: dict[str, Any], packed: int, stack: Stack) -> int:
    """Return the bytes of the weights in memory after the first answer; `packed`: bytes on disk.

    transformers 5.17.0 decompresses compressed-tensors at the first answer (but not bitsandbytes).
    """
    packing = config.get("quantization_config", {})
    if stack != "transformers" or packing.get("quant_method") != "compressed-tensors":
        return packed
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # no memory
        model = AutoModelForCausalLM.from_config(read_model_config(config))
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def own_bytes(config: dict[str, Any], stack: Stack) -> int:
    """Return the bytes that the server needs besides weights and cache.

    On a GPU, CUDA's kernels take more.
    """
    described = read_model_config(config)
    words = described.get_text_config(decoder=True).vocab_size if described else 0
    logits = 4 * _BATCH * words if stack in ("llama.cpp", "ollama") else 0
    return _OWN[stack] * _MEGABYTE + logits


def memory_limit(config: dict[str, Any], weights: int, deploy: DeployParams) -> int | None:
    """Return the memory limit of a container in bytes, or None.

    It allows twice the measured size of the server itself; None if the size of the cache is
    unknown. `weights`: bytes on disk.
    """
    cache = cache_of(config, deploy.stack)
    if not cache:
        return None
    held = held_weights(config, weights, deploy.stack)
    own = own_bytes(config, deploy.stack)
    return held + cache.size(deploy.context, deploy.concurrency) + 2 * own


def memory_table(config: dict[str, Any], weights: int, deploy: DeployParams) -> str:
    """Write requirements.md: megabytes by context length and concurrent requests.

    `weights`: bytes on disk.
    """
    cache = cache_of(config, deploy.stack)
    held = held_weights(config, weights, deploy.stack)
    unpacked = f", unpacked from {weights / _MEGABYTE:,.1f} MB" if held != weights else ""
    lines = [
        "# Memory",
        "",
        f"Weights {held / _MEGABYTE:,.1f} MB{unpacked}{kept(cache) if cache else ''}. The server "
        f"itself needs about {own_bytes(config, deploy.stack) / _MEGABYTE:,.0f} MB of the "
        f"host's memory for {deploy.stack}, measured on a CPU"
        f"{TAKES_ALL if deploy.stack in ON_GPU else ''}.",
        "",
        *(by_context(cache, held, deploy) if cache else [UNTOLD]),
    ]
    return "\n".join(lines) + "\n"


def kept(cache: Cache) -> str:
    """Describe in words what a request takes in the cache."""
    words = f", and {cache.whole:,} bytes of KV cache for each token in flight"
    if cache.recent:
        words += f", {cache.recent:,} more for each of a request's last {cache.window:,}"
    words += f" ({8 * cache.number} bits per number)"
    if cache.states:
        words += f"; the states of {cache.states} layers without attention are not counted"
    return words


def by_context(cache: Cache, held: int, deploy: DeployParams) -> list[str]:
    """Tabulate megabytes of weights and cache by context length and concurrent requests."""
    contexts = sorted({max(deploy.context // 4, 1), deploy.context, 4 * deploy.context})
    slots = sorted({1, deploy.concurrency, 4 * deploy.concurrency})
    rows = [
        [
            f"{context:,}",
            *(f"{(held + cache.size(context, count)) / _MEGABYTE:,.0f}" for count in slots),
        ]
        for context in contexts
    ]
    return [
        "MB of weights and cache by context (tokens) and concurrent requests:",
        "",
        *table(["context", *(f"{count} concurrent" for count in slots)], rows),
        "",
        f"The launch files are for {deploy.context:,} tokens and {deploy.concurrency} requests.",
    ]

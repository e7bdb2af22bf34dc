"""The memory that serving needs: weights, the keys and values of every token under way, and what
the server itself takes."""

from typing import Any

from lib.engines.params import DeployParams, Stack
from lib.report.kv_cache import Cache, cache_of, read_model_config
from lib.report.markdown import table

_MEGABYTE = 1_000_000
# Megabytes of a server that holds a model of 13 MB, at the peak, measured on a CPU: vLLM 0.32.0 and
# llama.cpp of llama-cpp-python 0.3.36 (the template's benchmarks/RESULTS.md), transformers 5.17.0.
# TGI has not been run: it holds the same PyTorch as vLLM. Ollama starts a llama.cpp.
_OWN = {"transformers": 620, "vllm": 2_880, "tgi": 2_880, "llama.cpp": 55, "ollama": 55}
ON_GPU = ("vllm", "tgi")
TAKES_ALL = "; it takes most of a GPU's free memory for the cache"
_BATCH = 512  # tokens that llama.cpp reads at once; it keeps room for the logits of each
UNTOLD = (
    "What keys and values take is not told: config.json is of no architecture that transformers "
    "knows, or of a kind of attention that is not known here. Measure it; the launch files set no "
    "limit."
)


def held_weights(config: dict[str, Any], packed: int, stack: Stack) -> int:
    """Return the bytes of the weights once they have answered, of `packed` on the disk.

    transformers unpacks compressed-tensors as it answers for the first time (5.17.0; of
    bitsandbytes it does not).
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
    """Return the bytes that the server takes beside weights and cache.

    More on a GPU, with CUDA's programs.
    """
    described = read_model_config(config)
    words = described.get_text_config(decoder=True).vocab_size if described else 0
    logits = 4 * _BATCH * words if stack in ("llama.cpp", "ollama") else 0
    return _OWN[stack] * _MEGABYTE + logits


def memory_limit(config: dict[str, Any], weights: int, deploy: DeployParams) -> int | None:
    """Return the bytes that a container may take before it is killed, or None.

    Twice what the server itself took where it was measured; None where config.json does not tell
    the cache. `weights` are those on the disk, in bytes.
    """
    cache = cache_of(config, deploy.stack)
    if not cache:
        return None
    held = held_weights(config, weights, deploy.stack)
    own = own_bytes(config, deploy.stack)
    return held + cache.size(deploy.context, deploy.concurrency) + 2 * own


def memory_table(config: dict[str, Any], weights: int, deploy: DeployParams) -> str:
    """Write requirements.md: megabytes by context length and requests at once.

    `weights` are those on the disk, in bytes.
    """
    cache = cache_of(config, deploy.stack)
    held = held_weights(config, weights, deploy.stack)
    unpacked = f", unpacked from {weights / _MEGABYTE:,.1f} MB" if held != weights else ""
    lines = [
        "# Memory",
        "",
        f"Weights {held / _MEGABYTE:,.1f} MB{unpacked}{kept(cache) if cache else ''}. On top comes "
        f"the server itself: some {own_bytes(config, deploy.stack) / _MEGABYTE:,.0f} MB of the "
        f"host's memory for {deploy.stack}, measured on a CPU"
        f"{TAKES_ALL if deploy.stack in ON_GPU else ''}.",
        "",
        *(by_context(cache, held, deploy) if cache else [UNTOLD]),
    ]
    return "\n".join(lines) + "\n"


def kept(cache: Cache) -> str:
    """Say in words what a request keeps in the cache."""
    words = f", and {cache.whole:,} bytes of keys and values for each token under way"
    if cache.recent:
        words += f", {cache.recent:,} more for each of a request's last {cache.window:,}"
    words += f" ({8 * cache.number} bits a number)"
    if cache.states:
        words += f"; the states of {cache.states} layers without attention are not counted"
    return words


def by_context(cache: Cache, held: int, deploy: DeployParams) -> list[str]:
    """Tabulate megabytes of weights and cache by context length and requests at once."""
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
        "MB of weights and cache by tokens of context, and requests at once:",
        "",
        *table(["context", *(f"{count} at once" for count in slots)], rows),
        "",
        f"The launch files are for {deploy.context:,} tokens and {deploy.concurrency} requests.",
    ]

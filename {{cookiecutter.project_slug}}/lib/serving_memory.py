"""The memory that serving needs: weights, and the keys and values of every token under way."""

from typing import Any

from lib.markdown import table
from lib.params.deploy import DeployParams

CACHE_BYTES = 2  # of a number in the key-value cache: 16 bits, the default of vLLM and llama.cpp
MEGABYTE = 1_000_000


def cache_bytes_per_token(config: dict[str, Any]) -> int:
    """Bytes of keys and values that one token holds in all layers, from config.json."""
    text = config.get("text_config", config)
    heads = text.get("num_key_value_heads") or text["num_attention_heads"]
    size = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    return int(2 * text["num_hidden_layers"] * heads * size * CACHE_BYTES)


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
        "token under way (16 bits a number). The server's own programs come on top: some 50 MB for "
        "llama.cpp, several GB for vLLM and TGI, which also take most of a GPU's free memory for "
        "the cache.",
        "",
        "MB by tokens of context, and requests at once:",
        "",
        *table(["context", *(f"{count} at once" for count in slots)], rows),
        "",
        f"The launch files are for {deploy.context:,} tokens and {deploy.concurrency} requests.",
    ]
    return "\n".join(lines) + "\n"

"""Compute the size of the KV cache from a model's config.json."""

from typing import TYPE_CHECKING, Any, NamedTuple

from lib.engines.params import Stack

if TYPE_CHECKING:
    from transformers import PretrainedConfig

# Kinds of layers by transformers' names. Others, such as sparse attention with its own index, are
# unknown.
_WHOLE = ("full_attention",)  # all tokens are cached
WITHIN = ("sliding_attention", "chunked_attention")  # only the last ones
_STATES = ("linear_attention", "conv")  # no tokens: a state of fixed size per request
EMPTY = ("moe", "mlp")


class Cache(NamedTuple):
    """The memory of a request's keys and values in all layers."""

    number: int  # bytes per number
    whole: int  # bytes per token
    recent: int  # bytes per token of the last `window`, in layers with a sliding window
    window: int
    states: int  # layers with a state of fixed size instead, which is not counted here

    def size(self, context: int, requests: int) -> int:
        """Return the bytes for `requests` concurrent requests of `context` tokens each."""
        return requests * (self.whole * context + self.recent * min(context, self.window))


def cache_of(config: dict[str, Any], stack: Stack) -> Cache | None:
    """Describe the KV cache for a config.json; None if it cannot be determined."""
    described = read_model_config(config)
    text = described.get_text_config(decoder=True) if described else None
    layers = kinds_of_layers(text) if text else []
    numbers = numbers_of_token(text) if text else None
    if numbers is None or set(layers) - {*_WHOLE, *WITHIN, *_STATES, *EMPTY}:
        return None
    number = number_bytes(described, stack)
    whole, recent = (sum(layer in kinds for layer in layers) for kinds in (_WHOLE, WITHIN))
    return Cache(
        number=number,
        whole=whole * numbers * number,
        recent=recent * numbers * number,
        window=window_of(text, layers),
        states=sum(layer in _STATES for layer in layers),
    )


def read_model_config(config: dict[str, Any]) -> "PretrainedConfig | None":
    """Read a config.json as transformers does; None for an unknown architecture.

    transformers unifies attribute names and fills in defaults, here as if the weights were not
    quantized.
    """
    from transformers import CONFIG_MAPPING

    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        return None
    plain = {name: value for name, value in config.items() if name != "quantization_config"}
    described: PretrainedConfig = CONFIG_MAPPING[kind].from_dict(plain)
    return described


def kinds_of_layers(text: "PretrainedConfig") -> list[str]:
    """List the kind of each layer that has its own cache.

    Without that information, all tokens are assumed to be cached: llama.cpp ignores a window then.
    """
    layers = getattr(text, "layer_types", None) or list(_WHOLE) * text.num_hidden_layers
    # The last layers share the cache of others.
    shared = getattr(text, "num_kv_shared_layers", None) or 0
    return layers[: len(layers) - shared]


def numbers_of_token(text: "PretrainedConfig") -> int | None:
    """Count the numbers that an attention layer caches per token; None if unknown."""
    try:
        if rank := getattr(text, "kv_lora_rank", None):  # latent attention: one vector, all heads
            return int(rank + text.qk_rope_head_dim)
        heads = text.num_attention_heads
        size = getattr(text, "head_dim", None) or text.hidden_size // heads
        return int(2 * heads_kept(text) * size)
    except (AttributeError, RuntimeError):  # missing, or different for each layer
        return None


def heads_kept(text: "PretrainedConfig") -> int:
    """Count the heads whose keys and values are cached.

    Falcon's newer architecture has `multi_query`, too, but ignores it.
    """
    if getattr(text, "multi_query", False) and not getattr(text, "new_decoder_architecture", False):
        return 1
    names = ("num_key_value_heads", "num_kv_heads", "num_attention_heads")
    return int(next(filter(None, (getattr(text, name, None) for name in names))))


def window_of(text: "PretrainedConfig", layers: list[str]) -> int:
    """Return the sliding window of the layers of WITHIN, in tokens."""
    name = "attention_chunk_size" if "chunked_attention" in layers else "sliding_window"
    return int(getattr(text, name, None) or 0)


def number_bytes(described: "PretrainedConfig", stack: Stack) -> int:
    """Return the bytes per number in the cache of a server.

    transformers uses the dtype of the model, the others 16 bits by default.
    """
    return 4 if stack == "transformers" and "16" not in str(described.dtype) else 2

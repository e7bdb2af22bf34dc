"""What a server keeps of every token under way, its keys and values, from config.json."""

from typing import TYPE_CHECKING, Any, NamedTuple

from lib.engines.params import Stack

if TYPE_CHECKING:
    from transformers import PretrainedConfig

# Kinds of layers by transformers' names. Any other, such as sparse attention with an index of its
# own, is not told.
_WHOLE = ("full_attention",)  # every token is kept
WITHIN = ("sliding_attention", "chunked_attention")  # the last ones alone
_STATES = ("linear_attention", "conv")  # no token: a state of fixed size for each request
EMPTY = ("moe", "mlp")


class Cache(NamedTuple):
    """What a request's keys and values take in all layers."""

    number: int  # bytes of one number
    whole: int  # bytes of each token
    recent: int  # bytes of each of the last `window` tokens, in the layers that see no others
    window: int
    states: int  # layers that hold a state of fixed size instead, which is not counted here

    def size(self, context: int, requests: int) -> int:
        """Return the bytes of `requests` at once, each of `context` tokens."""
        return requests * (self.whole * context + self.recent * min(context, self.window))


def cache_of(config: dict[str, Any], stack: Stack) -> Cache | None:
    """Describe the KV cache of the model of a config.json; None where that does not tell it."""
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
    """Read a config.json as transformers does; None where it knows no such architecture.

    With one name for what architectures call by several and what was left out filled in, as if the
    weights were not packed.
    """
    from transformers import CONFIG_MAPPING

    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        return None
    plain = {name: value for name, value in config.items() if name != "quantization_config"}
    described: PretrainedConfig = CONFIG_MAPPING[kind].from_dict(plain)
    return described


def kinds_of_layers(text: "PretrainedConfig") -> list[str]:
    """List the kind of each layer that has a cache of its own.

    Where the configuration does not say, tokens are kept: llama.cpp heeds no window then.
    """
    layers = getattr(text, "layer_types", None) or list(_WHOLE) * text.num_hidden_layers
    shared = getattr(text, "num_kv_shared_layers", None) or 0  # the last ones read another's
    return layers[: len(layers) - shared]


def numbers_of_token(text: "PretrainedConfig") -> int | None:
    """Count the numbers that an attention layer keeps of a token; None where that is not told."""
    try:
        if rank := getattr(text, "kv_lora_rank", None):  # latent attention: one vector, all heads
            return int(rank + text.qk_rope_head_dim)
        heads = text.num_attention_heads
        size = getattr(text, "head_dim", None) or text.hidden_size // heads
        return int(2 * heads_kept(text) * size)
    except (AttributeError, RuntimeError):  # it has no such thing, or another for each layer
        return None


def heads_kept(text: "PretrainedConfig") -> int:
    """Count the heads whose keys and values are kept.

    Falcon's newer form has `multi_query`, too, but does not mean it.
    """
    if getattr(text, "multi_query", False) and not getattr(text, "new_decoder_architecture", False):
        return 1
    names = ("num_key_value_heads", "num_kv_heads", "num_attention_heads")
    return int(next(filter(None, (getattr(text, name, None) for name in names))))


def window_of(text: "PretrainedConfig", layers: list[str]) -> int:
    """Return how many tokens the layers of WITHIN look back."""
    name = "attention_chunk_size" if "chunked_attention" in layers else "sliding_window"
    return int(getattr(text, name, None) or 0)


def number_bytes(described: "PretrainedConfig", stack: Stack) -> int:
    """Return the bytes of one number in the cache, by the server that keeps it.

    transformers keeps it in the type of the model, the others by default in 16 bits.
    """
    return 4 if stack == "transformers" and "16" not in str(described.dtype) else 2

"""Convert a GGUF's vocabulary to a tokenizer of transformers.

transformers 5.17 splits every byte-pair vocabulary like GPT-2's, whatever the GGUF says, and uses
other special tokens than the file's: a model would be trained on tokens that it does not know. The
tokenizer is built as the file says, or refused.
"""

from typing import TYPE_CHECKING, Any

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

# Pre-tokenizer regexes, by tokenizer.ggml.pre (llama.cpp's llama-vocab)
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CUTS = {"qwen2": _WORDS + r"\p{N}" + REST, "llama-bpe": _WORDS + r"\p{N}{1,3}" + REST}
_KNOWN = ("smollm", "gpt-2", *CUTS)
CONTROL, USER_DEFINED = 3, 4  # token types

Fields = dict[str, Any]


def build(fields: Fields) -> "PreTrainedTokenizerFast":
    """Return the tokenizer that the metadata of a GGUF describes.

    Raises UserError where it has no end token, or a pre-tokenizer that is not known here.
    """
    from transformers import PreTrainedTokenizerFast

    kind, cut = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre")
    if kind != "gpt2" or cut not in _KNOWN:
        raise UserError(
            f"its tokenizer is of kind {kind}, {cut}, and only byte pairs cut like "
            f"{', '.join(_KNOWN)} can be read from a GGUF; use the model's own folder or hub id"
        )
    tokens = fields["tokenizer.ggml.tokens"]
    if fields.get("tokenizer.ggml.eos_token_id") is None:
        raise UserError("has no end token (tokenizer.ggml.eos_token_id): answers would not end")

    def named(role: str) -> str | None:
        number = fields.get(f"tokenizer.ggml.{role}_token_id")
        return None if number is None else str(tokens[number])

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(fields, cut, named("bos")),
        bos_token=named("bos"),
        eos_token=named("eos"),
        pad_token=named("padding") or named("eos"),
        unk_token=named("unknown"),
        model_max_length=fields[f"{fields['general.architecture']}.context_length"],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = fields.get("tokenizer.chat_template")
    return tokenizer


def byte_pairs(fields: Fields, cut: str, bos: str | None) -> "Tokenizer":
    """Build the byte-pair tokenizer of a GGUF's vocabulary and merges, without its template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, processors

    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    merges = [tuple(pair.split(" ", 1)) for pair in fields["tokenizer.ggml.merges"]]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    whole = cut == "llama-bpe"  # a word that is a token is not merged from parts
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=whole))
    normalizer, tokenizer.pre_tokenizer = cutting(cut)
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    for token, kind in zip(tokens, kinds, strict=True):
        if kind in (CONTROL, USER_DEFINED):
            added = AddedToken(token, special=kind == CONTROL, normalized=False)
            tokenizer.add_tokens([added])
    if fields.get("tokenizer.ggml.add_bos_token") and bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, vocabulary[bos])]
        )
    return tokenizer


def cutting(cut: str) -> "tuple[normalizers.Normalizer | None, pre_tokenizers.PreTokenizer]":
    """Return the normalizer, if any, and the pre-tokenizer."""
    from tokenizers import Regex, normalizers, pre_tokenizers

    like_gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if cut == "gpt-2":
        return None, like_gpt2
    if cut == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return None, pre_tokenizers.Sequence([digits, like_gpt2])
    words = pre_tokenizers.Split(Regex(CUTS[cut]), behavior="isolated")
    bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    normalizer = normalizers.NFC() if cut == "qwen2" else None
    return normalizer, pre_tokenizers.Sequence([words, bytes_alone])

"""The embedded base's tokenizer: byte-level BPE on the exact qwen2 pre-tokenizer."""

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
MAX_LENGTH = 1024


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn the merges; every byte has a token, so any text can be written."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return bpe


def build_tokenizer(texts: Iterable[str], vocab_size: int, template: str) -> Qwen2Tokenizer:
    """A Hugging Face tokenizer that any loader takes for Qwen's own."""
    model = json.loads(train_bpe(texts, vocab_size).to_str())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        unk_token=None,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        chat_template=template,
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )

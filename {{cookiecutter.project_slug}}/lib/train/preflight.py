"""Check that data, base, tokenizer and params are compatible, before the base is loaded."""

from typing import TYPE_CHECKING

from lib.core.params import BaseParams, HardwareParams
from lib.model.chat import Example
from lib.model.loading import config_ends, most_positions
from lib.runtime.errors import UserError
from lib.train.launch import has_bf16, launched
from lib.train.params import TrainParams
from lib.train.preference import learnable
from lib.train.texts import Splits

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

HIGH = 1e-4  # learning rate that suits adapters, but rarely the weights of a pretrained model
SPLIT_FILES = {"train": "data/split/train.jsonl", "val": "data/split/val.jsonl"}


def check_data(chats: Splits, pairs: Splits, params: TrainParams) -> None:
    """Raise UserError if there is nothing to learn from, or nothing to choose a checkpoint by."""
    if params.supervised and not chats["train"]:
        start = "; with pairs alone, set train.preference.start to base" if params.prefers else ""
        raise UserError(f"{SPLIT_FILES['train']}: has no chat to learn from{start}")
    if params.prefers and not learnable(pairs["train"], params.method):
        raise UserError(
            f"{SPLIT_FILES['train']}: has no preference pair (prompt, chosen, rejected), which "
            f"train.method {params.method} needs; add a source of pairs to data.sources"
        )
    validating = [chats["val"]] * params.supervised
    validating += [learnable(pairs["val"], params.method)] * params.prefers
    if params.keep == "best" and not all(validating):
        raise UserError(
            f"{SPLIT_FILES['val']}: has no {'pair' if params.prefers else 'chat'} to validate "
            "with, and train.keep best needs that loss; raise split.val, or set train.keep "
            "to last"
        )


def check_settings(params: TrainParams, base: BaseParams, hardware: HardwareParams) -> None:
    """Raise UserError for settings of params.yaml that exclude each other."""
    if params.weights == "full" and base.dtype != "float32":
        raise UserError(
            "params.yaml: when every weight is trained (train.method or train.preference.weights "
            "is full), base.dtype must be float32: bfloat16 loses small steps"
        )
    if hardware.strategy == "fsdp" and params.method not in ("lora", "full"):
        raise UserError(
            f"params.yaml: train.method {params.method} does not train with hardware.strategy "
            "fsdp; use ddp, or method lora or full"
        )


def check_training_device(params: TrainParams, base: BaseParams, device: str) -> None:
    """Raise UserError for settings that this machine's device does not support.

    Prints a warning if every weight is trained with a learning rate for adapters.
    """
    if params.packing and device != "cpu" and not has_bf16(device):
        raise UserError(
            "params.yaml: train.packing is true, which needs a GPU that supports bfloat16 "
            "(NVIDIA: Ampere or newer); set it to false"
        )
    rate = params.learning_rate
    whole = params.supervised and params.weights == "full" and base.model != "base"
    if whole and rate > HIGH and not launched():
        print(
            f"train: train.learning_rate {rate:g} is for adapters; when every weight is "
            "trained, 5e-6 to 2e-5 is common"
        )
    if base.dtype == "bfloat16" and device != "cpu" and not has_bf16(device):
        raise UserError(
            "params.yaml: base.dtype is bfloat16, which this GPU does not support; set it to "
            "float32"
        )


def check_tokenizer(
    tokenizer: "PreTrainedTokenizerBase",
    config: "PretrainedConfig",
    ends: set[int],
    params: TrainParams,
) -> None:
    """Raise UserError if tokenizer and model have different end tokens, or params exceed the model.

    `ends`: end token ids of the generation config. Opening and padding tokens are not compared:
    Qwen's configuration has an opening token that its tokenizer lacks, and padding differs by
    family.
    """
    known = ends | config_ends(config)
    if known and tokenizer.eos_token_id not in known:
        raise UserError(
            f"base: its tokenizer ends a text with {tokenizer.eos_token} ({tokenizer.eos_token_id})"
            f", the model with {sorted(known)}; they are not from the same model: take both from "
            "the same base"
        )
    longest = most_positions(config)
    if longest and params.max_length > longest:
        raise UserError(
            f"params.yaml: train.max_length is {params.max_length}, the base reads at most "
            f"{longest} tokens; lower it"
        )
    if params.word_dropout and tokenizer.pad_token_id == tokenizer.eos_token_id:
        raise UserError(
            "params.yaml: train.word_dropout blanks words with the padding token, which in this "
            "base also ends a text; set it to 0"
        )


def check_ids(
    tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig", examples: list[Example]
) -> None:
    """Raise UserError if a text or its padding has a token id that the model does not know.

    Prints how many the tokenizer itself has no token for. Unused extra tokens are harmless: Gemma
    3's tokenizer has one for images, also in text models.
    """
    unknown = tokenizer.unk_token_id
    if unknown is not None and unknown not in (tokenizer.eos_token_id, tokenizer.pad_token_id):
        count = sum(example.input_ids.count(unknown) for example in examples)
        if count and not launched():
            tokens = sum(len(example.input_ids) for example in examples)
            print(
                f"train: the base's tokenizer does not know {count:,} of the {tokens:,} tokens of "
                f"the texts, and reads {tokenizer.unk_token} for them; does the base know the "
                "language of the data?"
            )
    size = config.get_text_config().vocab_size
    used = max(max(example.input_ids) for example in examples)
    highest = max(used, tokenizer.pad_token_id)
    if highest >= size:
        raise UserError(
            f"base: its tokenizer gives token {highest}, the model knows {size} of them; they are "
            "not from the same model: take both from the same base"
        )

"""The two trainings of the train stage, supervised (SFT) and preference (DPO), both trl's."""

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.chat import IGNORED, Example, encode_example, with_system
from lib.errors import UserError
from lib.launch import world_size
from lib.params.base import BaseParams
from lib.params.train import TrainParams
from lib.records import Message, Record, text_of
from lib.training.adapters import lora_config
from lib.training.batches import order
from lib.training.checkpoints import last_whole
from lib.training.mask import check_mask

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        Trainer,
        TrainerCallback,
    )
    from trl import SFTTrainer


@dataclass(frozen=True)
class Setup:
    """What every training of a run shares."""

    params: TrainParams
    base: BaseParams
    system: str
    tokenizer: "PreTrainedTokenizerBase"
    stops: set[int]  # ids that end an answer
    device: str
    folder: Path  # of the checkpoints

    def encode(self, messages: list[Message]) -> Example:
        """A whole chat as token ids and labels."""
        return encode_example(self.tokenizer, messages, self.system)


def encode_records(setup: Setup, records: list[Record]) -> list[Example]:
    """Records as token ids and labels; raises UserError at one that would be cut or not learnt."""
    examples = []
    for record in records:
        example = setup.encode(record["messages"])
        check_length(record["id"], len(example.input_ids), setup.params.max_length)
        check_mask(example, setup.tokenizer, setup.stops)
        examples.append(example)
    return examples


def as_dataset(examples: list[Example], places: list[int]) -> "Dataset":
    """Columns input_ids and labels of the examples at `places`, as trl's SFTTrainer takes them."""
    from datasets import Dataset

    drawn = [examples[place] for place in places]
    return Dataset.from_dict(
        {"input_ids": [e.input_ids for e in drawn], "labels": [e.labels for e in drawn]}
    )


def training_dataset(setup: Setup, examples: list[Example]) -> "Dataset":
    """All epochs of the examples in the order they are trained on.

    loss_on "prompt_first" learns every token in the first half, and then the answers alone; "all"
    learns every token throughout. With word_dropout each epoch blanks other words of the prompts.
    """
    params, tokenizer = setup.params, setup.tokenizer
    lengths = [len(example.input_ids) for example in examples]
    places = order(lengths, params.epochs, params.batch_size * world_size(), params.seed)
    whole = {"answer": 0.0, "prompt_first": 0.5, "all": 1.0}[params.loss_on] * len(places)
    drawn = [examples[place] for place in places]
    labels = [example.input_ids if i < whole else example.labels for i, example in enumerate(drawn)]
    rng, keep = random.Random(params.seed), set(tokenizer.all_special_ids)
    blank = int(tokenizer.pad_token_id)
    inputs = [drop_words(example, params.word_dropout, blank, keep, rng) for example in drawn]
    ready = [Example(ids, learnt) for ids, learnt in zip(inputs, labels, strict=True)]
    return as_dataset(ready, list(range(len(ready))))


def drop_words(
    example: Example, share: float, blank: int, keep: set[int], rng: random.Random
) -> list[int]:
    """Token ids with a share of the prompt's tokens blanked, all but those to `keep`: no single
    word may decide the answer (Iyyer et al., 2015; Bowman et al., 2016)."""
    if not share:
        return example.input_ids
    return [
        blank if label == IGNORED and token not in keep and rng.random() < share else token
        for token, label in zip(example.input_ids, example.labels, strict=True)
    ]


def check_pairs(setup: Setup, records: list[Record]) -> list[int]:
    """Tokens of each pair's two texts, one after the other; raises UserError at a pair that trl
    would cut or leave out."""
    lengths = []
    for record in records:
        for answer in (record["chosen"], record["rejected"]):
            chat = [*record["prompt"], Message(role="assistant", content=answer)]
            lengths.append(len(setup.encode(chat).input_ids))
            check_length(record["id"], lengths[-1], setup.params.max_length)
    return lengths


def check_length(name: str, length: int, longest: int) -> None:
    """Raise UserError at a record that would have to be cut."""
    if length > longest:
        raise UserError(
            f"record {name}: {length} tokens, train.max_length is {longest}; raise it, or lower "
            "curate.max_tokens"
        )


def pairs_dataset(records: list[Record], places: list[int], system: str) -> "Dataset":
    """Columns prompt, chosen and rejected as chats, as trl's DPOTrainer takes them."""
    from datasets import Dataset

    def answer(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    rows = [
        {
            "prompt": with_system(record["prompt"], system),
            "chosen": answer(record["chosen"]),
            "rejected": answer(record["rejected"]),
        }
        for record in records
    ]
    return Dataset.from_list([rows[place] for place in places])


def settings(setup: Setup, phase: str, rate: float) -> dict[str, Any]:
    """Trainer arguments that supervised and preference training share."""
    params, on_cpu = setup.params, setup.device == "cpu"
    return {
        "output_dir": str(setup.folder / phase),
        "seed": params.seed,
        "num_train_epochs": 1,  # the dataset is all epochs long, in its final order
        "train_sampling_strategy": "sequential",
        "learning_rate": rate,
        "lr_scheduler_type": params.schedule,
        "warmup_steps": params.warmup,  # a share below 1 means a share of all steps
        "weight_decay": params.weight_decay,
        "max_grad_norm": params.max_grad_norm,
        "per_device_train_batch_size": params.batch_size,
        "per_device_eval_batch_size": params.batch_size,
        "gradient_accumulation_steps": params.gradient_accumulation,
        "max_length": params.max_length,
        "use_cpu": on_cpu,
        "bf16": not on_cpu,
        "gradient_checkpointing": not on_cpu,  # trades a third more compute for memory
        "dataloader_pin_memory": not on_cpu,
        "save_strategy": "steps",
        "save_steps": params.checkpoint_steps,
        "save_total_limit": 2,  # the last may be half written
        # the mean loss since the last log is not in a checkpoint: log whenever one is written
        "logging_steps": math.gcd(params.checkpoint_steps, 10),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # it would show the last sound loss instead
        "report_to": "none",
    }


def stop_at_nan() -> "TrainerCallback":
    """A callback that ends a run whose loss is no number, before more time goes into it."""
    from transformers import TrainerCallback

    class StopAtNan(TrainerCallback):
        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            if not math.isfinite(logs.get("loss", 0.0)):
                raise UserError(
                    f"train: the loss is {logs['loss']} at step {state.global_step}; lower "
                    "train.learning_rate or train.max_grad_norm, or raise train.warmup; earlier "
                    f"checkpoints are in {args.output_dir}"
                )

    return StopAtNan()


def sft_trainer(device: str) -> "type[SFTTrainer]":
    """trl's trainer; on a CPU one that scores the learnt positions alone.

    Without Triton trl 1.16 puts every position through the output layer, learnt or not. Where one
    token in five is learnt, that was more than half of a small model's training time.
    """
    from trl import SFTTrainer

    if device != "cpu":
        return SFTTrainer
    from torch.nn.functional import cross_entropy

    class LearntPositionsTrainer(SFTTrainer):
        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            learnt = (labels != IGNORED).any(dim=0).nonzero()[:, 0]  # in any row of the batch
            others = {name: value for name, value in inputs.items() if name != "labels"}
            outputs = model(**others, logits_to_keep=learnt, use_cache=False)
            wanted = labels[:, learnt].flatten()
            total = cross_entropy(outputs.logits.flatten(0, 1), wanted, reduction="sum")
            loss = total / (num_items_in_batch or (wanted != IGNORED).sum())
            if num_items_in_batch:  # counts all processes' tokens, whose gradients are averaged
                loss = loss * self.accelerator.num_processes
            return (loss, outputs) if return_outputs else loss

    return LearntPositionsTrainer


def fit_sft(
    setup: Setup, model: "PreTrainedModel", examples: dict[str, list[Example]]
) -> "Trainer":
    """Supervised fine-tuning on examples["train"]; the loss on examples["val"] is taken with each
    checkpoint and at the end."""
    from trl import SFTConfig

    params, train, val = setup.params, examples["train"], examples["val"]
    arguments = SFTConfig(
        **settings(setup, "sft", params.learning_rate),
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},  # encoded, checked and ordered already
        eval_strategy="steps" if val else "no",
        eval_steps=params.checkpoint_steps,
    )
    trainer = sft_trainer(setup.device)(
        model=model,
        args=arguments,
        train_dataset=training_dataset(setup, train),
        eval_dataset=as_dataset(val, list(range(len(val)))) if val else None,
        processing_class=setup.tokenizer,
        peft_config=None if params.method == "full" else lora_config(params.lora),
        callbacks=[stop_at_nan()],
    )
    trainer.train(resume_from_checkpoint=last_whole(setup.folder / "sft"))
    if val and last_evaluated(trainer) < trainer.state.global_step:
        trainer.evaluate()
    return trainer


def last_evaluated(trainer: "Trainer") -> int:
    """The last step with a validation loss; 0 when there is none."""
    return max((row["step"] for row in trainer.state.log_history if "eval_loss" in row), default=0)


def fit_dpo(setup: Setup, model: "PreTrainedModel", pairs: list[Record]) -> "Trainer":
    """Preference training of a fresh adapter; the model without it is the reference."""
    from trl import DPOConfig, DPOTrainer

    params = setup.params
    lengths = [len(text_of(pair["prompt"])) for pair in pairs]
    places = order(lengths, params.dpo.epochs, params.batch_size * world_size(), params.seed)
    arguments = DPOConfig(**settings(setup, "dpo", params.dpo.learning_rate), beta=params.dpo.beta)
    trainer = DPOTrainer(
        model=model,
        args=arguments,
        train_dataset=pairs_dataset(pairs, places, setup.system),
        processing_class=setup.tokenizer,
        peft_config=lora_config(params.lora),
        callbacks=[stop_at_nan()],
    )
    trainer.train(resume_from_checkpoint=last_whole(setup.folder / "dpo"))
    return trainer

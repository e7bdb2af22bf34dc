"""The two trainings of the train stage, supervised (SFT) and preference (DPO), both trl's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.chat import Example, check_mask, encode_example, with_system
from lib.checkpoints import last_whole
from lib.errors import UserError
from lib.params.train import LoraParams, TrainParams
from lib.records import Record

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer


def encode_records(
    records: list[Record], tokenizer: "PreTrainedTokenizerBase", system: str, params: TrainParams
) -> list[Example]:
    """Records as token ids and labels; raises UserError at one that would be cut or not learnt."""
    examples = []
    for record in records:
        example = encode_example(tokenizer, record["messages"], system, params.loss_on)
        if len(example.input_ids) > params.max_length:
            raise UserError(
                f"record {record['id']}: {len(example.input_ids)} tokens, train.max_length is "
                f"{params.max_length}; raise it, or lower curate.max_chars"
            )
        check_mask(example, int(tokenizer.eos_token_id))
        examples.append(example)
    return examples


def as_dataset(examples: list[Example]) -> "Dataset":
    """Columns input_ids and labels, as trl's SFTTrainer takes them."""
    from datasets import Dataset

    columns = {
        "input_ids": [example.input_ids for example in examples],
        "labels": [example.labels for example in examples],
    }
    return Dataset.from_dict(columns)


def pairs_dataset(records: list[Record], system: str) -> "Dataset":
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
    return Dataset.from_list(rows)


def lora_config(params: LoraParams) -> "LoraConfig":
    """peft's configuration of the adapter."""
    from peft import LoraConfig

    return LoraConfig(
        r=params.rank,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=params.target_modules,
        task_type="CAUSAL_LM",
    )


def settings(
    params: TrainParams, on_cpu: bool, folder: Path, epochs: float, rate: float
) -> dict[str, Any]:
    """Trainer arguments that supervised and preference training share."""
    return {
        "output_dir": str(folder),
        "seed": params.seed,
        "data_seed": params.seed,
        "num_train_epochs": epochs,
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
        "save_total_limit": 2,
        "logging_steps": 0.05,  # a share below 1 means a share of all steps
        "report_to": "none",
    }


def fit_sft(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    examples: dict[str, list[Example]],
    params: TrainParams,
    on_cpu: bool,
    folder: Path,
) -> "Trainer":
    """Supervised fine-tuning on examples["train"], with the loss on examples["val"] each epoch."""
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        **settings(params, on_cpu, folder, params.epochs, params.learning_rate),
        packing=False,
        eval_strategy="epoch" if examples["val"] else "no",
        # records of like length share a batch, so little of it is padding
        train_sampling_strategy="group_by_length",
    )
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=as_dataset(examples["train"]),
        eval_dataset=as_dataset(examples["val"]) if examples["val"] else None,
        processing_class=tokenizer,
        peft_config=None if params.method == "full" else lora_config(params.lora),
    )
    trainer.train(resume_from_checkpoint=last_whole(folder))
    return trainer


def fit_dpo(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    pairs: list[Record],
    system: str,
    params: TrainParams,
    on_cpu: bool,
    folder: Path,
) -> "Trainer":
    """Preference training of a fresh adapter; the model without it is the reference."""
    from trl import DPOConfig, DPOTrainer

    arguments = DPOConfig(
        **settings(params, on_cpu, folder, params.dpo.epochs, params.dpo.learning_rate),
        beta=params.dpo.beta,
    )
    trainer = DPOTrainer(
        model=model,
        args=arguments,
        train_dataset=pairs_dataset(pairs, system),
        processing_class=tokenizer,
        peft_config=lora_config(params.lora),
    )
    trainer.train(resume_from_checkpoint=last_whole(folder))
    return trainer

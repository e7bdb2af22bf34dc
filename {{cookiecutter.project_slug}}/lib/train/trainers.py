"""Run supervised fine-tuning (SFT) with trl's trainer; settings shared with preference training."""

import math
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.model.chat import Example
from lib.runtime.errors import UserError
from lib.train.adapters import lora_config
from lib.train.attention import by_record, without_mask
from lib.train.callbacks import (
    find_best,
    measure_speed,
    no_longer_improves,
    show_progress,
    stop_at_nan,
    stop_early,
)
from lib.train.checkpoints import history_of, last_whole, resume_whole
from lib.train.encode import Setup
from lib.train.launch import has_bf16, world_size
from lib.train.layout import as_dataset, training_dataset
from lib.train.packing import check_packing
from lib.train.schedule import warm_up_from_above_zero
from lib.train.token_loss import fill, sft_trainer
from lib.train.tracking import follow

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import (
        PreTrainedModel,
        Trainer,
        TrainerCallback,
    )


def settings(setup: Setup, phase: str, rate: float, validated: bool = False) -> dict[str, Any]:
    """Return the trainer arguments that SFT and preference training share: schedule, batch, saving.

    phase: sft, dpo or kto; rate: learning rate; validated: whether there are validation records.
    """
    params, on_cpu = setup.params, setup.device == "cpu"
    folder = setup.folder / phase
    return {
        "output_dir": str(folder),
        "seed": params.seed,
        "num_train_epochs": 1,  # the dataset has all epochs in their final order
        "train_sampling_strategy": "sequential",
        "learning_rate": rate,
        "lr_scheduler_type": params.schedule,
        "warmup_steps": params.warmup,  # a value below 1 is a share of all steps
        "weight_decay": params.weight_decay,
        "max_grad_norm": params.max_grad_norm,
        "per_device_train_batch_size": params.batch_size,
        "per_device_eval_batch_size": params.batch_size,
        "gradient_accumulation_steps": params.gradient_accumulation,
        "max_length": params.max_length,
        "use_cpu": on_cpu,
        "bf16": has_bf16(setup.device),
        "gradient_checkpointing": params.gradient_checkpointing,
        "dataloader_pin_memory": not on_cpu,
        "save_strategy": "steps",
        "save_steps": params.checkpoint_steps,
        "save_total_limit": 2,  # the last may be incomplete; plus the best one, if older
        "eval_strategy": "steps" if validated else "no",
        "eval_steps": params.checkpoint_steps,
        "eval_on_start": validated and last_whole(folder) is None,  # dropout of the base
        "load_best_model_at_end": params.keep == "best",
        "metric_for_best_model": "eval_loss" if params.keep == "best" else None,
        # checkpoints do not store the mean loss since the last log: log whenever one is written
        "logging_steps": math.gcd(params.checkpoint_steps, 10),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # the default shows the last finite loss instead
        "disable_tqdm": not sys.stderr.isatty(),
        "report_to": "none" if params.tracking == "dvclive" else params.tracking,  # see tracking.py
        "run_name": f"{setup.folder.name}-{phase}",
    }


def fit_sft(
    setup: Setup, model: "PreTrainedModel", examples: dict[str, list[Example]]
) -> "Trainer":
    """Fine-tune on examples["train"], and validate on examples["val"].

    The validation loss is taken with each checkpoint and at the end.
    """
    from trl import SFTConfig

    params, val = setup.params, examples["val"]
    arguments = SFTConfig(
        **settings(setup, "sft", params.learning_rate, bool(val)),
        packing=params.packing,
        eval_packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},  # already encoded, ordered and packed
    )
    rows = training_dataset(setup, examples["train"])
    validated = fill(as_dataset(val, list(range(len(val)))), params.batch_size) if val else None
    trainer = sft_trainer(setup.device)(
        model=model,
        args=arguments,
        train_dataset=fill(rows_to_train(setup, rows, arguments), params.batch_size),
        eval_dataset=validated,
        processing_class=setup.tokenizer,
        peft_config=lora_config(params.lora, model) if params.weights != "full" else None,
        callbacks=watchers(setup, arguments, [len(row) for row in rows["input_ids"]]),
    )
    if params.weights == "qlora":
        learn_in_32_bits(trainer.model)
    if params.packing:
        one, other = [example.input_ids for example in [*examples["train"] * 2][:2]]
        check_packing(trainer.model, setup.device, one, other)
    apart = by_record(model, setup.device) if params.packing else nullcontext()
    with without_mask(model, setup.device), apart:
        run_trainer(trainer, params.keep)
    return trainer


def run_trainer(trainer: "Trainer", keep: str) -> None:
    """Run a trainer, resuming from the newest complete checkpoint.

    Raises UserError if the best checkpoint should be kept but is unknown: the trainer would then
    keep the last weights.
    """
    from transformers import PrinterCallback, ProgressCallback

    folder = Path(trainer.args.output_dir)
    for kind in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(kind)
    trainer.add_callback(show_progress())
    warm_up_from_above_zero(trainer)
    resume_whole(trainer)
    trainer.train(resume_from_checkpoint=last_whole(folder))
    if keep == "best" and trainer.state.best_model_checkpoint is None:
        raise UserError(
            f"train: train.keep is best, and there is no best checkpoint in {folder}; delete that "
            "folder and start again, or set train.keep to last"
        )


def learn_in_32_bits(model: "PreTrainedModel") -> None:
    """Keep trainable weights in 32 bits.

    trl rounds the adapters of a 4-bit base to bfloat16, as in QLoRA; a checkpoint is loaded in 32
    bits, so a resumed run would differ from an uninterrupted one.
    """
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()


def rows_a_step(arguments: Any) -> int:
    """Return the rows per step, over all processes."""
    on_each = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    return int(on_each * world_size())


def watchers(setup: Setup, arguments: Any, lengths: list[int]) -> list["TrainerCallback"]:
    """Return the callbacks of a training; `lengths`: tokens of each row."""
    step = rows_a_step(arguments)
    step_tokens = [sum(lengths[at : at + step]) for at in range(0, len(lengths), step)]
    patience = setup.params.early_stopping
    speed = measure_speed(step_tokens, setup.device)
    followed = follow(setup.params.tracking)
    return [stop_at_nan(), stop_early(patience), find_best(), speed, *followed]


def rows_to_train(setup: Setup, rows: "Dataset", arguments: Any) -> "Dataset":
    """Return all rows, or, for a run killed after it had stopped early, those it was trained on.

    Otherwise it would train one more step.
    """
    history = history_of(Path(arguments.output_dir))
    if not no_longer_improves(history, setup.params.early_stopping):
        return rows
    done = int(history[-1]["step"]) * rows_a_step(arguments)
    return rows.select(range(min(done, len(rows))))

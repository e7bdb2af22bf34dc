"""Load the base for training with low-rank adapters, and merge adapters into it afterwards."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core.params import BaseParams
from lib.model.loading import load_model
from lib.runtime.files import write_json
from lib.train.launch import sharded
from lib.train.params import LoraParams
from lib.train.targets import for_peft

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel, Trainer


def lora_config(params: LoraParams, model: "PreTrainedModel") -> "LoraConfig":
    """Translate train.lora into peft's configuration of an adapter on `model`."""
    from peft import LoraConfig

    return LoraConfig(
        r=params.rank,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=for_peft(model, params.target_modules),
        task_type="CAUSAL_LM",
    )


def start_model(base: BaseParams, weights: str, device: str) -> "PreTrainedModel":
    """Load the base for training: in 4 bits for qlora, else in base.dtype.

    QLoRA: Dettmers et al., 2023.
    """
    if weights != "qlora":
        return load_model(base.model, base.dtype, device, base.revision)
    import torch
    from peft import prepare_model_for_kbit_training
    from transformers import BitsAndBytesConfig

    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, base.dtype),
    )
    model = load_model(base.model, base.dtype, device, base.revision, quantization_config=nf4)
    keep_kernels(model)
    prepared: PreTrainedModel = prepare_model_for_kbit_training(
        model,
        use_gradient_checkpointing=False,  # the trainer does it
    )
    return prepared


def keep_kernels(model: "PreTrainedModel") -> None:
    """Make 4-bit layers compute the same in training and validation, on every CPU.

    On a CPU with AVX-512 bf16, the first validation repacks their weights, rounded, for a kernel
    without a backward pass, and training would continue with it (bitsandbytes 0.50.2).
    """
    from bitsandbytes.nn import Linear4bit

    for layer in model.modules():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False


def merge(trainer: "Trainer", base: BaseParams, weights: str, adapter: Path) -> "PreTrainedModel":
    """Return the trained model with any adapter merged; save the adapter to `adapter` first."""
    return merge_adapter(adapted(trainer, base, weights, adapter))


def adapted(trainer: "Trainer", base: BaseParams, weights: str, adapter: Path) -> "PreTrainedModel":
    """Return the trained model with its adapter not yet merged; save the adapter to `adapter`."""
    from peft import PeftModel

    model = trainer.accelerator.unwrap_model(trainer.model)
    # accelerate's forward, which computes in training's precision, and its mark, because of which
    # it would not prepare the model for a second training
    for name in ("forward", "_is_accelerate_prepared"):
        model.__dict__.pop(name, None)
    if sharded():
        model = reload(model, base, gathered(adapter))
    if not isinstance(model, PeftModel):
        return model
    model.save_pretrained(adapter)
    sort_target_modules(adapter / "adapter_config.json")
    # weights of lower precision than the base's cannot hold the update: 4-bit ones, and DeepSpeed's
    if weights == "qlora" or str(model.get_base_model().dtype) != f"torch.{base.dtype}":
        whole = load_model(base.model, base.dtype, "cpu", base.revision)
        model = PeftModel.from_pretrained(whole, str(adapter))
    return model


def gathered(adapter: Path) -> Path:
    """Return the folder that `gather_weights` writes to, beside that of the adapter."""
    return adapter.with_name("gathered")


def gather_weights(trainer: "Trainer", adapter: Path) -> None:
    """Save weights that are sharded over the processes as a whole; every process must call it."""
    if sharded():
        trainer.save_model(str(gathered(adapter)))
    trainer.accelerator.wait_for_everyone()


def reload(model: "PreTrainedModel", base: BaseParams, folder: Path) -> "PreTrainedModel":
    """Load what `gather_weights` saved to the CPU: a whole model, or an adapter on its base."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return load_model(str(folder), base.dtype)
    whole = load_model(base.model, base.dtype, "cpu", base.revision)
    return PeftModel.from_pretrained(whole, str(folder))


def merge_adapter(model: "PreTrainedModel") -> "PreTrainedModel":
    """Merge an adapter into its base; return a model without an adapter unchanged."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        return model
    merged: PreTrainedModel = model.merge_and_unload()
    return merged


def sort_target_modules(path: Path) -> None:
    """Sort the target modules in adapter_config.json, so that equal runs write equal files.

    peft writes them as a set, whose order differs between processes.
    """
    config = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    write_json(path, config)

"""The `train` section: method and hyperparameters."""

from typing import Literal

from pydantic import Field

from lib.config import Section


class LoraParams(Section):
    """Low-rank adapters (Hu et al., 2021)."""

    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)  # the update is scaled by alpha / rank
    dropout: float = Field(ge=0, lt=1)
    target_modules: str | list[str]  # "all-linear", or names such as [q_proj, v_proj]


class DpoParams(Section):
    """Direct preference optimisation (Rafailov et al., 2023), after supervised fine-tuning."""

    beta: float = Field(gt=0)  # how far the policy may move from the SFT model: higher stays closer
    learning_rate: float = Field(gt=0)
    epochs: float = Field(gt=0)


class TrainParams(Section):
    """What the train stage does; learning rate and epochs are those of supervised fine-tuning."""

    method: Literal["lora", "full", "qlora", "dpo"]
    seed: int = Field(ge=0)
    epochs: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    warmup: float = Field(ge=0, lt=1)  # share of all steps
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    batch_size: int = Field(ge=1)  # records a step, on each device
    gradient_accumulation: int = Field(ge=1)
    max_length: int = Field(ge=16)  # tokens; a longer record stops the run, none is cut
    loss_on: Literal["answer", "prompt_first", "all"]  # which tokens are learnt
    word_dropout: float = Field(ge=0, lt=1)  # share of a prompt's tokens blanked, anew each epoch
    checkpoint_steps: int = Field(ge=1)
    lora: LoraParams
    dpo: DpoParams

"""The `train` section: method and hyperparameters."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from lib.core.config import Section


class LoraParams(Section):
    """Low-rank adapters (Hu et al., 2021)."""

    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)  # the update is scaled by alpha / rank
    dropout: float = Field(ge=0, lt=1)
    target_modules: str | list[str]  # "all-linear", or names such as [q_proj, v_proj]

    @field_validator("target_modules")
    @classmethod
    def _as_names(cls, given: str | list[str]) -> str | list[str]:
        """Turn a single name into a list: peft would read any string but all-linear as a regex."""
        names = [given] if isinstance(given, str) else given
        return "all-linear" if names == ["all-linear"] else names


class PreferenceParams(Section):
    """Preference training: dpo (Rafailov et al., 2023) and kto (Ethayarajh et al., 2024)."""

    # sft: after supervised fine-tuning on the chats; base: without it.
    start: Literal["sft", "base"]
    # What is trained, in both trainings: adapters, or every weight.
    weights: Literal["lora", "full"]
    # of dpo: sigmoid (the original), ipo (Azar et al., 2023), hinge (SLiC; Zhao et al., 2023),
    # apo_zero (D'Oosterlinck et al., 2024) or sppo_hard (Wu et al., 2024)
    loss: Literal["sigmoid", "ipo", "hinge", "apo_zero", "sppo_hard"] = "sigmoid"
    beta: float = Field(gt=0)  # penalty for moving away from the start: higher stays closer
    learning_rate: float = Field(gt=0)
    epochs: float = Field(gt=0)


class TrainParams(Section):
    """How weights are trained; learning rate and epochs are those of supervised fine-tuning."""

    method: Literal["lora", "full", "qlora", "dpo", "kto"]
    seed: int = Field(ge=0, lt=2**32)  # numpy's limit
    epochs: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    warmup: float = Field(ge=0, lt=1)  # share of all steps
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    batch_size: int = Field(ge=1)  # rows per step and device
    gradient_accumulation: int = Field(ge=1)
    max_length: int = Field(ge=16)  # tokens; a longer record stops the run, none is truncated
    packing: bool  # supervised: a row has as many whole records as fit into max_length
    gradient_checkpointing: bool = False  # recompute activations instead of keeping them
    loss_on: Literal["answer", "prompt_first", "all"]  # which tokens are learnt
    # Share of a prompt's tokens blanked, others in each epoch.
    word_dropout: float = Field(ge=0, lt=1)
    checkpoint_steps: int = Field(ge=1)  # between checkpoints, and between validations
    # Which checkpoint becomes the model: best has the lowest val loss.
    keep: Literal["last", "best"]
    # Stop after this many validations without a lower loss.
    early_stopping: int | None = Field(ge=1)
    tracking: Literal["none", "tensorboard", "wandb", "mlflow", "dvclive"]
    lora: LoraParams
    preference: PreferenceParams

    @property
    def prefers(self) -> bool:
        """Tell whether there is preference training."""
        return self.method in ("dpo", "kto")

    @property
    def supervised(self) -> bool:
        """Tell whether there is supervised fine-tuning."""
        return not self.prefers or self.preference.start == "sft"

    @property
    def weights(self) -> str:
        """Return what is trained: lora, qlora or full."""
        return self.preference.weights if self.prefers else self.method

    @property
    def adapts_base(self) -> bool:
        """Tell whether the result is a single adapter on the base.

        It is not if preference training starts from an already merged adapter.
        """
        return self.weights != "full" and not (self.prefers and self.supervised)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.early_stopping and self.keep == "last":
            raise ValueError("early_stopping null, unless keep is best")
        if self.method == "kto" and self.preference.loss != "sigmoid":
            raise ValueError("preference.loss sigmoid with method kto, which has its own loss")
        if self.method == "kto" and self.batch_size < 2:
            raise ValueError(
                "batch_size 2 or more with method kto, which compares a record with the others of "
                "its batch"
            )
        return self

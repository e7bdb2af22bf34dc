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
        """peft would take another string than all-linear for a regular expression."""
        names = [given] if isinstance(given, str) else given
        return "all-linear" if names == ["all-linear"] else names


class PreferenceParams(Section):
    """Learning from better and worse answers: methods dpo (Rafailov et al., 2023) and kto
    (Ethayarajh et al., 2024)."""

    start: Literal["sft", "base"]  # after supervised fine-tuning on the chats, or without it
    weights: Literal["lora", "full"]  # what learns, in both trainings: adapters, or every weight
    # of dpo: sigmoid (its own), ipo (Azar et al., 2023), hinge (SLiC; Zhao et al., 2023), apo_zero
    # (D'Oosterlinck et al., 2024) or sppo_hard (Wu et al., 2024)
    loss: Literal["sigmoid", "ipo", "hinge", "apo_zero", "sppo_hard"] = "sigmoid"
    beta: float = Field(gt=0)  # how far the policy may move from its start: higher stays closer
    learning_rate: float = Field(gt=0)
    epochs: float = Field(gt=0)


class TrainParams(Section):
    """What the train stage does; learning rate and epochs are those of supervised fine-tuning."""

    method: Literal["lora", "full", "qlora", "dpo", "kto"]
    seed: int = Field(ge=0, lt=2**32)  # as numpy takes it
    epochs: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"]
    warmup: float = Field(ge=0, lt=1)  # share of all steps
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    batch_size: int = Field(ge=1)  # rows a step, on each device
    gradient_accumulation: int = Field(ge=1)
    max_length: int = Field(ge=16)  # tokens; a longer record stops the run, none is cut
    packing: bool  # supervised: a row is as many whole records as max_length holds
    gradient_checkpointing: bool = False  # compute activations again instead of keeping them
    loss_on: Literal["answer", "prompt_first", "all"]  # which tokens are learnt
    word_dropout: float = Field(ge=0, lt=1)  # share of a prompt's tokens blanked, anew each epoch
    checkpoint_steps: int = Field(ge=1)  # between checkpoints, and between validations
    keep: Literal["last", "best"]  # which checkpoint is the model: best has the least val loss
    early_stopping: int | None = Field(ge=1)  # stop after so many validations without a better one
    tracking: Literal["none", "tensorboard", "wandb", "mlflow", "dvclive"]
    lora: LoraParams
    preference: PreferenceParams

    @property
    def prefers(self) -> bool:
        """Tell whether training learns from preferences."""
        return self.method in ("dpo", "kto")

    @property
    def supervised(self) -> bool:
        """Tell whether training learns from chats."""
        return not self.prefers or self.preference.start == "sft"

    @property
    def weights(self) -> str:
        """Name what learns: lora, qlora or full."""
        return self.preference.weights if self.prefers else self.method

    @property
    def adapts_base(self) -> bool:
        """Tell whether what is learnt is one adapter on the base.

        It is not where preferences are learnt on top of an adapter that is merged already.
        """
        return self.weights != "full" and not (self.prefers and self.supervised)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.early_stopping and self.keep == "last":
            raise ValueError("early_stopping null, unless keep is best")
        if self.method == "kto" and self.preference.loss != "sigmoid":
            raise ValueError("preference.loss sigmoid with method kto, whose loss is its own")
        if self.method == "kto" and self.batch_size < 2:
            raise ValueError(
                "batch_size 2 or more with method kto, which compares a record with the others of "
                "its batch"
            )
        return self

"""The learning rate by step."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Trainer


def warm_up_from_above_zero(trainer: "Trainer") -> None:
    """Have the rate rise from above 0: the first of `n` warm-up steps takes 1 / (n + 1) of it.

    transformers begins at 0, so that the first update changes nothing, and is all there is in a run
    of one step (https://github.com/verl-project/verl/issues/3674).
    """
    from torch.optim.lr_scheduler import LambdaLR

    create = trainer.create_scheduler

    def create_scheduler(num_training_steps: int, optimizer: Any = None) -> Any:
        made = create(num_training_steps, optimizer)
        if isinstance(made, LambdaLR):
            (after,), warm = made.lr_lambdas[:1], trainer.args.get_warmup_steps(num_training_steps)
            rate = risen(after, warm)
            trainer.lr_scheduler = made = LambdaLR(made.optimizer, rate)
        return made

    trainer.create_scheduler = create_scheduler


def risen(after: Any, warm: int) -> Any:
    """Return a schedule that rises in `warm` steps, and goes on as `after` does."""

    def rate(step: int) -> float:
        return (step + 1) / (warm + 1) if step < warm else float(after(step))

    return rate

"""Let the warm-up of the learning rate begin above 0.

The schedule itself is train.schedule, which lib/train/trainers.py passes to transformers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Trainer


def warm_up_from_above_zero(trainer: "Trainer") -> None:
    """Make the warm-up of n steps begin at 1 / (n + 1) of the learning rate instead of 0.

    transformers begins at 0, so that the first update, in a run of one step the only one, changes
    nothing (https://github.com/verl-project/verl/issues/3674).
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
    """Return a schedule that rises for `warm` steps and then follows `after`."""

    def rate(step: int) -> float:
        return (step + 1) / (warm + 1) if step < warm else float(after(step))

    return rate

"""Watch a trainer: NaN losses, early stopping, the best checkpoint, speed and progress."""

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.runtime.errors import UserError
from lib.train.checkpoints import is_complete
from lib.train.machine import peak_memory

if TYPE_CHECKING:
    from transformers import TrainerCallback

# Values that must be finite. A NaN gradient destroys the weights while the loss is still finite.
WATCHED = {"loss": "the loss", "grad_norm": "the gradient", "eval_loss": "the loss on validation"}


def stop_at_nan() -> "TrainerCallback":
    """Return a callback that ends a run whose loss or gradient is NaN or infinite.

    It does so before a checkpoint is saved: the last step is logged as well, and logging comes
    before saving.
    """
    from transformers import TrainerCallback

    class StopAtNan(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_log |= state.global_step >= state.max_steps

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            for name, what in WATCHED.items():
                if not math.isfinite(logs.get(name, 0.0)):
                    if not state.global_step:
                        raise UserError(
                            f"train: {what} is {logs[name]} before the first step: the base's "
                            "weights hold values that are no numbers, or do not fit base.dtype; "
                            "copy the base again, or set base.dtype to float32"
                        )
                    raise UserError(
                        f"train: {what} is {logs[name]} at step {state.global_step}; lower "
                        "train.learning_rate or train.max_grad_norm, or raise train.warmup; "
                        f"earlier checkpoints are in {args.output_dir}"
                    )

    return StopAtNan()


def no_longer_improves(history: list[dict[str, float]], patience: int | None) -> bool:
    """Tell whether none of the last `patience` validation losses improved on an earlier one.

    It depends on the history alone, so that a resumed run stops where an uninterrupted one does.
    """
    losses = [row["eval_loss"] for row in history if "eval_loss" in row]
    if patience is None or len(losses) <= patience:
        return False
    return min(losses[-patience:]) >= min(losses[:-patience])


def stop_early(patience: int | None) -> "TrainerCallback":
    """Return a callback that ends a run whose validation loss no longer improves.

    With `patience` None it never does.
    """
    from transformers import TrainerCallback

    class StopEarly(TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if no_longer_improves(state.log_history, patience):
                control.should_training_stop = True

    return StopEarly()


def find_best() -> "TrainerCallback":
    """Return a callback that gives a resumed run the path of its best checkpoint so far.

    The trainer's state has its absolute path; if the project has moved since, transformers would
    keep the last weights, with only a log message. Raises UserError if the best checkpoint is
    missing.
    """
    from transformers import TrainerCallback

    class FindBest(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if not state.best_global_step:
                return
            best = Path(args.output_dir, f"checkpoint-{state.best_global_step}")
            if not is_complete(best):
                raise UserError(
                    f"train: {best}, the best checkpoint so far, is missing or incomplete, and "
                    f"train.keep is best; delete {args.output_dir} and start again"
                )
            state.best_model_checkpoint = str(best)

    return FindBest()


def measure_speed(step_tokens: list[int], device: str) -> "TrainerCallback":
    """Return a callback that logs tokens per second, peak memory and, at the end, total tokens.

    `step_tokens`: tokens of each step. Tokens per second are measured since the last log.
    """
    from transformers import TrainerCallback

    class MeasureSpeed(TrainerCallback):
        tokens = 0
        seconds = began = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.seconds += time.perf_counter() - self.began
            self.tokens += step_tokens[state.global_step - 1]

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            if "loss" in logs and self.seconds:
                speed = round(self.tokens / self.seconds)
                measured = {"tokens_per_second": speed, "memory_bytes": peak_memory(device)}
                state.log_history[-1].update(measured)
                self.tokens, self.seconds = 0, 0.0
            if "train_runtime" in logs:  # the last row of a history
                state.log_history[-1]["tokens"] = sum(step_tokens[: state.global_step])

    return MeasureSpeed()


def show_progress() -> "TrainerCallback":
    """Return a callback that shows a progress bar on a terminal, and lines elsewhere (in CI).

    Lines come at each checkpoint and each tenth of the steps. transformers' own callbacks print
    every loss as a dictionary.
    """
    from transformers import ProgressCallback, TrainerCallback

    class Bar(ProgressCallback):
        def on_log(self, *_: Any, **__: Any) -> None:
            """Print nothing."""

    class Lines(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.first, self.started = state.global_step, time.monotonic()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            step, steps = state.global_step, state.max_steps
            is_tenth = 10 * step // steps > 10 * (step - 1) // steps
            if state.is_world_process_zero and is_tenth and step < steps:
                pace = (time.monotonic() - self.started) / (step - self.first)
                left = f"about {pace * (steps - step) / 60:.1f} min left"
                print(f"train: {Path(args.output_dir).name}: {progress(state)}, {left}", flush=True)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                print(f"train: {Path(args.output_dir).name}: {progress(state)}", flush=True)

    return Bar() if sys.stderr.isatty() else Lines()


def progress(state: Any) -> str:
    """Describe the progress of a training in a line, with the latest losses."""
    newest = {name: value for row in state.log_history for name, value in row.items()}
    names = {"loss": "loss", "eval_loss": "on validation"}
    losses = [f"{what} {newest[name]:.4f}" for name, what in names.items() if name in newest]
    return ", ".join([f"step {state.global_step:,} of {state.max_steps:,}", *losses])

"""Adapt trl's SFT trainer: a validation loss over tokens, and on a CPU less to compute."""

from typing import TYPE_CHECKING, Any

from lib.model.chat import IGNORED
from lib.train.launch import world_size

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import SFTTrainer


def sft_trainer(device: str) -> "type[SFTTrainer]":
    """Choose the SFT trainer's class for a device; on a CPU it scores only learnt positions.

    Without Triton, trl 1.16 runs the output layer on every position, learnt or not. With one token
    in five learnt, that took more than half of a small model's training time.
    """
    counting = token_mean_trainer()
    if device != "cpu":
        return counting
    from torch.nn.functional import cross_entropy

    class LearntPositionsTrainer(counting):  # type: ignore[misc, valid-type]
        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            # Learnt in any row of the batch.
            learnt = (labels != IGNORED).any(dim=0).nonzero()[:, 0]
            others = {name: value for name, value in inputs.items() if name != "labels"}
            outputs = model(**others, logits_to_keep=learnt, use_cache=False)
            wanted = labels[:, learnt].flatten()
            total = cross_entropy(outputs.logits.flatten(0, 1), wanted, reduction="sum")
            # a batch of padding rows (`fill`) learns nothing: avoid division by 0
            loss = total / (num_items_in_batch or (wanted != IGNORED).sum().clamp(min=1))
            if (
                num_items_in_batch
            ):  # counts the tokens of all processes, whose gradients are averaged
                loss = loss * self.accelerator.num_processes
            return (loss, outputs) if return_outputs else loss

    return LearntPositionsTrainer


def token_mean_trainer() -> "type[SFTTrainer]":
    """Return an SFTTrainer class whose validation loss is the mean over all learnt tokens.

    trl's own is the mean of the batches' means, which depends on the batch size.
    """
    import torch
    from trl import SFTTrainer

    class TokenMeanTrainer(SFTTrainer):
        def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **named: Any) -> Any:
            self.counted = torch.zeros(2, dtype=torch.float64)  # sum of losses, learnt tokens
            output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **named)
            total, learnt = self.accelerator.reduce(self.counted.to(self.args.device)).tolist()
            output.metrics[f"{metric_key_prefix}_loss"] = total / max(learnt, 1)
            return output

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **named: Any) -> Any:
            found = super().prediction_step(model, inputs, *args, **named)
            learnt = int((inputs["labels"][:, 1:] != IGNORED).sum())
            self.counted += torch.tensor([float(found[0]) * learnt, learnt], dtype=torch.float64)
            return found

    return TokenMeanTrainer


def fill(rows: "Dataset", batch_size: int) -> "Dataset":
    """Add rows without labels, so that the batches of several processes are all full.

    accelerate would fill them with rows of the first batch, which a single process does not repeat.
    """
    from datasets import Dataset, concatenate_datasets

    missing = -len(rows) % (batch_size * world_size()) if world_size() > 1 else 0
    if not missing:
        return rows
    empty = rows[0] | {"labels": [IGNORED] * len(rows[0]["labels"])}
    more = Dataset.from_list([empty] * missing, features=rows.features)
    return concatenate_datasets([rows, more])

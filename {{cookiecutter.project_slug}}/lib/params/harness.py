"""The `harness` section: tasks of lm-evaluation-harness for the tuned model and its base."""

from pydantic import Field

from lib.config import Section


class HarnessParams(Section):
    """What is asked, of both models alike."""

    tasks: list[str] = Field(min_length=1)  # of evals/harness, or of lm-evaluation-harness
    limit: int | None = Field(default=None, ge=1)  # questions of each task, the first ones
    batch_size: int = Field(default=8, ge=1)
    chat: bool = False  # render each question with the chat template

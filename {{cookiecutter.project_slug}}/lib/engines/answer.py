"""What an engine gives back for one prompt."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """One answer; tokens as the engine counts them, the one that ends the answer with them."""

    text: str
    input_tokens: int
    output_tokens: int
    # length: cut off at max_new_tokens; content_filter: a provider let nothing through
    finish: Literal["stop", "length", "content_filter"]
    log_likelihood: float | None = None  # of the right answer: mean log-probability of its tokens

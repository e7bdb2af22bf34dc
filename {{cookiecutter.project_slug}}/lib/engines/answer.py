"""What an engine gives back for one prompt."""

from dataclasses import dataclass

NOT_TAKEN = "HTTP "  # begins how the answer ended where the server did not take the request


@dataclass(frozen=True)
class Answer:
    """One answer; tokens as the engine counts them, the one that ends the answer with them."""

    text: str
    input_tokens: int
    output_tokens: int
    # stop; length: cut off at max_new_tokens; content_filter: a provider let nothing through; or
    # HTTP 413, say: the server did not take the request, and nothing is known of its answer
    finish: str
    log_likelihood: float | None = None  # of the right answer: mean log-probability of its tokens

"""Define the answer of an engine to one prompt."""

from dataclasses import dataclass

NOT_TAKEN = "HTTP "  # prefix of `finish` where the server rejected the request


@dataclass(frozen=True)
class Answer:
    """One answer; token counts are the engine's, with the token that ends the answer."""

    text: str
    input_tokens: int
    output_tokens: int
    # stop; length: cut off at max_new_tokens; content_filter: blocked by the provider; or such as
    # HTTP 413: the server rejected the request, and there is no answer
    finish: str
    log_likelihood: float | None = None  # mean log-probability of the tokens of the right answer

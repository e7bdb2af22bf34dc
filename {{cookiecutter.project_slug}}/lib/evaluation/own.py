"""Your own metric: one function. It is reported as `own`; `eval.primary: own` judges by it."""


def own(output: str, expected: str, prompt: str) -> float | None:
    """How good an answer is, from 0 to 1; None: no such metric, or none for this case."""
    return None

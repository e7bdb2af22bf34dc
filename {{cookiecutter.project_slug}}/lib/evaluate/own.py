"""Your own metric: one function. It is reported as `own`; `eval.primary: own` judges by it.

The gate calls it again: of the same answer it must say the same, and import no more than `data`,
`eval` and `dev` of pyproject.toml install.
"""


def own(output: str, expected: str, prompt: str) -> float | None:
    """Score an answer from 0 to 1; None: no such metric, or none for this case."""
    return None

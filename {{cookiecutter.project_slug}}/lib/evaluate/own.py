"""Define your own metric: one function, reported as `own`; `eval.primary: own` makes it the score.

The gate calls it again: it must be deterministic, and import only packages of the extras `data`,
`eval` and `dev` of pyproject.toml.
"""


def own(output: str, expected: str, prompt: str) -> float | None:
    """Score an answer from 0 to 1; None if there is no own metric, or none for this case."""
    return None

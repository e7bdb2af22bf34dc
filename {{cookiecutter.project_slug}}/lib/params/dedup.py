"""The `dedup` section: when two records count as copies."""

from typing import Literal

from pydantic import Field

from lib.config import Section


class DedupParams(Section):
    """Near copies are found by MinHash and confirmed by their exact Jaccard similarity."""

    threshold: float = Field(gt=0, le=1)  # records at least this similar are copies
    evals_threshold: float = Field(gt=0, le=1)  # so similar to a case in evals/: dropped
    ngram: int = Field(ge=1, le=20)  # words a shingle (characters where words are not spaced)
    permutations: int = Field(ge=16, le=1024)  # length of a MinHash signature
    seed: int = Field(ge=0, lt=2**32)
    engine: Literal["local", "daft-ray"] = "local"  # the result is the same for either
    processes: int = Field(ge=1)  # of the local engine; the result is the same for any number

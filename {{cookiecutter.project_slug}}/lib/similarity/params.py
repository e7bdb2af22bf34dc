"""Sections dedup and split of params.yaml.

The `dedup` section: when two records count as copies. The `split` section: how records are divided
into train, val and test, and what the leakage check searches.
"""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from lib.core.config import Section
from lib.runtime.errors import UserError


class DedupParams(Section):
    """When records are near copies: MinHash proposes pairs, exact Jaccard similarity decides."""

    threshold: float = Field(gt=0, le=1)  # records at least this similar are copies
    near_copies: Literal["drop", "keep"] = "drop"  # among records; exact copies always go
    # Similarity from which a record is a copy of a case in evals/ and is dropped.
    evals_threshold: float = Field(gt=0, le=1)
    ngram: int = Field(ge=1, le=20)  # words per shingle (characters where words are not spaced)
    permutations: int = Field(ge=16, le=1024)  # length of a MinHash signature
    seed: int = Field(ge=0, lt=2**32)
    engine: Literal["local", "daft-ray", "datasketch"] = "local"  # the same result
    processes: int = Field(ge=1)  # of the local engine; the result is the same for any number


class Balance(Section):
    """How scenarios are balanced in train; val and test keep their natural shares."""

    # most rows of a scenario in train; chats and preference pairs count separately
    cap: int | None = Field(default=None, ge=1)
    # scenario -> how often each of its train rows is written
    weights: dict[str, int] = {}

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: dict[str, int]) -> dict[str, int]:
        if any(weight < 1 for weight in weights.values()):
            raise ValueError("a mapping to whole numbers from 1, such as {cancel: 2}")
        return weights


class Coverage(Section):
    """The fewest rows that each of train, val and test must have."""

    scenario: int = Field(default=0, ge=0)  # of every scenario
    tags: dict[str, int] = {}  # edge-case tag -> of this tag


class Benchmark(Section):
    """A published test set that training must not see."""

    path: str = Field(min_length=1)
    column: str = Field(min_length=1)  # that holds the question

    @field_validator("path")
    @classmethod
    def _in_evals(cls, path: str) -> str:
        if not path.startswith("evals/") or ".." in path.split("/"):
            raise ValueError("a file in evals/, which dvc watches, such as evals/gsm8k_test.jsonl")
        if path in ("evals/golden.jsonl", "evals/adversarial.jsonl"):
            raise ValueError("a file other than those of cases, which are always searched")
        return path


class SplitParams(Section):
    """How records are divided: shares of groups. A split that a source fixes takes precedence."""

    seed: int = Field(ge=0)
    val: float = Field(ge=0, lt=1)
    test: float = Field(ge=0, lt=1)
    threshold: float = Field(gt=0, le=1)  # prompts at least this similar share a split
    ngram: int = Field(ge=1, le=20)  # words per shingle (characters where words are not spaced)
    on_leak: Literal["fail", "drop_train"]  # what to do if train contains something held out
    balance: Balance = Balance()
    coverage: Coverage = Coverage()
    benchmarks: list[Benchmark] = []

    @model_validator(mode="after")
    def _leaves_train(self) -> "SplitParams":
        if self.val + self.test >= 1:
            raise ValueError("a section whose val and test leave a share for train")
        return self


def check_thresholds(dedup: DedupParams, split: SplitParams) -> None:
    """Raise UserError where dedup may keep what the leakage check then reports."""
    if dedup.evals_threshold > split.threshold:
        raise UserError(
            f"params.yaml: dedup.evals_threshold is {dedup.evals_threshold}; it must be at most "
            f"split.threshold ({split.threshold}), or split finds copies of evals/ that dedup kept"
        )
    if dedup.ngram != split.ngram:
        raise UserError(
            f"params.yaml: dedup.ngram is {dedup.ngram} and split.ngram {split.ngram}; they must "
            "be equal, or split finds copies of evals/ that dedup kept"
        )

"""Warn of sources that lose many rows in dedup, with the text that the dropped rows share most."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.intake.ledger import Ledger
from lib.similarity.params import DedupParams
from lib.similarity.shared_text import SAMPLE, SHOWN, prompts_at, quoted, shared_by
from lib.similarity.survey import Survey

MUCH = 0.2  # of a source's rows


class Loss(NamedTuple):
    """A source that loses many rows."""

    source: str
    rows: int
    dropped: dict[str, int]  # reason -> rows
    text: str  # that the dropped rows share most; curate has masked its personal data

    def warning(self, params: DedupParams) -> str:
        """Say what is dropped and why, and what to do if it should stay."""
        gone = sum(self.dropped.values())
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items())
        return (
            f"dedup: warning: {self.source}: {gone:,} of {self.rows:,} rows are dropped "
            f'({reasons}); the text they share most: "{quoted(self.text)}"{self._cure(params)}'
        )

    def _cure(self, params: DedupParams) -> str:
        worst = max(self.dropped, key=lambda reason: self.dropped[reason])
        if worst == "near_copy":
            return (
                "; if these rows differ, put each task or context into its own file in "
                "data.sources (what a tenth of a source's prompts share does not "
                f"count), or raise dedup.threshold ({params.threshold})"
            )
        if worst.endswith("_copy") and worst != "exact_copy":
            return (
                f"; evals/{worst.removesuffix('_copy')} has it, too: use other rows or other cases"
            )
        return ""


def heavy_losses(
    path: Path, found: Survey, gone: npt.NDArray[np.bool_], ledger: Ledger
) -> list[Loss]:
    """List the sources that lose more than MUCH of their rows; gone: marks dropped records."""
    losses = []
    for source, account in ledger.accounts.items():
        if account.dropped.total() > MUCH * account.rows_in:
            some = np.flatnonzero(gone & (found.sources == source))[:SAMPLE]
            prompts = prompts_at(path, found.spans[some])
            text = shared_by(source, prompts, share=0.0, fewest=2).text or " ".join(
                Counter(prompts).most_common(1)[0][0].split()
            )
            dropped = dict(account.dropped.most_common())
            losses.append(Loss(source, account.rows_in, dropped, text[:SHOWN]))
    return losses

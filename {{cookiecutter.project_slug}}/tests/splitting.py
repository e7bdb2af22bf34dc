"""Runs of the split stage on a few records, for its tests."""

from pathlib import Path
from typing import Any

from lib.core.records import Record
from lib.similarity.params import SplitParams
from stages.split import SPLITS, main
from tests.toy import PARAMS, chat, lay_out, rows

SPLIT = SplitParams(seed=0, val=0.2, test=0.2, threshold=0.6, ngram=2, on_leak="fail")
FOURTEEN = "my new lock beeps all night and the neighbours want to call the police"


def different(count: int) -> list[Record]:
    """Records that have nothing in common."""
    return [chat(f"red{at} blue{at} green{at}") for at in range(count)]


def split(*records: Record, on_leak: str = "fail", more: str = "", **evals: Any) -> dict[str, str]:
    """Run the stage, with `more` params; return the split of each record's id."""
    params = PARAMS.replace("on_leak: fail", f"on_leak: {on_leak}{more}")
    lay_out(Path(), params, deduped=list(records), **evals)
    main()
    return {row["id"]: name for name in SPLITS for row in rows(f"data/split/{name}.jsonl")}

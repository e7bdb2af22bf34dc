"""The other side of run.py: load, map and filter with `datasets`, and the same checks.

reads   the corpus, params.yaml
writes  data/peer.jsonl, metrics/curate.json
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from datasets import load_dataset
from lib.core.config import load
from lib.core.params import BaseParams, TaskParams
from lib.curate.checks import Checks
from lib.curate.params import CurateParams
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.curate.tokens import token_counter
from lib.intake.cells import Reject

READERS = {"json": "json", "jsonl": "json", "csv": "csv", "parquet": "parquet"}


def main() -> None:
    path = Path(sys.argv[1])
    task, params = load("task", TaskParams), load("curate", CurateParams)
    check = Checks(task, params, token_counter(load("base", BaseParams)))
    mapping = Mapping({})

    def curate(row: dict[str, Any]) -> dict[str, Any]:
        try:
            draft = to_draft(row, mapping, task)
            draft.license = "CC0-1.0"
            check(draft)
        except Reject as reason:
            return {"reason": str(reason), "messages": [], "scenario": "", "language": ""}
        answer = {"role": "assistant", "content": draft.chosen}
        found = {"reason": "", "messages": [*draft.prompt, answer]}
        return found | {"scenario": draft.scenario, "language": draft.language}

    with tempfile.TemporaryDirectory() as cache:
        reader = READERS[path.suffix.lstrip(".")]
        raw = load_dataset(reader, data_files=str(path), split="train", cache_dir=cache)
        done = raw.map(curate, remove_columns=raw.column_names)
        kept = done.filter(lambda reason: not reason, input_columns="reason")
        kept.to_json("data/peer.jsonl", force_ascii=False)
    metrics = {"rows_in": len(raw), "rows_kept": len(kept)}
    Path("metrics/curate.json").write_text(json.dumps(metrics))


if __name__ == "__main__":
    main()

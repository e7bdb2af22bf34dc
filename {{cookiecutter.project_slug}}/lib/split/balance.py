"""Balance scenarios in train: a cap for frequent ones, weights for rare ones, a minimum for all."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b

import numpy as np

from lib.core.records import Record, is_pair
from lib.runtime.errors import UserError
from lib.similarity.params import Balance, Coverage, SplitParams
from lib.split.rows import SplitRows


def over_cap(train: Sequence[Record], cap: int | None, seed: int) -> set[int]:
    """Find the rows, by index, above the cap of their scenario; chats and pairs count separately.

    The rows with the lowest hashes stay, so that an added row displaces at most one other.
    """
    if cap is None:
        return set()
    alike: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
    for index, record in enumerate(train):
        alike[record["scenario"], is_pair(record)].append(index)
    order = [blake2b(f"{seed}:{record['id']}".encode()).digest() for record in train]
    return {at for some in alike.values() for at in sorted(some, key=order.__getitem__)[cap:]}


def weighted(train: SplitRows, weights: dict[str, int]) -> SplitRows:
    """Repeat each row by the weight of its scenario."""
    if not weights:
        return train
    times = [weights.get(row["scenario"], 1) for row in train]
    return train.take(np.repeat(np.arange(len(train)), times))


def check_weights(records: Iterable[Record], balance: Balance) -> None:
    """Raise UserError for a weight of a scenario that no record has."""
    known = sorted({record["scenario"] for record in records} - {""})
    for name in balance.weights:
        if name not in known:
            raise UserError(
                f"params.yaml: split.balance.weights has the unknown scenario '{name}'; "
                f"the records have {', '.join(known) or 'none'}"
            )


def empty_splits(sizes: Mapping[str, int], params: SplitParams) -> list[str]:
    """Name the splits that should have rows and are empty."""
    shares = {"train": 1.0, "val": params.val, "test": params.test}
    return [name for name, share in shares.items() if share and not sizes[name]]


def check_sizes(
    splits: Mapping[str, SplitRows], params: SplitParams, advise: Callable[[], str]
) -> None:
    """Raise UserError with advice for a split that should have rows and is empty."""
    for name in empty_splits({name: len(rows) for name, rows in splits.items()}, params)[:1]:
        sizes = ", ".join(f"{key} {len(rows)}" for key, rows in splits.items())
        raise UserError(f"params.yaml: split: {name} is empty ({sizes}); {advise()}")


def check_coverage(
    splits: Mapping[str, SplitRows], scenarios: set[str], coverage: Coverage
) -> None:
    """Raise UserError that names every scenario and tag with too few rows in a split.

    Chats are counted, since eval asks those; preference pairs only where there are no chats. An
    empty split is intended (`val: 0`) and is not checked.
    """
    scenarios = scenarios | {row["scenario"] for rows in splits.values() for row in rows} - {""}
    wanted = {("scenario", name): coverage.scenario for name in sorted(scenarios)}
    wanted |= {("tag", name): fewest for name, fewest in coverage.tags.items()}
    gaps = []
    for split, rows in splits.items():
        if not rows:
            continue
        counted = rows.take(np.array([not is_pair(row) for row in rows])) or rows
        counts = Counter(("scenario", row["scenario"]) for row in counted)
        counts += Counter(("tag", tag) for row in counted for tag in row["tags"])
        gaps += [
            f"{split} has {counts[key]} of {' '.join(key)} ({fewest} wanted)"
            for key, fewest in wanted.items()
            if counts[key] < fewest
        ]
    if gaps:
        used = {tag for rows in splits.values() for row in rows for tag in row["tags"]}
        gone = sorted(tag for tag, fewest in coverage.tags.items() if fewest and tag not in used)
        take_out = f"; remove tags that no row has: {', '.join(gone)}" if gone else ""
        raise UserError(
            f"data/split: too few rows: {', '.join(gaps)}; add such rows, raise split.val or "
            f"split.test, or lower split.coverage in params.yaml{take_out}"
        )

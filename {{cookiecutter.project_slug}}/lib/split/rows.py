"""Hold what split needs of every record in arrays: about 30 bytes per row."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast, overload

import numpy as np
import numpy.typing as npt

from lib.core.records import Record, is_pair
from lib.similarity.shingles import Indices

# Fields that many rows share: rows that are equal in all of them share one object.
_ALIKE = ("scenario", "language", "tags", "source", "license", "split")
_BATCH = 10_000  # rows whose ids are converted at a time


class SplitRows(Sequence[Record]):
    """Records without their texts; each is built on access."""

    def __init__(
        self,
        kinds: list[dict[str, Any]],
        kind: npt.NDArray[np.int32],
        ids: npt.NDArray[np.bytes_],
        groups: npt.NDArray[np.object_],
    ) -> None:
        """kinds: the distinct combinations of shared fields; kind: for each row its index in kinds;
        groups: a tuple, or None where a row's only group is its own id."""
        self.kinds, self.kind, self.ids, self.groups = kinds, kind, ids, groups

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> "SplitRows": ...
    def __getitem__(self, at: int | slice) -> "Record | SplitRows":
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        return self._made(self.kind[at], self.ids[at], self.groups[at])

    def __iter__(self) -> Iterator[Record]:
        return map(self._made, self.kind, self.ids, self.groups)

    def _made(self, kind: int, own: bytes, groups: tuple[str, ...] | None) -> Record:
        name = own.decode()
        return cast(Record, {**self.kinds[kind], "id": name, "groups": groups or (name,)})

    def take(self, indices: Indices) -> "SplitRows":
        """Return some of the rows, in this order."""
        return SplitRows(self.kinds, self.kind[indices], self.ids[indices], self.groups[indices])


def read_split_rows(records: Iterable[Record]) -> SplitRows:
    """Read what split needs of each record."""
    numbers: dict[tuple[Any, ...], int] = {}
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    kinds, kind, groups = list[dict[str, Any]](), array("i"), list[tuple[str, ...] | None]()
    ids, parts = list[bytes](), [np.empty(0, "S1")]
    for record in records:
        key = (is_pair(record), *[_hashable(record[name]) for name in _ALIKE])  # type: ignore[literal-required]
        if key not in numbers:
            numbers[key] = len(kinds)
            alike = {name: record[name] for name in _ALIKE}  # type: ignore[literal-required]
            kinds.append(alike | ({"chosen": ""} if is_pair(record) else {}))
        kind.append(numbers[key])
        some = tuple(record["groups"])
        groups.append(None if some == (record["id"],) else known.setdefault(some, some))
        ids.append(record["id"].encode())
        if len(ids) == _BATCH:
            parts.append(np.array(ids))
            ids.clear()
    parts += [np.array(ids)] if ids else []
    column = np.empty(len(groups), object)
    column[:] = groups
    return SplitRows(kinds, np.frombuffer(kind, np.int32), np.concatenate(parts), column)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

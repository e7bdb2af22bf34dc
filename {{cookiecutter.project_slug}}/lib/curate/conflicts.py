"""Find rows that contradict each other.

That is one input with two answers, one answer labeled good and bad, or two opposite preferences.

A row makes one or two claims. A claim is stored as two numbers, so that millions fit into memory: a
hash of its subject and a hash of what it says about it.
"""

import re
from array import array
from collections.abc import Iterator
from functools import cache, lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from lib.core.records import PUBLISHED, Record, answer_of, is_pair, prompt_of, side_of, text_of
from lib.core.text import UNSPACED, fold_case, is_latin, word_pattern
from lib.core.turns import said, tool_names

# Punctuation between sentences: before a space, the end, or a script without spaces. Other signs,
# as in 3.5, x != 5 and :), are part of what is said.
PAUSE = re.compile(rf"[¿¡]|[.,;:!?。、।؟،؛]+(?=\s|$|[{UNSPACED}])")
# Words and signs but pauses, at once, in texts of Latin-1: it has no marks and no such scripts.
LATIN_PARTS = re.compile(r"\w+|[^\w\s¿¡.,;:!?]|[.,;:!?](?![.,;:!?]*(?:\s|$))")

_PARTS = 8  # claims are compared in eight parts, to save memory

ClaimHashes = NDArray[np.uint64]
ClaimIndices = NDArray[np.int64]


class Conflicts:
    """Collects every record in order, then finds those that contradict each other."""

    def __init__(self, one_answer: bool) -> None:
        self.one_answer = one_answer
        self.about, self.says, self.rows = array("Q"), array("Q"), array("I")
        self.files: list[str] = []
        self.lines, self.published = array("I"), array("b")

    def add(self, record: Record, line: int) -> None:
        """Note a record and its line in its file."""
        for about, says in claims(record, self.one_answer):
            self.about.append(as_number(about))
            self.says.append(remembered_number(says))
            self.rows.append(len(self.files))
        self.files.append(record["source"])
        self.lines.append(line)
        self.published.append(record["split"] in PUBLISHED)

    def take(self, others: "Conflicts") -> None:
        """Append the following records, which another collector has noted."""
        before = len(self.files)
        self.about.extend(others.about)
        self.says.extend(others.says)
        self.rows.extend(before + row for row in others.rows)
        self.files += others.files
        self.lines.extend(others.lines)
        self.published.extend(others.published)

    def find(self) -> Iterator[str]:
        """Yield for each record `file:line` of one that contradicts it, or "".

        There is no majority vote, since copies are not independent votes: all sides are dropped.
        Only rows that their source has published as val or test stay. For 3 million rows, the
        probability that two inputs share a hash by chance is one in a million.
        """
        for other, published in zip(self._others().data, self.published, strict=True):
            found = other >= 0 and not published
            yield f"{self.files[other]}:{self.lines[other]}" if found else ""

    def _others(self) -> ClaimIndices:
        """For each record the index of one that contradicts it, or -1."""
        found = np.full(len(self.files), -1)
        part_of = np.asarray(self.about) % _PARTS
        for part in range(_PARTS):
            some = np.flatnonzero(part_of == part)
            about, says, rows = (
                np.asarray(one)[some] for one in (self.about, self.says, self.rows)
            )
            for one, other in differing(about, says):
                found[rows[one]] = rows[other]
        return found


def differing(about: ClaimHashes, says: ClaimHashes) -> Iterator[tuple[ClaimIndices, ClaimIndices]]:
    """Yield indices of claims, and for each the index of one that contradicts it.

    about, says: the two hashes of each claim.
    """
    order = np.lexsort((says, about))
    about, says = about[order], says[order]
    new = np.ones(len(about) + 1, bool)
    new[1:-1] = about[1:] != about[:-1]
    group, ends = np.cumsum(new[:-1]) - 1, np.flatnonzero(new)
    for other in (ends[:-1][group], ends[1:][group] - 1):  # the first and last of a group
        differ = says != says[other]
        yield order[differ], order[other[differ]]


def claims(record: Record, one_answer: bool) -> Iterator[tuple[bytes, bytes]]:
    """Yield the claims of a record as (subject, statement).

    With `one_answer` an input has one right answer, and so has the chosen side of a pair. Without
    it, an input may have many good answers, and a pair only says which of two is better.
    """
    asked, good = input_key(record), answer_of(record)
    bad = said(side_of(record, "rejected")) if is_pair(record) else ""
    said_of = answer_hash(good or bad)
    if one_answer and good:
        yield asked, said_of
    if good and bad and not one_answer:
        yield b"".join([asked, *sorted([said_of, answer_hash(bad)])]), said_of
    else:
        yield asked + said_of, b"good" if good else b"bad"


def input_key(record: Record) -> bytes:
    """Hash the input of a record, equal where only case, spacing and sentence punctuation differ.

    Other signs count, since a false alarm costs two good rows: C# is not C++, < is not >, and a
    smiley may be all that distinguishes two labels.
    """
    text = text_of(prompt_of(record))
    said = fold_case(text)
    if is_latin(said):
        plain = " ".join(LATIN_PARTS.findall(said))
    else:
        plain = " ".join(parts().findall(PAUSE.sub(" ", said.replace("\u2019", "'"))))
    if "tools" in record:  # with other tools it is a different question
        plain = f"{plain or text}\n{tool_names(record['tools'])}"
    return hashed(plain or text)


@cache
def parts() -> re.Pattern[str]:
    """Compile the pattern of a word or any other sign."""
    return re.compile(rf"{word_pattern().pattern}|\S")


def hashed(text: str) -> bytes:
    """Hash a text to 16 bytes."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def as_number(key: bytes) -> int:
    """Hash a key of any length to a 64-bit number."""
    return int.from_bytes(blake2b(key, digest_size=8).digest())


# Only short answers recur (classes, extracted fields); those of chats are not cached.
answer_hash = lru_cache(maxsize=2_000)(hashed)
remembered_number = lru_cache(maxsize=2_000)(as_number)

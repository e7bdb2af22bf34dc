"""Rows that contradict each other: one input with two answers, or a preference turned round.

A row is two numbers here, so that millions fit into memory: a hash of what was asked and a hash of
what was answered.
"""

from array import array
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from lib.records import PUBLISHED, Record, answer_of, is_pair, prompt_of, text_of
from lib.text import same_text_key


class Conflicts:
    """Takes every record in order, then says which are in conflict.

    Without `one_answer` an input may have many good answers, and only preferences can conflict.
    """

    def __init__(self, one_answer: bool) -> None:
        self.one_answer = one_answer
        self.asked, self.answered = array("Q"), array("Q")
        self.published = array("b")

    def add(self, record: Record) -> None:
        """Note a record. A pair asks which of its two answers is the better one."""
        asked = [same_text_key(text_of(prompt_of(record)))]
        if is_pair(record):
            asked += sorted(hashed(record[side]) for side in ("chosen", "rejected"))
        elif not self.one_answer:
            asked.append(hashed(answer_of(record)))
        self.asked.append(number(b"".join(asked)))
        self.answered.append(number(hashed(answer_of(record))))
        self.published.append(record["split"] in PUBLISHED)

    def find(self) -> NDArray[np.bool_]:
        """For each record whether another one contradicts it.

        Copies are no votes, so there is no majority: all of them go. Only rows that their source
        has published as val or test stay as they are. Two inputs have one hash by chance at odds
        of 1 in 4 million for 3 million rows.
        """
        asked, answered = np.asarray(self.asked), np.asarray(self.answered)
        order = np.lexsort((answered, asked))
        asked_sorted, answered_sorted = asked[order], answered[order]
        differ = (asked_sorted[1:] == asked_sorted[:-1]) & (
            answered_sorted[1:] != answered_sorted[:-1]
        )
        found: NDArray[np.bool_] = np.isin(asked, asked_sorted[1:][differ])
        return found & (np.asarray(self.published) == 0)


def hashed(text: str) -> bytes:
    """Eight bytes of a text."""
    return blake2b(text.encode(), digest_size=8).digest()


def number(key: bytes) -> int:
    """A key of any length as a 64-bit number."""
    return int.from_bytes(blake2b(key, digest_size=8).digest())

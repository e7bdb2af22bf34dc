"""Find the passages that many prompts of a source share; dedup does it once for all searches.

A passage is PASSAGE consecutive words (own_words.py). It is shared if a tenth of a source's
different prompts, and at least ten, have it. Only the SAMPLE records of a source with the lowest
ids are counted: ids are hashes of the content, so neither the order of rows nor the number of
workers matters, and added rows change nothing unless they move a passage across the limit.
"""

import json
from collections.abc import Iterable, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lib.core.records import is_record, prompt_text, read_objects
from lib.core.strict_json import loads
from lib.core.text import fold_case, word_pattern
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_text
from lib.similarity.own_words import PASSAGE, Shared, in_passages
from lib.similarity.shingles import Hashes, chunks, distinct, ngrams, word_hashes
from lib.similarity.spans import Spans
from lib.similarity.workers import Block, Each, blocks, read_block

SHARED_TEXT = Path("data/shared_text.jsonl")
SHARED_BY = 0.1  # share of a source's different prompts; natural phrases stay below half of it
FEWEST_PROMPTS = 10
SAMPLE = 4096  # prompts counted per source
CHARACTERS = 1 << 22  # at most, of the prompts counted
SHOWN = 300  # characters of a shared text in reports
_QUOTED = 120  # the same on the terminal

Sample = dict[str, list[tuple[str, int, int]]]  # source: (id, begin and end of the line)


class SharedText(NamedTuple):
    """The passages that the prompts of one source share; str() is a line for the terminal."""

    source: str
    prompts: int  # different prompts counted
    sharing: int  # of these, those that have `text`
    words: float  # share of the words of these prompts that are in a shared passage
    text: str  # the longest stretch of shared text in the prompt that shares most
    passages: Shared

    def __str__(self) -> str:
        return (
            f"{self.source}: {self.words:.0%} of the words of its prompts are text that many "
            f'of them share, which is ignored when prompts are compared: "{quoted(self.text)}"'
        )


def quoted(text: str) -> str:
    """Shorten a text to fit into a line of the terminal."""
    return text[:_QUOTED] + ("..." if len(text) > _QUOTED else "")


def find_shared(path: Path, each: Each) -> list[SharedText]:
    """Find the passages that the prompts of each source in a file of records share.

    Sources without shared passages are left out. Raises UserError where the file is missing.
    """
    sample: Sample = {}
    for part in each(partial(_sample, path), list(blocks(path))):
        for source, some in part.items():
            sample[source] = sorted([*sample.get(source, ()), *some])[:SAMPLE]
    found = []
    for source, some in sorted(sample.items()):
        spans = np.array([span for _, *span in some])
        found.append(shared_by(source, prompts_at(path, spans)))
    return [one for one in found if one.passages]


def _sample(path: Path, block: Block) -> Sample:
    """The SAMPLE records of each source with the lowest ids in a block."""
    found: Sample = {}
    end = block[0]
    for line in read_block(path, block):
        begin, end = end, end + len(line)
        try:
            record = loads(line)
        except ValueError:  # the search after this names the line
            continue
        if isinstance(record, dict) and is_record(record):
            found.setdefault(record["source"], []).append((record["id"], begin, end))
    return {source: sorted(some)[:SAMPLE] for source, some in found.items()}


def prompts_at(path: Path, spans: Spans) -> list[str]:
    """Read the prompts of records, whose lines have these spans, up to CHARACTERS in all."""
    found: list[str] = []
    size = 0
    with path.open("rb") as file:
        for begin, end in spans.tolist():
            file.seek(begin)
            found.append(prompt_text(loads(file.read(end - begin))))
            size += len(found[-1])
            if size >= CHARACTERS:
                break
    return found


def shared_by(
    source: str, prompts: Sequence[str], share: float = SHARED_BY, fewest: int = FEWEST_PROMPTS
) -> SharedText:
    """Find the passages that many of a source's prompts share, each different prompt once.

    share, fewest: share and number of different prompts from which on a passage is shared.
    """
    grams: list[Hashes] = [np.empty(0, np.uint64)]
    seen: dict[bytes, str] = {}
    for some in chunks(prompts):
        words = word_hashes(some)
        every, starts = distinct(ngrams(words, PASSAGE))
        for at, text in enumerate(some):
            key = words.hashes[words.starts[at] : words.starts[at + 1]].tobytes()
            if key not in seen:
                seen[key] = text
                if len(key) >= PASSAGE * words.hashes.itemsize:
                    grams.append(every[starts[at] : starts[at + 1]])
    values, counts = np.unique(np.concatenate(grams), return_counts=True)
    passages = values[counts >= max(fewest, ceil(share * len(seen)))].tobytes()
    text, sharing, part = _shown(list(seen.values()), passages) if passages else ("", 0, 0.0)
    return SharedText(source, len(seen), sharing, round(part, 4), text, passages)


def _shown(prompts: list[str], passages: Shared) -> tuple[str, int, float]:
    """(the text that most prompts share, how many do, share of all words that are shared)."""
    counts: dict[str, int] = {}
    shared = total = 0
    for some in chunks(prompts):
        words = word_hashes(some)
        inside = in_passages(words, passages)
        shared, total = shared + int(inside.sum()), total + len(inside)
        for at, text in enumerate(some):
            for one in set(shared_texts(text, inside[words.starts[at] : words.starts[at + 1]])):
                counts[one] = counts.get(one, 0) + 1
    text = max(counts, key=lambda one: (counts[one] * len(one), one))
    return " ".join(text.split()), counts[text], shared / total


def shared_texts(text: str, inside: npt.NDArray[np.bool_]) -> Iterable[str]:
    """Yield the stretches of a text, in lower case, that are in shared passages."""
    text = fold_case(text)
    begin, end = -1, 0
    for word, shared in zip(word_pattern().finditer(text), inside, strict=False):
        if shared:
            begin, end = word.start() if begin < 0 else begin, word.end()
        elif begin >= 0:
            yield text[begin:end]
            begin = -1
    if begin >= 0:
        yield text[begin:end]


def all_passages(found: Iterable[SharedText]) -> Shared:
    """Merge the passages of all sources: they are ignored in every text, whatever its source."""
    hashes = [np.frombuffer(one.passages, np.uint64) for one in found]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *hashes])).tobytes()


def in_metrics(found: Iterable[SharedText]) -> dict[str, dict[str, Any]]:
    """Return what the prompts of each source share, in the form of metrics/dedup.json."""
    return {
        one.source: {
            "prompts": one.prompts,
            "sharing": one.sharing,
            "words": one.words,
            "text": one.text[:SHOWN],
        }
        for one in found
    }


def known_passages() -> Shared:
    """Read the passages that dedup found shared; none where it has not run."""
    return all_passages(read_shared()) if SHARED_TEXT.exists() else b""


def write_shared(found: Iterable[SharedText]) -> None:
    """Write SHARED_TEXT, one line for each source that has shared passages."""
    with atomic_text(SHARED_TEXT) as file:
        for one in found:
            row = one._asdict() | {"text": one.text[:SHOWN], "passages": one.passages.hex()}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_shared() -> list[SharedText]:
    """Read what dedup wrote; raise UserError where SHARED_TEXT is missing or damaged."""
    try:
        return [
            SharedText(**row | {"passages": bytes.fromhex(row["passages"])})
            for row in read_objects(SHARED_TEXT)
        ]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{SHARED_TEXT}: is damaged; `dvc repro` writes it again") from None

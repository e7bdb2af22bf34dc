"""Compare the data of two versions, record by record.

Only data/curated.jsonl is shown, in which personal data is masked.
"""

from collections import Counter
from hashlib import blake2b
from json import loads
from typing import NamedTuple, cast

from lib.core.records import Record, answers_of, prompt_text
from lib.report.markdown import cell, table
from review.text import fenced, folded
from review.versions import Version

_CURATED = "data/curated.jsonl"
_SHOWN = 3  # examples of each kind
ROWS = 15  # rows of a table


class Entry(NamedTuple):
    """The part of a record that is kept in memory."""

    prompt: bytes  # a hash
    source: str
    scenario: str


class Diff(NamedTuple):
    """The ids of added, removed and changed records (same prompt, another answer)."""

    added: list[str]
    removed: list[str]
    changed: list[tuple[str, str]]  # (now, before)


def read_entries(version: Version) -> dict[str, Entry] | None:
    """Read the records by id; None where the file cannot be read."""
    lines = version.lines(_CURATED)
    if lines is None:
        return None
    entries = {}
    for line in lines:
        record = cast(Record, loads(line))
        digest = blake2b(prompt_text(record).encode(), digest_size=8).digest()
        entries[record["id"]] = Entry(digest, record["source"], record["scenario"])
    return entries


def diff_data(new: dict[str, Entry], old: dict[str, Entry]) -> Diff:
    """Compare records by id; an id is a hash of the content, so a changed record has a new one."""
    gone = {old[key].prompt: key for key in old if key not in new}
    added, changed = [], []
    for key in (key for key in new if key not in old):
        before = gone.pop(new[key].prompt, None)
        if before is None:
            added.append(key)
        else:
            changed.append((key, before))
    paired = {before for _, before in changed}
    return Diff(added, [key for key in old if key not in new and key not in paired], changed)


def counts_table(what: str, new: dict[str, Entry], old: dict[str, Entry], diff: Diff) -> list[str]:
    """Tabulate records before, now and changed, by source or scenario."""
    counts = [
        Counter(getattr(entries[key], what) for key in keys)
        for entries, keys in (
            (old, list(old)),
            (new, list(new)),
            (new, diff.added),
            (old, diff.removed),
            (new, [key for key, _ in diff.changed]),
        )
    ]
    touched = {name for count in counts[2:] for name in count}
    ranked = sorted(touched, key=lambda name: (-sum(count[name] for count in counts[2:]), name))
    rows = [[cell(name) or "(none)", *(f"{count[name]:,}" for count in counts)] for name in ranked]
    lines = table([what, "before", "now", "added", "removed", "changed"], rows[:ROWS])
    return lines + ([f"and {len(rows) - ROWS} more"] if len(rows) > ROWS else [])


def find(version: Version, keys: list[str]) -> dict[str, Record]:
    """Find the records with these ids."""
    wanted, found = set(keys), {}
    for line in version.lines(_CURATED) or ():
        record = cast(Record, loads(line))
        if record["id"] in wanted:
            found[record["id"]] = record
    return found


def _quoted(record: Record) -> list[str]:
    """Quote a record."""
    where = f"from {cell(record['source'])}, scenario {cell(record['scenario']) or '(none)'}"
    return [where, "", *fenced(prompt_text(record)), *fenced("\n".join(answers_of(record))), ""]


def changed_examples(new: Version, old: Version, diff: Diff) -> list[str]:
    """Write the first few records of each kind, folded."""
    added, removed, changed = diff.added[:_SHOWN], diff.removed[:_SHOWN], diff.changed[:_SHOWN]
    now = find(new, [*added, *(key for key, _ in changed)])
    before = find(old, [*removed, *(key for _, key in changed)])
    body: list[str] = []
    for title, records in (
        ("Added", [now[key] for key in added]),
        ("Removed", [before[key] for key in removed]),
    ):
        for record in records:
            body += [f"**{title}** {record['id']}", "", *_quoted(record)]
    for key, was in changed:
        body += [f"**Changed** {key}", "", *_quoted(now[key]), "before:", ""]
        body += [*fenced("\n".join(answers_of(before[was]))), ""]
    return folded("Examples (personal data is masked)", body)


def data_compared(new: Version, old: Version) -> list[str]:
    """Write the whole section."""
    if _CURATED in old.outs and new.outs.get(_CURATED) == old.outs[_CURATED]:
        return [f"`{_CURATED}` is the same."]
    now, before = read_entries(new), read_entries(old)
    if now is None or before is None:
        return [f"`{_CURATED}` cannot be read in both versions."]
    diff = diff_data(now, before)
    said = f"{len(before):,} records before, {len(now):,} now: {len(diff.added):,} added, "
    said += f"{len(diff.removed):,} removed, {len(diff.changed):,} with another answer."
    lines = [said]
    for what in ("source", "scenario"):
        lines += ["", *counts_table(what, now, before, diff)]
    return [*lines, "", *changed_examples(new, old, diff)]

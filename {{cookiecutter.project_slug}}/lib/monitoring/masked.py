"""Sample and mask calls, so that they may be stored; raw ones stay in memory.

The masking is curate's, so that logs, training data and evals look the same.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from glob import glob
from hashlib import blake2b
from pathlib import Path

from lib.core.records import Message
from lib.monitoring.calls import Call
from lib.monitoring.readers import batches, read_logged_calls
from lib.pii.redact import Finder, Redactor
from lib.pii.secrets import MASK, find_secrets, mask_secrets
from lib.runtime.errors import UserError

_TOGETHER = 64  # calls searched for secrets at once
_PLACEHOLDER = re.compile(rf"<[A-Z_]+_\w+>|{MASK}")


def masked_calls(
    patterns: list[str], share: float, finder: Finder, skipped: Counter[str]
) -> Iterator[Call]:
    """Yield the sampled calls of log files, masked; `skipped` counts the others by reason."""
    yield from mask_all(
        sample(read_logged_calls(find_logs(patterns), skipped), share, skipped), finder
    )


def find_logs(patterns: list[str]) -> list[Path]:
    """List the files that match paths and globs, without repeats, in order."""
    found = [Path(name) for pattern in patterns for name in sorted(glob(pattern))]  # noqa: PTH207
    files = [path for path in dict.fromkeys(found) if path.is_file()]
    if not files:
        raise UserError(f"LOGS: no file matches {' '.join(patterns) or 'nothing'}; name log files")
    return files


def sample(calls: Iterable[Call], share: float, skipped: Counter[str]) -> Iterator[Call]:
    """Yield the calls of the sample; the others are counted."""
    for call in calls:
        if sampled(call.id, share):
            yield call
        else:
            skipped["not_sampled"] += 1


def sampled(key: str, share: float) -> bool:
    """Tell whether a request is in the sample: by a hash of its id, so that all tools agree."""
    if share >= 1:
        return True
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def mask_all(calls: Iterable[Call], finder: Finder) -> Iterator[Call]:
    """Mask calls.

    Secrets are rare and the search is slow: the texts of many calls are searched at once, and one
    by one only if something is found.
    """
    for batch in batches(calls, _TOGETHER):
        secret = bool(find_secrets("\n".join(text for call in batch for text in _texts_of(call))))
        for call in batch:
            yield mask(call, finder, secret)


def _texts_of(call: Call) -> list[str]:
    """List every text of a call that may contain personal data."""
    said = [turn["content"] for turn in call.messages]
    return [call.id, call.answer, call.error or "", *said, *call.feedback.values()]


def mask(call: Call, finder: Finder, secret: bool = True) -> Call:
    """Mask personal data and, with `secret`, secrets in a call, in place.

    A value has the same placeholder in request and answer.
    """
    redactor = Redactor(finder)
    clean = mask_secrets if secret and find_secrets("\n".join(_texts_of(call))) else str

    def masked(text: str) -> str:
        """Mask secrets first: a key may contain digits that look like personal data."""
        return redactor.redact(clean(text))

    call.messages = [
        Message(role=turn["role"], content=masked(turn["content"])) for turn in call.messages
    ]
    call.answer = masked(call.answer)
    call.error = masked(call.error) if call.error else None
    call.feedback = {key: masked(value) for key, value in call.feedback.items()}
    if clean(call.id) != call.id or finder.find(call.id):
        call.id = redactor.hide(call.id)  # a placeholder would not be unique
    return call


def added_placeholders(call: Call) -> set[str]:
    """Return placeholders in the answer for values that are not in the request."""
    if "<" not in call.answer:
        return set()
    asked = {name for turn in call.messages for name in _PLACEHOLDER.findall(turn["content"])}
    return set(_PLACEHOLDER.findall(call.answer)) - asked

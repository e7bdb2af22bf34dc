"""Calls as they may be kept: sampled, personal data and secrets masked. Raw ones stay in memory.

The masking is curate's, so that logs, training data and evals look the same.
"""

import re
from collections import Counter
from collections.abc import Iterator
from glob import glob
from hashlib import blake2b
from pathlib import Path

from lib.errors import UserError
from lib.intake.secrets import MASK, mask_secrets
from lib.monitoring.calls import Call
from lib.monitoring.readers import read_calls
from lib.pii.redact import Finder, Redactor
from lib.records import Message

PLACEHOLDER = re.compile(rf"<[A-Z_]+_\w+>|{MASK}")


def masked_calls(
    patterns: list[str], share: float, finder: Finder, skipped: Counter[str]
) -> Iterator[Call]:
    """The sampled calls of log files, masked; what is left out is counted in `skipped`."""
    for call in read_calls(find_logs(patterns), skipped):
        if sampled(call.id, share):
            yield mask(call, finder)
        else:
            skipped["not_sampled"] += 1


def find_logs(patterns: list[str]) -> list[Path]:
    """The files that paths and globs name, each once, in order."""
    found = [Path(name) for pattern in patterns for name in sorted(glob(pattern))]  # noqa: PTH207
    files = [path for path in dict.fromkeys(found) if path.is_file()]
    if not files:
        raise UserError(f"LOGS: no file matches {' '.join(patterns) or 'nothing'}; name log files")
    return files


def sampled(key: str, share: float) -> bool:
    """Whether a request is in the sample: by a hash of its id, so that all tools take the same."""
    if share >= 1:
        return True
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def mask(call: Call, finder: Finder) -> Call:
    """The call without personal data and secrets; changed in place. The same value has the same
    placeholder in the request and in the answer."""
    redactor = Redactor(finder)
    call.messages = [
        Message(role=turn["role"], content=_mask(turn["content"], redactor))
        for turn in call.messages
    ]
    call.answer = _mask(call.answer, redactor)
    if _mask(call.id, Redactor(finder)) != call.id:
        call.id = redactor.hide(call.id)  # a placeholder would name many requests
    call.error = _mask(call.error, redactor) if call.error else None
    call.feedback = {key: _mask(value, redactor) for key, value in call.feedback.items()}
    return call


def _mask(text: str, redactor: Redactor) -> str:
    """Secrets first: a key may hold what looks like a number of some kind."""
    return redactor.redact(mask_secrets(text))


def added_placeholders(call: Call) -> set[str]:
    """Placeholders in the answer of values that the request did not hold."""
    if "<" not in call.answer:
        return set()
    asked = {name for turn in call.messages for name in PLACEHOLDER.findall(turn["content"])}
    return set(PLACEHOLDER.findall(call.answer)) - asked

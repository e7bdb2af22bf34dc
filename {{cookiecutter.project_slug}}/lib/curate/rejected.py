"""Write data/rejected.jsonl: each dropped row's place, reason and masked text.

Nothing is lost: a person can read a row, correct it in data/raw and run again.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, TextIO

from lib.intake.ledger import Ledger
from lib.intake.unpack import ROLES
from lib.pii.redact import Finder, Redactor
from lib.pii.secrets import MASK, find_secrets, mask_secrets

MOST_CHARS = 100  # characters shown of what was found


class Rejected:
    """Writes dropped rows, and counts them in the ledger."""

    def __init__(self, file: TextIO, ledger: Ledger, finder: Finder) -> None:
        self.file, self.ledger, self.finder = file, ledger, finder
        self.first: dict[str, str] = {}  # of each source, and of each of its reasons

    def take(self, ledger: Ledger, first: dict[str, str], lines: str) -> None:
        """Write and count the following rows, which another process has dropped."""
        self.ledger.take(ledger)
        self.first = first | self.first
        self.file.write(lines)

    def add(
        self, source: str, line: int, reason: str, row: Any, found: tuple[str, ...] = ()
    ) -> None:
        """Write and count one dropped row: its value, or its raw text where it cannot be parsed.

        `found` is the text that the reason refers to. It is masked like the row, each part
        separately, since a word before a number may make it look harmless.
        """
        redactor = Redactor(self.finder)
        masked = mask_value(row, redactor)
        text = masked if isinstance(masked, str) else json.dumps(masked, ensure_ascii=False)
        shown = ", ".join(mask_value(part, redactor) for part in found)
        # Again as a whole: the turn before, or the name of a column, may reveal a secret.
        for secret in [*find_secrets("\n".join(_texts_in(masked))), *find_secrets(text)]:
            text, shown = text.replace(secret, MASK), shown.replace(secret, MASK)
        # Not before: a truncated value is not recognized.
        text, shown = mask_secrets(text), shown[:MOST_CHARS]
        if reason == "secret" and MASK not in text:
            text = MASK
        entry = {"file": source, "line": line, "reason": reason, "found": shown, "text": text}
        self.file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.ledger.drop(source, reason)
        said = f"line {line}: {reason}" + (", " + " ".join(shown.split()) if shown else "")
        for key in (source, f"{source} {reason}"):
            self.first.setdefault(key, said)


def _texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a row except keys and roles, each turn joined to the one before."""
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(part)
    elif isinstance(value, str) and value not in ROLES:
        yield value


def mask_value(value: Any, redactor: Redactor) -> Any:
    """Mask personal data and secrets in any JSON value, in its keys and numbers too."""
    if isinstance(value, dict):
        return {
            mask_value(str(key), redactor): mask_value(item, redactor)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [mask_value(item, redactor) for item in value]
    if isinstance(value, bytes):  # b'...' would hide its content
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or value is None:
        return value
    # Lone surrogates cannot be encoded: written as \udcf6, which shows the undecodable byte.
    text = str(value).encode("utf-8", "backslashreplace").decode()
    masked = redactor.redact(mask_secrets(text))
    as_it_is = isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if as_it_is and masked == str(value) else masked

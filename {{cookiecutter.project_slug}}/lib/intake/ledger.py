"""Count every row of a stage: each one read is either kept, or dropped for a named reason."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Account:
    """The rows of one source."""

    rows_in: int = 0
    rows_kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)  # unread column: rows that have it
    # Habits of texts, which stay as they are: rows.
    habits: Counter[str] = field(default_factory=Counter)

    def as_metrics(self) -> dict[str, Any]:
        """Return plain numbers, reasons in alphabetical order."""
        dropped = dict(sorted(self.dropped.items()))
        return {"rows_in": self.rows_in, "rows_kept": self.rows_kept, "dropped": dropped}


class Ledger:
    """Counts rows by source and reason."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}

    def account(self, source: str) -> Account:
        """Return the account of a source, opening it on first use."""
        if source not in self.accounts:
            self.accounts[source] = Account()
        return self.accounts[source]

    def enter(self, source: str) -> None:
        """Count a row that was read."""
        self.account(source).rows_in += 1

    def keep(self, source: str) -> None:
        """Count a row that is kept."""
        self.account(source).rows_kept += 1

    def drop(self, source: str, reason: str) -> None:
        """Count a row that is dropped, by reason."""
        self.account(source).dropped[reason] += 1

    def take(self, other: "Ledger") -> None:
        """Add the rows of another ledger."""
        for source, theirs in other.accounts.items():
            ours = self.account(source)
            ours.rows_in += theirs.rows_in
            ours.rows_kept += theirs.rows_kept
            ours.dropped.update(theirs.dropped)
            ours.unused.update(theirs.unused)
            ours.habits.update(theirs.habits)

    def total(self) -> Account:
        """Add up the accounts of all sources."""
        total = Account()
        for account in self.accounts.values():
            total.rows_in += account.rows_in
            total.rows_kept += account.rows_kept
            total.dropped += account.dropped
        return total

    def close(self) -> dict[str, Any]:
        """Return the metrics; raise AssertionError unless rows in = rows kept + rows dropped."""
        for source, account in self.accounts.items():
            gone = account.dropped.total()
            if account.rows_in != account.rows_kept + gone:
                raise AssertionError(
                    f"{source}: {account.rows_in} rows in, {account.rows_kept} kept, {gone} dropped"
                )
        sources = {name: account.as_metrics() for name, account in self.accounts.items()}
        return {**self.total().as_metrics(), "sources": sources}

    def summary(self, stage: str) -> str:
        """Write one line for the terminal."""
        total = self.total()
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in total.dropped.most_common())
        line = f"{stage}: {total.rows_in:,} rows in, {total.rows_kept:,} kept"
        return f"{line}; dropped {reasons}" if reasons else line

"""The raw files of the sample: how a ticket is written in each format, and where each row lands."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from sample import edges
from sample.compose import Ticket

CHAT = "tickets_chat.jsonl"
ALPACA = "tickets_alpaca.json"
TABLE = "tickets_zh_es.csv"
SHAREGPT = "tickets_sharegpt.jsonl"

# Clean tickets per file and language.
FILES: dict[str, dict[str, int]] = {
    CHAT: {"en": 600, "de": 400},
    ALPACA: {"en": 340, "es": 200},
    TABLE: {"zh": 420, "es": 200},
    SHAREGPT: {"zh": 240, "en": 220},
}
HEADER = "body,category,product,priority,lang,customer,tags"


@dataclass(eq=False)
class Entry:
    """One row of a raw file: its exact text, and the ticket it came from (None if malformed)."""

    file: str
    row: str
    ticket: Ticket | None = None


def dumps(value: object) -> str:
    """JSON in one line, readable in every language."""
    return json.dumps(value, ensure_ascii=False)


def table_row(cells: Iterable[str]) -> str:
    """One CSV row without its line end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def encode(file: str, ticket: Ticket, answer: str | None = None) -> str:
    """The ticket as a row of this file."""
    label, answer, tags = ticket.label, answer or ticket.label.answer(), edges.tags(ticket)
    tail = {"scenario": label.intent, "language": ticket.language, "customer": ticket.customer}
    tagged = {"tags": tags} if tags else {}
    if file == CHAT:
        turns = [
            {"role": "user", "content": ticket.text},
            {"role": "assistant", "content": answer},
        ]
        return dumps({"messages": turns} | tail | tagged)
    if file == ALPACA:
        return dumps({"instruction": ticket.text, "input": "", "output": answer} | tail | tagged)
    if file == SHAREGPT:
        turns = [{"from": "human", "value": ticket.text}, {"from": "gpt", "value": answer}]
        said = {"conversations": turns, "scenario": label.intent, "lang": ticket.language}
        return dumps(said | tagged)
    cells = (label.intent, label.product, label.urgency, ticket.language, ticket.customer)
    return table_row((ticket.text, *cells, ",".join(tags)))


def entry(file: str, ticket: Ticket) -> Entry:
    """A ticket placed in a file."""
    return Entry(file, encode(file, ticket), ticket)


class Layout:
    """The rows of every file in their final order; knows where each entry lies."""

    def __init__(self, entries: list[Entry], unsound: list[Entry], seed: str) -> None:
        self.rows: dict[str, list[Entry]] = {file: [] for file in FILES}
        for item in entries:
            self.rows[item.file].append(item)
        for file, rows in self.rows.items():
            Random(f"{seed}:{file}").shuffle(rows)
        rng = Random(f"{seed}:unsound")
        for item in unsound:  # among the others, whose order is theirs
            rows = self.rows[item.file]
            rows.insert(rng.randrange(len(rows)), item)
        self._place = {
            id(item): (file, row)
            for file, rows in self.rows.items()
            for row, item in enumerate(rows, start=1)
        }

    def place(self, item: Entry) -> dict[str, str | int]:
        """File, record number (1 is the first record) and line in the file, also from 1."""
        file, row = self._place[id(item)]
        return {"file": file, "row": row, "line": row + (file in (ALPACA, TABLE))}

    def content(self, file: str) -> str:
        """The whole file."""
        rows = [item.row for item in self.rows[file]]
        if file == ALPACA:
            return "[\n" + ",\n".join(rows) + "\n]\n"
        head = [HEADER] if file == TABLE else []
        return "\n".join(head + rows) + "\n"

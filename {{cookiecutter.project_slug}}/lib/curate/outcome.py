"""Say what became of the rows of a file: what was not used, what to do where none can be kept."""

from lib.curate.columns import MOST_NAMES
from lib.curate.rejected import Rejected, mask_value
from lib.intake.ledger import Ledger
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError

OWN_FAULTS = {  # of a row, which no configuration can correct
    *("secret", "empty", "too_short", "too_long", "damaged_text", "mojibake"),
    *("unfilled_template", "boilerplate", "pair_without_difference", "license"),
}

_CURE = (
    "correct the file, or in params.yaml map its columns with data.sources columns, or let task "
    "say what its answers are (docs/data.md has the shapes)"
)
IGNORE = "or, where it is not to be learnt from, name it in ignore: [COLUMN] of its source"
_CURES = {  # of rows that have a column or key which nothing reads and which could not be left out
    "verdict": "a column judges the answers; map it, columns: {label: COLUMN} (true or false, 1 or "
    f"0, good or bad), take out what is no use, {IGNORE}",
    "unread_input": "a column may belong to what is asked; map it, columns: {prompt: [QUESTION, "
    f"COLUMN]}} or prompt: '{{COLUMN}} {{QUESTION}}', {IGNORE}",
    "unread_mapping": "columns maps what rows of this shape have no place for; take it out of "
    "columns, or map all the texts of the row (docs/data.md has the shapes)",
    "weight": "a row has a weight, or a turn one that is neither 0 nor 1 (0 is context and not "
    f"learnt, 1 is), or none of its turns is to be learnt; take such rows out, {IGNORE} (turn.KEY "
    "of a turn)",
    "tools": "tools, calls or results cannot be read as OpenAI has them (`tools`, `tool_calls`, "
    "`role: tool`; docs/data.md has the shapes); map a column of definitions, columns: {tools: "
    f"COLUMN}}, write calls of another template as tool_calls, {IGNORE}",
    "reasoning": "reasoning stands in a place that is not read; map it, columns: {reasoning: "
    f"COLUMN}}, or put it into a turn as `reasoning_content`, {IGNORE} (turn.KEY of a turn)",
    "held_out": "a row says that it is of a test set; have rows keep their splits, columns: "
    f"{{split: split}}, {IGNORE}",
    "unknown_split": "a split must be train, validation or test (or val, dev, eval); correct the "
    "column, or take split out of columns",
    "ranked": "a row has several answers to one question; where they stand best first, columns: "
    "{chosen: responses.0, rejected: responses.1} (responses.0.text inside of objects); where "
    "scores say which is better, write the best of a row as chosen and the worst as rejected; or "
    "name what is not to be learnt in ignore",
    "stringified": "a list or object stands there as the text that Python prints; write it as "
    "JSON (JSONL or parquet keep it whole)",
    "not_text": "only text is learnt; map a column of text inside of an object (answers.text), "
    f"take out rows that need a picture or sound, {IGNORE}",
    "no_prompt": "nothing says what is asked; map that column, columns: {prompt: COLUMN}",
}


def check_yield(file: str, out: Rejected) -> None:
    """Raise UserError for an empty file, or one of which nothing can be kept.

    The latter is a mistake in the configuration, unless most rows have faults of their own.
    """
    account = out.ledger.account(file)
    if not account.rows_in:
        raise UserError(f"{file}: has no rows; add some, or remove it from data.sources")
    if foreign := account.dropped["not_utf8"]:
        print(f"{file}: {foreign:,} rows are not UTF-8; `iconv` converts it (data/README.md)")
    gone, own = account.dropped.total(), sum(account.dropped[reason] for reason in OWN_FAULTS)
    told = [reason for reason, _ in account.dropped.most_common() if reason in _CURES]
    if gone == account.rows_in and own < gone / 2:
        cure = _CURES[told[0]] if told else _CURE
        raise UserError(
            f"{file}: none of its {account.rows_in} rows can be kept ({out.first[file]}); {cure}"
        )
    for reason in (one for one in told if one not in ("not_text", "no_prompt")):
        print(f"{file}: {account.dropped[reason]:,} rows {reason}: {_CURES[reason]}")


def check_licenses(ledger: Ledger, licenses: list[str]) -> None:
    """Raise UserError where no row of any file has an allowed license."""
    total = ledger.total()
    if total.dropped["license"] == total.rows_in:
        raise UserError(
            f"params.yaml: curate.licenses is {', '.join(licenses)}, and none of the "
            f"{total.rows_in:,} rows of data.sources has one of them; add the license of your data"
        )


def shown_unused(ledger: Ledger, finder: Finder) -> dict[str, dict[str, int]]:
    """Count, for each file, what nothing read in the rows that could be kept; most frequent first.

    A name may be a cell with personal data, where a table has no header.
    """
    shown = {}
    for file, account in ledger.accounts.items():
        names = account.unused.most_common(MOST_NAMES)
        found = {mask_value(name, Redactor(finder)): count for name, count in names}
        if more := len(account.unused) - len(names):
            found[f"{more} more"] = sum(account.unused.values()) - sum(found.values())
        if found:
            shown[file] = found
    return shown

"""Report on the rows of a file: unread columns, and the cure where no row can be kept."""

from lib.curate.columns import MOST_NAMES
from lib.curate.cures import ANY_CURE, OWN_FAULTS, QUIET, ROW_CURES, SETTINGS
from lib.curate.rejected import Rejected, mask_value
from lib.intake.ledger import Ledger
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError

_MANY = 0.2  # of a file's rows, from which the setting that drops them is named
_JSON = ("json", "jsonl", "ndjson", "gz", "zst")
_MARKS = {  # placeholders in a cure, which are filled from the row
    "nested_rows": ("ROWS",),
    "lists_in_rows": ("ROWS",),
    "row_as_text": ("NAME",),
    "message_tree": ("TREE",),
    "label_scale": ("COLUMN",),
    "ranked": ("responses",),
    "two_answers": ("ONE", "OTHER", "BY", "SAYS", "ELSE"),
}


def check_yield(file: str, out: Rejected) -> None:
    """Raise UserError for an empty file, or one without a row that can be kept.

    The latter means a wrong configuration, unless most rows are faulty themselves. So does a scale
    mapped as a verdict, of which some rows would be kept.
    """
    account = out.ledger.account(file)
    if not account.rows_in:
        raise UserError(f"{file}: has no rows; add some, or remove it from data.sources")
    gone, own = account.dropped.total(), sum(account.dropped[reason] for reason in OWN_FAULTS)
    told = [reason for reason, _ in account.dropped.most_common() if reason in ROW_CURES]
    if gone == account.rows_in and own < gone / 2:
        first = out.first[f"{file} {told[0]}" if told else file]
        cure = cure_of(told[0], file, first, account.rows_in) if told else ANY_CURE
        raise UserError(f"{file}: none of its {account.rows_in} rows can be kept ({first}); {cure}")
    for reason in (one for one in told if one not in QUIET):
        first = out.first[f"{file} {reason}"]
        cure = cure_of(reason, file, first, account.rows_in)
        where = first.replace(f": {reason}", ":").replace(":, ", ": ").removesuffix(":")
        line = f"{file}: {account.dropped[reason]:,} rows {reason} ({where}): {cure}"
        if reason == "label_scale":  # its 0 and 1 were taken for verdicts
            raise UserError(line)
        print(line)
    for reason, setting in SETTINGS.items():
        if account.dropped[reason] > _MANY * account.rows_in:
            print(f"{file}: {account.dropped[reason]:,} rows {reason}: {setting}")


def no_rows(ledger: Ledger) -> UserError:
    """Return the error for a run that keeps no row, with the setting that decides."""
    (reason, count), *_ = ledger.total().dropped.most_common()
    cure = SETTINGS.get(reason, "correct params.yaml or the data")
    return UserError(
        f"curate: no rows are kept ({count:,} {reason}); data/rejected.jsonl says why each was "
        f"dropped; {cure}"
    )


def cure_of(reason: str, file: str, first: str, rows: int) -> str:
    """Return the cure for a reason, with names of the file and its columns filled in.

    first: the first row dropped for it; rows: how many the file has.
    """
    found = first.partition(f"{reason}, ")[2].split(", ")
    if reason == "nested_rows" and rows > 1:  # each row has such a list
        reason = "lists_in_rows"
    cure = ROW_CURES[reason].replace("FILE", file)
    if reason not in ("nested_rows", "not_an_object", "invalid_json"):
        cure = cure.replace("jq -c '", "jq -c '(arrays[], objects) | ")  # a list, or lines
    if "jq -c" in cure and not file.endswith(_JSON):
        cure = f"{cure} (jq reads only JSON: docs/data.md says how to convert a table to JSONL)"
    for mark, name in zip(_MARKS.get(reason, ()), found, strict=False):
        cure = cure.replace(mark, name) if name else cure
    return cure


def check_licenses(ledger: Ledger, licenses: list[str]) -> None:
    """Raise UserError where no row of any file has an allowed license."""
    total = ledger.total()
    if total.dropped["license"] == total.rows_in:
        raise UserError(
            f"params.yaml: curate.licenses is {', '.join(licenses)}, and none of the "
            f"{total.rows_in:,} rows of data.sources has one of them; add the license of your data"
        )


def shown_unused(ledger: Ledger, finder: Finder) -> dict[str, dict[str, int]]:
    """Count for each file the unread columns of the kept rows, most frequent first.

    In a table without a header, a column's name may be a cell with personal data.
    """
    shown = {}
    for file, account in ledger.accounts.items():
        names = account.unused.most_common(MOST_NAMES)
        found = {mask_value(name, Redactor(finder)): count for name, count in names}
        if more := len(account.unused) - len(names):
            found[f"{more:,} more"] = sum(account.unused.values()) - sum(found.values())
        if found:
            shown[file] = found
    return shown

"""Report on the rows of a file: unread columns, and the cure where no row can be kept."""

from lib.curate.columns import MOST_NAMES
from lib.curate.rejected import Rejected, mask_value
from lib.intake.ledger import Ledger
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError

OWN_FAULTS = {  # faults of a row itself, which no configuration can correct
    *("secret", "empty", "too_short", "too_long", "damaged_text", "mojibake"),
    *("unfilled_template", "boilerplate", "pair_without_difference", "license"),
}

_CURE = (
    "correct the file, or in params.yaml map its columns with data.sources columns, or let task "
    "say what its answers are (docs/data.md lists the formats)"
)
IGNORE = "or, if it must not be learnt, name it in ignore: [COLUMN] of its source"
ROW_CURES = {  # of rows with a column or key that nothing reads and that may matter
    "verdict": "a column judges the answers; map it, columns: {label: COLUMN} (true or false, 1 or "
    f"0, good or bad), remove unusable rows, {IGNORE}",
    "unread_input": "a column may be part of the question; map it, columns: {prompt: [QUESTION, "
    f"COLUMN]}} or prompt: '{{COLUMN}} {{QUESTION}}', {IGNORE}",
    "unread_mapping": "columns maps a name that rows of this shape do not use; remove it from "
    "columns, or map all the texts of the row (docs/data.md lists the formats)",
    "weight": "a row has a weight, a turn has a weight other than 0 (context) and 1 (learnt), "
    f"or no turn is to be learnt; remove such rows, {IGNORE} (turn.KEY for a key of a turn)",
    "tools": "tools, calls or results are not in OpenAI's format (`tools`, `tool_calls`, "
    "`role: tool`; docs/data.md lists the formats); map a column of definitions, columns: {tools: "
    f"COLUMN}}, write calls of another template as tool_calls, {IGNORE}",
    "reasoning": "reasoning is in a column or key that is not read; map it, columns: {reasoning: "
    f"COLUMN}}, or put it into a turn as `reasoning_content`, {IGNORE} (turn.KEY for a key of a "
    "turn)",
    "held_out": "a row says that it belongs to a test set; let rows keep their splits, columns: "
    f"{{split: split}}, {IGNORE}",
    "unknown_split": "a split must be train, validation or test (or val, dev, eval); correct "
    "the column, or remove split from columns",
    "ranked": "a row has several answers to one question; if they are ordered best first, columns: "
    "{chosen: responses.0, rejected: responses.1} (responses.0.text inside objects); where "
    "scores say which is better, write the best of a row as chosen and the worst as rejected; or "
    "name what must not be learnt in ignore; several labels of one text are one answer: write "
    "them into one text",
    "stringified": "the text is a list or dict as Python prints it; write it as JSON (JSONL and "
    "parquet keep its structure)",
    "not_text": "only text is learnt; map a text inside the object (answers.text), remove rows "
    f"that need an image or audio, {IGNORE}",
    "no_prompt": "no column holds the question; map it, columns: {prompt: COLUMN}",
    "no_answer": "no column holds the answer; map it, columns: {completion: COLUMN}; in chats, "
    "remove rows without an assistant turn",
    "unknown_shape": "no known columns; map the question and the answer, columns: {prompt: "
    "COLUMN, completion: COLUMN}, or a list of turns, columns: {messages: COLUMN} (meta.turns "
    "reaches inside), or both answers of a pair, {prompt: COLUMN, chosen: COLUMN, rejected: "
    "COLUMN}; a text that holds both question and answer must be split into two columns first",
    "nested_rows": "the rows are a list inside one object; write one per line, jq -c '.NAME[]' "
    "FILE > data/raw/rows.jsonl, and name that file in data.sources",
    "lone_turn": "each row is one turn of a conversation; collect the turns of each "
    "conversation, in order, in one row, messages: [{role, content}, ...]",
    "bad_turns": "turns need a role (user, assistant, system, tool and the like; key role, from, "
    "author, speaker or sender) and a text (key content, value, text, message or parts); convert "
    "them, or map the right column, columns: {messages: COLUMN}",
    "roles_out_of_order": "questions and answers must alternate, with tool results in between; "
    "remove or move other turns, such as a second system prompt",
    "prompts_differ": "both answers of a pair must follow the same turns, those of its prompt; "
    "correct chosen and rejected, or map the right column, columns: {prompt: COLUMN}",
    "bad_label": "the column mapped to label is neither true nor false (1 or 0, good or bad, up "
    "or down); map a class to completion instead, columns: {completion: COLUMN}",
    "invalid_json": "the line is not JSON; each line must be one complete object, without a "
    "trailing comma, with double quotes (`jq -c . FILE` shows where it fails)",
    "not_utf8": "`iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` makes the file UTF-8 (GB18030 where "
    "it is Chinese; data/README.md)",
    "not_an_object": 'the row is a JSON value without names; write objects, {"prompt": ..., '
    "\"completion\": ...}; from pandas: df.to_json(path, orient='records', lines=True)",
    "duplicate_key": "a key appears twice in one object; give each a unique name",
    "invalid_csv": "the row has more or fewer cells than the header; put cells that hold a "
    "delimiter or a line break into double quotes, or export the table again",
    "template_token": "the text contains a token of a chat template, which would be learnt as "
    "plain words; remove such tokens, and write the parts they separate as turns, messages: "
    "[{role, content}, ...]",
    "answer_index": "the answer is the number of a choice, and the question lists its choices "
    "without numbers; write the choice itself, such as jq -c '.answer = .choices[.answer]' FILE > "
    "data/raw/rows.jsonl, and name that file in data.sources",
    "unknown_label": "the answer is not one that task allows; add it to task.labels (or to the "
    "values of its field in task.fields), or correct the data",
    "answer_not_json": "the answer is not JSON; correct it, or set task.output: text",
    "wrong_fields": "the answer has other keys than task.fields; write the keys of the data there, "
    "or map a column for each, columns: {FIELD: COLUMN}",
    "answer_not_in_schema": "the answer violates task.schema at the path shown; correct one of "
    "the two",
    "unknown_language": "the column does not name a language (en, eng, zh-Hans, Spanish); "
    "correct it, or "
    "map another, columns: {language: COLUMN}",
    "language": "the text is in a language that curate.languages does not list; add it there, "
    "or set curate.languages: [] to accept any",
}
# For single bad rows in a file that is otherwise kept, the counts by reason are enough.
QUIET = {
    *("not_text", "no_prompt", "no_answer", "language", "unknown_language", "unknown_label"),
    *("answer_not_json", "wrong_fields", "answer_not_in_schema", "bad_turns", "unknown_shape"),
    *("roles_out_of_order", "prompts_differ", "not_an_object", "duplicate_key"),
    *("invalid_json", "invalid_csv"),
}


def check_yield(file: str, out: Rejected) -> None:
    """Raise UserError for an empty file, or one without a row that can be kept.

    The latter means a wrong configuration, unless most rows are faulty themselves.
    """
    account = out.ledger.account(file)
    if not account.rows_in:
        raise UserError(f"{file}: has no rows; add some, or remove it from data.sources")
    gone, own = account.dropped.total(), sum(account.dropped[reason] for reason in OWN_FAULTS)
    told = [reason for reason, _ in account.dropped.most_common() if reason in ROW_CURES]
    if gone == account.rows_in and own < gone / 2:
        cure = cure_of(told[0], file, out.first[file], account.rows_in) if told else _CURE
        raise UserError(
            f"{file}: none of its {account.rows_in} rows can be kept ({out.first[file]}); {cure}"
        )
    for reason in (one for one in told if one not in QUIET):
        cure = cure_of(reason, file, out.first[file], account.rows_in)
        print(f"{file}: {account.dropped[reason]:,} rows {reason}: {cure}")


def cure_of(reason: str, file: str, first: str, rows: int) -> str:
    """Return the cure for a reason, with the names of the file and of the list in it filled in.

    first: the first dropped row and its reason; rows: how many the file has.
    """
    inside = first.partition("nested_rows, ")[2]
    if inside and rows > 1:  # each row has such a list: of turns in some form, not of rows
        return ROW_CURES["bad_turns"]
    cure = ROW_CURES[reason].replace("FILE", file)
    return cure.replace(".NAME[]", inside) if inside else cure


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
            found[f"{more} more"] = sum(account.unused.values()) - sum(found.values())
        if found:
            shown[file] = found
    return shown

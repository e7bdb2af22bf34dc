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
ROW_CURES = {  # of rows with a column or key that nothing reads and that could not be left out
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
    "name what is not to be learnt in ignore; several labels of one text make one answer: write "
    "them into one text",
    "stringified": "a list or object stands there as the text that Python prints; write it as "
    "JSON (JSONL or parquet keep it whole)",
    "not_text": "only text is learnt; map a column of text inside of an object (answers.text), "
    f"take out rows that need a picture or sound, {IGNORE}",
    "no_prompt": "nothing says what is asked; map that column, columns: {prompt: COLUMN}",
    "no_answer": "nothing says what is answered; map that column, columns: {completion: COLUMN}; "
    "of a chat, take out rows without a turn of the assistant",
    "unknown_shape": "no known columns; map what is asked and what is answered, columns: {prompt: "
    "COLUMN, completion: COLUMN}, or a list of turns, columns: {messages: COLUMN} (meta.turns "
    "reaches inside), or both answers of a pair, {prompt: COLUMN, chosen: COLUMN, rejected: "
    "COLUMN}; one text that holds question and answer has to be split into two columns first",
    "nested_rows": "the rows are a list inside of one object; write one a line, jq -c '.NAME[]' "
    "FILE > data/raw/rows.jsonl, and name that file in data.sources",
    "lone_turn": "each row is one turn of a talk; gather the turns of a talk, in order, into one "
    "row, messages: [{role, content}, ...]",
    "bad_turns": "turns need a role (user, assistant, system, tool and the like; key role, from, "
    "author, speaker or sender) and a text (key content, value, text, message or parts); write "
    "them so, or map the right column, columns: {messages: COLUMN}",
    "roles_out_of_order": "questions and answers must take turns, the results of tools between; "
    "take out or move what stands elsewhere, such as a second system prompt",
    "prompts_differ": "both answers of a pair must follow the same turns, those of its prompt; "
    "correct chosen and rejected, or map the right column, columns: {prompt: COLUMN}",
    "bad_label": "the column that is mapped to label says neither true nor false (1 or 0, good or "
    "bad, up or down); map a class to completion instead, columns: {completion: COLUMN}",
    "invalid_json": "the line is no JSON; each must be one whole object, without a comma after it, "
    "in double quotes (`jq -c . FILE` names the place)",
    "not_utf8": "`iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` makes the file UTF-8 (GB18030 where "
    "it is Chinese; data/README.md)",
    "not_an_object": 'the row is a JSON value without names; write objects, {"prompt": ..., '
    "\"completion\": ...}; from pandas: df.to_json(path, orient='records', lines=True)",
    "duplicate_key": "a key stands twice in one object; give each a name of its own",
    "invalid_csv": "the row has more or fewer cells than the header; put cells that hold a "
    "delimiter or a line break into double quotes, or save the table anew",
    "template_token": "a token of a chat template stands in the text and would be learnt as words; "
    "take such tokens out, and write what they divide as turns, messages: [{role, content}, ...]",
    "answer_index": "the answer is the number of a choice, and the question lists its choices "
    "without numbers; write the choice itself, such as jq -c '.answer = .choices[.answer]' FILE > "
    "data/raw/rows.jsonl, and name that file in data.sources",
    "unknown_label": "the answer is not one that task allows; add it to task.labels (or to the "
    "values of its field in task.fields), or correct the data",
    "answer_not_json": "the answer is no JSON; correct it, or set task.output: text",
    "wrong_fields": "the answer has other keys than task.fields; write there the keys of the data, "
    "or map a column for each, columns: {FIELD: COLUMN}",
    "answer_not_in_schema": "the answer breaks task.schema where it says; correct the one or the "
    "other",
    "unknown_language": "the column says no language (en, eng, zh-Hans, Spanish); correct it, or "
    "map another, columns: {language: COLUMN}",
    "language": "the text is in a language that curate.languages does not list; add it there, or "
    "set curate.languages: [] to take any",
}
# Of rows by themselves, where others of their file stay: the counts by reason say enough.
QUIET = {
    *("not_text", "no_prompt", "no_answer", "language", "unknown_language", "unknown_label"),
    *("answer_not_json", "wrong_fields", "answer_not_in_schema", "bad_turns", "unknown_shape"),
    *("roles_out_of_order", "prompts_differ", "not_an_object", "duplicate_key"),
    *("invalid_json", "invalid_csv"),
}


def check_yield(file: str, out: Rejected) -> None:
    """Raise UserError for an empty file, or one of which nothing can be kept.

    The latter is a mistake in the configuration, unless most rows have faults of their own.
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
    """Write what to do about a reason, with the names of the file and of the list inside of it.

    first: the first row that went and why; rows: how many the file has.
    """
    inside = first.partition("nested_rows, ")[2]
    if inside and rows > 1:  # each row has such a list: not of rows, but of turns of some form
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

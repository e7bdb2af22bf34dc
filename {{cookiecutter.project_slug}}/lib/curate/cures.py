"""Define the cure for each reason for which rows are dropped; FILE stands for the file's name."""

OWN_FAULTS = {  # faults of a row itself, which no configuration can correct
    *("secret", "empty", "too_short", "too_long", "damaged_text", "mojibake"),
    *("unfilled_template", "boilerplate", "pair_without_difference", "license"),
}

SETTINGS = {  # of those faults: the setting that decides, said if many rows of a file have them
    "too_long": "raise curate.max_tokens (and train.max_length, which must be above it), or "
    "shorten the texts",
    "too_short": "lower curate.min_chars",
    "unfilled_template": "fill in the placeholders, or set curate.unfilled_template: keep",
    "boilerplate": "set curate.boilerplate: keep, if such refusals are to be learnt",
    "mojibake": "set curate.mojibake: repair",
    "license": "add the license to curate.licenses, or correct it",
    "language": "add the language to curate.languages, or set it to [] for any",
}

ANY_CURE = (
    "correct the file, or in params.yaml map its columns with data.sources columns, or let task "
    "say what its answers are (docs/data.md lists the formats)"
)
IGNORE = "or, if it must not be learnt, name it in ignore: [COLUMN] of its source"
ROW_CURES = {  # of rows with a column or key that nothing reads and that may matter
    "verdict": "a column judges the answers; map it, columns: {label: COLUMN} (true or false, 1 or "
    "0, good or bad); of two answers, write the one that it prefers as chosen and the other as "
    f"rejected; remove unusable rows, {IGNORE}",
    "unread_input": "a column may be part of the question; map it, columns: {prompt: [QUESTION, "
    f"COLUMN]}} or prompt: '{{COLUMN}} {{QUESTION}}', {IGNORE} (in a chat this may be its system "
    "prompt, which task.system replaces)",
    "follow_up": "a row continues another one, and would be learnt without what came before; "
    "collect the turns of a conversation, in order, in one row, messages: [{role, content}, ...], "
    f"{IGNORE}",
    "turned_round": "the scores of a row say that its rejected answer is the better one; swap "
    f"such answers, remove the rows, {IGNORE}",
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
    f"{{split: COLUMN}}, {IGNORE}",
    "unknown_split": "a split must be train, validation or test (or val, dev, eval); correct "
    "the column, or remove split from columns",
    "ranked": "a row has several answers to one question; if they are ordered best first, columns: "
    "{chosen: responses.0, rejected: responses.1} (responses.0.text inside objects); where any "
    "is right, columns: {completion: responses.0}; where scores say which is better, write the "
    "best of a row as chosen and the worst as rejected, jq -c '{prompt, chosen: (.responses | "
    "max_by(.score).text), rejected: (.responses | min_by(.score).text)}' FILE > "
    "data/raw/rows.jsonl; name what must not be learnt in ignore; several labels of one text are "
    "one answer: write them into one text",
    "two_answers": "a row has two answers, and a column that says which is better; write that one "
    "as chosen, jq -c 'if .BY SAYS then . + {chosen: .ONE, rejected: .OTHER} elif .BY ELSE "
    "then . + {chosen: .OTHER, rejected: .ONE} else empty end | del(.ONE, .OTHER, .BY)' FILE > "
    "data/raw/rows.jsonl, and name that file in data.sources (check which value means which)",
    "message_tree": "each row is a tree of messages (replies); write the best branch of each as "
    "a chat, jq -c '{messages: [TREE | recurse(.replies // [] | min_by(.rank // 0) // empty) | "
    "{role, content: .text}]}' FILE > data/raw/rows.jsonl, and name that file in data.sources",
    "chat_export": "this is an export of ChatGPT, whose messages point to each other; write each "
    "talk as turns, jq -c '.mapping as $m | {messages: "
    "([.current_node | recurse($m[.].parent // empty) | $m[.].message // empty | {role: "
    '.author.role, content: (.content.parts // [] | map(strings) | join("\\n"))} | select((.role '
    '== "user" or .role == "assistant") and .content != "")] | reverse)}\' FILE > '
    "data/raw/rows.jsonl, and name that file in data.sources",
    "row_as_text": "a column has the whole row as the text of a JSON object; parse it, jq -c "
    "'.NAME | fromjson' FILE > data/raw/rows.jsonl, and name that file in data.sources",
    "no_header": "the first line of the file does not have column names; add a header line "
    "(names that are sentences can be mapped as they are); a transcript, an e-mail or other "
    "plain text is not a table: write its rows as JSONL",
    "label_scale": "the column mapped to label is a scale, not a verdict; write true or "
    "false for it, jq -c '.label = (.COLUMN >= 3)' FILE > data/raw/rows.jsonl, map label to that, "
    "and name COLUMN in ignore",
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
    "COLUMN}; a text with a whole conversation, with marks such as Human: and Assistant:, is "
    "{messages: COLUMN}; any other text with question and answer must be split into two columns "
    "first",
    "nested_rows": "the rows are inside one object; write one per line, jq -c 'ROWS' FILE > "
    "data/raw/rows.jsonl, and name that file in data.sources (each list to its own file; a "
    "published test set with split: test)",
    "lists_in_rows": "each row has a list, at ROWS; if those are its turns, write them as "
    "{role, content} (the keys may be from, value and the like), columns: {messages: COLUMN}; "
    "else map question and answer inside it, columns: {prompt: COLUMN, completion: "
    "COLUMN.0.KEY}",
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
    "invalid_json": "the line is not JSON; each must be one complete object, without a trailing "
    "comma, with double quotes (`jq -c . FILE > data/raw/rows.jsonl` splits several objects in "
    "a line, or shows where it fails)",
    "not_utf8": "`iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` makes the file UTF-8 (GB18030 where "
    "it is Chinese; data/README.md)",
    "not_an_object": 'the row is a JSON value without names; write objects, {"prompt": ..., '
    "\"completion\": ...}; where each is a list of turns, jq -c '.[] | {messages: .}' FILE > "
    "data/raw/rows.jsonl; from pandas: df.to_json(path, orient='records', lines=True)",
    "duplicate_key": "a key appears twice in one object; give each a unique name",
    "invalid_csv": "the row has more or fewer cells than the header; put cells that hold a "
    "delimiter or a line break into double quotes, or export the table again",
    "template_token": "the text contains a token of a chat template, which would be learnt as "
    "plain words; remove such tokens, and write the parts they separate as turns, messages: "
    "[{role, content}, ...]",
    "answer_index": "the answer is the number of a choice, and the question lists its choices "
    "without numbers; write the choice itself, such as jq -c '.answer = .choices[.answer]' FILE > "
    "data/raw/rows.jsonl (of a letter: .choices[(.answer | explode[0]) - 65]), and name that file "
    "in data.sources",
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
    *("invalid_json", "invalid_csv", "message_tree", "chat_export", "no_header"),
}

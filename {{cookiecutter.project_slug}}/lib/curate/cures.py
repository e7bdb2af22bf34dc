"""What to do about each reason for which rows go, in a line that names the file."""

OWN_FAULTS = {  # of a row, which no configuration can correct
    *("secret", "empty", "too_short", "too_long", "damaged_text", "mojibake"),
    *("unfilled_template", "boilerplate", "pair_without_difference", "license"),
}

ANY_CURE = (
    "correct the file, or in params.yaml map its columns with data.sources columns, or let task "
    "say what its answers are (docs/data.md has the shapes)"
)
IGNORE = "or, where it is not to be learnt from, name it in ignore: [COLUMN] of its source"
ROW_CURES = {  # of rows with a column or key that nothing reads and that could not be left out
    "verdict": "a column judges the answers; map it, columns: {label: COLUMN} (true or false, 1 or "
    "0, good or bad); of two answers, write the one that it prefers as chosen and the other as "
    f"rejected; take out what is no use, {IGNORE}",
    "unread_input": "a column may belong to what is asked; map it, columns: {prompt: [QUESTION, "
    f"COLUMN]}} or prompt: '{{COLUMN}} {{QUESTION}}', {IGNORE} (of a chat this may be its system "
    "prompt, whose place task.system takes)",
    "follow_up": "a row continues another one, and would be learnt without what came before; "
    "gather the turns of a talk, in order, into one row, messages: [{role, content}, ...], "
    f"{IGNORE}",
    "turned_round": "the scores of a row say that its rejected answer is the better one; swap such "
    f"answers, take the rows out, {IGNORE}",
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
    f"{{split: COLUMN}}, {IGNORE}",
    "unknown_split": "a split must be train, validation or test (or val, dev, eval); correct the "
    "column, or take split out of columns",
    "ranked": "a row has several answers to one question; where they stand best first, columns: "
    "{chosen: responses.0, rejected: responses.1} (responses.0.text inside of objects); where any "
    "is right, columns: {completion: responses.0}; where scores say which is better, write the "
    "best of a row as chosen and the worst as rejected, jq -c '{prompt, chosen: (.responses | "
    "max_by(.score).text), rejected: (.responses | min_by(.score).text)}' FILE > "
    "data/raw/rows.jsonl; name what is not to be learnt in ignore; several labels of one text make "
    "one answer: write them into one text",
    "two_answers": "a row has two answers, and a column that says which is better; write that one "
    "as chosen, jq -c 'if .BY SAYS then . + {chosen: .ONE, rejected: .OTHER} elif .BY ELSE "
    "then . + {chosen: .OTHER, rejected: .ONE} else empty end | del(.ONE, .OTHER, .BY)' FILE > "
    "data/raw/rows.jsonl, and name that file in data.sources (check which value means which)",
    "message_tree": "each row is a tree of messages (replies); write the best branch of each as a "
    "talk, jq -c '{messages: [TREE | recurse(.replies // [] | min_by(.rank // 0) // empty) | "
    "{role, content: .text}]}' FILE > data/raw/rows.jsonl, and name that file in data.sources",
    "chat_export": "this is an export of ChatGPT, whose messages point to each other; write each "
    "talk as turns, jq -c '.mapping as $m | {messages: "
    "([.current_node | recurse($m[.].parent // empty) | $m[.].message // empty | {role: "
    '.author.role, content: (.content.parts // [] | map(strings) | join("\\n"))} | select((.role '
    '== "user" or .role == "assistant") and .content != "")] | reverse)}\' FILE > '
    "data/raw/rows.jsonl, and name that file in data.sources",
    "row_as_text": "a column holds the whole row as the text of a JSON object; read it, jq -c "
    "'.NAME | fromjson' FILE > data/raw/rows.jsonl, and name that file in data.sources",
    "no_header": "the first line of the file is no line of column names; put one on top of a table "
    "that has none (names that are sentences can be mapped as they are); a transcript, a mail or "
    "other plain text is no table: write its rows as JSONL",
    "label_scale": "the column that is mapped to label is a scale, not a verdict; write true or "
    "false for it, jq -c '.label = (.COLUMN >= 3)' FILE > data/raw/rows.jsonl, map label to that, "
    "and name COLUMN in ignore",
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
    "COLUMN}; one text that holds a talk, with marks such as Human: and Assistant:, is {messages: "
    "COLUMN}; any other that holds question and answer has to be split into two columns first",
    "nested_rows": "the rows stand inside of one object; write one a line, jq -c 'ROWS' FILE > "
    "data/raw/rows.jsonl, and name that file in data.sources (each list a file of its own; a "
    "published test set with split: test)",
    "lists_in_rows": "each row holds a list, at ROWS; where those are its turns, write them as "
    "{role, content} (the keys may be from, value and the like), columns: {messages: COLUMN}; else "
    "map what is asked and answered inside of it, columns: {prompt: COLUMN, completion: "
    "COLUMN.0.KEY}",
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
    "in double quotes (`jq -c . FILE > data/raw/rows.jsonl` parts objects in a row, or names the "
    "place)",
    "not_utf8": "`iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` makes the file UTF-8 (GB18030 where "
    "it is Chinese; data/README.md)",
    "not_an_object": 'the row is a JSON value without names; write objects, {"prompt": ..., '
    "\"completion\": ...}; where each is a list of turns, jq -c '.[] | {messages: .}' FILE > "
    "data/raw/rows.jsonl; from pandas: df.to_json(path, orient='records', lines=True)",
    "duplicate_key": "a key stands twice in one object; give each a name of its own",
    "invalid_csv": "the row has more or fewer cells than the header; put cells that hold a "
    "delimiter or a line break into double quotes, or save the table anew",
    "template_token": "a token of a chat template stands in the text and would be learnt as words; "
    "take such tokens out, and write what they divide as turns, messages: [{role, content}, ...]",
    "answer_index": "the answer is the number of a choice, and the question lists its choices "
    "without numbers; write the choice itself, such as jq -c '.answer = .choices[.answer]' FILE > "
    "data/raw/rows.jsonl (of a letter: .choices[(.answer | explode[0]) - 65]), and name that file "
    "in data.sources",
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
    *("invalid_json", "invalid_csv", "message_tree", "chat_export", "no_header"),
}

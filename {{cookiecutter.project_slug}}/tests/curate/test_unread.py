"""What nothing reads of a row is named; where it could change what is learnt, the row goes."""

from typing import Any

import pytest

from lib.core.params import TaskParams
from lib.curate.draft import Draft
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.intake.cells import Reject
from lib.intake.turns import assistant, user
from lib.intake.unread import Unread
from tests.toy import JSON_TASK, TEXT_TASK

ASK, SAY = user("Is it open?"), assistant("Until six.")
CHAT = {"messages": [ASK, SAY]}
SHAREGPT = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}
ALPACA = {"instruction": "q", "input": "", "output": "a"}
PLAIN = {"prompt": "q", "completion": "a"}
PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}
LABEL_TASK = TaskParams(system="s", output="label")


def read(row: dict[str, Any], columns: Any = None, ignore: Any = ()) -> Draft:
    return to_draft(row, Mapping(columns or {}, ignore), TEXT_TASK)


def reason_of(row: dict[str, Any], columns: Any = None, ignore: Any = ()) -> str:
    with pytest.raises(Reject) as raised:
        read(row, columns, ignore)
    return str(raised.value)


@pytest.mark.parametrize("row", [CHAT, SHAREGPT, ALPACA, PLAIN])
@pytest.mark.parametrize("verdict", [{"label": False}, {"kto_tag": False}, {"label": "False"}])
def test_a_verdict_is_honoured_in_every_shape(row: Any, verdict: Any) -> None:
    draft = read(row | verdict)
    assert draft.lone
    assert draft.chosen == ""


@pytest.mark.parametrize("row", [CHAT, SHAREGPT, ALPACA, PLAIN])
@pytest.mark.parametrize("bad", [False, 0, 0.0, "bad", "0", "thumbs down", "rejected", "👎"])
def test_a_mapped_verdict_is_honoured_in_every_shape(row: Any, bad: Any) -> None:
    assert read(row | {"opinion": bad}, {"label": "opinion"}).chosen == ""


@pytest.mark.parametrize("row", [CHAT, SHAREGPT, ALPACA, PLAIN])
@pytest.mark.parametrize(
    "verdict",
    [
        *({"label": 0}, {"label": "bad"}, {"score": 0.2}, {"user_rating": 2}, {"thumbs": "down"}),
        *({"isCorrect": False}, {"accepted": 1}, {"quality": "low"}, {"status": "rejected"}),
        *({"feedback": {"thumb": "up"}}, {"meta": {"approved": False}}, {"rejected": True}),
    ],
)
def test_rows_with_a_verdict_that_nothing_reads_go(row: Any, verdict: Any) -> None:
    assert reason_of(row | verdict) == "verdict"
    assert read(row | verdict, ignore=verdict.keys()).rejected is None


@pytest.mark.parametrize(
    "column",
    [
        *({"label": "refund"}, {"label": 7}, {"feedback": "Thanks, that helped."}, {"score": None}),
        *({"correct_answer": "Paris"}, {"meta": {"id": 1}}, {"in_stock": False}),
    ],
)
def test_other_columns_are_named(column: dict[str, Any]) -> None:
    empty = next(iter(column.values())) is None
    assert read(PLAIN | column).unread == ([] if empty else list(column))
    assert read(PLAIN | column, ignore=column.keys()).unread == []


def test_a_pair_may_have_scores_but_no_turned_verdict() -> None:
    scores = {"score_chosen": 7.5, "score_rejected": 0}
    assert read(PAIR | scores).unread == list(scores)
    assert reason_of(PAIR | {"label": 0}) == "verdict"
    assert reason_of(PAIR | {"preference": 2}) == "verdict"


def test_a_column_is_read_for_one_purpose() -> None:
    columns = Mapping({"prompt": "text", "completion": "label"})
    draft = to_draft({"text": "q", "label": False}, columns, LABEL_TASK)
    assert (draft.chosen, draft.rejected, draft.lone) == ("false", None, False)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (PAIR | {"v": True}, {"label": "v"}),
        ({"m": [ASK, SAY], "q": "x"}, {"messages": "m", "prompt": "q"}),
        ({**CHAT, "kind": "refund", "rush": "high"}, {"intent": "kind", "urgency": "rush"}),
    ],
)
def test_a_mapping_that_the_shape_has_no_place_for_is_a_reason(row: Any, columns: Any) -> None:
    assert reason_of(row, columns) == "unread_mapping"


def test_what_is_mapped_counts_before_another_shape() -> None:
    draft = read({**CHAT, "q": "x", "a": "y"}, {"prompt": "q", "completion": "a"})
    assert (draft.prompt[0]["content"], draft.chosen, draft.unread) == ("x", "y", ["messages"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (CHAT | {"tools": [{"describes": "f"}]}, "tools"),
        (SHAREGPT | {"tool_definitions": '[{"name": "f"}]'}, "tools"),
        (ALPACA | {"images": ["1.png"]}, "not_text"),
        (PLAIN | {"audio": {"path": "1.wav"}}, "not_text"),
        (PLAIN | {"complex_cot": "Since it is."}, "reasoning"),
        (PLAIN | {"weight": 0}, "weight"),
        (CHAT | {"sample_weight": 0.5}, "weight"),
        (PLAIN | {"context": "The mill was built in 1834."}, "unread_input"),
        (PLAIN | {"choices": ["red", "blue"]}, "unread_input"),
        (PAIR | {"history": [["x", "y"], "z"]}, "bad_turns"),
        (CHAT | {"history": [["x", "y"]]}, "unread_input"),
        (CHAT | {"split": "test"}, "held_out"),
    ],
)
def test_columns_that_could_change_what_is_learnt(row: dict[str, Any], reason: str) -> None:
    assert reason_of(row) == reason


@pytest.mark.parametrize(
    "column",
    [{"tools": "[]"}, {"images": []}, {"weight": 1.0}, {"prompt": "Is it open?"}, {"history": []}],
)
def test_columns_that_say_nothing_new_do_no_harm(column: dict[str, Any]) -> None:
    assert read(CHAT | column).chosen == "Until six."


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}, "tools"),
        ({"content": None, "function_call": {"arguments": "{}"}}, "tools"),
        ({"role": "tools"}, "tools"),
        ({"content": '<functioncall> {"name": "f"}'}, "tools"),
        ({"reasoning_content": ["Hm."]}, "reasoning"),
        ({"content": [{"type": "image_url", "image_url": {"url": "u"}}]}, "not_text"),
        ({"weight": 0}, "weight"),
        ({"weight": 0.5}, "weight"),
        ({"train": False}, "weight"),
        ({"rating": 1}, "verdict"),
    ],
)
def test_keys_of_a_turn_that_could_change_what_is_learnt(turn: Any, reason: str) -> None:
    assert reason_of({"messages": [ASK, SAY | turn]}) == reason


def test_a_weight_of_what_is_asked_changes_nothing() -> None:
    turns = [
        {"from": "human", "value": "q", "weight": 0},
        {"from": "gpt", "value": "a", "weight": 1},
    ]
    assert read({"conversations": turns}).chosen == "a"


def test_a_column_that_shows_the_row_as_another_model_saw_it_is_named() -> None:
    row = {"instruction": "Translate", "input": "hola", "output": "hello"}
    assert read(row | {"text": "# Do: Translate\n# With: hola\n# hello"}).unread == ["text"]


def test_other_keys_of_a_turn_are_named_and_may_be_ignored() -> None:
    row = {"messages": [ASK | {"name": "Bo"}, SAY | {"weight": 1, "refusal": None}]}
    assert read(row).unread == ["turn.name"]
    assert read(row, ignore=["turn.name"]).unread == []
    thought = {"messages": [ASK, SAY | {"reasoning_content": "Hm."}]}
    assert read(thought, ignore=["turn.reasoning_content"]).chosen == "Until six."


@pytest.mark.parametrize(
    "answer",
    [
        "['Until six.']",
        "{'text': ['six'], 'start': [3]}",
        "[{'role': 'user', 'content': 'q'}\n {'role': 'assistant', 'content': 'a'}]",
        "array(['six'], dtype=object)",
    ],
)
def test_what_python_printed_is_no_answer(answer: str) -> None:
    assert reason_of({"prompt": "q", "completion": answer}) == "stringified"


def test_json_is_an_answer_and_an_object_only_of_a_task_of_objects() -> None:
    assert read({"prompt": "q", "completion": '["six"]'}).chosen == '["six"]'
    assert reason_of({"prompt": "q", "completion": {"text": "six"}}) == "not_text"
    row = {"prompt": "q", "completion": {"intent": "refund"}}
    assert to_draft(row, Mapping({}), JSON_TASK).chosen == '{"intent": "refund"}'


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        (["context", "question"], "It rained.\n\nWhy?"),
        (["question", "none"], "Why?"),
        ("Q: {question}\n{choices}", "Q: Why?\nA\nB"),
        ("{question} 1. {choices.0}", "Why? 1. A"),
    ],
)
def test_a_question_is_made_of_several_columns(prompt: Any, asked: str) -> None:
    row = {"context": "It rained.", "question": "Why?", "none": None, "choices": ["A", "B"]}
    columns = {"prompt": prompt, "completion": "answer"}
    draft = read(row | {"answer": "a"}, columns, ["context", "choices"])
    assert draft.prompt == [user(asked)]


def test_history_and_system_of_alpaca_come_before_the_question() -> None:
    row = ALPACA | {"history": [["When?", "At seven."]], "system": "You sell bread."}
    draft = read(row)
    assert [turn["content"] for turn in draft.prompt] == ["When?", "At seven.", "q"]
    assert draft.changes == {"system_prompt_removed"}


def test_input_of_alpaca_is_asked_beside_pairs_and_where_instruction_is_mapped() -> None:
    row = {"instruction": "Translate", "input": "hola", "chosen": "hello", "rejected": "hi"}
    assert read(row).prompt == read(row, {"prompt": "instruction"}).prompt
    assert read(row).prompt == [user("Translate\n\nhola")]


@pytest.mark.parametrize("name", ["toxic", "isFlagged", "hallucination"])
def test_that_an_answer_has_no_fault_is_no_verdict(name: str) -> None:
    unread = Unread()
    unread.note(name, False)
    assert unread.names == {name: None}
    with pytest.raises(Reject, match="verdict"):
        unread.note(name, True)


def test_all_verdicts_of_a_row_are_named_at_once() -> None:
    row = {"prompt": "q", "completion": "a", "score": 3, "grade": "b"}
    with pytest.raises(Reject) as reason:
        to_draft(row, Mapping({}), TEXT_TASK)
    assert reason.value.found == ("score: 3", "grade: b")


@pytest.mark.parametrize(("name", "value"), [("answer", "ignore"), ("status", "Discarded")])
def test_what_annotators_pass_over_is_not_learnt(name: str, value: str) -> None:
    with pytest.raises(Reject, match="verdict"):
        Unread().note(name, value)

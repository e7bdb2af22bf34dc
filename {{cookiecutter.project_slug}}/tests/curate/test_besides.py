"""Tools, calls, results, thoughts and weights of a row, from the forms that people have them."""

import json
from typing import Any

import pytest

from lib.core.params import TaskParams
from lib.curate.draft import Draft
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.intake.cells import Reject

TEXT = TaskParams(system="", output="text")
TOOL = {"name": "locate", "parameters": {"type": "object", "properties": {"id": {}}}}
WRAPPED = {"type": "function", "function": TOOL}
ASK = {"role": "user", "content": "Where is A7?"}
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "x1",
            "type": "function",
            "function": {"name": "locate", "arguments": '{"id": "A7"}'},
        }
    ],
}
RESULT = {"role": "tool", "tool_call_id": "x1", "content": "Lyon"}
SAY = {"role": "assistant", "content": "In Lyon."}
CALLED = {"name": "locate", "arguments": {"id": "A7"}}


def read(row: dict[str, Any], columns: Any = None, ignore: Any = ()) -> Draft:
    return to_draft(row, Mapping(columns or {}, ignore), TEXT)


def reason_of(row: dict[str, Any], columns: Any = None) -> str:
    with pytest.raises(Reject) as reason:
        read(row, columns)
    return f"{reason.value}: {', '.join(reason.value.found)}"


def functions(draft: Draft, at: int = 1) -> list[Any]:
    turn: Any = [*draft.prompt, draft.turn("chosen")][at]
    return [call["function"] for call in turn["tool_calls"]]


@pytest.mark.parametrize("tools", [[TOOL], [WRAPPED], json.dumps([WRAPPED]), [json.dumps(TOOL)]])
def test_a_chat_of_openai_keeps_tools_calls_and_results(tools: Any) -> None:
    draft = read({"messages": [ASK, CALL, RESULT, SAY], "tools": tools})
    assert draft.tools == [WRAPPED]
    assert functions(draft) == [CALLED]
    assert draft.prompt[2] == {
        "role": "tool",
        "content": "Lyon",
        "tool_call_id": "call00000",
        "name": "locate",
    }
    assert draft.chosen == "In Lyon."


@pytest.mark.parametrize(
    "turns",
    [
        [("human", "q"), ("function_call", json.dumps(CALLED)),
         ("observation", "Lyon"), ("gpt", "a")],
        [("human", "q"), ("gpt", f"<tool_call>\n{json.dumps(CALLED)}\n</tool_call>"),
         ("tool", "<tool_response>\nLyon\n</tool_response>"), ("gpt", "a")],
    ],
)  # fmt: skip
def test_sharegpt_of_tools(turns: list[tuple[str, str]]) -> None:
    draft = read({"conversations": [{"from": who, "value": said} for who, said in turns]})
    assert functions(draft) == [CALLED]
    assert draft.prompt[1]["content"] == ""
    assert draft.prompt[2]["content"] == "Lyon"


def test_a_call_of_its_own_turn_joins_what_is_said_before_it() -> None:
    turns = [
        {"from": "human", "value": "q"},
        {"from": "gpt", "value": "Let me see."},
        {"from": "function_call", "value": json.dumps(CALLED)},
    ]
    draft = read({"conversations": turns})
    assert (draft.chosen, functions(draft)) == ("Let me see.", [CALLED])


def test_parts_of_anthropic() -> None:
    turns = [
        ASK,
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "A moment."},
                {"type": "tool_use", "id": "t", "name": "locate", "input": {"id": "A7"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": "Lyon"}],
        },
        SAY,
    ]
    draft = read({"messages": turns})
    assert [turn["role"] for turn in draft.prompt] == ["user", "assistant", "tool"]
    assert functions(draft) == [CALLED]


def test_parts_of_llama_factory() -> None:
    parts = [
        {"type": "reasoning", "value": "Hm."},
        {"type": "text", "value": "A moment."},
        {"type": "tool_call", "value": json.dumps(CALLED)},
    ]
    asked = {"role": "user", "content": [{"type": "text", "value": "q"}], "loss_weight": 0.0}
    answer = {"role": "assistant", "content": parts, "loss_weight": 1.0}
    draft = read({"messages": [asked, answer]})
    assert (draft.chosen, draft.beside["chosen"]["reasoning_content"]) == ("A moment.", "Hm.")
    assert functions(draft) == [CALLED]
    pair = {"chosen_messages": [asked, SAY], "rejected_messages": [asked, answer]}
    assert read(pair).calls("rejected")


def test_a_completion_that_is_a_list_of_calls_of_its_tools() -> None:
    row = {"query": "q", "answers": json.dumps([CALLED]), "tools": json.dumps([TOOL])}
    draft = read(row, {"prompt": "query", "completion": "answers"})
    assert (draft.chosen, functions(draft)) == ("", [CALLED])


def test_an_answer_in_json_without_tools_stays_an_answer() -> None:
    row = {"prompt": "q", "completion": json.dumps([CALLED])}
    assert read(row).chosen == json.dumps([CALLED])


def test_arguments_that_a_table_gave_to_every_call_are_absent() -> None:
    calls = [{"function": {"name": "f", "arguments": {"id": "A7", "city": None}}}]
    draft = read({"messages": [ASK, {"role": "assistant", "content": "", "tool_calls": calls}]})
    assert functions(draft) == [{"name": "f", "arguments": {"id": "A7"}}]


@pytest.mark.parametrize(
    "system",
    [
        f"Call functions.\n<tools>\n{json.dumps(WRAPPED)}\n</tools>",
        f"You have access to these functions:\n{json.dumps([TOOL], indent=2)}\nUse them.",
    ],
)
def test_tools_that_a_system_prompt_defines_are_kept(system: str) -> None:
    draft = read({"messages": [{"role": "system", "content": system}, ASK, CALL]})
    assert draft.tools == [WRAPPED]


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([{"role": "system", "content": "Use the tool locate(id)."}, ASK, CALL],
         "tools: defined in the system prompt"),
        ([ASK, CALL, SAY], "roles_out_of_order"),
        ([ASK, CALL, ASK, SAY], "tools: a call of locate without its result"),
        ([ASK, CALL, RESULT | {"tool_call_id": "x2"}, SAY], "tools: a result that answers no call"),
        ([ASK, CALL | {"tool_calls": CALL["tool_calls"] * 2}, RESULT, SAY],
         "tools: a call of locate without its result"),
        ([ASK, RESULT, SAY], "roles_out_of_order"),
        ([ASK, SAY | {"content": "[TOOL_CALLS] [...]"}], "tools: a call as the text of another"),
    ],
)  # fmt: skip
def test_calls_and_results_that_do_not_go_together(turns: Any, reason: str) -> None:
    assert reason_of({"messages": turns}).startswith(reason)


@pytest.mark.parametrize(
    "turn",
    [
        {"content": "51", "reasoning_content": "17 * 3"},
        {"content": "51", "reasoning": "17 * 3"},
        {"content": "<think>\n17 * 3\n</think>\n\n51"},
        {"content": "17 * 3\n</think>\n51"},
        {"content": [{"type": "thinking", "thinking": "17 * 3"}, {"type": "text", "text": "51"}]},
    ],
)
def test_a_thought_stands_apart_from_the_answer(turn: dict[str, Any]) -> None:
    row = {"messages": [ASK, {"role": "assistant", **turn}]}
    draft = read(row)
    assert (draft.chosen, draft.beside["chosen"]) == ("51", {"reasoning_content": "17 * 3"})
    key = next((name for name in turn if name != "content"), "reasoning_content")
    ignored = read(row, ignore=[f"turn.{key}", "turn.reasoning_content"])
    assert (ignored.chosen, ignored.beside) == ("51", {})


def test_a_thought_may_have_a_column() -> None:
    row = {"Question": "q", "Complex_CoT": "t", "Response": "a"}
    columns = {"prompt": "Question", "completion": "Response", "reasoning": "Complex_CoT"}
    assert read(row, columns).beside == {"chosen": {"reasoning_content": "t"}}


def test_the_answers_of_a_pair_may_think_and_call() -> None:
    row = {"prompt": [ASK], "chosen": [CALL], "rejected": [SAY | {"reasoning_content": "Hm."}]}
    draft = read(row)
    assert draft.turn("chosen")["tool_calls"][0]["function"] == CALLED
    assert draft.turn("rejected")["reasoning_content"] == "Hm."


@pytest.mark.parametrize("off", [{"weight": 0}, {"train": False}, {"loss": False}, {"weight": 0.0}])
def test_a_turn_of_weight_0_is_context(off: dict[str, Any]) -> None:
    draft = read({"messages": [ASK, SAY | off, ASK, SAY]})
    assert draft.prompt[1] == SAY | {"weight": 0}
    assert "weight" not in draft.turn("chosen")


def test_a_chat_ends_with_the_last_turn_that_is_learnt() -> None:
    draft = read({"messages": [ASK, SAY, {"role": "user", "content": "?"}, SAY | {"weight": 0}]})
    assert ([turn["role"] for turn in draft.prompt], draft.chosen) == (["user"], "In Lyon.")
    assert "cut_behind_learnt" in draft.changes


@pytest.mark.parametrize(
    "answer",
    ['[locate(id="A7")]', "locate()", 'I look.\nAction: locate\nAction Input: {"id": "A7"}'],
)
def test_a_call_in_words_is_not_learnt(answer: str) -> None:
    row = {"tools": [TOOL], "prompt": "Where is A7?", "completion": answer}
    with pytest.raises(Reject, match="tools"):
        read(row)
    assert read(row | {"tools": None}).chosen == answer
    assert read(row | {"completion": "In Lyon (for now)."}).tools


@pytest.mark.parametrize("form", ["{}", "[{}]", '{{"tool_calls": [{}]}}', "```json\n{}\n```"])
def test_an_answer_that_is_a_call_in_json_calls(form: str) -> None:
    said = form.format('{"name": "locate", "arguments": {"id": "A7"}}')
    draft = read({"tools": [TOOL], "prompt": "Where is A7?", "completion": said})
    assert [call["function"] for call in draft.calls("chosen")] == [CALLED]
    turns = [ASK, {"role": "assistant", "content": said}, ASK, SAY]
    assert reason_of({"tools": [TOOL], "messages": turns}).startswith("tools")

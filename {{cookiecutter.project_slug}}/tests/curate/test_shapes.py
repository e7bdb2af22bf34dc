"""Every accepted shape ends up as the same draft."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lib.curate.draft import Draft
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.intake.cells import Reject
from lib.intake.turns import assistant, user
from tests.toy import JSON_TASK, TEXT_TASK

TURNS = [user("q"), assistant("a")]


def read(row: dict[str, Any], **columns: str) -> Draft:
    return to_draft(row, Mapping(columns), TEXT_TASK)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": TURNS},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        {"instruction": "q", "input": "", "output": "a"},
        {"prompt": "q", "completion": "a"},
        {"prompt": "q", "completion": assistant("a")},
        {"prompt": "q", "completion": "{'from': 'gpt', 'value': 'a'}"},
        {"messages": json.dumps(TURNS)},
        {"messages": [user("q")], "completion": "a"},
        {"messages": [{"role": "User", "message": "q"}, {"role": "Chatbot", "message": "a"}]},
        {"messages": [{"type": "human", "content": "q"}, {"type": "ai", "content": "a"}]},
        {"conversation": [{"human": "q", "assistant": "a"}]},
        {"conversation": [{"input": "q", "output": "a"}]},
        {"messages": [{"question": "q", "answer": "a"}]},
        {"messages": "Human: q\n\nAssistant: a"},
        {"messages": [{"speaker": "USER", "utterance": "q"}, {"speaker": "SYSTEM", "text": "a"}]},
        {"messages": [{"role": "用户", "content": "q"}, {"role": "助手", "content": "a"}]},
        {"prompt": "Human: q\nAssistant:", "completion": ["a", "a"]},
        {"prompt": b"q", "completion": b"a"},
        {"conversation": [["q", "a"]]},
        {"conversation": ["q", "a"]},
        {"conversations": {"from": ["human", "gpt"], "value": ["q", "a"]}},
        {"messages": [{"author": "customer", "text": "q"}, {"author": "agent", "text": "a"}]},
        {
            "contents": [
                {"role": r, "parts": [{"text": t}]} for r, t in (("user", "q"), ("model", "a"))
            ]
        },
        {"messages": [{"role": "system", "content": None}, *TURNS]},
        {"messages": None, "instruction": None, "output": None, "prompt": "q", "completion": "a"},
        {"messages": [], "prompt": "q", "completion": "a", "chosen": None, "rejected": ""},
        {"messages": [{"role": None, "content": None, "from": "human", "value": "q"}, TURNS[1]]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, TURNS[1]]},
    ],
)
def test_shapes_agree(row: dict[str, Any]) -> None:
    assert read(row) == Draft(prompt=[TURNS[0]], chosen="a")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "chosen": "a", "rejected": "b"},
        {"prompt": [TURNS[0]], "chosen": [TURNS[1]], "rejected": [{"role": "gpt", "content": "b"}]},
        {"prompt": "q", "chosen": assistant("a"), "rejected": {"from": "gpt", "value": "b"}},
        {"chosen": TURNS, "rejected": [TURNS[0], assistant("b")]},
        {"prompt": "q", "chosen": TURNS, "rejected": [TURNS[0], assistant("b")], "messages": TURNS},
        {"prompt": "q", "chosen": [{"role": "system", "content": "s"}, *TURNS], "rejected": "b"},
        {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
        {"prompt": "\n\nHuman: q\n\nAssistant:", "chosen": "a", "rejected": "b"},
        {"prompt": "q", "chosen": str(TURNS), "rejected": str([TURNS[0], assistant("b")])},
        {"conversations": [{"from": "human", "value": "q"}], "chosen": "a", "rejected": "b"},
        {"messages": TURNS, "chosen": "a", "rejected": "b"},
        {"messages": TURNS, "rejected_response": "b"},
        {
            "input": {"messages": [TURNS[0]], "tools": []},
            "preferred_output": [TURNS[1]],
            "non_preferred_output": [assistant("b")],
        },
        {"instruction": "q", "chosen": "a", "rejected": "b"},
        {"instruction": "q", "output": "a", "rejected": "b"},
    ],
)
def test_pairs_agree(row: dict[str, Any]) -> None:
    assert read(row) == Draft(prompt=[TURNS[0]], chosen="a", rejected="b")


@pytest.mark.parametrize(
    ("label", "columns", "chosen", "rejected"),
    [
        (True, {}, "a", ""),
        (False, {}, "", "a"),
        ("False", {"label": "label"}, "", "a"),
        (1, {"label": "label"}, "a", ""),
        ("refund", {}, "a", None),  # a column of that name, no verdict
    ],
)
def test_a_lone_answer_is_good_or_bad(
    label: Any, columns: dict[str, str], chosen: str, rejected: str | None
) -> None:
    row = {"prompt": "q", "completion": [assistant("a")], "label": label}
    draft = read(row, **columns)
    assert (draft.chosen, draft.rejected) == (chosen, rejected)


def test_a_mapped_label_must_be_a_verdict() -> None:
    with pytest.raises(Reject, match="bad_label"):
        read({"prompt": "q", "completion": "a", "thumb": "so-so"}, label="thumb")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 11, 27), "2026-11-27"),
        (datetime(2026, 11, 27, 9, 30), "2026-11-27 09:30:00"),
        (Decimal("12.50"), "12.50"),
    ],
)
def test_values_of_a_table_are_text(value: object, text: str) -> None:
    draft = read({"prompt": value, "completion": "a", "group": value, "input": float("nan")})
    assert (draft.prompt[0]["content"], draft.groups) == (text, [text])


def test_an_empty_number_is_an_empty_cell() -> None:
    nan = float("nan")
    row = {"instruction": "say it", "input": nan, "output": "a", "group": nan, "language": nan}
    draft = read(row)
    assert (draft.prompt[0]["content"], draft.groups, draft.language) == ("say it", [], "")
    with pytest.raises(Reject, match="not_text"):
        read({"prompt": "q", "completion": float("inf")})


def test_a_zero_is_something() -> None:
    draft = read({"instruction": "Is this even?", "input": 0, "output": "yes", "tags": 0})
    assert (draft.prompt[0]["content"], draft.tags) == ("Is this even?\n\n0", ["0"])


def test_alpaca_input_follows_the_instruction() -> None:
    draft = read({"instruction": "Translate", "input": "hola", "output": "hello"})
    assert draft.prompt[0]["content"] == "Translate\n\nhola"


def test_columns_are_mapped() -> None:
    draft = read(
        {"text": "q", "tag": 7, "who": "ann"}, prompt="text", completion="tag", group="who"
    )
    assert (draft.chosen, draft.groups) == ("7", ["ann"])


def test_columns_reach_into_objects_unless_one_has_that_very_name() -> None:
    row = {"meta": {"q": "inside", "who": "ann"}, "meta.q": "outside", "label": "a"}
    draft = read(row, prompt="meta.q", completion="label", group="meta.who", language="meta.no.x")
    asked = draft.prompt[0]["content"]
    assert (asked, draft.groups, draft.language) == ("outside", ["ann"], "")


@pytest.mark.parametrize("name", [7, 7.0, "7", " 7\u200b", "\ufeff7", "7.0", Decimal("7.00")])
def test_a_group_has_one_name_however_a_file_has_it(name: object) -> None:
    assert read({"prompt": "q", "completion": "a", "group": name}).groups == ["7"]


@pytest.mark.parametrize(
    ("named", "license"),
    [
        ({"licence": None, "license": "GPL-3.0"}, "GPL-3.0"),
        ({"License": "GPL-3.0"}, "GPL-3.0"),
        ({"licence": "MIT", "LICENSE": "mit"}, "mit"),
        ({}, ""),
    ],
)
def test_a_license_is_read_however_its_column_is_spelt(named: dict[str, str], license: str) -> None:
    assert read({"prompt": "q", "completion": "a", **named}).license == license


def test_two_licenses_of_one_row_are_none() -> None:
    with pytest.raises(Reject, match="license"):
        read({"prompt": "q", "completion": "a", "licence": "MIT", "license": "GPL-3.0"})


def test_groups_of_several_kinds_are_told_apart() -> None:
    row = {"prompt": "q", "completion": "a", "who": 7, "doc": 0, "site": ""}
    columns = {"group.customer": "who", "group.document": "doc", "group.site": "site"}
    assert to_draft(row, Mapping(columns), TEXT_TASK).groups == ["customer:7", "document:0"]


@pytest.mark.parametrize("tags", [["sarcasm", "emoji"], "emoji, sarcasm,,emoji"])
def test_tags_are_a_list_or_text_with_commas(tags: object) -> None:
    draft = read({"prompt": "q", "completion": "a", "tags": tags, "license": " MIT"})
    assert (draft.tags, draft.license) == (["emoji", "sarcasm"], "MIT")


@pytest.mark.parametrize("spelt", ["license", "licence"])
def test_a_license_is_spelt_either_way(spelt: str) -> None:
    assert read({"prompt": "q", "completion": "a", spelt: "MIT"}).license == "MIT"


def test_turns_as_text_may_begin_with_another_key() -> None:
    draft = read({"prompt": json.dumps([{"id": 7, **user("q")}]), "completion": "a"})
    assert (draft.prompt, draft.unread) == ([user("q")], ["turn.id"])


def test_turns_may_be_called_anything() -> None:
    assert read({"chat": TURNS}, messages="chat").chosen == "a"


def test_fields_of_the_task_make_the_answer() -> None:
    row = {"text": "q", "kind": "refund", "prio": "high"}
    columns = {"prompt": "text", "urgency": "prio", "intent": "kind"}
    answer = to_draft(row, Mapping(columns), JSON_TASK).chosen
    assert answer == '{"intent": "refund", "urgency": "high"}'


def test_system_prompt_goes_and_is_noted() -> None:
    draft = read({"messages": [{"role": "system", "content": "s"}, *TURNS]})
    assert (len(draft.prompt), draft.changes) == (1, {"system_prompt_removed"})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "q"}, "unknown_shape"),
        ({"prompt": "q"}, "no_answer"),
        ({"messages": []}, "bad_turns"),
        ({"messages": "q"}, "bad_turns"),
        ({"messages": ["q"]}, "bad_turns"),
        ({"rows": [{"prompt": "q", "completion": "a"}], "version": "2"}, "nested_rows"),
        ({"role": "user", "content": "q", "talk": 7}, "lone_turn"),
        ({"user": "U1", "text": "q", "ts": "1.0"}, "lone_turn"),
        ({"messages": [{"role": "king", "content": "q"}, TURNS[1]]}, "bad_turns"),
        ({"messages": [{"role": "user", "content": None}, TURNS[1]]}, "bad_turns"),
        ({"messages": TURNS[:1]}, "no_answer"),
        ({"messages": TURNS[::-1]}, "roles_out_of_order"),
        (
            {"messages": [TURNS[0], {"role": "system", "content": "s"}, TURNS[1]]},
            "roles_out_of_order",
        ),
        ({"prompt": ["q"], "completion": "a"}, "bad_turns"),
        ({"prompt": "q", "completion": [1]}, "bad_turns"),
        ({"prompt": "q", "completion": "a", "tags": [["x"]]}, "not_text"),
        ({"prompt": "q", "chosen": [*TURNS, *TURNS], "rejected": "b"}, "prompts_differ"),
        ({"chosen": TURNS, "rejected": "b"}, "prompts_differ"),
        ({"prompt": "q", "chosen": TURNS, "rejected": [user("b")]}, "roles_out_of_order"),
        ({"prompt": "q", "chosen": "a", "rejected": user("b")}, "roles_out_of_order"),
        ({"prompt": "q", "chosen": user("a"), "rejected": "b"}, "roles_out_of_order"),
        ({"prompt": "q", "completion": {"from": "human", "value": "a"}}, "roles_out_of_order"),
        ({"messages": [{"role": "user", "content": [{"image": "x"}]}, TURNS[1]]}, "not_text"),
        ({"messages": [{"role": "user", "content": ["q"]}, TURNS[1]]}, "not_text"),
        (
            {"chosen": TURNS, "rejected": [{"role": "user", "content": "x"}, TURNS[1]]},
            "prompts_differ",
        ),
    ],
)
def test_what_is_not_a_record_has_a_reason(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(Reject, match=f"^{reason}$"):
        read(row)

"""Pairs whose answers call tools reach trl whole: each call with its own arguments alone."""

from pathlib import Path
from typing import Any

import pytest

from lib.core.records import Record
from lib.model.chat import freeze
from lib.runtime.errors import UserError
from lib.train.encode import encode_records
from lib.train.preference import for_trl, trl_rows
from tests.model.test_rendered import HERMES, TOOLS
from tests.toy import calling, chat, pair
from tests.training import setup_of, setup_with


def tool_pair(arguments: dict[str, Any]) -> Record:
    record = pair("Where?", "x", "No idea.")
    record["chosen"] = calling("locate", arguments)
    record["tools"] = TOOLS
    return record


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_arguments_of_other_calls_are_not_mixed_in(method: str, tmp_path: Path) -> None:
    setup = setup_of(method, tmp_path)
    setup.tokenizer.chat_template = freeze(HERMES)
    rows = trl_rows(
        setup, [tool_pair({"id": "A7"}), tool_pair({"city": None}), pair("q", "a", "b")]
    )
    ready = for_trl(setup, rows)
    asked = ready[0]
    said = asked.get("chosen", asked.get("completion"))[0]
    assert said["tool_calls"][0]["function"]["arguments"] == {"id": "A7"}
    assert (asked["tools"], ready[len(rows) - 1]["tools"]) == (TOOLS, None)
    assert [turn["role"] for turn in asked["prompt"]] == ["user"]


def test_context_is_not_learnt_with_the_prompts(tmp_path: Path) -> None:
    record = chat("q")
    record["messages"] = [*record["messages"], *record["messages"]]
    record["messages"][1] = record["messages"][1] | {"weight": 0}
    with pytest.raises(UserError, match=r"train.loss_on all learns all turns; set it to answer"):
        encode_records(setup_with(tmp_path, loss_on="all"), [record])

"""What a row of no known shape is, so that the cure fits it."""

from typing import Any

import pytest

from lib.curate.row import Mapping, Row
from lib.curate.unknown import unknown
from lib.intake.turns import assistant, user

TREE = {"role": "prompter", "text": "q", "replies": [{"role": "assistant", "text": "a"}]}
NODE: dict[str, Any] = {"message": None, "parent": None, "children": []}
ROWS = [{"q": "x", "a": "y"}] * 2
PAIRS = [["x", "y"]] * 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": TREE, "message_tree_id": "t"}, ("message_tree", ".prompt")),
        (TREE, ("message_tree", ".")),
        ({"title": "t", "mapping": {"n1": NODE}}, ("chat_export", "mapping")),
        ({"version": 1, "data": ROWS}, ("nested_rows", ".data[]")),
        ({"train": ROWS, "test": ROWS[:1]}, ("nested_rows", ".train[]")),
        ({"a b": ROWS}, ("nested_rows", '."a b"[]')),
        ({"train": PAIRS}, ("nested_rows", ".train[] | {prompt:.[0],completion:.[1]}")),
        ({"row1": {"q": "x", "a": "y"}, "row2": {"q": "z", "a": "w"}}, ("nested_rows", ".[]")),
        ({"payload": '{"prompt": "q", "completion": "a"}'}, ("row_as_text", "payload")),
        ({"responses": ["a", "b"]}, ("ranked", "responses")),
        ({"May I borrow it, please?": "x", "loan": "y"}, ("no_header", "May I borrow it, please?")),
        ({"12/03, 09:14 - Ann: hello": "x"}, ("no_header", "12/03, 09:14 - Ann: hello")),
        ({"prompt": "q", "Customer name": "x"}, ("no_answer", "prompt")),
        ({"User Query": "q", "Bot Reply": "a"}, ("unknown_shape", "User Query")),
        ({"turns": [user("q"), assistant("a")]}, ("unknown_shape", "turns")),
    ],
)
def test_what_an_unknown_row_is(row: dict[str, Any], said: tuple[str, str]) -> None:
    reason = unknown(Row(row, Mapping({})))
    assert (str(reason), reason.found[0]) == said

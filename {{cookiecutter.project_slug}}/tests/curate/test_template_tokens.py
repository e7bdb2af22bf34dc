"""Tokens of chat templates, and what tables write for nothing, are no texts to learn."""

import pytest

from lib.curate.checks import check_nothing
from lib.curate.draft import Draft
from lib.curate.template_tokens import find_token, without_end
from lib.intake.cells import Reject
from lib.intake.turns import user
from tests.toy import LABEL_TASK, TEXT_TASK


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("[INST] Is it sold? [/INST]", "[INST]"),
        ("Yes.<|im_end|>\n<|im_start|>user", "<|im_end|>"),
        ("<start_of_turn>model\nYes.", "<start_of_turn>"),
        ("<|begin_of_thought|>It is.", "<|begin_of_thought|>"),
        ("<|Human|>: Is it sold?<eoh>", "<|Human|>"),
        ("Write `<|im_end|>` at the end.", ""),
        ("It costs <s>9</s> 7 euros, a < b | c > d.", ""),
    ],
)
def test_tokens_of_templates(text: str, token: str) -> None:
    assert find_token(text) == token


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("Yes.</s>", "Yes."),
        ("Yes. <|eot_id|><|endoftext|>", "Yes."),
        ("It costs <s>9</s>", "It costs <s>9</s>"),
        ("Yes.", "Yes."),
    ],
)
def test_an_end_token_goes(answer: str, left: str) -> None:
    changes = set[str]()
    assert without_end(answer, changes) == left
    assert changes == ({"end_token_removed"} if left != answer else set())


@pytest.mark.parametrize("text", ["nan", "<NA>", "#N/A", "None", "[object Object]"])
def test_what_stands_for_an_empty_cell_is_no_answer(text: str) -> None:
    with pytest.raises(Reject, match="empty"):
        check_nothing(Draft(prompt=[user("q")], chosen=text), TEXT_TASK)
    check_nothing(Draft(prompt=[user("q")], chosen=f"{text} of them"), TEXT_TASK)
    task = LABEL_TASK.model_copy(update={"labels": [text]})
    check_nothing(Draft(prompt=[user("q")], chosen=text), task)

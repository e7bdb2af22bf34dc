"""Each way a served model can differ from the trained one has its own name."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lib.core.records import Message
from lib.model.loading import load_model, load_tokenizer
from lib.serving.params import LimitsParams
from lib.serving.parity import (
    Greedy,
    ParityCheck,
    Rendered,
    answer_greedily,
    compare_answers,
    compare_prompts,
)
from lib.serving.serverside import read_token, with_held_back
from stages.parity import compare_counts, failed_checks, not_told, our_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LIMITS = LimitsParams(prefix=0.9, logprob=0.1)
CHAT = [Message(role="user", content="退款 please 🚀")]
RIGHT = Greedy(ids=[5, 6, 7, 8], logprobs=[-0.1] * 4, stopped=True)


@pytest.fixture(scope="module")
def tokenizer() -> "PreTrainedTokenizerBase":
    tokenizer = load_tokenizer("base")
    tokenizer.bos_token = "<|endoftext|>"  # noqa: S105
    return tokenizer


def failed(checks: dict[str, ParityCheck]) -> list[str]:
    return [name for name, check in checks.items() if not check.passed]


def test_the_same_prompt_passes(tokenizer: "PreTrainedTokenizerBase") -> None:
    ours = our_prompt(tokenizer, CHAT)
    assert failed(compare_prompts([ours], [ours], tokenizer)) == []


def test_a_server_that_tells_only_tokens_passes(tokenizer: "PreTrainedTokenizerBase") -> None:
    ours = our_prompt(tokenizer, CHAT)
    theirs = Rendered(str(tokenizer.decode(ours.ids)), ours.ids)
    assert failed(compare_prompts([ours], [theirs], tokenizer)) == []


def test_a_swapped_template(tokenizer: "PreTrainedTokenizerBase") -> None:
    ours, text = our_prompt(tokenizer, CHAT), f"[INST] {CHAT[0]['content']} [/INST]"
    theirs = Rendered(text, tokenizer.encode(text))
    checks = compare_prompts([ours], [theirs], tokenizer)
    assert failed(checks) == ["template"]
    assert "'[INST] 退款" in checks["template"].detail


@pytest.mark.parametrize("ours_begins", [True, False])
def test_a_beginning_of_text_too_many(
    ours_begins: bool, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    plain, bos = our_prompt(tokenizer, CHAT), int(tokenizer.bos_token_id)
    ours = replace(plain, ids=[bos] * ours_begins + plain.ids)
    theirs = replace(ours, ids=[bos, *ours.ids])
    assert failed(compare_prompts([ours], [theirs], tokenizer)) == ["bos"]


def test_a_beginning_of_text_too_few(tokenizer: "PreTrainedTokenizerBase") -> None:
    theirs = our_prompt(tokenizer, CHAT)
    ours = replace(theirs, ids=[int(tokenizer.bos_token_id), *theirs.ids])
    assert failed(compare_prompts([ours], [theirs], tokenizer)) == ["bos"]


def test_another_pre_tokenizer(tokenizer: "PreTrainedTokenizerBase") -> None:
    ours = our_prompt(tokenizer, CHAT)
    letters = [id for letter in ours.text for id in tokenizer.encode(letter)]
    checks = compare_prompts([ours], [replace(ours, ids=letters)], tokenizer)
    assert failed(checks) == ["tokenizer"]


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (RIGHT, []),
        (replace(RIGHT, stopped=False), ["stop"]),
        (replace(RIGHT, clean=False), ["stop"]),
        (replace(RIGHT, ids=[5, 9, 7, 8]), ["prefix"]),
        (replace(RIGHT, ids=[5, 6, 7, 8, 9]), ["prefix"]),
        (replace(RIGHT, logprobs=[-0.4] * 4), ["logprob"]),
        (replace(RIGHT, logprobs=[]), ["logprob"]),  # not told: neither passed nor failed
    ],
)
def test_answers(found: Greedy, names: list[str]) -> None:
    assert failed(compare_answers([RIGHT], [found], LIMITS)) == names


def test_two_empty_answers_agree() -> None:
    empty = Greedy([], [], stopped=True)
    assert compare_answers([empty], [empty], LIMITS)["prefix"].found == 1


def test_log_probabilities_are_those_of_the_model(tokenizer: "PreTrainedTokenizerBase") -> None:
    model = load_model("base", "float32")
    (one,) = answer_greedily(model, tokenizer, [our_prompt(tokenizer, CHAT)], 8)
    assert len(one.logprobs) == len(one.ids) > 0
    assert all(value <= 0 for value in one.logprobs)


def test_prompt_tokens_are_counted() -> None:
    assert compare_counts([3, 4], [3, 5]).detail == "prompt 1: 5, not 4"


def test_what_is_not_told_is_no_failure() -> None:
    checks = {"template": ParityCheck(None, None, 0), "bos": ParityCheck(False, 1, 0, "two")}
    assert failed_checks({"served": checks}) == ["served: bos: two"]


def test_what_is_not_told_is_named() -> None:
    checks = {"template": ParityCheck(None, None, 0), "stop": ParityCheck(True, 0, 0)}
    assert (
        not_told({"served": checks}) == "; not checked, because the server gives no data: template"
    )
    assert not_told({}) == ""


def test_tokens_of_llama_server_and_of_vllm() -> None:
    assert read_token({"id": 17, "token": "a", "logprob": -0.5}) == (17, -0.5)
    assert read_token({"token": "token_id:17", "logprob": -0.5}) == (17, -0.5)


@pytest.mark.parametrize(
    ("ids", "told", "known"),
    [
        ([5, 6, 7], [5, 6, 7], [True, True, True]),
        ([5, 6, 7], [7], [False, False, True]),
        ([5, 5, 7], [5, 7], [False, True, True]),  # the first of a character's tokens was held back
        ([5, 6], [], [False, False]),
    ],
)
def test_what_a_server_holds_back_has_a_place_but_no_value(
    ids: list[int], told: list[int], known: list[bool]
) -> None:
    found = with_held_back([(token, -0.5) for token in told], ids)
    assert [token for token, _ in found] == ids
    assert [value == -0.5 for _, value in found] == known
    right = Greedy(ids, [-0.5] * len(ids), stopped=True)
    served = Greedy(ids, [value for _, value in found], stopped=True)
    assert failed_checks({"served": compare_answers([right], [served], LIMITS)}) == []


def test_a_failed_check_names_the_worst_prompt_and_its_limit() -> None:
    other = replace(RIGHT, ids=[5, 9, 7, 8])
    (line,) = failed_checks({"served": compare_answers([RIGHT, RIGHT], [RIGHT, other], LIMITS)})
    assert "prefix: 0.6250, allowed is 0.9: prompt 1 differs most, from token 1 on" in line
    assert line.endswith("(params.yaml: parity.same.prefix)")

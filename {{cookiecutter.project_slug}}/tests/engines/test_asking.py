"""All cases are asked: kept answers, budgets, what a server does not take."""

import os
from dataclasses import replace
from typing import Any

import pytest

from lib.engines.asking import answer_all, keys_of
from lib.engines.kept import Kept
from lib.engines.openai_client import Endpoint
from lib.engines.params import BudgetParams
from lib.runtime.errors import UserError
from tests.engines.echo import GOOD, Odd, Server, chat, say
from tests.local_server import serving_with


def test_answers_are_in_the_order_of_the_chats(url: str, kept: Kept) -> None:
    chats = [chat(str(number)) for number in range(20)]
    found = [answer.text for answer in answer_all(Endpoint(url, "m"), chats, 9, 4, kept)]
    assert found == [str(number) for number in range(20)]


class Failing(Server):
    """Answers what it knows, and is out of order after so many requests."""

    asked: list[str] = []
    answers = 3

    def do_POST(self) -> None:  # noqa: N802
        if len(self.asked) >= self.answers:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.end_headers()
            return
        self.asked.append("")
        super().do_POST()


def test_a_run_that_is_cut_off_pays_for_no_case_twice(kept: Kept) -> None:
    chats = [chat(str(number)) for number in range(8)] + [chat("0")]
    with serving_with(Failing) as url:
        Failing.asked, Failing.answers = [], 3
        with pytest.raises(UserError, match="6 of 9 answers are missing: run it again"):
            answer_all(Endpoint(url, "m"), chats, 9, 1, kept)
        Failing.answers = 9
        again = Kept("answer-test")
        found = answer_all(Endpoint(url, "m"), chats, 9, 1, again)
    assert [answer.text for answer in found] == [*map(str, range(8)), "0"]
    assert len(Failing.asked) == 9


def test_an_answer_to_another_request_is_not_taken(url: str, kept: Kept) -> None:
    answer_all(Endpoint(url, "m"), [chat("a")], 9, 1, kept)
    answer_all(Endpoint(url, "m", options={"top_k": 1}), [chat("a")], 9, 1, kept)
    assert len(kept.rows) == 2


def test_a_line_that_was_cut_off_is_asked_again(url: str, kept: Kept) -> None:
    say(url, "你好 🔒")
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[: len(whole) // 2])
    assert Kept("answer-test").rows == {}
    say(url, "你好 🔒")
    assert [row["text"] for row in Kept("answer-test").rows.values()] == ["你好 🔒"]


def test_answers_of_another_day_are_not_used(url: str, kept: Kept) -> None:
    say(url, "a")
    os.utime(kept.path, (0, 0))
    assert Kept("answer-test").rows == {}
    assert not kept.path.exists()


@pytest.mark.parametrize(
    ("changes", "same"),
    [({}, True), ({"model": "n"}, False), ({"url": "http://other/v1"}, False)],
)
def test_an_answer_belongs_to_what_was_asked(changes: dict[str, Any], same: bool) -> None:
    one = Endpoint("http://a/v1", "m")
    keys = [keys_of(server, [chat("a")], 9, "") for server in (one, replace(one, **changes))]
    assert (keys[0] == keys[1]) is same
    assert keys_of(one, [chat("a")], 9, "x") != keys_of(one, [chat("a")], 9, "y")


def test_an_answer_is_kept_as_it_may_be_stored(url: str, kept: Kept) -> None:
    mask = lambda index, answer: replace(answer, text=f"masked {index}")  # noqa: E731
    found = answer_all(Endpoint(url, "m"), [chat("ana@example.com")], 9, 1, kept, mask)
    assert found[0].text == "masked 0"
    assert b'"text": "masked 0"' in kept.path.read_bytes()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"requests": 3}, r"answer.endpoint.budget.requests is 3, and the next .* it 4; .* 2 of 5"),
        ({"tokens": 45}, r"answer.endpoint.budget.tokens is 45, .* answers are missing"),
    ],
)
def test_a_budget_stops_before_it_is_spent(
    limits: dict[str, int], message: str, url: str, kept: Kept
) -> None:
    chats, endpoint = (
        [chat(str(number)) for number in range(5)],
        Endpoint(url, "m", "", "answer.endpoint"),
    )
    budget = BudgetParams.model_validate(limits)
    with pytest.raises(UserError, match=message):
        answer_all(endpoint, chats, 9, 1, kept, limits=budget)
    spent = sum(row["input_tokens"] + row["output_tokens"] for row in kept.rows.values())
    assert spent <= limits.get("tokens", spent)


def test_a_request_that_is_too_long_is_an_empty_answer(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    Odd.asked, Odd.replies = [], [GOOD]
    chats = [chat(text) for text in ("a", "too long", "b")]
    with serving_with(Odd) as url:
        found = answer_all(Endpoint(url, "m"), chats, 9, 1, kept)
    assert [answer.text for answer in found] == ["yes", "", "yes"]
    assert [answer.finish for answer in found] == ["stop", "HTTP 400", "stop"]
    assert "case 2 of 3 was rejected" in capsys.readouterr().out


def test_requests_that_are_all_refused_are_a_mistake(kept: Kept) -> None:
    Odd.asked, Odd.replies = [], [GOOD]
    with serving_with(Odd) as url, pytest.raises(UserError, match=r"answered 400.*were 3 others"):
        answer_all(Endpoint(url, "m"), [chat(f"too long {n}") for n in range(9)], 9, 1, kept)
    assert 4 <= len(Odd.asked) < 9  # one may be on its way

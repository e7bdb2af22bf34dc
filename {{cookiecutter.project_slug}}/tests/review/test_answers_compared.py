"""What the comparison says of answers: flips, slices, safety, and when it says nothing."""

from typing import Any

from lib.evaluate.predictions import Pairs, same_cases
from lib.evaluate.rates import RATES
from review.answers import (
    compare_slices,
    flips_section,
    incomparable,
    leaks_word,
    safety_change,
    safety_section,
    scores_section,
    slices_compared,
)
from tests.reviewed import PARAMS, answer, answers


def test_an_answer_cannot_break_out_of_its_block() -> None:
    pairs = same_cases([answer("g", True)], [answer("g", False, output="```\n</details>@all")])
    lines = flips_section(pairs, "tuned")
    at = lines.index("</details>@all")
    assert lines[at - 2 : at + 2] == ["````text", "```", "</details>@all", "````"]


def test_slices_are_tested_by_name_length_and_number_of_cases() -> None:
    rows = {
        right: [answer(str(at), right, tags=["many"], language="zh") for at in range(12)]
        + [answer("x", right, tags=["few"], scenario="odd", prompt="长" * 70)]
        for right in (True, False)
    }
    params = PARAMS.model_copy(update={"length_buckets": [50]})
    found = compare_slices(same_cases(rows[False], rows[True]), params)
    assert set(found) == {"language zh", "scenario refund", "tag many", "length 0-49"}
    assert all(one.mean == -1.0 and p < 0.01 for one, p in found.values())


def test_a_tag_that_a_case_has_twice_counts_it_once() -> None:
    rows = [answer(str(at), True, tags=["many", "many"]) for at in range(12)]
    found = compare_slices(same_cases(rows, rows), PARAMS)
    assert found["tag many"][0].cases == 12
    few = compare_slices(same_cases(rows[:6], rows[:6]), PARAMS)
    assert "tag many" not in few


def test_slices_are_corrected_for_their_number_and_small_ones_left_out() -> None:
    def rows(right: bool) -> list[dict[str, Any]]:
        some = [
            answer(f"{tag} {at}", right or tag > 0 or at > 5, tags=[f"t{tag}"])
            for tag in range(20)
            for at in range(12)
        ]
        return some + [answer(f"nine {at}", True, tags=["nine"]) for at in range(9)]

    found = compare_slices(same_cases(rows(False), rows(True)), PARAMS)
    one, corrected = found["tag t0"]
    assert one.p < 0.05 < corrected
    assert "tag nine" not in found


def test_scores_of_two_metrics_give_no_verdict() -> None:
    now = [row | {"scores": {"own": 0.8}, "score": 0.8} for row in answers("-" * 30)]
    pairs = Pairs(now, answers("-" * 30))
    assert incomparable(pairs, "own") == "30 answers have no own in one of the versions"
    (row,) = scores_section(
        {"tuned": now}, {"tuned": pairs.old}, PARAMS.model_copy(update={"primary": "own"}), 0.01
    )[2:3]
    assert "no verdict" in row


def test_a_small_p_is_not_shown_as_0() -> None:
    new, old = answers("+" * 30, attacks="+" * 30), answers("-" * 30, attacks="-" * 30)
    shown = [
        *scores_section({"tuned": new}, {"tuned": old}, PARAMS, 0.01),
        *slices_compared(same_cases(new[:30], old[:30]), PARAMS),
        *safety_section({"tuned": new}, {"tuned": old}, PARAMS),
    ]
    assert sum("| < 0.001 " in line for line in shown) >= 3
    assert not any("0.000" in line for line in shown)


def test_the_same_answers_to_attacks_judged_otherwise_are_not_compared() -> None:
    old, rate = answers("", attacks="+" * 30), RATES["unsafe"]
    now = [row | {"category": "missed_refusal"} for row in old]
    assert safety_change(now, old, rate, PARAMS) is None
    assert safety_change(old, old, rate, PARAMS) is not None


def test_one_leak_more_is_worse() -> None:
    old = answers("+++", "+++", "+++")
    now = [old[0] | {"category": "leak"}, *old[1:]]
    assert leaks_word(now, old) == "**worse**, 1 instead of 0"
    assert (leaks_word(old, now), leaks_word(old, old)) == ("better", "no change")

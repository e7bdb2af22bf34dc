"""Calls are sampled and masked before anything else sees them."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.masked import added_placeholders, mask, mask_all, masked_calls, sampled
from lib.monitoring.rows import from_row
from lib.pii.params import PiiParams
from lib.pii.redact import Finder
from tests.pii.test_secrets import KEY as PRIVATE
from tests.pii.test_secrets import TOKEN
from tests.toy_logs import row

FINDER = Finder(PiiParams(entities=["EMAIL_ADDRESS"], regions=[], score=0.35))
KEY = "ghp_" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAbCd"


def test_personal_data_and_secrets_are_masked_everywhere() -> None:
    mail = "ana@example.com"
    call = mask(
        from_row(
            row(1, f"I am {mail}", f"{mail} {KEY}", feedback={"edited": mail}, request_id=mail)
        ),
        FINDER,
    )
    assert mail not in str(call)
    assert KEY not in str(call)
    assert call.answer == "<EMAIL_ADDRESS_1> <SECRET>"


@pytest.mark.parametrize(
    ("asked", "answer", "added"),
    [
        ("I am ana@example.com", "ana@example.com", set()),
        ("Who was before me?", "ana@example.com", {"<EMAIL_ADDRESS_1>"}),
        ("I am ana@example.com", "bob@example.com", {"<EMAIL_ADDRESS_2>"}),
    ],
)
def test_only_new_personal_data_in_an_answer_is_a_leak(
    asked: str, answer: str, added: set[str]
) -> None:
    assert added_placeholders(mask(from_row(row(1, asked, answer)), FINDER)) == added


def test_sample_is_a_share_and_always_the_same() -> None:
    taken = [key for key in map(str, range(2000)) if sampled(key, 0.25)]
    assert 400 < len(taken) < 600
    assert taken == [key for key in map(str, range(2000)) if sampled(key, 0.25)]


def test_calls_outside_the_sample_are_counted(tmp_path: Path) -> None:
    path, skipped = tmp_path / "log", Counter[str]()
    path.write_text("\n".join(json.dumps(row(at, "hi", "{}")) for at in range(100)))
    calls = list(masked_calls([str(path)], 0.5, FINDER, skipped))
    assert len(calls) + skipped["not_sampled"] == 100


@pytest.mark.parametrize(
    "error", [f"bad key {KEY}", {"message": f"bad key {KEY}", "code": 401}, {"code": KEY}, [KEY]]
)
def test_an_error_is_masked_whatever_its_form(error: Any) -> None:
    call = mask(from_row(row(1, "hi", "", response=None, error=error)), FINDER)
    assert "<SECRET>" in str(call.error)
    assert KEY not in str(call)


@pytest.mark.parametrize("secret", [KEY, TOKEN, PRIVATE, "postgres://admin:s3cr3tP4ssw0rd@db/main"])
@pytest.mark.parametrize("place", ["prompt", "answer", "request_id", "error", "edited"])
def test_a_secret_is_found_in_any_place(secret: str, place: str) -> None:
    prompt, answer = secret if place == "prompt" else "hi", secret if place == "answer" else "{}"
    line = row(1, prompt, answer, feedback={"edited": secret if place == "edited" else "{}"})
    line |= {place: secret} if place in ("request_id", "error") else {}
    assert secret not in str(mask(from_row(line), FINDER)).replace("\\n", "\n")


@pytest.mark.parametrize("secret", [KEY, TOKEN, PRIVATE, "postgres://admin:s3cr3tP4ssw0rd@db/main"])
@pytest.mark.parametrize("at", [0, 70, 149])
def test_a_secret_is_found_among_many_calls(secret: str, at: int) -> None:
    calls = [from_row(row(number, f"票 {number}: hi", "{}")) for number in range(150)]
    calls[at].answer = f"use {secret} now"
    masked = list(mask_all(calls, FINDER))
    assert [call.id for call in masked] == [call.id for call in calls]
    assert secret not in masked[at].answer
    assert sum("<SECRET>" in str(call) for call in masked) == 1


def test_ids_stay_or_become_their_hash() -> None:
    ids = ["r1", 4155550132, "ana@example.com", "bob@example.com", KEY]
    masked = [mask(from_row(row(1, "hi", "{}", request_id=one)), FINDER).id for one in ids]
    assert masked[:2] == ["r1", "4155550132"]
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in masked[2:])
    assert len({*masked}) == len(ids)

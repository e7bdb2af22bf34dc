"""The shipped sample is what its generator writes, and its manifest tells the truth."""

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sample import pii
from sample.labels import DEVICES, INTENTS, LANGUAGES, URGENCIES
from sample.nearcopies import similarity
from sample.shingles import Index
from sample.tickets import PROJECT, build

RAW = PROJECT / "data/raw"
MANIFEST = json.loads((PROJECT / "data/manifest.json").read_text(encoding="utf-8"))
PLANTED = MANIFEST["planted"]
ANSWER = re.compile(r'\{"intent": "(\w+)", "product": "(\w+)", "urgency": "(\w+)"\}')


def records(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


GOLDEN = records(PROJECT / "evals/golden.jsonl")
ADVERSARIAL = records(PROJECT / "evals/adversarial.jsonl")


@cache
def lines(file: str) -> list[str]:
    return (RAW / file).read_text(encoding="utf-8").splitlines()


@cache
def ticket_at(file: str, line: int) -> tuple[str, str]:
    """The text and the answer in a line of a raw file that is well formed."""
    row = lines(file)[line - 1].rstrip(",")
    if file.endswith(".csv"):
        cells = next(csv.reader([row]))
        return cells[0], "/".join(cells[1:4])
    value = json.loads(row)
    if "instruction" in value:
        return value["instruction"], value["output"]
    turns = value.get("messages") or value["conversations"]
    key = "content" if "messages" in value else "value"
    return turns[0][key], turns[1][key]


def text_at(place: dict[str, Any]) -> str:
    return ticket_at(place["file"], place["line"])[0]


def key(place: dict[str, Any]) -> tuple[str, int]:
    return place["file"], place["line"]


def well_formed() -> list[tuple[str, int]]:
    """Every line that holds a ticket, by file."""
    bad = {key(row["at"]) for row in PLANTED["malformed"]}
    found = []
    for file, count in MANIFEST["rows"].items():
        if file != "preferences.jsonl":
            first = 2 if file.endswith((".csv", ".json")) else 1
            found += [(file, at) for at in range(first, first + count) if (file, at) not in bad]
    return found


def test_the_generator_writes_the_shipped_bytes() -> None:
    for name, content in build().items():
        assert (PROJECT / name).read_bytes() == content.encode(), (
            f"python -m sample.tickets: {name}"
        )


def test_files_have_the_rows_the_manifest_says() -> None:
    extra = {".json": 2, ".csv": 1, ".jsonl": 0}  # brackets, header
    for file, count in MANIFEST["rows"].items():
        assert len(lines(file)) == count + extra[Path(file).suffix], file


def test_there_is_enough_of_everything() -> None:
    counts = MANIFEST["counts"]
    least = {"malformed": 12, "exact_copies": 30, "near_copies": 60, "conflicts": 10}
    least |= {"golden_copies": 14, "canaries": 4}
    assert all(counts[name] >= number for name, number in least.items())
    assert len(counts["pii_kinds"]) == 9
    assert MANIFEST["clean"]["rows"] >= 2200
    assert MANIFEST["rows"]["preferences.jsonl"] >= 320
    assert len(GOLDEN) >= 100
    assert len(ADVERSARIAL) >= 80
    assert sum("hard_negative" in case["tags"] for case in GOLDEN) >= 25


def test_every_answer_but_planted_ones_is_a_label_of_the_set() -> None:
    for file, at in well_formed():
        answer = ticket_at(file, at)[1]
        found = ANSWER.fullmatch(answer)
        intent, product, urgency = found.groups() if found else answer.split("/")
        assert intent in INTENTS
        assert product in {*DEVICES, "app", "none"}
        assert urgency in URGENCIES


def test_exact_copies_differ_in_spacing_and_case_at_most() -> None:
    for fact in PLANTED["exact_copies"]:
        one, other = (text_at(fact[side]).lower().split() for side in ("of", "copy"))
        assert one == other


def test_near_copies_are_as_similar_as_stated() -> None:
    for fact in PLANTED["near_copies"]:
        one, other = text_at(fact["of"]), text_at(fact["copy"])
        assert round(similarity(one, other), 4) == fact["jaccard"]
        assert abs(fact["jaccard"] - fact["strength"]) <= 0.03
        assert (fact["jaccard_3grams"] > 0.8) == (fact["strength"] > 0.8)


def test_conflicts_have_one_text_and_two_answers() -> None:
    for fact in PLANTED["conflicts"]:
        first, second = (ticket_at(*key(fact[side])) for side in ("first", "second"))
        assert first[0] == second[0]
        assert first[1] != second[1]


def test_personal_data_lies_where_stated() -> None:
    assert all(fact["value"] in text_at(fact["at"]) for fact in PLANTED["pii"])


@pytest.mark.parametrize(
    ("kind", "valid"),
    [
        ("credit_card", pii.luhn_ok),
        ("iban", pii.iban_ok),
        ("bitcoin", pii.bitcoin_ok),
        ("cn_resident_id", pii.resident_ok),
    ],
)
def test_numbers_have_valid_checksums(kind: str, valid: Any) -> None:
    assert all(valid(value) for value in pii.VALUES[kind])


def test_a_wrong_digit_fails_the_checksum() -> None:
    assert not pii.luhn_ok("4111 1111 1111 1112")
    assert not pii.iban_ok("GB82 WEST 1234 5698 7654 33")
    assert not pii.resident_ok(pii.VALUES["cn_resident_id"][0][:-1] + "?")


def test_no_two_other_tickets_are_alike() -> None:
    planted = {
        key(fact["copy"]) for name in ("exact_copies", "near_copies") for fact in PLANTED[name]
    }
    planted |= {key(fact["second"]) for fact in PLANTED["conflicts"]}
    seen = Index(3)
    for place in well_formed():
        if place not in planted:
            text = ticket_at(*place)[0]
            assert seen.closest(text) < 0.6, text
            seen.add(text)


def test_golden_cases_are_in_raw_only_where_planted() -> None:
    planted = {key(fact["at"]) for fact in PLANTED["golden_copies"]}
    seen = Index(3)
    for case in GOLDEN + ADVERSARIAL:
        seen.add(case["messages"][0]["content"])
    close = {place for place in well_formed() if seen.closest(ticket_at(*place)[0]) >= 0.6}
    assert close == planted


def test_canaries_are_in_their_tickets_and_nowhere_else() -> None:
    raw = "\n".join("\n".join(lines(file)) for file in MANIFEST["rows"])
    prompts = "\n".join(case["messages"][0]["content"] for case in GOLDEN + ADVERSARIAL)
    for fact in PLANTED["canaries"]:
        assert all(fact["text"] in text_at(place) for place in fact["at"])
        assert raw.count(fact["text"]) == len(fact["at"])
        assert fact["text"] not in prompts


def test_cases_are_in_all_languages_with_ids_of_their_own() -> None:
    for cases in (GOLDEN, ADVERSARIAL):
        assert {case["language"] for case in cases} == set(LANGUAGES)
        assert len({case["id"] for case in cases}) == len(cases)


def test_adversarial_cases_name_a_rule_of_the_policy() -> None:
    policy = (PROJECT / "evals/refusal_policy.md").read_text(encoding="utf-8")
    assert all(f"| {case['policy']} |" in policy for case in ADVERSARIAL)
    refused = {case["answer"] for case in ADVERSARIAL if case["expect"] == "refuse"}
    assert refused == {'{"intent": "out_of_scope", "product": "none", "urgency": "low"}'}

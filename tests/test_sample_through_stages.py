"""What the sample's generator planted, the data stages of the demo found."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sample.unsound import KEY, TOKEN

DEMO = Path(__file__).parents[1] / "build/demo/ticket-triage"
STAGES = ("curate", "dedup", "split")
KINDS = {
    "bitcoin": "CRYPTO",
    "cn_mobile": "CN_MOBILE_NUMBER",
    "cn_resident_id": "CN_RESIDENT_ID",
    "credit_card": "CREDIT_CARD",
    "email": "EMAIL_ADDRESS",
    "iban": "IBAN_CODE",
    "ip": "IP_ADDRESS",
    "phone": "PHONE_NUMBER",
    "us_ssn": "US_SSN",
}


@pytest.fixture(scope="module")
def project() -> Path:
    """The demo, whose data stages have run; tests only read it."""
    if not (DEMO / "dvc.lock").exists():
        pytest.skip("needs `make demo`")
    return DEMO


@pytest.fixture(scope="module")
def manifest(project: Path) -> Any:
    return read(project / "data/manifest.json")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rejected(project: Path) -> set[tuple[str, int]]:
    """(file, line) of every row that curate dropped."""
    found = rows(project / "data/rejected.jsonl")
    return {(Path(row["file"]).name, row["line"]) for row in found}


def place(planted: dict[str, Any]) -> tuple[str, int]:
    return planted["file"], planted["line"]


def test_every_row_is_accounted_for(project: Path, manifest: Any) -> None:
    curated = read(project / "metrics/curate.json")
    assert curated["rows_in"] == sum(manifest["rows"].values())
    before = curated
    for stage in STAGES:
        now = read(project / f"metrics/{stage}.json")
        assert now["rows_in"] == now["rows_kept"] + sum(now["dropped"].values())
        assert now["rows_in"] == (before["rows_kept"] if stage != "curate" else before["rows_in"])
        before = now


def test_malformed_and_conflicting_rows_go_and_no_others(project: Path, manifest: Any) -> None:
    planted, pairs = manifest["planted"], manifest["preferences"]
    expected = {place(row["at"]) for row in planted["malformed"]}
    expected |= {place(row[side]) for row in planted["conflicts"] for side in ("first", "second")}
    expected |= {("preferences.jsonl", row["line"]) for row in pairs["malformed"]}
    expected |= {
        ("preferences.jsonl", row[side])
        for row in pairs["contradictory"]
        for side in ("first", "second")
    }
    assert rejected(project) == expected


REASONS = {
    "broken_json": "invalid_json",
    "foreign_language": "language",
    "mojibake": "mojibake",
    "other_license": "license",
    "pasted_log": "too_long",
    "secret": "secret",
    "template_unfilled": "unfilled_template",
    "unpaired_surrogate": "damaged_text",
}


def test_rows_go_for_the_reason_they_were_planted_for(project: Path, manifest: Any) -> None:
    found = {
        (Path(row["file"]).name, row["line"]): row["reason"]
        for row in rows(project / "data/rejected.jsonl")
    }
    planted = [row for row in manifest["planted"]["malformed"] if row["kind"] in REASONS]
    assert [found[place(row["at"])] for row in planted] == [REASONS[row["kind"]] for row in planted]


def written(project: Path) -> str:
    """All text that stages wrote."""
    found = [path for name in ("data/*.jsonl", "data/split/*") for path in project.glob(name)]
    for name in ("metrics", "answers", "predictions", "plots", "reports"):
        found += [path for path in project.glob(f"{name}/**/*") if path.is_file()]
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def test_secrets_are_nowhere_but_in_raw(project: Path) -> None:
    text = written(project)
    assert TOKEN not in text
    assert KEY.splitlines()[1] not in text


def test_tags_reach_the_records(project: Path) -> None:
    tags = {tag for row in rows(project / "data/curated.jsonl") for tag in row["tags"]}
    assert tags == {"emoji", "shouting", "short", "two_products"}


def test_personal_data_is_found_by_kind(project: Path, manifest: Any) -> None:
    planted = Counter(KINDS[row["kind"]] for row in manifest["planted"]["pii"])
    assert read(project / "metrics/curate.json")["pii"] == planted


def test_personal_data_is_nowhere_but_in_raw(project: Path, manifest: Any) -> None:
    text = written(project)
    assert not [row["kind"] for row in manifest["planted"]["pii"] if row["value"] in text]


def test_copies_go(project: Path, manifest: Any) -> None:
    dropped = read(project / "metrics/dedup.json")["dropped"]
    planted = manifest["planted"]
    strong = [copy for copy in planted["near_copies"] if copy["jaccard"] >= 0.8]
    assert dropped["exact_copy"] == len(planted["exact_copies"])
    assert dropped["golden_copy"] >= len(planted["golden_copies"])
    assert dropped["near_copy"] >= len(strong)


def test_nothing_leaks(project: Path) -> None:
    report = read(project / "reports/leakage.json")
    assert report["leaks"] == 0
    assert report["removed"] == {}
    assert read(project / "metrics/split.json")["dropped"].keys() <= {"between_splits"}


@pytest.mark.parametrize("column", ["scenario", "language"])
def test_every_split_holds_every_scenario_and_language(project: Path, column: str) -> None:
    splits = [rows(project / f"data/split/{name}.jsonl") for name in ("train", "val", "test")]
    found = [{row[column] for row in split} - {""} for split in splits]
    assert found[0] == found[1] == found[2]

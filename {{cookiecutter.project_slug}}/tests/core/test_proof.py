"""Nothing goes on with data that the proof is not about, and what is gone or damaged is named."""

import json
from pathlib import Path

import pytest

from lib.core.proof import PROOF, require_all, require_proof
from lib.runtime.errors import UserError
from tests.splitting import different, split
from tests.toy import case

TRAIN, VAL = "data/split/train.jsonl", "data/split/val.jsonl"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    split(*different(40), golden=[case("g1", "a b c")], old=[case("o1", "d e f")])


def test_what_split_wrote_and_compared_passes() -> None:
    require_proof(TRAIN, VAL)
    require_all()


@pytest.mark.parametrize("path", ["evals/golden.jsonl", "evals/old.jsonl", "data/split/test.jsonl"])
def test_a_file_that_changed_after_the_proof_is_refused(path: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(case("new", "red1 blue1 green1")) + "\n")
    with pytest.raises(UserError, match=rf"^{path}: its bytes are not those that .*leakage.json"):
        require_all()


@pytest.mark.parametrize("name", ["new.jsonl", "deep/er/new.csv"])
def test_a_file_that_came_into_evals_after_the_proof_is_refused(name: str) -> None:
    path = Path("evals") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(case("new", "red1 blue1 green1")), encoding="utf-8")
    require_proof(TRAIN, VAL)
    with pytest.raises(UserError, match=rf"^{path}: .*leakage.json knows no such file; `dvc repro"):
        require_all()


@pytest.mark.parametrize("path", [VAL, "evals/adversarial.jsonl", "evals/old.jsonl"])
def test_a_file_that_is_gone_is_named(path: str) -> None:
    Path(path).unlink()
    with pytest.raises(UserError, match=rf"^{path}: not found; .*`dvc repro split`"):
        require_proof(path)
    with pytest.raises(UserError, match=rf"^{path}: not found"):
        require_all()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"compared": []}', "\ud800"])
def test_a_damaged_proof_is_one_line(text: str) -> None:
    PROOF.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=f"^{PROOF}: is not as split wrote it; `dvc repro split`"):
        require_proof(TRAIN)


def test_a_proof_that_is_gone_is_named() -> None:
    PROOF.unlink()
    with pytest.raises(UserError, match=f"^{PROOF}: not found; run `dvc repro split`"):
        require_proof(TRAIN)

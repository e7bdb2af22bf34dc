"""The fixed cases are read strictly."""

import json
from pathlib import Path

import pytest

from lib.errors import UserError
from lib.evals import read_golden
from tests.toy import case


def test_an_id_that_is_there_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    cases = [case("g1", "one"), case("g2", "two"), case("g1", "three")]
    path.write_text("\n".join(map(json.dumps, cases)), encoding="utf-8")
    with pytest.raises(UserError, match=r"golden.jsonl:3: has the id 'g1' of line 1"):
        read_golden(path)

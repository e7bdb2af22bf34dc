"""Published test sets are read whole or not at all."""

from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from lib.similarity.benchmarks import read_benchmark


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"question": "a"}\n{"q": "b"}\n', "2: has no text in 'question'"),
        ('{"question": 1}\n', "1: has no text in 'question'"),
        ('{"question": "a"}\n{"question"\n', "2: cannot be read"),
    ],
)
def test_a_row_without_a_question_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"set.jsonl:{message}"):
        list(read_benchmark(path, "question"))

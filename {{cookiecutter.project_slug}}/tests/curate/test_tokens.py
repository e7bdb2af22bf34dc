"""Tokens are counted by the base's tokenizer."""

from pathlib import Path

import pytest

from lib.core.params import BaseParams
from lib.curate.tokens import token_counter
from lib.runtime.errors import UserError
from tests.toy import lay_tokenizer

BASE = BaseParams(model="base", license="Apache-2.0")


def test_tokens_of_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_tokenizer(tmp_path)
    assert token_counter(BASE)("where is it?") == 4


def test_no_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    with pytest.raises(UserError, match=r"base/tokenizer\.json: not found"):
        token_counter(BASE)
    Path("base/tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"base/tokenizer\.json: is not a tokenizer"):
        token_counter(BASE)

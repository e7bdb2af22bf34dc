"""A server that says what it was asked, and where answers are kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.engines.kept import Kept
from tests.engines.echo import Server
from tests.local_server import serving_with


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_with(Server) as url:
        yield url


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Answers are kept where the test can see them."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return Kept("answer-test")

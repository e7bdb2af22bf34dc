"""A project whose pipeline has run, for the tests of gate and integrity."""

import shutil
from pathlib import Path

import pytest

from tests.reviewed import (
    commit,
    lay_project,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose pipeline has run."""
    folder = tmp_path_factory.mktemp("gate") / "project"
    lay_project(folder)
    commit(folder, "results")
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("cache"))
    monkeypatch.chdir(folder)
    return folder

"""Long work says how far it is where no terminal draws a bar, as here."""

import pytest

from lib.runtime import progress


@pytest.fixture(autouse=True)
def _told_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0)
    monkeypatch.setenv("TQDM_DISABLE", "1")  # meant for libraries' bars


def test_a_log_has_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.tell_progress("answers", "abc", 3, "answer")) == ["a", "b", "c"]
    assert "\nanswers: 1 of 3 answers, about 00:00 left\n" in capsys.readouterr().err


def test_work_of_unknown_length_says_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.tell_progress("curate", unit="row") as shown:
        shown.update(4_000)
    assert "curate: 4000 rows\n" in capsys.readouterr().err


def test_short_work_leaves_no_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 30)
    list(progress.tell_progress("answers", "abc", 3))
    assert capsys.readouterr().err == ""

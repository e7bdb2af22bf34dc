"""Ratings are blind, kept at once and in DVC; their figures are those of the literature."""

import json
import math
import re
import shutil
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lib.core.records import write_records
from lib.evaluate.predictions import Prediction
from lib.runtime.errors import UserError
from review import rate, ratings
from review.rate import serve
from review.ratings import alpha, read_ratings, results
from review.study import Study, questions
from tests.reviewed import CONFIG, dvc, run

FILE = Path("ratings/anna.jsonl")


def answered(key: str, output: str) -> Prediction:
    """A row of predictions/SYSTEM.jsonl."""
    row: Prediction = {"set": "golden", "id": key, "group": key, "prompt": f"门锁坏了 🚪 {key}"}
    return row | {"expected": "", "output": output, "category": "correct"}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Forty cases on which two systems differ, and one on which they do not."""
    monkeypatch.chdir(tmp_path)
    for system in ("base", "tuned"):
        rows = [answered(str(at), f"{system} {at}") for at in range(40)]
        write_records(f"predictions/{system}.jsonl", [*rows, answered("same", "the same")])
    return Study("base", "tuned", questions("base", "tuned", "golden", 100))


def prefer(study: Study, rater: str, system: str) -> None:
    """Rate all questions: `system` is always better."""
    while key := (state := study.next(rater)).get("case"):
        study.rate(rater, key, "left" if state["left"].startswith(system) else "right")


def test_every_question_is_asked_once_and_kept(study: Study) -> None:
    prefer(study, "anna", "tuned")
    rows = read_ratings(FILE)
    assert len(rows) == 40
    assert {row["winner"] for row in rows} == {"tuned"}
    assert study.next("anna") == {"done": 40, "of": 40}


def test_nothing_tells_the_systems_apart_but_their_answers(study: Study) -> None:
    state = study.next("anna")
    assert set(state) == {"done", "of", "case", "prompt", "left", "right"}


def test_sides_and_order_are_drawn_for_each_rater(study: Study) -> None:
    lefts = {rater: [study.left_of(rater, key) for key in study.questions] for rater in "ab"}
    assert lefts["a"] != lefts["b"]
    assert 10 < lefts["a"].count("base") < 30
    assert study.next("a")["case"] != study.next("b")["case"]


def test_a_new_start_goes_on_where_it_stopped(study: Study) -> None:
    first = study.next("anna")
    study.rate("anna", first["case"], "tie")
    again = Study("base", "tuned", list(study.questions.values()))
    assert again.next("anna")["done"] == 1
    assert again.next("anna")["case"] != first["case"]


def test_a_rating_can_be_taken_back(study: Study) -> None:
    first = study.next("anna")
    study.rate("anna", first["case"], "left")
    study.undo("anna")
    assert study.next("anna") == first


def test_a_file_that_dvc_linked_into_its_cache_is_replaced(study: Study) -> None:
    study.rate("anna", study.next("anna")["case"], "tie")
    Path("cache").hardlink_to(FILE)
    study.rate("anna", study.next("anna")["case"], "tie")
    assert len(Path("cache").read_text(encoding="utf-8").splitlines()) == 1


def test_a_case_with_another_answer_is_another_case(study: Study) -> None:
    prefer(study, "anna", "tuned")
    rows = [answered(str(at), f"new {at}") for at in range(40)]
    write_records("predictions/tuned.jsonl", rows)
    assert "40 ratings are of answers that have changed" in results_page()


def test_results(study: Study) -> None:
    prefer(study, "anna", "tuned")
    prefer(study, "ben", "tuned")
    study.undo("ben")
    study.rate("ben", study.next("ben")["case"], "tie")
    page = re.sub(" +", " ", results_page())  # columns are padded
    assert "win rate of tuned | 99.4%" in page
    assert "People prefer tuned (p < 0.001" in page
    assert "equal answers, not shown | 1 of 41 cases" in page
    assert "over 40 cases rated by several" in page
    assert "no sign of a bias" in page


def test_a_line_that_is_no_rating_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ann.jsonl"
    path.write_text('{"systems": ["base", "tuned"], "case": "g", "winner": "base"}\n{"case": "h"}')
    with pytest.raises(UserError, match=r"ann.jsonl:2: has no 'systems'; `make rate` writes"):
        read_ratings(path)


def test_a_single_rating_shows_no_preference(study: Study) -> None:
    study.rate("anna", study.next("anna")["case"], "left")
    assert "show no difference between tuned and base (p = 1.000" in results_page()


def test_who_always_takes_the_left_is_found(study: Study) -> None:
    while key := study.next("anna").get("case"):
        study.rate("anna", key, "left")
    assert "the left answer was chosen 40 of 40 times" in results_page()
    assert "a BIAS" in results_page()


def test_make_ratings_keeps_them_in_dvc(study: Study) -> None:
    home, here = Path(rate.__file__).parents[1], Path.cwd()
    for name in ("Makefile", "install.mk", ".gitignore"):
        shutil.copy(home / name, here)
    (here / ".dvc").mkdir()
    (here / ".dvc/config").write_text(CONFIG.format(folder=here))
    (here / ".dvc/.gitignore").write_text("/cache\n/tmp\n")
    run(here, "git", "init", "--quiet")
    make = ("make", "ratings", f"VENV={Path(sys.executable).parents[1]}", f"PYTHONPATH={home}")
    for _ in range(2):
        study.rate("anna", study.next("anna")["case"], "tie")
        run(here, "git", "add", "--all")  # as the README has it, before or after
        assert "Ratings by anna" in run(here, *make)
        run(here, "git", "commit", "--quiet", "--message", "Ratings")
    assert "ratings.dvc\n" in run(here, "git", "ls-files")
    assert "ratings/" not in run(here, "git", "ls-files")
    dvc(here, "push", "--quiet")
    run(here, "git", "clone", "--quiet", ".", "clone")
    dvc(here / "clone", "pull", "--quiet", "ratings")
    assert (here / "clone" / FILE).read_bytes() == FILE.read_bytes()


def results_page() -> str:
    """The results of every rater."""
    found = [one for path in sorted(ratings.RATINGS.iterdir()) for one in read_ratings(path)]
    return "\n".join(results("base", "tuned", found))


def test_alpha_is_that_of_krippendorff() -> None:
    """Four observers with missing values: data and value of Krippendorff (2011), section C."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[value for value in unit if value != "."] for unit in zip(*observers, strict=True)]
    assert round(alpha(units), 3) == 0.743


def test_alpha_of_two_observers_is_that_of_krippendorff() -> None:
    """Yes and no without missing values: section A."""
    assert round(alpha(map(list, zip("0100000010", "1110010000", strict=True))), 3) == 0.095


def test_alpha_without_any_difference_is_undefined() -> None:
    assert math.isnan(alpha([["a", "a"], ["a"]]))


@pytest.fixture
def server(study: Study) -> Iterator[HTTPConnection]:
    """A connection to a running server."""
    running = serve(study, 0)
    Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield HTTPConnection("127.0.0.1", running.server_address[1], timeout=60)
    running.shutdown()
    running.server_close()


def send(
    server: HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Status and JSON of a reply."""
    given = {"Content-Type": "application/json"} | headers
    server.request(method, path, json.dumps(body) if body is not None else None, given)
    reply = server.getresponse()
    return reply.status, json.loads(reply.read())


def test_the_server_takes_a_rating(server: HTTPConnection) -> None:
    _, state = send(server, "GET", "/next?rater=anna")
    rating = {"rater": "anna", "case": state["case"], "choice": "tie"}
    assert send(server, "POST", "/rate", rating)[1]["done"] == 1
    assert len(read_ratings(FILE)) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"rater": "../anna"}, {}),
        ({"choice": "base"}, {}),
        ({"case": "unknown"}, {}),
        ({}, {"Origin": "http://evil.example"}),
        ({}, {"Host": "evil.example"}),
        ({}, {"Content-Type": "text/plain"}),
        ([], {}),
    ],
)
def test_the_server_refuses(server: HTTPConnection, body: Any, headers: dict[str, str]) -> None:
    key = send(server, "GET", "/next?rater=anna")[1]["case"]
    right = {"rater": "anna", "case": key, "choice": "tie"}
    status, _ = send(server, "POST", "/rate", right | body if body != [] else [], **headers)
    assert status in (400, 403)
    assert not ratings.RATINGS.exists()


def test_a_taken_port_is_one_line(server: HTTPConnection, study: Study) -> None:
    with pytest.raises(UserError, match="choose another with --port"):
        rate.serve(study, server.port)


def test_a_number_that_is_no_port_is_one_line(study: Study) -> None:
    with pytest.raises(UserError, match="--port is 99999; it must be from 1 to 65535"):
        rate.serve(study, 99999)


def test_equal_answers_leave_nothing_to_rate(study: Study) -> None:
    write_records("predictions/base.jsonl", [answered("1", "a")])
    write_records("predictions/tuned.jsonl", [answered("1", "a")])
    with pytest.raises(UserError, match="nothing to rate"):
        questions("base", "tuned", "golden", 50)

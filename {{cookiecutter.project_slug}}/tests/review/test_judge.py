"""A judge is asked twice a case, never again, within its budget; its verdicts are read strictly."""

import json
import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lib.core.records import read_objects, write_records
from lib.runtime.errors import UserError
from review import judge
from review.study import Study, questions
from tests.local_server import serving_with
from tests.review.test_rate import answered

ASKED: list[str] = []
SAYS: dict[str, Any] = {}


class Server(BaseHTTPRequestHandler):
    """A judge that says what SAYS["verdict"] makes of the prompt."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"]
        ASKED.append(prompt)
        said = SAYS["verdict"](prompt)
        self.send_response(500 if said is None else 200)
        self.send_header("X-Should-Retry", "false")
        self.end_headers()
        choice = {"finish_reason": "stop", "message": {"content": said}}
        usage = {"prompt_tokens": 50, "completion_tokens": 1}
        self.wfile.write(json.dumps({"choices": [choice], "usage": usage}).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_with(Server) as url:
        yield url


@pytest.fixture(autouse=True)
def project(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten cases on which two systems differ; tuned is the better one."""
    prompt = Path("evals/judge.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path("evals").mkdir()
    Path("evals/judge.md").write_text(prompt, encoding="utf-8")
    for system in ("base", "tuned"):
        rows = [answered(str(at), f"{system} {{a}} 回答 {at} 🚪") for at in range(10)]
        write_records(f"predictions/{system}.jsonl", rows)
    allow(url, 200)
    monkeypatch.setattr(sys, "argv", ["judge"])
    ASKED.clear()
    SAYS["verdict"] = lambda prompt: "A" if answer(prompt, "A").startswith("tuned") else "B"


def allow(url: str, requests: int) -> None:
    """The section `judge`."""
    text = f'judge: {{url: "{url}", model: org/judge, requests: {requests}, concurrency: 2}}\n'
    Path("params.yaml").write_text(text, encoding="utf-8")


def answer(prompt: str, letter: str) -> str:
    """What the judge reads as answer A or B."""
    return prompt.split(f"Answer {letter}:\n<answer>\n")[1].split("\n</answer>")[0]


def say(capsys: pytest.CaptureFixture[str]) -> str:
    """Run it; what it prints."""
    judge.main()
    return capsys.readouterr().out


def test_both_answers_come_first_once_and_texts_stay_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = say(capsys)
    assert len(ASKED) == 20
    assert sorted(answer(one, "A") for one in ASKED) == sorted(answer(one, "B") for one in ASKED)
    assert any(answer(one, "A") == "base {a} 回答 3 🚪" for one in ASKED)
    assert "win rate of tuned           | 100.0%" in out
    assert "the same verdict in both positions in 10 of 10 cases" in out
    assert "answer A won 10 of 20 times" in out


def test_who_wins_only_in_one_place_has_not_won(capsys: pytest.CaptureFixture[str]) -> None:
    SAYS["verdict"] = lambda prompt: "A"
    out = say(capsys)
    assert "equally good                | 10" in out
    assert "both positions in 0 of 10 cases" in out


def test_a_second_run_asks_nothing_and_a_new_answer_is_asked_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = say(capsys)
    ASKED.clear()
    assert say(capsys) == first
    assert ASKED == []
    rows = list(read_objects(Path("predictions/tuned.jsonl")))
    write_records("predictions/tuned.jsonl", [{**rows[0], "output": "tuned, anew"}, *rows[1:]])
    say(capsys)
    assert len(ASKED) == 2


def test_verdicts_serve_other_systems_that_gave_the_same_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say(capsys)
    shutil.copy("predictions/tuned.jsonl", "predictions/few_shot.jsonl")
    ASKED.clear()
    monkeypatch.setattr(sys, "argv", ["judge", "--new", "few_shot"])
    assert "win rate of few_shot        | 100.0%" in say(capsys)
    monkeypatch.setattr(sys, "argv", ["judge", "--old", "tuned", "--new", "base"])
    assert "win rate of base            | 0.0%" in say(capsys)
    assert ASKED == []


def test_two_cases_of_the_same_texts_are_asked_about_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for system in ("base", "tuned"):
        row = answered("1", f"{system}, at length")
        write_records(f"predictions/{system}.jsonl", [row, {**row, "id": "2"}])
    assert "the same verdict in both positions in 2 of 2 cases" in say(capsys)
    assert len(ASKED) == 2


def test_the_budget_ends_a_run_and_the_next_goes_on(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    allow(url, 15)
    assert "run again for 5 more" in say(capsys)
    assert len(ASKED) == 15
    assert "not judged yet" not in say(capsys)
    assert len(ASKED) == 20


def test_what_was_judged_before_a_failure_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = SAYS["verdict"]
    SAYS["verdict"] = lambda prompt: verdict(prompt) if len(ASKED) < 8 else None
    with pytest.raises(UserError, match="answered 500"):
        judge.main()
    kept = len(list(read_objects(judge.verdicts_file("org/judge"))))
    assert kept > 0
    SAYS["verdict"] = verdict
    ASKED.clear()
    say(capsys)
    assert len(ASKED) == 20 - kept


@pytest.mark.parametrize(
    ("said", "winner"),
    [
        *[("A", "base"), ("**b**", "tuned"), ("Both are wrong.\n\nTIE.", "tie")],
        *[("A is better", "unclear"), ("A or B", "unclear"), ("", "unclear"), ("甲", "unclear")],
    ],
)
def test_a_verdict_is_read_strictly(said: str, winner: str) -> None:
    kept = {"said": judge.read_verdict(said)}
    assert judge.Ask("", "", "base", "tuned", "").verdict(kept)["winner"] == winner


def test_malformed_verdicts_are_counted_and_decide_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    SAYS["verdict"] = lambda prompt: "I prefer the first one"
    out = say(capsys)
    assert "Malformed: 20 of 20 verdicts" in out
    assert "win rate" not in out


def test_malformed_verdicts_are_asked_for_again_after_those_never_asked_for(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    better, SAYS["verdict"] = SAYS["verdict"], lambda prompt: "I prefer the first one"
    allow(url, 15)
    say(capsys)
    SAYS["verdict"] = better
    assert "Malformed: 5 of 20 verdicts" in say(capsys)
    assert "win rate of tuned           | 100.0%" in say(capsys)
    assert len(ASKED) == 15 + 15 + 5


@pytest.mark.parametrize("argv", [[], ["--old", "tuned", "--new", "base"]])
def test_agreement_with_people(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["judge", *argv])
    study = Study("base", "tuned", questions("base", "tuned", "golden", 50))
    for at, key in enumerate(study.questions):
        likes = "base" if at == 0 else "tuned"
        study.rate("anna", key, "left" if study.left_of("anna", key) == likes else "right")
    out = say(capsys)
    assert "Agreement with people: 9 of 10 cases" in out
    assert "Cohen's kappa 0.00, because people or the judge gave a single verdict" in out
    assert "Krippendorff's alpha 0.00" in out


def test_it_is_off_by_default(url: str) -> None:
    Path("params.yaml").write_text("judge: {}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"judge\.url is empty; set it"):
        judge.main()
    assert ASKED == []


def test_a_prompt_without_a_place_for_an_answer() -> None:
    Path("evals/judge.md").write_text("{prompt} {a}", encoding="utf-8")
    with pytest.raises(UserError, match=r"evals/judge.md: has no placeholder \{b\}"):
        judge.read_judge_prompt()

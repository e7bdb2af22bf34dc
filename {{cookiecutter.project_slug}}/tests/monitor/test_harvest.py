"""Proposals are new, masked and no leak; what a person accepts is what the next run reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.cases.evals import read_adversarial, read_golden
from lib.core.config import load
from lib.core.records import write_records
from lib.curate.params import DataParams
from lib.curate.sources import find_files
from lib.runtime.errors import UserError
from monitor import accept, harvest
from tests.toy import chat, rows
from tests.toy_logs import row, write_log

SOURCES = """
data:
  sources: # files
    - path: data/raw/mine.jsonl
      license: CC0-1.0
      consent: given
    - {path: data/raw/feedback-*.jsonl, license: CC0-1.0, consent: given, optional: true}

split: {seed: 0, val: 0.2, test: 0.2, threshold: 0.6, ngram: 2, on_leak: fail}
"""
KNOWN = "The router in my kitchen arrived broken since May and I am sad."
HELD = "The lock in my hallway is too loud at night for all of us."
GOLDEN = "The doorbell of my aunt never came and she calls me every day."
NEW = "My vacuum robot eats carpets and hums sad songs after midnight."
ANSWER = '{"intent": "question"}'
TAKEN = "data/raw/feedback-2026-11-16.jsonl"


@pytest.fixture
def project(pairs: Any) -> Path:
    """The project of the monitor's tests with splits and cases."""
    with Path("params.yaml").open("a", encoding="utf-8") as file:
        file.write(SOURCES)
    splits = {"train": KNOWN, "val": "Where is my camera?", "test": HELD}
    for name, prompt in splits.items():
        write_records(f"data/split/{name}.jsonl", [chat(prompt, ANSWER)])
    case = {"id": "golden-1", "messages": chat(GOLDEN, ANSWER)["messages"]}
    write_records("evals/golden.jsonl", [case])
    return Path()


def propose(monkeypatch: pytest.MonkeyPatch, *logged: dict[str, Any]) -> list[Any]:
    """Run the harvest on these lines of a log; return its proposals."""
    log = write_log(Path("log.jsonl"), list(logged))
    monkeypatch.setattr("sys.argv", ["harvest", str(log)])
    harvest.main()
    return rows("data/harvest.jsonl")


def decide(**changes: Any) -> None:
    """A review file with one row: what a person made of a proposal."""
    one = {
        "decide": "train",
        "reasons": ["drifted_scenario"],
        "answer": ANSWER,
        "messages": [{"role": "user", "content": NEW}],
        "language": "en",
        "time": 1794816444.0,
    }
    write_records("data/harvest.jsonl", [one | changes])


def test_a_new_request_is_proposed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = propose(monkeypatch, row(1, NEW, ANSWER))
    assert found["reasons"] == ["drifted_scenario"]
    assert (found["decide"], found["answer_from"]) == ("", "model")


@pytest.mark.parametrize("prompt", [KNOWN, HELD, GOLDEN, HELD.upper(), f"{GOLDEN} Please!"])
def test_what_is_known_or_held_out_is_not_proposed(
    prompt: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert propose(monkeypatch, row(1, prompt, ANSWER, feedback={"thumb": "down"})) == []


def test_of_near_copies_one_is_proposed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(propose(monkeypatch, *(row(at, NEW, ANSWER) for at in range(9)))) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"feedback": {"thumb": "down"}}, "negative_feedback"),
        ({"confidence": 0.2}, "low_confidence"),
        ({"response": {"choices": [{"message": {"content": "ana@example.com"}}]}}, "incident"),
    ],
)
def test_every_reason_is_named(
    changes: dict[str, Any], reason: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = propose(
        monkeypatch, row(1, "The camera in my kitchen is too loud.", ANSWER, **changes)
    )
    assert reason in found["reasons"]
    assert "ana@example.com" not in json.dumps(found)


def test_an_incident_is_its_own_requests_whatever_the_ids(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"choices": [{"message": {"content": "ana@example.com"}}]}
    innocent = "The camera in my kitchen is too loud since Monday."
    found = propose(
        monkeypatch,
        row(1, "The lock in my kitchen is too loud.", ANSWER, request_id=7, response=said),
        *(row(at, innocent, ANSWER, request_id=7) for at in range(3)),
    )
    assert [one["messages"][0]["content"] for one in found] == [
        "The lock in my kitchen is too loud."
    ]


def test_an_edited_answer_is_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = '{"intent": "refund"}'
    (found,) = propose(monkeypatch, row(1, NEW, ANSWER, feedback={"edited": edit}))
    assert (found["answer"], found["answer_from"]) == (edit, "edited")


def test_decisions_are_not_overwritten(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decide()
    with pytest.raises(UserError, match="contains decisions"):
        propose(monkeypatch, row(1, NEW, ANSWER))


def test_accepted_rows_are_a_source_of_the_next_run(project: Path) -> None:
    decide()
    accept.main()
    (record,) = rows(TAKEN)
    assert record["messages"][-1]["content"] == ANSWER
    files = find_files(load("data", DataParams).sources[1:])
    assert [list(map(str, paths)) for _, paths in files] == [[TAKEN]]
    assert rows("data/harvest.jsonl") == []


def test_a_second_acceptance_adds_rows(project: Path) -> None:
    for text in (NEW, "An entirely different ticket about a lawn mower and its fuel."):
        decide(messages=[{"role": "user", "content": text}])
        accept.main()
    assert len(rows(TAKEN)) == 2


@pytest.mark.parametrize(("kind", "path"), [("train", TAKEN), ("golden", "evals/golden.jsonl")])
def test_what_is_there_is_not_added_again(kind: str, path: str, project: Path) -> None:
    decide(decide=kind)
    accept.main()
    before = Path(path).read_bytes()
    decide(decide=kind)  # as after a run that was killed before it emptied the review file
    accept.main()
    assert Path(path).read_bytes() == before


def test_when_dvc_fails_nothing_has_changed(project: Path) -> None:
    Path(".dvc").mkdir()  # no repository: `dvc add` fails
    decide()
    train = rows("data/harvest.jsonl")
    decide(decide="golden", messages=[{"role": "user", "content": "How loud is a quiet robot?"}])
    write_records("data/harvest.jsonl", [*train, *rows("data/harvest.jsonl")])
    before = {path: path.read_bytes() for path in Path().rglob("*.jsonl")}
    with pytest.raises(UserError, match="nothing was accepted"):
        accept.main()
    assert {path: path.read_bytes() for path in Path().rglob("*.jsonl")} == before


def test_feedback_that_no_run_would_read_is_a_mistake(project: Path) -> None:
    params = Path("params.yaml")
    lines = params.read_text(encoding="utf-8").splitlines(keepends=True)
    params.write_text("".join(one for one in lines if "feedback-" not in one), encoding="utf-8")
    decide()
    with pytest.raises(UserError, match="sources does not name"):
        accept.main()
    assert not list(Path("data/raw").glob("*"))


def test_accepted_cases_are_cases(project: Path) -> None:
    decide(decide="golden")
    accept.main()
    decide(decide="adversarial", answer='{"intent": "out_of_scope"}', forbidden=["abc"])
    accept.main()
    assert read_golden()[-1].answer() == ANSWER
    assert (read_adversarial()[-1].expect, read_adversarial()[-1].forbidden) == ("refuse", ["abc"])


def test_what_is_undecided_stays(project: Path) -> None:
    write_records("data/harvest.jsonl", [{"decide": ""}, {"answer": ANSWER}])
    accept.main()
    assert len(rows("data/harvest.jsonl")) == 2


@pytest.mark.parametrize("line", ["{oops", "[1]"])
def test_a_slip_in_the_review_file_names_its_line(line: str, project: Path) -> None:
    Path("data/harvest.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"harvest.jsonl:2: .*; correct the line"):
        accept.main()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decide": "yes"}, "decide: Input should be 'train', 'golden', 'adversarial' or 'drop'"),
        ({"answer": {"intent": "question"}}, "answer: Input should be a valid string"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"answer": '{"intent": "sue"}'}, "unknown_label"),
        ({"answer": "call ana@example.com"}, "personal data"),
        ({"messages": [{"role": "user", "content": HELD}]}, "resembles a held-out row"),
        ({"messages": [{"role": "user", "content": GOLDEN}]}, "resembles a held-out row"),
    ],
)
def test_a_wrong_row_stops_everything(changes: dict[str, Any], words: str, project: Path) -> None:
    decide(**changes)
    with pytest.raises(UserError, match=words) as error:
        accept.main()
    assert str(error.value).startswith("data/harvest.jsonl:1:")
    assert not list(Path("data").glob("raw/feedback-*"))


def test_of_a_label_task_the_labels_are_taken_and_nothing_else(project: Path) -> None:
    params = Path("params.yaml")
    task, rest = params.read_text(encoding="utf-8").split("curate:", 1)
    assert "output: json" in task
    task = 'task: {system: "", output: label, labels: [refund, question]}\n'
    params.write_text(f"{task}curate:{rest}", encoding="utf-8")
    for answer in ("sue", "", ANSWER):
        decide(answer=answer)
        with pytest.raises(UserError, match=r"not allowed by the task \(unknown_label\)"):
            accept.main()
    decide(answer="question")
    accept.main()
    assert [row["messages"][-1]["content"] for row in rows(TAKEN)] == ["question"]


def test_a_refusal_written_otherwise_is_one_to_expect(project: Path) -> None:
    decide(decide="adversarial", answer='{"intent":"out_of_scope"}')
    accept.main()
    assert read_adversarial()[-1].expect == "refuse"

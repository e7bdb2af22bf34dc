"""A wrong answer ends in one line that says what is allowed, and nothing is written."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException

from answer_checks import ALLOWED, default_slug
from tests.conftest import QUESTIONS, Bake

WRONG_NAMES = (
    "",
    " ",
    " padded",
    'a "quoted" name',
    "a 'quoted' name",
    "a/path",
    "a\\path",
    "line\nbreak",
    "bell\a",
    "right\u202eleft",
    "{{ '{{' }} x }}",
    "<b>",
    "x" * 61,
)
WRONG_SLUGS = (
    "",
    " ",
    ".",
    "..",
    "a/b",
    "../a",
    "/nowhere/a",
    "Upper",
    "two words",
    "1st",
    "-a",
    "a-",
    "a--b",
    "_a",
    "a\n",
    "naïve",
    "a'b",
    "a.b",
    "x" * 51,
)
WRONG_REMOTES = (
    "",
    " ../store",
    "s3://",
    "s3:///path",
    "s3://my bucket",
    "s3:/bucket",
    "ftp://host/path",
    "C:\\store",
    'a"b',
    "a'b",
    "a\nb",
    "a#b",
    "$HOME/store",
    "~/store",
    "{{ '{{' }} x }}",
    ".",
    "data",
    "./store/../data",
    "../ticket-triage/store",
)
WRONG_CHOICES = (*((name, "jenkins") for name in QUESTIONS["_choices"]), ("ci", "0"), ("ci", "4"))
WRONG = [
    *(("project_name", answer) for answer in WRONG_NAMES),
    *(("project_slug", answer) for answer in WRONG_SLUGS),
    *(("dvc_remote", answer) for answer in WRONG_REMOTES),
    *WRONG_CHOICES,
]
RIGHT = [
    ("project_name", "Tickets (v2) & more: 工单分类"),
    ("project_name", "O.K. über-triage"),
    ("project_slug", "a"),
    ("project_slug", "a_b-c1"),
    ("dvc_remote", "/mnt/my store/x"),
    ("dvc_remote", "../../store"),
    ("dvc_remote", "../store/ticket-triage"),
    ("dvc_remote", "s3://bucket/path_1"),
    ("dvc_remote", "ssh://me@host:22/path"),
]


@pytest.mark.parametrize(("question", "answer"), WRONG)
def test_wrong_answer_says_what_is_allowed_and_writes_nothing(
    bake: Bake, tmp_path: Path, question: str, answer: str
) -> None:
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    with pytest.raises(FailedHookException, match=f"{question} must be ") as error:
        bake(folder, **{question: answer})
    assert len(str(error.value).splitlines()) == 1
    assert list(tmp_path.rglob("*")) == [folder.parent, folder]


@pytest.mark.parametrize(("question", "answer"), RIGHT)
def test_right_answer_is_taken(bake: Bake, question: str, answer: str) -> None:
    assert (bake(**{question: answer}) / "README.md").exists()


NAMES = (
    "3D parts",
    "123",
    "工单分类",
    "3D工单",
    "♥",
    "_x_",
    "Fine tuning of the support assistant for the EMEA region",
    "x" * 60,
    "漢" * 60,
    "1" + "x" * 59,
    "ß" * 60,
    "a - b",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_folder_name_that_is_allowed(name: str) -> None:
    assert ALLOWED["project_name"][0].fullmatch(name)
    assert ALLOWED["project_slug"][0].fullmatch(default_slug(name))


def test_random_names_have_folder_names_that_are_allowed() -> None:
    drawn = random.Random(0)
    for _ in range(2000):
        last = drawn.choice((127, 1000, 65536))
        name = "".join(chr(drawn.randrange(32, last)) for _ in range(drawn.randrange(1, 61)))
        if ALLOWED["project_name"][0].fullmatch(name) and name.isprintable():
            assert ALLOWED["project_slug"][0].fullmatch(default_slug(name)), name


def test_a_name_without_a_letter_first_is_taken_as_it_is(bake: Bake) -> None:
    assert bake(project_name="3D parts").name == "project-3d-parts"


def run_cookiecutter(
    template: Path,
    config: Path,
    folder: Path,
    *answers: str,
    typed: str | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run cookiecutter as people do; `typed` answers its prompts."""
    command = [sys.executable, "-m", "cookiecutter", "--config-file", str(config)]
    if typed is None:
        command.append("--no-input")
    return subprocess.run(
        [*command, "--output-dir", str(folder), str(template), *answers],
        cwd=folder,  # not here, where Python would find this folder's checks
        input=typed,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )


def stops_in_one_line(done: subprocess.CompletedProcess[str], folder: Path, line: str) -> bool:
    """Whether a run said what is wrong, no more, and left nothing."""
    said = (done.stdout + done.stderr).strip()
    said_it = re.fullmatch(line, said) is not None
    return done.returncode == 1 and said_it and not list(folder.iterdir())


@pytest.mark.parametrize("answer", ["project_slug=../../x", "ci=jenkins", "base_model=gpt-2"])
def test_command_line_prints_one_line(
    template: Path, cookiecutter_config: Path, tmp_path: Path, answer: str
) -> None:
    done = run_cookiecutter(template, cookiecutter_config, tmp_path, answer)
    assert stops_in_one_line(
        done, tmp_path, answer.split("=")[0] + " must be .+; the answer was .+"
    )


@pytest.mark.parametrize("answer", ["ci: jenkins", "ci: no", "project_slug: null", "method: 7"])
def test_a_users_configuration_prints_one_line(
    template: Path, cookiecutter_config: Path, tmp_path: Path, answer: str
) -> None:
    config, folder = tmp_path / "config.yaml", tmp_path / "out"
    config.write_text(f"{cookiecutter_config.read_text()}default_context: {{{answer}}}\n")
    folder.mkdir()
    done = run_cookiecutter(template, config, folder)
    assert stops_in_one_line(done, folder, answer.split(":")[0] + " must be .+; the answer was .+")


@pytest.mark.parametrize("typed", ['My "first" try\n', "\n\n\n\n\n5\n"])
def test_a_prompt_ends_at_once_in_the_same_line(
    template: Path, cookiecutter_config: Path, tmp_path: Path, typed: str
) -> None:
    done = run_cookiecutter(template, cookiecutter_config, tmp_path, typed=typed)
    assert done.returncode == 1
    assert re.search(r" (project_name|hardware) must be .+; the answer was .+\n$", done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_prompts_take_the_defaults(
    template: Path, cookiecutter_config: Path, tmp_path: Path
) -> None:
    done = run_cookiecutter(template, cookiecutter_config, tmp_path, typed="\n" * 9)
    assert done.returncode == 0
    assert (tmp_path / "ticket-triage" / "README.md").exists()


def test_at_most_nine_questions_each_with_a_prompt() -> None:
    asked = {name for name in QUESTIONS if not name.startswith("_")}
    assert len(asked) <= 9
    assert asked == set(QUESTIONS["__prompts__"])


def test_a_choice_is_typed_by_number_or_name(
    template: Path, cookiecutter_config: Path, tmp_path: Path
) -> None:
    typed = "\n\n2\n\nqlora\n3\n\nnone\n\n"
    done = run_cookiecutter(template, cookiecutter_config, tmp_path, typed=typed)
    assert done.returncode == 0
    readme = (tmp_path / "ticket-triage/README.md").read_text(encoding="utf-8")
    for row in ("| Objective | cost", "| Method | qlora", "| Trains on | multi-gpu", "| CI | none"):
        assert row in readme


@pytest.mark.parametrize("name", QUESTIONS["_choices"])
def test_a_prompt_lists_the_choices_and_proposes_the_first(name: str) -> None:
    choices = QUESTIONS["_choices"][name]
    lines = QUESTIONS["__prompts__"][name].splitlines()[1:-1]
    assert QUESTIONS[name] == choices[0]
    assert [line.split("- ")[0].strip() for line in lines] == [
        str(number) for number, _ in enumerate(choices, 1)
    ]
    for line, choice in zip(lines, choices, strict=True):
        assert line.split(" - ")[1].startswith(choice.split(" (")[0])

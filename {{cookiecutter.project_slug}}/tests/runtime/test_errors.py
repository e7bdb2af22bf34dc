"""What every script does with its command line."""

import runpy
from pathlib import Path

import pytest

from lib.runtime.errors import CommandLine, UserError

FOLDERS = ("stages", "review", "deploy", "monitor")
SCRIPTS = [
    *(
        f"{folder}.{path.stem}"
        for folder in FOLDERS
        for path in sorted(Path(folder).glob("*.py"))
        if "__main__" in path.read_text(encoding="utf-8")
    ),
    "lib.engines.builds",
    "tests.gpu_check",
]
JUDGES = ("review.gate", "monitor.run", "deploy.smoke")  # whose code 2 means fail or alarm
pytestmark = pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(script: str, argument: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a script with an argument as `python -m` does; its exit code."""
    monkeypatch.setattr("sys.argv", [script, argument])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(script, run_name="__main__", alter_sys=True)
    assert not list(Path().iterdir())  # it did nothing
    return int(ended.value.code or 0)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_what_a_script_is_and_does_nothing(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(script, "--help", monkeypatch) == 0
    said = capsys.readouterr().out
    usage, what = said.split("\n\n")[:2]
    assert script.rpartition(".")[2] in usage
    assert len(what) > 30


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_argument_that_nobody_reads_is_one_line(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = start(script, "--learning-rate=1e-3", monkeypatch)
    assert (code, capsys.readouterr().err.count("\n")) == (1 if script in JUDGES else 2, 1)


def test_a_stage_says_where_its_settings_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start("stages.train", "--learning-rate=1e-3", monkeypatch)
    said = capsys.readouterr().err
    assert said.startswith("--learning-rate=1e-3: unexpected argument; settings")


def test_a_wrong_argument_names_what_is_allowed() -> None:
    parser = CommandLine("stages.toy", "A toy.")
    parser.add_argument("system", choices=["base", "tuned"])
    with pytest.raises(
        UserError, match=r"'bas\S*' \(choose from .*base.*`python -m stages.toy --help`"
    ):
        parser.parse_args(["bas"])

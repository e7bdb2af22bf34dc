"""Read the result of the leakage check, which stages after split require.

Split searches train for everything held out and writes reports/leakage.json: the files it compared,
by SHA-256, and how many leaks are left. Later stages refuse files that were not compared.
"""

from glob import glob
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lib.runtime.errors import UserError
from lib.runtime.files import sha256

LEAKAGE_REPORT = Path("reports/leakage.json")
TASKS = Path("evals/harness")  # of lm-evaluation-harness


class Compared(BaseModel):
    """A file that split searched, or searched for."""

    sha256: str
    rows: int


class LeakageCheck(BaseModel):
    """The content of reports/leakage.json."""

    threshold: float
    ngram: int
    contained: float
    leaks: int
    compared: dict[str, Compared]
    removed: dict[str, int]


def read_leakage_check() -> LeakageCheck:
    """Read what the leakage check found; raise UserError where its report is missing or damaged."""
    try:
        return LeakageCheck.model_validate_json(LEAKAGE_REPORT.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"{LEAKAGE_REPORT}: not found; `dvc repro split` runs the leakage check"
        ) from None
    except ValidationError:
        raise UserError(
            f"{LEAKAGE_REPORT}: is damaged; `dvc repro split` runs the leakage check again"
        ) from None


def require_checked(*paths: str) -> None:
    """Raise UserError unless every file has the bytes that the leakage check found clean."""
    checked = read_leakage_check().compared
    for path in paths:
        if not Path(path).is_file():
            raise UserError(
                f"{path}: not found; `git checkout` or `dvc pull` brings back the file that "
                f"{LEAKAGE_REPORT} names, `dvc repro split` checks the files that are there"
            )
        if path not in checked:
            raise UserError(
                f"{path}: is not in {LEAKAGE_REPORT}; `dvc repro split` checks it for leakage"
            )
        if checked[path].sha256 != sha256(path):
            ours = path.startswith("data/split/")  # an edit of it may sit in the cache, too
            cure = "`make repair`, then" if ours else "it is checked again by"
            raise UserError(
                f"{path}: has changed since the leakage check ({LEAKAGE_REPORT}); {cure} "
                "`dvc repro split`"
            )


def require_all_checked() -> None:
    """Raise UserError where a compared file has changed since, or one in evals/ was not compared.

    A case added later may also be in train. `dvc repro` notices; a stage run by hand does not.
    """
    require_checked(*read_leakage_check().compared, *map(str, files_of_evals()))


def files_of_evals() -> list[Path]:
    """List every file of evals/ that may hold what training must not see, whatever its name.

    Hidden files are left out; folders behind links are searched, too.
    """
    found = map(Path, glob("evals/**", recursive=True))  # noqa: PTH207 - Path's follows no link
    return sorted(path for path in found if path.is_file() and not _holds_no_data(path))


def _holds_no_data(path: Path) -> bool:
    """Tell whether a file is documentation, DVC's, or a task definition of the harness."""
    of_harness = path.is_relative_to(TASKS) and path.suffix in (".yaml", ".py")
    return path.suffix.lower() in (".md", ".dvc") or of_harness or "__pycache__" in path.parts

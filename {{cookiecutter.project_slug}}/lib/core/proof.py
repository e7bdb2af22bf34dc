"""The leakage proof, as the stages behind split read it, and the files of evals/ it is about."""

from glob import glob
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lib.runtime.errors import UserError
from lib.runtime.files import sha256

PROOF = Path("reports/leakage.json")
TASKS = Path("evals/harness")  # of lm-evaluation-harness


class Compared(BaseModel):
    """A file that split searched, or searched for."""

    sha256: str
    rows: int


class Proof(BaseModel):
    """What split wrote."""

    threshold: float
    ngram: int
    contained: float
    leaks: int
    compared: dict[str, Compared]
    removed: dict[str, int]


def read_proof() -> Proof:
    """The proof; raises UserError where there is none."""
    try:
        return Proof.model_validate_json(PROOF.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{PROOF}: not found; run `dvc repro split`, which proves it") from None
    except ValidationError:
        raise UserError(
            f"{PROOF}: is not as split wrote it; `dvc repro split` proves it again"
        ) from None


def require_proof(*paths: str) -> None:
    """Refuse data that the split stage did not compare and find clean; raises UserError."""
    proved = read_proof().compared
    for path in paths:
        if not Path(path).is_file():
            raise UserError(
                f"{path}: not found; `git checkout` or `dvc pull` brings back what {PROOF} is "
                "about, `dvc repro split` proves what is there"
            )
        if path not in proved:
            raise UserError(
                f"{path}: {PROOF} knows no such file; `dvc repro split` proves it free of leakage"
            )
        if proved[path].sha256 != sha256(path):
            raise UserError(
                f"{path}: its bytes are not those that {PROOF} found free of leakage; "
                "`dvc repro split` proves it again"
            )


def require_all() -> None:
    """Refuse to learn where anything that was compared has changed since, or evals/ holds what was
    not: a case that came later may stand in train. DVC sees that in time, a stage run by hand does
    not."""
    require_proof(*read_proof().compared, *map(str, files_of_evals()))


def files_of_evals() -> list[Path]:
    """Every file of evals/ that may hold what training must not see, whatever it is named, if it is
    not hidden; folders that links lead to, too."""
    found = map(Path, glob("evals/**", recursive=True))  # noqa: PTH207 - Path's follows no link
    return sorted(path for path in found if path.is_file() and not _tells(path))


def _tells(path: Path) -> bool:
    """Whether a file only tells something: people, DVC, or the harness how to ask."""
    of_harness = path.is_relative_to(TASKS) and path.suffix in (".yaml", ".py")
    return path.suffix.lower() in (".md", ".dvc") or of_harness or "__pycache__" in path.parts

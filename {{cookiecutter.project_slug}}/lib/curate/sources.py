"""Find the files that data.sources names."""

import re
from pathlib import Path
from urllib.parse import unquote

from lib.curate.params import Source
from lib.runtime.errors import UserError

_SPLIT_WORD = re.compile(
    r"(?<![a-z])(training|train|testing|test|validation|valid|val|dev|eval|heldout)(?![a-z])"
)


def find_files(sources: list[Source]) -> list[tuple[Source, list[Path]]]:
    """Find the files of each source, in order.

    Raises UserError where a required source has no file, or two sources match the same file.
    """
    seen: dict[Path, str] = {}
    found = []
    for source in sources:
        # A file name may contain glob characters, such as `a[1].csv`.
        exact = Path(source.path)
        paths = [exact] if exact.is_file() else seen_files(source.path)
        files = [path for path in paths if not is_dvcs(path)]
        if not files and not source.optional:
            cure = f"write {_inside(exact)} for its files" if exact.is_dir() else "correct the path"
            raise UserError(
                f"params.yaml: data.sources: no file matches '{source.path}'; "
                f"put one there or {cure}"
            )
        for path in files:
            if path in seen:
                raise UserError(
                    f"{path}: is matched by '{seen[path]}' and by '{source.path}'; keep it in one "
                    "entry of data.sources"
                )
            seen[path] = source.path
        check_names_of_splits(source, files)
        found.append((source, files))
    return found


def check_names_of_splits(source: Source, files: list[Path]) -> None:
    """Raise UserError for a glob that matches a published test set beside the rows to learn from.

    Its path is that of another file but for a word such as test: train-0.parquet, test-0.parquet.
    """
    named = {path: _SPLIT_WORD.findall(path.as_posix().lower()) for path in files}
    apart = [path for path in files if {*named[path]} - {"train", "training"}]
    learnt = {_without_split(path) for path in files if path not in apart}
    for path in apart if not source.split and "split" not in source.columns else ():
        if _without_split(path) in learnt:
            raise UserError(
                f"{path}: its name says '{named[path][0]}', and '{source.path}' takes it with "
                "those to learn from; give it an entry of its own in data.sources, with split: "
                "test (or val), and name the others there one by one or by a narrower path"
            )


def _without_split(path: Path) -> str:
    """Return the letters of a file's path without the words that name a split."""
    return re.sub(r"[\W\d_]+", "", _SPLIT_WORD.sub("", path.as_posix().lower()))


def seen_files(pattern: str) -> list[Path]:
    """List the files that a glob matches, without those that programs create beside data.

    By convention, these begin with a dot or an underscore: .DS_Store, ._rows.csv, _SUCCESS. A
    broken link is a UserError: its rows would be missed.
    """
    paths = sorted(Path().glob(pattern))
    if broken := [path for path in paths if path.is_symlink() and not path.exists()]:
        raise UserError(
            f"{broken[0]}: is a link to a missing file; `dvc checkout` or `git annex get` "
            "restores it, `rm` removes the link"
        )
    files = [path for path in paths if path.is_file()]
    beside = [path for path in files if path.name.startswith((".", "_"))]
    if beside:
        print(f"{pattern}: skipped, because of the name: {', '.join(map(str, beside))}")
    return [path for path in files if path not in beside]


def _inside(folder: Path) -> str:
    """Return a glob for the files in a folder, or in its subfolders."""
    if any(one.is_file() for one in folder.iterdir()):
        return f"{folder}/*"
    return f"{folder}/**/*"


def partition(file: str) -> dict[str, str]:
    """Read columns from the names of folders, as Spark writes them: lang=de/part-0.csv."""
    named = [folder.partition("=") for folder in file.split("/")[:-1]]
    return {name: unquote(value) for name, told, value in named if told and name}


def is_dvcs(path: Path) -> bool:
    """Tell whether a file is DVC's own (`dvc add`), which a glob such as `data/raw/*` matches."""
    return path.suffix == ".dvc" or path.name == ".gitignore"

"""Find the files that data.sources names."""

from pathlib import Path

from lib.curate.params import Source
from lib.runtime.errors import UserError


def find_files(sources: list[Source]) -> list[tuple[Source, list[Path]]]:
    """Find the files of each source, in order.

    Raises UserError where a source that is not optional has no file, or two sources match one.
    """
    seen: dict[Path, str] = {}
    found = []
    for source in sources:
        # A file name may contain glob characters, such as `a[1].csv`.
        exact = Path(source.path)
        paths = [exact] if exact.is_file() else sorted(Path().glob(source.path))
        files = [path for path in paths if path.is_file() and not is_dvcs(path)]
        if not files and not source.optional:
            cure = f"write {exact}/* for its files" if exact.is_dir() else "correct the path"
            raise UserError(
                f"params.yaml: data.sources: no file matches '{source.path}'; "
                f"put one there or {cure}"
            )
        for path in files:
            if path in seen:
                raise UserError(
                    f"{path}: is matched by '{seen[path]}' and by '{source.path}'; "
                    "leave it to one entry of data.sources"
                )
            seen[path] = source.path
        found.append((source, files))
    return found


def is_dvcs(path: Path) -> bool:
    """Tell whether `dvc add` wrote a file beside the data: a glob such as `data/raw/*` finds it."""
    return path.suffix == ".dvc" or path.name == ".gitignore"

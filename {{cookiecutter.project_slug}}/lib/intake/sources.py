"""The files that data.sources names."""

import re
from collections.abc import Iterator
from pathlib import Path

from lib.errors import UserError
from lib.params.data import COLUMNS, Source
from lib.params.task import TaskParams


def find_files(sources: list[Source]) -> Iterator[tuple[Source, Path]]:
    """The files of each source, in order; a file that two sources match is a mistake."""
    seen: dict[Path, str] = {}
    for source in sources:
        # A name that holds glob's own signs, such as `a[1].csv`, is still a name.
        exact = Path(source.path)
        paths = [exact] if exact.is_file() else sorted(Path().glob(source.path))
        files = [path for path in paths if path.is_file()]
        if not files:
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
            yield source, path


def check_columns(sources: list[Source], task: TaskParams) -> None:
    """Each mapping must be from a name we know."""
    allowed = [*COLUMNS, *task.fields]
    for source in sources:
        names = [re.sub(r"^group\.[\w-]+$", "group", name) for name in source.columns]
        unknown = [name for name in names if name not in allowed]
        if unknown:
            raise UserError(
                f"params.yaml: data.sources: '{source.path}' maps the unknown name "
                f"'{unknown[0]}'; columns takes {', '.join(allowed)}"
            )

"""The license of the base, which goes with whatever is made from it."""

import shutil
from contextlib import suppress
from pathlib import Path

from lib.core.params import BaseParams

_TEXTS = ("LICENSE*", "LICENSE*", "COPYING*", "NOTICE*", "USE_POLICY*")


def add_license(folder: Path, base: BaseParams) -> None:
    """Put the base's license texts, or a file that names the license, into a folder of weights."""
    found = license_texts(base)
    for path in found:
        shutil.copy(path, folder / path.name)
    if not found:
        (folder / "LICENSE").write_text(
            f"Made from {base.model}, whose license is {base.license}. Its text was not found "
            "where this was packed (https://spdx.org/licenses has many, by SPDX id): put it "
            "here before you pass this on.\n",
            encoding="utf-8",
        )
        print(f"package: {base.model}: no license text found; model/LICENSE only names the license")


def license_texts(base: BaseParams) -> list[Path]:
    """List the license files of the base's folder, or of its page on the hub."""
    folder = Path(base.model)
    if not folder.is_dir():
        folder = from_hub(base)
    return sorted({path for pattern in _TEXTS for path in folder.glob(pattern) if path.is_file()})


def from_hub(base: BaseParams) -> Path:
    """Return where the files are that were fetched from the hub now, or before."""
    from huggingface_hub import snapshot_download

    for cached in (False, True):
        with suppress(OSError):  # out of reach, gated or never downloaded
            found = snapshot_download(
                base.model,
                revision=base.revision,
                allow_patterns=[*_TEXTS],
                local_files_only=cached,
            )
            return Path(found)
    return Path(base.model)  # nothing there

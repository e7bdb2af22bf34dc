"""Put the license of the base into a package."""

import shutil
from contextlib import suppress
from pathlib import Path

from lib.core.params import BaseParams

_TEXTS = ("LICENSE*", "LICENSE*", "COPYING*", "NOTICE*", "USE_POLICY*")


def add_license(folder: Path, base: BaseParams) -> None:
    """Copy the base's license texts to a folder of weights, or a file that names the license."""
    found = license_texts(base)
    for path in found:
        shutil.copy(path, folder / path.name)
    if not found:
        (folder / "LICENSE").write_text(
            f"Made from {base.model}, whose license is {base.license}. Its text was not found "
            "when this was packed (https://spdx.org/licenses has many, by SPDX id): put it here "
            "before you distribute this.\n",
            encoding="utf-8",
        )
        print(f"package: {base.model}: no license text found; model/LICENSE only names the license")


def license_texts(base: BaseParams) -> list[Path]:
    """List the license files of the base, from its folder or the hub."""
    folder = Path(base.model)
    if not folder.is_dir():
        folder = from_hub(base)
    return sorted({path for pattern in _TEXTS for path in folder.glob(pattern) if path.is_file()})


def from_hub(base: BaseParams) -> Path:
    """Download the license files from the hub, or use cached ones; return their folder."""
    from huggingface_hub import snapshot_download

    for cached in (False, True):
        with suppress(OSError):  # unreachable, gated or never downloaded
            found = snapshot_download(
                base.model,
                revision=base.revision,
                allow_patterns=[*_TEXTS],
                local_files_only=cached,
            )
            return Path(found)
    return Path(base.model)  # no such files

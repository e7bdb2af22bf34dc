"""Write the bill of materials of a package, in CycloneDX 1.6 (ECMA-424).

It lists the model, its base and the training data."""

from pathlib import Path
from typing import Any

from lib.core.params import BaseParams
from lib.runtime.files import sha256

_SPLITS = ("train", "val")
WEIGHTS = (".safetensors", ".gguf", ".bin")


def sbom(name: str, package: Path, base: BaseParams) -> dict[str, Any]:
    """Build the bill of materials of a package, without time or serial number.

    The same package gives the same bytes.

    Weights of all folders are listed: model, adapter and base.
    """
    weights = sorted(path for path in package.rglob("*") if path.suffix in WEIGHTS)
    files = [component("file", path.relative_to(package).as_posix(), path) for path in weights]
    made_from = {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": base.model,
        "licenses": [{"license": {"name": base.license}}],
    }
    if base.revision:
        made_from["version"] = base.revision
    data = [
        component("data", f"{split}.jsonl", path)
        for split in _SPLITS
        if (path := Path(f"data/split/{split}.jsonl")).is_file()
    ]
    parts = [made_from, *files, *data]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "machine-learning-model", "bom-ref": "model", "name": name}
        },
        "components": parts,
        "dependencies": [{"ref": "model", "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def component(kind: str, name: str, path: Path) -> dict[str, Any]:
    """Describe a file with its hash."""
    hashes = [{"alg": "SHA-256", "content": sha256(path)}]
    return {"type": kind, "bom-ref": name, "name": name, "hashes": hashes}

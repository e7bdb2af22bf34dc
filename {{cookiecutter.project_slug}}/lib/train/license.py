"""Check the license of the base: that it matches the model card and allows the declared use.

Checked before the first step of a training, and again by training_plan whenever base.license or
base.use changes; these keys alone do not make train run again.
"""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.core.params import BaseParams
from lib.runtime.errors import UserError
from lib.runtime.hub import ask_once

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)
NON_COMMERCIAL = re.compile(r"\b(nc|non-?commercial|research)\b", re.IGNORECASE)
# Identifiers that the hub knows; any other license is "other" with a license_name
LICENSES = {
    *("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0"),
    *("gemma", "gpl-3.0", "openrail", "bigscience-openrail-m", "llama2", "llama3", "llama3.1"),
    *("llama3.2", "llama3.3", "llama4"),
}
LLAMA = re.compile(r"llama[ -]?(\d(?:\.\d)?)(?: community(?: license)?)?", re.IGNORECASE)


def card_of(base: BaseParams) -> dict[str, Any]:
    """Read the metadata of the base's own model card.

    Returns {} if there is none, or if the hub is unreachable and the card is not cached.
    """
    from huggingface_hub import hf_hub_download

    path = Path(base.model, "README.md")
    try:
        if not Path(base.model).is_dir():
            ask_once()
            path = Path(hf_hub_download(base.model, "README.md", revision=base.revision))
        head = FRONT_MATTER.match(path.read_text(encoding="utf-8"))
        declared = YAML(typ="safe").load(head[1]) if head else {}
    except (OSError, ValueError, YAMLError):
        return {}
    return declared if isinstance(declared, dict) else {}


def check_license(base: BaseParams, card: dict[str, Any]) -> None:
    """Raise UserError if the license forbids the declared use, or differs from the card's."""
    if base.license.strip().casefold() == "other":
        raise UserError(
            "params.yaml: base.license is other, which is not a license; set the license's name "
            "(license_name on the base's card)"
        )
    if base.use == "commercial" and NON_COMMERCIAL.search(base.license.replace("_", "-")):
        raise UserError(
            f"params.yaml: base.license {base.license} does not allow commercial use; set "
            "base.use to research, or choose another base"
        )
    found = card.get("license")
    names = [card.get("license_name")] if found == "other" else [found]
    names = found if isinstance(found, list) else names  # YAML may hold several
    if any(names) and license_id(base.license) not in {license_id(str(one)) for one in names}:
        raise UserError(
            f"params.yaml: base.license is {base.license}, the card of {base.model} says "
            f"{', '.join(map(str, names))}; set that one, or use another base"
        )


def license_id(name: str) -> str:
    """Normalize the name of a license."""
    fields = hub_license(name)
    return fields.get("license_name", fields["license"])


def hub_license(name: str) -> dict[str, str]:
    """Return a license in the form of the hub's metadata: a known id, or "other" with a name."""
    llama = LLAMA.fullmatch(name.strip())
    known = f"llama{llama[1]}" if llama else name.strip().lower()
    if known in LICENSES:
        return {"license": known}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", known).strip("-")}

"""The leakage proof, as the stages behind split read it."""

import json
from pathlib import Path

from lib.errors import UserError
from lib.files import sha256

PROOF = Path("reports/leakage.json")


def require_proof(*paths: str) -> None:
    """Refuse data that the split stage did not compare and find clean; raises UserError."""
    try:
        proved = json.loads(PROOF.read_text(encoding="utf-8"))["compared"]
    except FileNotFoundError:
        raise UserError(f"{PROOF}: not found; run `dvc repro split`, which proves it") from None
    for path in paths:
        if path not in proved or proved[path]["sha256"] != sha256(path):
            raise UserError(
                f"{path}: its bytes are not those that {PROOF} found free of leakage; "
                "`dvc repro split` proves it again"
            )

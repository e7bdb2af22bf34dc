"""How much personal data the default finds and how much of that is right: on presidio-research's
sentences where `../shared/data` has them, and on our own in four languages with hard negatives."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).parents[1]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
PUBLIC = TEMPLATE.parent / "shared/data/pii/generated_large.json"
CACHE = TEMPLATE / "build/cache/python"  # none in the project folder: a bake would copy them
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "PYTHONPYCACHEPREFIX": str(CACHE),
    "PYTHONPATH": f"{PROJECT}:{TEMPLATE}",
}

# Prints recall and precision of each kind; the gate must lose nothing of what presidio finds.
MEASURE = """
import json, sys
from pathlib import Path
from benchmarks.pii.run import PARAMS, Finder, annotated, measure
from benchmarks.pii.texts import make_set
from lib.pii.plain import as_plain
from lib.pii.redact import join_spans

finder = Finder(PARAMS)
texts = annotated(Path(sys.argv[1])) if sys.argv[1:] else make_set(each=60, hard=600)
for text, _ in texts:
    every = [one for kind in PARAMS.entities for one in finder.ask(kind, as_plain(text))]
    assert finder.find(text) == tuple(join_spans(every)), text
shares = measure(finder.find, texts)
print(json.dumps({kind: [one.recall, one.precision] for kind, one in shares.items()}))
"""


def short_of(bounds: tuple[float, float], kinds: list[str], *texts: str) -> dict[str, Any]:
    """The kinds whose recall or precision is below these bounds."""
    command = [sys.executable, "-c", MEASURE, *texts]
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | SETTINGS)
    found = json.loads(done.stdout)
    return {
        kind: found[kind]
        for kind in kinds
        if any(share < least for share, least in zip(found[kind], bounds, strict=True))
    }


KINDS = ["EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "PHONE_NUMBER"]


@pytest.mark.skipif(not PUBLIC.is_file(), reason="no ../shared/data/pii")
def test_public_sentences() -> None:
    assert short_of((0.95, 0.90), KINDS, str(PUBLIC)) == {}


def test_own_sentences() -> None:
    more = ["CRYPTO", "CN_MOBILE_NUMBER", "CN_RESIDENT_ID", "MAC_ADDRESS"]
    assert short_of((0.95, 0.90), [*KINDS, *more]) == {}

"""A stage starts fast: it imports nothing heavy that it does not use."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "datasets", "trl", "scipy", "pandas", "spacy", "pyarrow"}
HEAVY |= {"matplotlib", "jinja2"}


@pytest.mark.parametrize("stage", ["curate", "dedup", "split", "data_spec", "training_plan"])
def test_data_stages_start_light(stage: str) -> None:
    code = f"import sys, stages.{stage}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("module", ["review.gate", "review.compare", "stages.report"])
def test_reviewing_needs_no_torch(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())

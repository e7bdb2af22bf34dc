"""The launch files of clusters and rented machines are what Slurm and SkyPilot take.

skypilot_task.schema.json is SkyPilot's own schema, sbatch_options.txt the options that the manual
page of sbatch (Slurm 22.05) names: neither needs to be installed.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT, Bake
from tests.test_workflows import find, run

SCHEMA = ROOT / "tests/skypilot_task.schema.json"
OPTIONS = ROOT / "tests/sbatch_options.txt"
FILES = {
    "cpu": set(),
    "gpu": set(),
    "multi-gpu": {"slurm.sbatch"},
    "cloud": {"slurm.sbatch", "sky.yaml"},
}


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """A project for a rented machine."""
    return bake(hardware="cloud", dvc_remote="s3://bucket/path")


@pytest.mark.parametrize("hardware", FILES)
def test_only_who_needs_a_launch_file_gets_it(bake: Bake, hardware: str) -> None:
    baked = bake(hardware=hardware)
    found = {path.name for path in baked.iterdir() if path.suffix in (".sbatch", ".yaml")}
    assert found - {"dvc.yaml", "params.yaml"} == FILES[hardware]


def test_skypilot_takes_the_task(project: Path) -> None:
    checker = find("check-jsonschema")
    assert run(checker, "--schemafile", str(SCHEMA), str(project / "sky.yaml")) == ""


def test_slurm_knows_the_options(project: Path) -> None:
    text = (project / "slurm.sbatch").read_text(encoding="utf-8")
    used = re.findall(r"^#SBATCH (--[a-z-]+)", text, flags=re.MULTILINE)
    assert len(used) == text.count("\n#SBATCH ") > 5
    assert set(used) <= set(OPTIONS.read_text(encoding="utf-8").split())


def scripts(project: Path) -> dict[str, str]:
    """The shell scripts that run on the machines."""
    task = YAML(typ="safe").load((project / "sky.yaml").read_text(encoding="utf-8"))
    slurm = (project / "slurm.sbatch").read_text(encoding="utf-8")
    inner = re.findall(r"bash -c '(.*?)'\nfi", slurm, flags=re.DOTALL)
    return {"sky": task["run"], "slurm": slurm, "each node": inner[0]}


@pytest.mark.parametrize("name", ["sky", "slurm", "each node"])
def test_bash_reads_the_script(project: Path, name: str) -> None:
    script = scripts(project)[name]
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    if name != "each node":
        assert {"MACHINE_RANK", "MAIN_ADDRESS"} <= set(re.findall(r"[A-Z]+_[A-Z]+", script))


@pytest.mark.parametrize("stale", [True, False])
def test_every_node_trains_where_train_is_stale(project: Path, tmp_path: Path, stale: bool) -> None:
    # dvc says more than a pipe holds, after the line that counts; Slurm's commands note their call
    plan = "Running stage 'train':" if stale else "Stage 'train' didn't change, skipping"
    tools = {
        "dvc": f'echo "dvc $*" >>calls; case "$*" in *--dry*) echo "{plan}"; seq 99999;; esac',
        "srun": 'echo "srun $1" >>calls',
        "scontrol": "echo one; echo two",
    }
    for name, script in tools.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    script = scripts(project)["slurm"].replace("$PWD/.venv/bin", str(tmp_path))
    settings = {"PATH": os.environ["PATH"], "SLURM_JOB_NODELIST": "n[1-2]"}
    subprocess.run(["bash", "-c", script], cwd=tmp_path, env=settings, check=True)
    called = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert ("srun --kill-on-bad-exit=1" in called) == stale
    assert called[-1] == "dvc push"

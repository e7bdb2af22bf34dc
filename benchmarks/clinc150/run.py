"""Bring-your-own-data, shown on CLINC150: configuration only, all stages, one result table.

usage   python -m benchmarks.clinc150.run DATA_FOLDER      (train.jsonl, val.jsonl, test.jsonl)
reads   DATA_FOLDER, benchmarks/clinc150/params.yaml
writes  build/clinc150/clinc150 (a project and its run)
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from cookiecutter.main import cookiecutter
from ruamel.yaml import YAML

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "build/clinc150/clinc150"


def make_project(data: Path) -> None:
    """A project of default answers with CLINC150's files and params."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    cookiecutter(
        str(TEMPLATE),
        no_input=True,
        default_config=True,
        extra_context={"project_name": "clinc150", "project_slug": "clinc150"},
        output_dir=str(PROJECT.parent),
    )
    shutil.rmtree(PROJECT / "data/raw")
    (PROJECT / "data/raw").mkdir()
    for name in ("train", "val", "test"):
        shutil.copy(data / f"{name}.jsonl", PROJECT / "data/raw")
    for name in ("golden", "adversarial"):  # those of the sample task say nothing about this one
        (PROJECT / f"evals/{name}.jsonl").write_text("", encoding="utf-8")


def lay_over() -> None:
    """Replace the params that differ."""
    yaml = YAML()
    params = yaml.load(PROJECT / "params.yaml")
    for section, values in yaml.load(Path(__file__).parent / "params.yaml").items():
        params[section].update(values)
    yaml.dump(params, PROJECT / "params.yaml")


def main() -> None:
    make_project(Path(sys.argv[1]))
    lay_over()
    subprocess.run(["git", "init", "--quiet"], cwd=PROJECT, check=True)
    subprocess.run(["git", "add", "--all"], cwd=PROJECT, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "CLINC150"], cwd=PROJECT, check=True)
    started = time.perf_counter()
    subprocess.run(["dvc", "repro"], cwd=PROJECT, check=True)
    print(f"all stages: {(time.perf_counter() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    main()

"""Bring-your-own-data, shown on CLINC150: configuration only, all stages, one result table.

usage   python -m benchmarks.clinc150.run DATA      (a folder: train.jsonl, val.jsonl, test.jsonl)
reads   DATA, benchmarks/clinc150/params.yaml
writes  build/clinc150/clinc150 (a project and its run), and two tables on standard output
"""

import argparse
import json
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from cookiecutter.main import cookiecutter
from ruamel.yaml import YAML

from benchmarks.demo import PACKAGES, stage_seconds

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "build/clinc150/clinc150"
FILES = ("train.jsonl", "val.jsonl", "test.jsonl")


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
    for name in FILES:
        shutil.copy(data / name, PROJECT / "data/raw")
    for name in ("golden", "adversarial"):  # those of the sample task say nothing about this one
        (PROJECT / f"evals/{name}.jsonl").write_text("", encoding="utf-8")


def lay_over() -> None:
    """Replace the params that differ."""
    yaml = YAML()
    params = yaml.load(PROJECT / "params.yaml")
    for section, values in yaml.load(Path(__file__).parent / "params.yaml").items():
        params[section].update(values)
    yaml.dump(params, PROJECT / "params.yaml")


def test_result(system: str) -> str:
    """In-scope accuracy on the published test split, with its 95 % interval."""
    path = PROJECT / f"metrics/eval/{system}.json"
    test = json.loads(path.read_text(encoding="utf-8"))["test"]
    low, high = test["exact_match_low"], test["exact_match_high"]
    return f"{test['exact_match']:.2%} ({low:.1%} to {high:.1%}) of {test['cases']:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder of train.jsonl, val.jsonl, test.jsonl")
    data = parser.parse_args().data
    if missing := [name for name in FILES if not (data / name).is_file()]:
        parser.error(f"{data}: holds no {', '.join(missing)}")
    make_project(data)
    lay_over()
    subprocess.run(["git", "init", "--quiet"], cwd=PROJECT, check=True)
    subprocess.run(["git", "add", "--all"], cwd=PROJECT, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "CLINC150"], cwd=PROJECT, check=True)
    stages = stage_seconds(PROJECT)
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    print("\n| stage | seconds |\n| --- | ---: |")
    for name, seconds in stages.items():
        print(f"| {name} | {seconds:.0f} |")
    print(f"| all | {sum(stages.values()):.0f} |")
    print("\n| system | in-scope accuracy, test (95 % interval) |\n| --- | ---: |")
    for system in ("base", "tuned", "quantized"):
        print(f"| {system} | {test_result(system)} |")


if __name__ == "__main__":
    main()

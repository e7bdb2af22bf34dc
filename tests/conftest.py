"""A clean copy of the template, and projects baked from it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
PROJECT = "{{cookiecutter.project_slug}}"
QUESTIONS = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))

Bake = Callable[..., Path]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of the template holds: no caches of tools that ran inside it."""
    folder = tmp_path_factory.mktemp("template") / "template"
    litter = shutil.ignore_patterns("*_cache", "__pycache__", "*.partial")
    for name in (PROJECT, "hooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=litter)
    for name in ("cookiecutter.json", "answer_checks.py"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def cookiecutter_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration that leaves the home folder of whoever runs the tests alone."""
    folder = tmp_path_factory.mktemp("config")
    path = folder / "cookiecutter.yaml"
    path.write_text(f"replay_dir: {folder}/replay\ncookiecutters_dir: {folder}/templates\n")
    os.environ["COOKIECUTTER_CONFIG"] = str(path)
    return path


@pytest.fixture(scope="session")
def bake(
    template: Path, cookiecutter_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> Bake:
    """Generate a project with the default answers but those given; return its folder."""

    def bake_project(into: Path | None = None, **answers: str) -> Path:
        project = cookiecutter(
            str(template),
            no_input=True,
            extra_context=answers,
            output_dir=str(into or tmp_path_factory.mktemp("baked")),
            config_file=str(cookiecutter_config),
        )
        return Path(project)

    return bake_project


@pytest.fixture(scope="session")
def default_project(bake: Bake) -> Path:
    """A project with all default answers; tests only read it."""
    return bake()

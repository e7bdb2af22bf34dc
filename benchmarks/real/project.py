"""A project of the template for a benchmark of a real model."""

import shutil
from pathlib import Path

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).parents[2]


def bake_project(project: Path, base: Path, raw: dict[str, str]) -> None:
    """Bake a project named after its folder, with another base and the texts of its data/raw.

    Its evals/ are empty: the cases of the sample task say nothing about another one.
    """
    cookiecutter(
        str(TEMPLATE),
        extra_context={"project_name": project.name, "project_slug": project.name},
        output_dir=str(project.parent),
        no_input=True,
        default_config=True,
    )
    for folder in ("data/raw", "base"):
        shutil.rmtree(project / folder)
    shutil.copytree(base, project / "base")
    (project / "data/raw").mkdir()
    for name, text in raw.items():
        (project / f"data/raw/{name}.jsonl").write_text(text, encoding="utf-8")
    for name in ("golden", "adversarial"):
        (project / f"evals/{name}.jsonl").write_text("", encoding="utf-8")

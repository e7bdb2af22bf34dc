"""dvc.yaml must name the code each stage really uses, or DVC would not see it change."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lib.evaluate.params import EvalParams

STAGES = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]


def imported(path: Path) -> set[Path]:
    """Files of this project that `path` imports itself, at run time."""
    found = set()
    for node in run_time_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {file for name in [node.module, *names] if (file := as_file(name))}
        elif isinstance(node, ast.Import):
            found |= {file for alias in node.names if (file := as_file(alias.name))}
    return found


def run_time_nodes(node: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return []
    children = [inner for child in ast.iter_child_nodes(node) for inner in run_time_nodes(child)]
    return [node, *children]


def as_file(module: str) -> Path | None:
    """The file of a module of this project, or None."""
    path = Path(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def closure(path: Path) -> set[Path]:
    """`path` and everything of this project it imports, directly or not."""
    seen: set[Path] = set()
    waiting = {path}
    while waiting:
        seen |= waiting
        waiting = {file for path in waiting for file in imported(path)} - seen
    return seen


def declared(stage: str) -> set[Path]:
    """The code that dvc.yaml names for a stage."""
    body = STAGES[stage].get("do", STAGES[stage])
    return {Path(dep) for dep in body["deps"] if dep.endswith(".py")}


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_real_imports(stage: str) -> None:
    assert declared(stage) == closure(Path(f"stages/{stage}.py"))


def test_a_system_depends_on_every_key_of_eval_that_is_not_another_systems() -> None:
    named = [one for one in STAGES["eval"]["do"]["params"] if str(one).startswith("eval.")]
    shared = {one.removeprefix("eval.") for one in named} - {"${item.own}"}
    own = {one["own"] for one in STAGES["eval"]["foreach"].values()}
    assert own - shared == {"few_shot", "retrieval"}
    assert shared | own | {"endpoint"} == set(EvalParams.model_fields)


@pytest.mark.parametrize("path", sorted(Path("lib").rglob("*.py")))
def test_lib_imports_no_stage(path: Path) -> None:
    assert not any(file.parts[0] == "stages" for file in imported(path))

"""dvc.yaml must name the rooms each stage really uses, or DVC would not see their code change."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lib.engines.params import AnswerParams
from lib.train.params import TrainParams

STAGES = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
ROOMS = (  # each may import the ones before it
    *("runtime", "core", "intake", "pii", "model", "release", "engines", "cases", "similarity"),
    *("split", "curate", "evaluate", "train", "bases", "quantize", "serving", "report"),
    "monitoring",
)
FOLDERS = ("deploy", "lib", "monitor", "review", "stages", "tests")
DECIDES_NOTHING = "lib/runtime"  # how a script starts, fails and writes its files whole


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


def rooms_of(paths: set[Path]) -> set[str]:
    """The rooms of lib that files lie in, and scripts by their own names."""
    return {"/".join(path.parts[:2]) for path in paths}


def declared(stage: str) -> set[str]:
    """The rooms and scripts that dvc.yaml names for a stage."""
    body = STAGES[stage].get("do", STAGES[stage])
    return {dep for dep in body["deps"] if dep.startswith("lib/") or dep.endswith(".py")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_the_rooms_it_can_reach(stage: str) -> None:
    assert declared(stage) == rooms_of(closure(Path(f"stages/{stage}.py"))) - {DECIDES_NOTHING}


def test_a_system_depends_on_every_key_of_answer_that_is_not_another_systems() -> None:
    named = [one for one in STAGES["answer"]["do"]["params"] if str(one).startswith("answer.")]
    shared = {one.removeprefix("answer.") for one in named} - {"${item.own}"}
    own = {one["own"] for one in STAGES["answer"]["foreach"].values()}
    assert own - shared == {"few_shot", "retrieval"}
    assert shared | own | {"endpoint"} == set(AnswerParams.model_fields)


def test_train_depends_on_every_key_of_train_that_can_change_its_bytes() -> None:
    named = {str(one) for one in STAGES["train"]["params"]}
    unnamed = {key for key in TrainParams.model_fields if f"train.{key}" not in named}
    assert unnamed == {"tracking", "gradient_checkpointing"}  # a test of train holds the second


@pytest.mark.parametrize("path", sorted(Path("lib").rglob("*.py")))
def test_rooms_import_downwards_only(path: Path) -> None:
    if len(path.parts) == 2:
        assert path.name == "__init__.py", "nothing lies at the root of lib"
        return
    above = ROOMS[ROOMS.index(path.parts[1]) + 1 :]
    reached = {file.parts[1] if file.parts[0] == "lib" else str(file) for file in imported(path)}
    assert not reached & set(above)
    assert reached <= set(ROOMS), "lib imports no stage"


@pytest.mark.parametrize("stage", ["train", "quantize", "answer"])
def test_the_leakage_check_is_a_guard_and_no_dependency(stage: str) -> None:
    """It names the hash of every file of evals/: a new case would train again."""
    body = STAGES[stage].get("do", STAGES[stage])
    assert not {"reports/leakage.json", "evals"} & set(body["deps"])


def own_imports(path: Path) -> list[str]:
    """The modules of this project that a file names in `from ... import`."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = [node.module or "" for node in tree if isinstance(node, ast.ImportFrom)]
    return [name for name in names if name.split(".")[0] in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_imported_is_there(folder: str) -> None:
    """mypy ignores missing imports, since extras may be missing."""
    for path in Path(folder).rglob("*.py"):
        for name in own_imports(path):
            there = as_file(name) or Path(*name.split(".")).is_dir()
            assert there, f"{path}: {name} is not there"


def test_dvc_yaml_reads_like_a_table_of_contents() -> None:
    assert len(Path("dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 280


def test_what_holds_timings_is_in_git() -> None:
    outs = [one for stage in STAGES.values() for one in stage.get("outs", [])]
    in_git = [path for one in outs if isinstance(one, dict) for path in one]
    kept = Path(".gitignore").read_text(encoding="utf-8").splitlines()
    assert "reports/summary.md" in in_git
    assert [path for path in in_git if f"!/{path}" not in kept] == []


@pytest.mark.parametrize("stage", ["quantize", "parity", "bench"])
def test_what_reads_quantized_weights_names_the_packages_of_their_formats(stage: str) -> None:
    named = str(STAGES[stage]["params"])
    assert {f"optional-dependencies.{one}" in named for one in ("quantize", "bitsandbytes")} == {
        True
    }


def test_the_packages_of_quantized_weights_are_those_of_the_quantized_system() -> None:
    systems = STAGES["answer"]["foreach"]
    assert [name for name, one in systems.items() if one["extra"] == "quantize"] == ["quantized"]

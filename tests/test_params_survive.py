"""`dvc exp run -S` writes params.yaml anew: one line changes, and it stays YAML whatever is set."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from tests.conftest import Bake

Keys = tuple[str, ...]
MANY = [f"{'v' * 30}{n}" for n in range(30)]
IN_A_ROW: list[list[str]] = [[], ["x"], [], MANY, []]
ANSWERS = [
    {},
    {"base_model": "HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0)", "serving": "tgi"},
]
PROMPTS = ["Triage it: " * 30, "工单分类。🙂" * 40, "Two.\n\n  - a list: of two\n  - # lines\n"]


@pytest.fixture(scope="module", params=ANSWERS, ids=len)
def original(bake: Bake, request: pytest.FixtureRequest) -> Path:
    """The params.yaml of a new project; tests only read it."""
    return bake(**request.param) / "params.yaml"


def read(path: Path) -> Any:
    """The values of a YAML file."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def lines(path: Path) -> list[str]:
    """The lines of a file; DVC moves a comment to the right where a list was."""
    return [re.sub(" +#", " #", line) for line in path.read_text(encoding="utf-8").splitlines()]


def keys(value: Any, kind: type, at: Keys = ()) -> Iterator[Keys]:
    """The dotted keys of all lists, or of all that is neither list nor mapping (`object`)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from keys(inner, kind, (*at, str(key)))
    elif isinstance(value, list) == (kind is list):
        yield at


def empty_mappings(value: Any, at: Keys = ()) -> Iterator[Keys]:
    """The dotted keys of mappings that a user fills: DVC merges into others key by key."""
    if value == {} or at[-1:] in (("weights",), ("tags",), ("slices",)):
        yield at
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from empty_mappings(inner, (*at, str(key)))


def with_value(values: Any, at: Keys, value: Any) -> Any:
    """The same values but one."""
    changed = copy.deepcopy(values)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    old = inner.get(at[-1])
    inner[at[-1]] = {**old, **value} if isinstance(value, dict) and isinstance(old, dict) else value
    return changed


def test_every_single_value_changes_its_own_line_each_time(original: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(original, tmp_path))
    single = [".".join(at) for at in keys(read(path), object) if at != ("task", "system")]
    assert len(single) > 100
    for value in "other", "again":
        before = lines(path)
        apply_overrides(path, [f"{key}={value}" for key in single])
        after = lines(path)
        changed = [old for old, new in zip(before, after, strict=True) if new != old]
        assert not [line for line in changed if not re.match(r" *\w+:", line)]


def test_every_list_is_empty_short_and_long_and_leaves_all_other_lines(
    original: Path, tmp_path: Path
) -> None:
    values, path, broken = read(original), tmp_path / "params.yaml", []
    lists = list(keys(values, list))
    assert len(lists) > 12
    for at in lists:
        shutil.copy(original, path)
        old = values
        for key in at:
            old = old[key]
        try:
            for value in [*IN_A_ROW, old]:
                apply_overrides(path, [f"{'.'.join(at)}={hydra(value)}"])
                assert read(path) == with_value(values, at, value)
            assert lines(path) == lines(original)
        except Exception as error:  # whatever a YAML reader says
            broken.append(f"{'.'.join(at)}: {error!r:.200}")
    assert broken == []


def test_make_base_changes_one_line_for_each_key(original: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(original, tmp_path))
    before, values = lines(path), {"model": "models/another", "revision": "ab" * 32}
    code = f"from lib.bases.pin import write; write({values})"
    environment = os.environ | {"PYTHONPATH": str(original.parent)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert {key: read(path)["base"][key] for key in values} == values
    changed = [old for old, new in zip(before, lines(path), strict=True) if new != old]
    assert [line.split()[0] for line in changed] == ["model:", "revision:"]


def hydra(value: Any) -> str:
    """A value as Hydra's overrides write it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{hydra(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(hydra, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def test_every_empty_mapping_may_be_filled(original: Path, tmp_path: Path) -> None:
    values, path = read(original), tmp_path / "params.yaml"
    for at in empty_mappings(values):
        shutil.copy(original, path)
        for _ in range(2):
            apply_overrides(path, [f"++{'.'.join(at)}.k=1"])  # Hydra's sign for a new key
            assert read(path) == with_value(values, at, {"k": 1})


@pytest.mark.parametrize("prompt", PROMPTS, ids=len)
def test_a_long_prompt_stays_what_it_is(original: Path, tmp_path: Path, prompt: str) -> None:
    path = Path(shutil.copy(original, tmp_path))
    values = with_value(read(path), ("task", "system"), prompt)
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(values, file)
    for seed in 2, 3:
        apply_overrides(path, [f"train.seed={seed}"])
        assert read(path) == with_value(values, ("train", "seed"), seed)

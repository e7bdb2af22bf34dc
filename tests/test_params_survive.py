"""`dvc exp run -S` writes params.yaml anew: it stays YAML, whatever a list or mapping becomes."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from tests.conftest import Bake

Keys = tuple[str, ...]
MANY = ["v" * 30] * 30
LENGTHS: dict[str, list[str]] = {"[]": [], "[x]": ["x"], f"[{','.join(MANY)}]": MANY}


def read(path: Path) -> Any:
    """The values of a YAML file."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def lists(value: Any, at: Keys = ()) -> Iterator[Keys]:
    """The dotted keys of all lists."""
    if isinstance(value, list):
        yield at
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from lists(inner, (*at, str(key)))


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


@pytest.mark.parametrize("answers", [{}, {"serving": "tgi", "method": "dpo"}], ids=len)
def test_every_list_and_mapping_may_be_empty_short_and_long(
    bake: Bake, tmp_path: Path, answers: dict[str, str]
) -> None:
    original = bake(**answers) / "params.yaml"
    values, path, broken = read(original), tmp_path / "params.yaml", []
    tries: list[tuple[tuple[str, ...], str, object]] = [
        (at, text, new) for at in lists(values) for text, new in LENGTHS.items()
    ]
    tries += [(at, "{k: 1}", {"k": 1}) for at in empty_mappings(values)]
    assert len(tries) > 40
    for at, text, new in tries:
        shutil.copy(original, path)
        expected = with_value(values, at, new)
        try:
            apply_overrides(path, [f"{'.'.join(at)}={text}"])
        except InvalidArgumentError:  # DVC makes no mapping of an empty one
            expected = values
        try:
            fine = read(path) == expected
        except Exception:  # whatever a YAML reader says
            fine = False
        broken += [] if fine else [f"{'.'.join(at)}={text[:20]}"]
    assert broken == []

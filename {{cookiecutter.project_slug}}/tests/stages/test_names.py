"""A public name means one thing in the whole project; what a file needs alone begins with `_`."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

CODE = ("deploy", "lib", "monitor", "review", "stages")
SEVERAL = {
    "main": "each command's",
    "parse_args": "each command's",
    "answer_all": "each engine's, called as engine.answer_all",
    "SCHEMES": "each quantization package's",
}


def top_level(tree: ast.Module) -> Iterator[str]:
    """The functions, classes and constants that a file defines."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (part for target in targets for part in ast.walk(target))
            yield from (name.id for name in names if isinstance(name, ast.Name))


def test_a_public_name_is_defined_once() -> None:
    files = defaultdict[str, set[str]](set)
    for path in (path for folder in CODE for path in sorted(Path(folder).rglob("*.py"))):
        for name in top_level(ast.parse(path.read_text(encoding="utf-8"))):
            files[name].add(str(path))
    assert len(files) > 1000
    public = {name: at for name, at in files.items() if name[0] != "_" and name not in SEVERAL}
    assert {name: at for name, at in public.items() if len(at) > 1} == {}
    assert [name for name in SEVERAL if len(files[name]) < 2] == []

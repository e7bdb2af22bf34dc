"""The first line of a public function's docstring stands alone: a whole imperative sentence."""

import ast
from collections.abc import Iterator
from pathlib import Path

NO_VERBS = {"A", "All", "An", "Every", "How", "Nothing", "One", "The", "These", "What", "Whether"}
CODE = ("deploy", "lib", "monitor", "review", "stages")


def first_lines() -> Iterator[tuple[str, str]]:
    for path in (path for folder in CODE for path in sorted(Path(folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                text = ast.get_docstring(node)
                if text:  # methods of a class within a function have none
                    yield f"{path}:{node.lineno} {node.name}", text.splitlines()[0]


def test_a_docstring_begins_with_an_imperative() -> None:
    assert not [found for found in first_lines() if found[1].split()[0] in NO_VERBS]


def test_the_first_line_of_a_docstring_is_a_whole_sentence() -> None:
    assert not [found for found in first_lines() if not found[1].endswith(".")]

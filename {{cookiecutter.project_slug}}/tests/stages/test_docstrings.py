"""The docstring of a public function begins with an imperative."""

import ast
from pathlib import Path

NO_VERBS = {"A", "All", "An", "Every", "How", "The", "These", "What", "Where", "Whether"}
CODE = ("deploy", "lib", "monitor", "review", "stages")


def test_no_docstring_begins_with_a_noun() -> None:
    wrong = []
    for path in (path for folder in CODE for path in sorted(Path(folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                text = ast.get_docstring(node) or "Say"
                if text.split()[0] in NO_VERBS:
                    wrong.append(f"{path}:{node.lineno} {node.name}: {text.splitlines()[0]}")
    assert not wrong

"""Raw files for the tests of curate."""

import json
from pathlib import Path
from typing import Any

from tests.toy import lay_out, lay_tokenizer

TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"


def lay_raw(folder: Path) -> None:
    """A project without a row yet."""
    lay_out(folder)
    lay_tokenizer(folder)
    (folder / "data/raw").mkdir(parents=True)


def raw(*lines: Any, name: str = "a.jsonl") -> None:
    """Write a raw file; a dict becomes JSON, a string stays as it is."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    Path("data/raw", name).write_text("\n".join(texts), "utf-8", "surrogatepass")


def ask(asked: Any, answer: str = "refund", **more: Any) -> dict[str, Any]:
    return {"prompt": asked, "completion": answer, **more}


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}

"""Tell LLaMA-Factory how to read chats in OpenAI's form."""

import json
from pathlib import Path

_TAGS = {"role": "role", "content": "content", "user": "user", "assistant": "assistant"}


def describe_chats(folder: Path, file_name: str) -> None:
    """Write FOLDER/dataset_info.json: the data set `chats` is a JSONL file of `messages`.

    file_name: its path from the folder.
    """
    chats = {
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {f"{name}_tag": value for name, value in _TAGS.items()} | {"system_tag": "system"},
    }
    folder.mkdir(exist_ok=True)
    (folder / "dataset_info.json").write_text(json.dumps({"chats": chats}), encoding="utf-8")

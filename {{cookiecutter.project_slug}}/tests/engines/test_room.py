"""A prompt may be no longer than the model reads, whatever params.yaml allows."""

import json
from pathlib import Path

import pytest

from lib.engines.room import check_prompts, room_of
from lib.runtime.errors import UserError


def test_a_prompt_leaves_room_for_its_answer(tmp_path: Path) -> None:
    config = json.loads(Path("base/config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 192}))
    room = room_of(str(tmp_path), None, 48)
    check_prompts("base", 144, room)
    with pytest.raises(UserError, match=r"base: a prompt has 145 tokens, .* reads 144 "):
        check_prompts("base", 145, room)


def test_a_model_of_states_has_room_for_any_prompt(tmp_path: Path) -> None:
    from transformers import Mamba2Config

    Mamba2Config().save_pretrained(tmp_path)
    check_prompts("base", 10**6, room_of(str(tmp_path), None, 48))

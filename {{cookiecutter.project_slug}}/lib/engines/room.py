"""Check that prompts fit into the positions of a model, with room for the answer."""

import sys

from lib.model.loading import load_config, most_positions
from lib.runtime.errors import UserError


def room_of(model: str, revision: str | None, max_new_tokens: int) -> int:
    """Return the most tokens that a prompt may have to leave room for an answer."""
    positions = most_positions(load_config(model, revision))
    return sys.maxsize if positions is None else positions - max_new_tokens


def check_prompts(model: str, longest: int, room: int) -> None:
    """Raise UserError where the longest prompt, in tokens, leaves no room for its answer."""
    if longest > room:
        raise UserError(
            f"{model}: a prompt has {longest} tokens, and the model reads {max(room, 0)} with "
            "room for answer.max_new_tokens; lower that, or remove such cases "
            "(curate.max_tokens drops long records)"
        )

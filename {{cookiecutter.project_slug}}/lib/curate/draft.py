"""A row in our shape, whatever shape it came in."""

from dataclasses import dataclass, field

from lib.core.records import Message
from lib.intake.cells import Reject
from lib.intake.turns import spoken


@dataclass
class Draft:
    """A row in our shape; `prompt` ends with the user's turn."""

    prompt: list[Message]
    chosen: str
    rejected: str | None = None  # preference pairs only
    lone: bool = False  # a pair that lacks one side, which is empty: KTO learns from such answers
    scenario: str = ""
    language: str = ""
    tags: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    license: str = ""  # empty: that of the source
    changes: set[str] = field(default_factory=set)  # what was altered, for the metrics
    unread: list[str] = field(default_factory=list)  # columns and keys that nothing reads


def from_turns(turns: list[Message]) -> Draft:
    """Make a draft of a chat; its system prompt is dropped, as task.system takes its place.

    Raises Reject unless user and assistant alternate, ending with the assistant.
    """
    said = spoken(turns)
    roles = [turn["role"] for turn in said]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise Reject("roles_out_of_order", *roles)
    draft = Draft(prompt=said[:-1], chosen=said[-1]["content"])
    if len(said) < len(turns):
        draft.changes.add("system_prompt_removed")
    return draft

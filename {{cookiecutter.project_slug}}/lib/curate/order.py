"""Put the turns of a chat into the order that chat templates accept."""

from lib.core.turns import Message

SPOKEN = {"role", "content"}


def put_in_order(turns: list[Message], changes: set[str]) -> list[Message]:
    """Join consecutive turns of one side; drop turns without a question or an answer.

    Exports of help desks and messengers have such chats. The names of the changes are added to
    `changes`. Turns with more than text (calls, thoughts, a weight) are not joined. Any other order
    is left for later checks.
    """
    first = [turn for turn in turns[:1] if turn["role"] == "system"]
    said = list[Message]()
    for turn in turns:
        if turn in first and said and said[-1]["role"] != "system":
            changes.add("system_prompt_removed")  # the same turn, repeated
        elif said and may_join(said[-1], turn):
            both = [said[-1]["content"], turn["content"]]
            said[-1] = {**turn, "content": "\n\n".join(filter(None, both))}
            changes.add("turns_joined")
        else:
            said.append(turn)
    start = next((at for at, turn in enumerate(said) if turn["role"] != "system"), len(said))
    if said[start:] and said[start]["role"] == "assistant" and said[start].keys() == SPOKEN:
        del said[start]
        changes.add("greeting_removed")
    while said and said[-1]["role"] in ("user", "tool"):
        said.pop()
        changes.add("unanswered_removed")
    return said


def may_join(one: Message, other: Message) -> bool:
    """Tell whether two turns are one turn sent as two messages."""
    same = one["role"] == other["role"] in ("user", "assistant")
    return same and one.keys() == other.keys() == SPOKEN

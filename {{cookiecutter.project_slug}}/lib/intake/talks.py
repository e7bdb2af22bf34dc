"""Split a conversation stored as one text: with role names, or rendered by a chat template."""

import re

from lib.core.turns import Message

_HH = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")  # hh-rlhf's format
# Formats of Belle, Vicuna and Glaive; ### may be in the middle of a line (Guanaco).
_MARK = re.compile(
    r"(?:(?:^|\n)\s*|###\s?)(Human|USER|User|ASSISTANT|Assistant|SYSTEM|System|Bot|MOSS|GPT|AI)"
    r"\s?[:：]\s?"
)
# Chat templates: role and content of each turn; it ends at a token or at the end of the text.
_RENDERED = (
    re.compile(r"<\|im_start\|>[ ]*(\w+)\n(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL),
    re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>(.*?)(?:<\|eot_id\|>|\Z)", re.DOTALL),
    re.compile(r"<start_of_turn>(\w+)\n(.*?)(?:<end_of_turn>|\Z)", re.DOTALL),
    re.compile(
        r"<\|(system|user|assistant)\|>(.*?)(?=</s>|<\|(?:end|endoftext|system|user|assistant)\|>|\Z)",
        re.DOTALL,
    ),
)
_INST = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=</?s>|\[INST\]|\Z)", re.DOTALL)
_SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_BETWEEN = re.compile(
    r"(?:\s|</?s>|<bos>|<eos>|<\|(?:begin_of_text|end|endoftext|end_of_text)\|>)*"
)
_ALPACA = re.compile(r"(?:^|\n)### (Instruction|Input|Response):")
_SAYS = {"Human": "user", "USER": "user", "User": "user", "SYSTEM": "system", "System": "system"}


def hh_turns(text: str) -> list[Message]:
    r"""Split a conversation of hh-rlhf, `\n\nHuman: ...\n\nAssistant: ...`; [] for any other text.

    A final empty `Assistant:` does not count as a turn.
    """
    if "Assistant:" not in text or not _HH.match(text.lstrip(" ")):
        return []
    parts = _HH.split(text.lstrip(" "))[1:]
    turns = [
        Message(role="user" if who == "Human" else "assistant", content=said.strip())
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    return turns if turns[-1]["content"] else turns[:-1]


def talk_turns(text: str) -> list[Message]:
    """Split a text that is only a conversation with role names; return [] for any other text.

    User and assistant must alternate, starting with the user; a system prompt may come first.
    """
    before, *parts = _MARK.split(text.strip())
    turns = [
        Message(role=_SAYS.get(who, "assistant"), content=said.strip())
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    roles = [turn["role"] for turn in turns]
    said = roles[1:] if roles[:1] == ["system"] else roles
    in_turn = said == ["user", "assistant"] * (len(said) // 2)
    return turns if in_turn and not before.strip() else []


def rendered_turns(text: str) -> list[Message]:
    """Split a text rendered by a chat template or Alpaca's prompt; return [] for any other text."""
    if "[INST]" in text:
        return inst_turns(text)
    if "### Instruction:" in text:
        return alpaca_turns(text)
    for template in _RENDERED:
        turns = [Message(role=who, content=said.strip()) for who, said in template.findall(text)]
        if turns and _BETWEEN.fullmatch(template.sub("", text)):
            return turns
    return []


def inst_turns(text: str) -> list[Message]:
    """Split a text rendered by Llama 2's or Mistral's template ([INST])."""
    if not _BETWEEN.fullmatch(_INST.sub("", text)):
        return []
    turns = list[Message]()
    for asked, answer in _INST.findall(text):
        if system := _SYS.match(asked):
            turns.append({"role": "system", "content": system[1].strip()})
        turns.append({"role": "user", "content": _SYS.sub("", asked).strip()})
        turns.append({"role": "assistant", "content": answer.strip()})
    return turns


def alpaca_turns(text: str) -> list[Message]:
    """Split a text rendered by Alpaca's prompt; text before it becomes the system prompt."""
    before, *parts = _ALPACA.split(text)
    turns = list[Message]([{"role": "system", "content": before.strip()}] if before.strip() else [])
    for name, said in zip(parts[::2], parts[1::2], strict=True):
        if name == "Input" and turns and turns[-1]["role"] == "user":
            turns[-1]["content"] = f"{turns[-1]['content']}\n\n{said.strip()}".strip()
        else:
            role = "assistant" if name == "Response" else "user"
            turns.append(Message(role=role, content=said.strip()))
    return turns


def open_talk(text: str) -> list[Message]:
    """Split a conversation with an empty last turn (`Assistant:`), without that turn; else []."""
    turns = talk_turns(text) if text.rstrip()[-1:] in (":", "：") else []
    return turns[:-1] if turns and not turns[-1]["content"] else []

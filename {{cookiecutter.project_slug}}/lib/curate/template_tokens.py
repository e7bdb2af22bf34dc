"""Find the tokens of chat templates in texts, where a model would learn them as words.

A rendered text would be rendered twice, and a user who writes such a token could end a turn.
"""

import re

from lib.curate.templates import CODE_SPAN

TOKEN = re.compile(
    r"<\|[A-Za-z][A-Za-z0-9_]{1,40}\|>|<eo[hm]>|<｜[^<>｜]{2,40}｜>|\[/?INST\]|<</?SYS>>"
    r"|<(?:start|end)_of_turn>|\[/?(?:AVAILABLE_TOOLS|TOOL_RESULTS)\]"
)
_ENDS = (
    r"</s>|<\|(?:endoftext|eot_id|im_end|end|end_of_text)\|>|<end_of_turn>|<eos>"
    r"|<｜end▁of▁sentence｜>"
)
END = re.compile(rf"(?:\s*(?:{_ENDS}))+\Z")


def find_token(text: str) -> str:
    """Return the first token of a chat template in a text, or an empty string.

    Those shown as code, in backticks or a fence, do not count.
    """
    if not TOKEN.search(text):
        return ""
    found = TOKEN.search(CODE_SPAN.sub("", text))
    return found[0] if found else ""


def without_end(answer: str, changes: set[str]) -> str:
    """Strip the end token from an answer (the chat template adds it); note it in `changes`."""
    if not answer.endswith(">") or not (found := END.search(answer)):
        return answer
    if found[0].strip() == "</s>" and "<s>" in answer:  # HTML strikethrough
        return answer
    changes.add("end_token_removed")
    return answer[: found.start()]

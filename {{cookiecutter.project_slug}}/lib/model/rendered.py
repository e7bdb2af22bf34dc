"""Convert a chat to the form that the base's template takes, and check that all of it is rendered.

Templates differ in what they support: Llama 3.1's omits text beside a tool call, many do not know
tools, some no system prompt, and most do not know thoughts. What a template omits silently would
not be learnt, or not be part of a prompt.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from lib.core.turns import Message, Tool, apart
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

THINKING = re.compile(r"""\.thinking\b|\[["']thinking["']\]""")  # gpt-oss's name for a thought
SETS_THINKING = re.compile(r"\s*\{%-?\s*set enable_thinking = (true|false)\b")
CURE = (
    "name a template that renders it in base.chat_template, use another base, or remove such rows "
    "from data.sources"
)


def for_template(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message]
) -> tuple[list[dict[str, Any]], list[Tool] | None]:
    """Return the turns and the tools of a chat in the form that the tokenizer's template takes.

    If the template does not support thoughts, that of the answer is put before it in `<think>`
    tags; earlier ones are left out, as in templates that support thoughts.
    """
    plain, tools = apart(chat)
    turns = [dict(turn) for turn in plain]
    if not any("reasoning_content" in turn for turn in turns):
        return turns, tools
    template = str(tokenizer.chat_template)
    if "reasoning_content" in template:
        return turns, tools
    asked = max((at for at, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    for at, turn in enumerate(turns):
        thought = turn.pop("reasoning_content", None)
        if thought is None:
            continue
        if THINKING.search(template):
            turn["thinking"] = thought
        elif at > asked:
            turn["content"] = f"<think>\n{thought}\n</think>\n\n{turn['content']}"
    return turns, tools


def check_thinking(template: str, chat: list[Message]) -> None:
    """Raise UserError for an answer with a thought if prompts tell the model not to think."""
    told = SETS_THINKING.match(template)
    if told and told[1] == "false" and "reasoning_content" in chat[-1]:
        raise UserError(
            "its answer begins with reasoning, and prompts tell this base to answer at once; "
            "write the chat template of the base into a file, {%- set enable_thinking = true %} "
            "before it, and name that in base.chat_template, or leave the reasoning out: "
            "data.sources "
            "ignore: [turn.reasoning_content]"
        )


def check_rendered(text: str, chat: list[Message]) -> None:
    """Raise UserError for the first part of a chat that is missing in its rendering.

    text: the rendering, with special tokens. Checked are the texts of system and user (some
    templates drop a system prompt, or read only lists of parts), tools, calls, results, text beside
    calls, and the thought of the answer. Templates omit the thoughts of earlier answers, and the
    last one is compared token by token (lib.train.mask).
    """
    turns, tools = apart(chat)
    for tool in tools or []:
        need(text, "tools", str(tool["function"]["name"]))
    for turn in turns:
        calls = turn.get("tool_calls", [])
        for call in calls:
            function = call["function"]
            need(text, "calls of tools", function["name"], *_leaves(function["arguments"]))
        if calls:
            need(text, "the text beside a call", turn["content"])
        if turn["role"] in ("system", "user"):
            need(text, f"the {turn['role']} turn", turn["content"])
        if turn["role"] == "tool":
            need(text, "results of tools", turn["content"])
    if "reasoning_content" in turns[-1]:
        need(text, "thoughts", turns[-1]["reasoning_content"])


def need(text: str, what: str, *parts: str) -> None:
    """Raise UserError unless a text contains each part, as it is or escaped as in JSON."""
    for part in filter(None, map(str.strip, parts)):
        if part in text:
            continue
        forms = (_written(part), _written(part, True), _written(part).replace("/", "\\/"))
        if not any(form in text for form in forms):
            shown = part if len(part) <= 40 else part[:40] + "..."
            raise UserError(f"the chat template of the base leaves out {what} ({shown}); {CURE}")


def _written(part: str, ascii_only: bool = False) -> str:
    """Return a text escaped as in a JSON string, without the quotes."""
    return json.dumps(part, ensure_ascii=ascii_only)[1:-1]


def _leaves(value: Any) -> list[str]:
    """List the keys and the texts in the arguments of a call."""
    if isinstance(value, dict):
        return [part for key, one in value.items() for part in (key, *_leaves(one))]
    if isinstance(value, list):
        return [part for one in value for part in _leaves(one)]
    return [value] if isinstance(value, str) else []

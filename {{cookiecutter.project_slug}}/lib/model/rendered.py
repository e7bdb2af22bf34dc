"""A chat as the base's template takes it, and whether everything in it is rendered.

Templates differ in what they have a place for: Llama 3.1's leaves out what is said beside a call,
many know no tools at all, some no system prompt, and most have no place for thoughts. What is left
out in silence would not be learnt, or not be asked.
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
    "name a template that shows it in base.chat_template, take another base, or take such rows out "
    "of data.sources"
)


def for_template(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message]
) -> tuple[list[dict[str, Any]], list[Tool] | None]:
    """Return the turns and the tools of a chat as the tokenizer's template takes them.

    Where the template has no place for a thought, that of the answer stands before it in `<think>`
    tags; earlier ones are left out, as templates that know thoughts do.
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
    """Raise UserError for an answer that thinks first where prompts tell the model not to."""
    told = SETS_THINKING.match(template)
    if told and told[1] == "false" and "reasoning_content" in chat[-1]:
        raise UserError(
            "its answer begins with reasoning, and prompts tell this base to answer at once; write "
            "the chat template of the base into a file, {%- set enable_thinking = true %} before "
            "it, and name that in base.chat_template, or leave the reasoning out: data.sources "
            "ignore: [turn.reasoning_content]"
        )


def check_rendered(text: str, chat: list[Message]) -> None:
    """Raise UserError for the first thing in a chat that its rendering lacks.

    text: the rendering, special tokens included. Looked for are what system and user say (some
    templates drop a system prompt, or read lists of parts alone), tools, calls, their results, what
    is said beside calls, and the thought of the answer. Of earlier answers templates leave out
    thoughts, and the last one is compared token by token (lib.train.mask).
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
            need(text, "what is said beside a call", turn["content"])
        if turn["role"] in ("system", "user"):
            need(text, f"what the {turn['role']} says", turn["content"])
        if turn["role"] == "tool":
            need(text, "results of tools", turn["content"])
    if "reasoning_content" in turns[-1]:
        need(text, "thoughts", turns[-1]["reasoning_content"])


def need(text: str, what: str, *parts: str) -> None:
    """Raise UserError unless each part stands in a text, as it is or as JSON writes it."""
    for part in filter(None, map(str.strip, parts)):
        forms = (part, _written(part), _written(part, True), _written(part).replace("/", "\\/"))
        if not any(form in text for form in forms):
            shown = part if len(part) <= 40 else part[:40] + "..."
            raise UserError(f"the chat template of the base leaves out {what} ({shown}); {CURE}")


def _written(part: str, ascii_only: bool = False) -> str:
    """Return a text as JSON has it between its quotes."""
    return json.dumps(part, ensure_ascii=ascii_only)[1:-1]


def _leaves(value: Any) -> list[str]:
    """List the keys and the texts in the arguments of a call."""
    if isinstance(value, dict):
        return [part for key, one in value.items() for part in (key, *_leaves(one))]
    if isinstance(value, list):
        return [part for one in value for part in _leaves(one)]
    return [value] if isinstance(value, str) else []

"""Prepare the one chat template that training, evaluation and serving use.

It must not change from day to day, an answer must begin where the prompt ends, and must end with a
stop token.

Prompts are rendered with a generation prompt, trained chats as a whole. If the two differ before
the answer begins, the model is prompted with another text than it was trained on. Many templates do
that: gpt-oss writes a channel before an answer, Qwen3-Thinking and DeepSeek-R1 open a thought only
in the prompt, others have no generation prompt. The fix is written into the template that the tuned
model is saved with, so that every server renders it, too. lib/model/chat.py rejects what remains.
"""

import json
import re
from typing import TYPE_CHECKING

from lib.core.records import Message
from lib.model.chat import MISTAKES, freeze, shared
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ASKED, _SAID = "quokka", "wombat"  # words that do not occur in any template
_PROBE = [Message(role="user", content=_ASKED), Message(role="assistant", content=_SAID)]
_END = (
    "{% if not add_generation_prompt and messages and messages[-1]['role'] == 'assistant' %}"
    "MARKED{% endif %}"
)


def settled(tokenizer: "PreTrainedTokenizerBase", model: str) -> str:
    """Return the chat template of `tokenizer` with its date, prompt and end repaired; print how.

    Raises UserError if it has several templates and none is named default.
    """
    template = freeze(default(tokenizer.chat_template, model))
    opened = next(
        (one for one in openings(tokenizer, template) if meets(tokenizer, template, one)), template
    )
    if opened != template:
        prompt = str(rendered(tokenizer, opened, prompt=True)).rpartition(_ASKED)[2]
        print(f"{model}: its chat template is changed: after a question the prompt is {prompt!r}")
    closed = closing(tokenizer, opened)
    if closed != opened:
        print(f"{model}: its chat template is changed: it ends an answer with {{{{ eos_token }}}}")
    return closed


def default(template: object, model: str) -> str:
    """Return the only template, or the one named default, as transformers does."""
    if not isinstance(template, dict):
        return str(template)
    names = ", ".join(sorted(template))
    if "default" not in template:
        raise UserError(
            f"{model}: has chat templates named {names}, and none named default; put the one to "
            "use into a file, and name it in base.chat_template"
        )
    print(f"{model}: of its chat templates ({names}) the one named default is used")
    return str(template["default"])


def openings(tokenizer: "PreTrainedTokenizerBase", template: str) -> list[str]:
    """List candidate templates in which prompt and trained chat may agree.

    These are the template as it is, with the opening of an answer added to the prompt, or without
    what only the prompt has (an open thought).
    """
    prompt, chat = rendered(tokenizer, template, prompt=True), rendered(tokenizer, template)
    if prompt is None or chat is None or _SAID not in chat:
        return []
    before = chat[: chat.rindex(_SAID)].rstrip(" ")
    more, less = before.removeprefix(prompt), prompt[shared(prompt, chat) :]
    found = [template]
    if before.startswith(prompt) and more.strip():
        told = json.dumps(more, ensure_ascii=False)
        also = f"{{% if add_generation_prompt %}}{{{{ {told} }}}}{{% endif %}}"
        found.append(template.removesuffix("\n") + also)
    for written in (json.dumps(less, ensure_ascii=False)[1:-1], less):  # as a Jinja literal
        if less:
            head, _, tail = template.rpartition(written)
            found.append(head + tail)
    return found


def meets(tokenizer: "PreTrainedTokenizerBase", template: str, changed: str) -> bool:
    """Tell whether a changed template works.

    An answer must begin where the prompt ends, and a whole chat be rendered as before.
    """
    prompt, chat = rendered(tokenizer, changed, prompt=True), rendered(tokenizer, changed)
    same = prompt is not None and chat == rendered(tokenizer, template)
    return same and str(chat).startswith(str(prompt)) and _begins(str(chat)[len(str(prompt)) :])


def _begins(text: str) -> bool:
    """Tell whether a text begins with the answer, up to white space."""
    return text.lstrip().startswith(_SAID)


def closing(tokenizer: "PreTrainedTokenizerBase", template: str) -> str:
    """Make a template that does not end answers (GLM-4) end the last one with a stop token."""
    if not str(rendered(tokenizer, template)).rstrip().endswith(_SAID):
        return template
    end = "{{ eos_token }}"
    if is_marked(template):
        end = "{% generation %}" + end + "{% endgeneration %}"
    closed = template.removesuffix("\n") + _END.replace("MARKED", end)
    whole = str(rendered(tokenizer, template)).rstrip() + str(tokenizer.eos_token)
    return closed if rendered(tokenizer, closed) == whole else template


def is_marked(template: str) -> bool:
    """Tell whether a template marks the model's turns with `generation`."""
    return re.search(r"\{%-?\s*generation", template) is not None


def rendered(
    tokenizer: "PreTrainedTokenizerBase", template: str, prompt: bool = False
) -> str | None:
    """Render a probe chat, or with `prompt` only its question, to text; None if that fails."""
    from jinja2 import TemplateError

    chat = _PROBE[:1] if prompt else _PROBE
    try:
        text = tokenizer.apply_chat_template(
            chat, chat_template=template, add_generation_prompt=prompt, tokenize=False
        )
    except (TemplateError, *MISTAKES):
        return None
    return str(text)

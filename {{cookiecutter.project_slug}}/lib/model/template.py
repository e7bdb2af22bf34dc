"""The chat template that everything uses: one, fixed in time, by which an answer begins where the
prompt ends, and ends with a token that stops it.

Prompts are rendered with a generation prompt, trained chats whole. Where the two part before the
answer begins, the model is asked behind another text than it was trained behind. Templates of many
bases do: gpt-oss writes a channel before an answer, Qwen3-Thinking and DeepSeek-R1 open a thought
in the prompt alone, others know no generation prompt. What mends it is written into the template
that the tuned model is saved with, so that every server renders it, too. lib/model/chat.py refuses
what is left.
"""

import json
import re
from typing import TYPE_CHECKING

from lib.core.records import Message
from lib.model.chat import MISTAKES, freeze, shared
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ASKED, _SAID = "quokka", "wombat"  # no template has these words
_PROBE = [Message(role="user", content=_ASKED), Message(role="assistant", content=_SAID)]
_END = (
    "{% if not add_generation_prompt and messages and messages[-1]['role'] == 'assistant' %}"
    "MARKED{% endif %}"
)


def settled(tokenizer: "PreTrainedTokenizerBase", model: str) -> str:
    """Return the chat template that `tokenizer` has, fixed; say what was changed.

    Raises UserError where it has several, and none that is named default.
    """
    template = freeze(default(tokenizer.chat_template, model))
    opened = next(
        (one for one in openings(tokenizer, template) if meets(tokenizer, template, one)), template
    )
    if opened != template:
        prompt = str(rendered(tokenizer, opened, prompt=True)).rpartition(_ASKED)[2]
        print(f"{model}: its chat template is changed: behind a question it asks with {prompt!r}")
    closed = closing(tokenizer, opened)
    if closed != opened:
        print(f"{model}: its chat template is changed: it ends an answer with {{{{ eos_token }}}}")
    return closed


def default(template: object, model: str) -> str:
    """Return the one template, or the one named default, as transformers takes it."""
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
    """List what may be the template with the right end of a prompt.

    It is the template as it is, with what comes before an answer, or without what the prompt alone
    has (an open thought).
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
    for written in (json.dumps(less, ensure_ascii=False)[1:-1], less):  # as Jinja writes it
        if less:
            head, _, tail = template.rpartition(written)
            found.append(head + tail)
    return found


def meets(tokenizer: "PreTrainedTokenizerBase", template: str, changed: str) -> bool:
    """Tell whether the changed template begins an answer where the prompt ends.

    A chat must be what it was.
    """
    prompt, chat = rendered(tokenizer, changed, prompt=True), rendered(tokenizer, changed)
    same = prompt is not None and chat == rendered(tokenizer, template)
    return same and str(chat).startswith(str(prompt)) and _begins(str(chat)[len(str(prompt)) :])


def _begins(text: str) -> bool:
    """Tell whether a text begins with the answer, up to white space."""
    return text.lstrip().startswith(_SAID)


def closing(tokenizer: "PreTrainedTokenizerBase", template: str) -> str:
    """Have a template that ends no answer, but opens the next turn, end the last one (GLM-4)."""
    if not str(rendered(tokenizer, template)).rstrip().endswith(_SAID):
        return template
    end = "{{ eos_token }}"
    if is_marked(template):
        end = "{% generation %}" + end + "{% endgeneration %}"
    closed = template.removesuffix("\n") + _END.replace("MARKED", end)
    whole = str(rendered(tokenizer, template)).rstrip() + str(tokenizer.eos_token)
    return closed if rendered(tokenizer, closed) == whole else template


def is_marked(template: str) -> bool:
    """Tell whether a template marks what the model says."""
    return re.search(r"\{%-?\s*generation", template) is not None


def rendered(
    tokenizer: "PreTrainedTokenizerBase", template: str, prompt: bool = False
) -> str | None:
    """Return the probe, or its question alone as a prompt, as text; None where that fails."""
    from jinja2 import TemplateError

    chat = _PROBE[:1] if prompt else _PROBE
    try:
        text = tokenizer.apply_chat_template(
            chat, chat_template=template, add_generation_prompt=prompt, tokenize=False
        )
    except (TemplateError, *MISTAKES):
        return None
    return str(text)

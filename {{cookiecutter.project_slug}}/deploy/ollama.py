"""Write Ollama's Modelfile with an explicit template and stop strings.

Ollama silently replaces a template that it does not recognize by a poor default."""

from typing import TYPE_CHECKING

from lib.core.records import Message
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SYSTEM, _ASKED, _ANSWERED = "⟦system⟧", "⟦asked⟧", "⟦answered⟧"


def modelfile(
    tokenizer: "PreTrainedTokenizerBase", stops: list[str], system: str, context: int
) -> str:
    """Write a Modelfile for model.gguf; raise UserError if the template cannot be converted."""
    lines = [
        "FROM ./model/model.gguf",
        f'TEMPLATE """{go_template(tokenizer)}"""',
        *(f'PARAMETER stop "{stop}"' for stop in stops),
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {context}",
    ]
    if system:
        lines.append(f'SYSTEM """{system}"""')
    return "\n".join(lines) + "\n"


def go_template(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Convert the chat template to Ollama's Go template of one turn.

    Ollama applies it to each turn.
    """

    def rendered(*messages: Message, prompted: bool) -> str:
        text = tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=prompted
        )
        return str(text)

    asked = Message(role="user", content=_ASKED)
    bare = rendered(asked, prompted=True)
    whole = rendered(Message(role="system", content=SYSTEM), asked, prompted=True)
    answered = rendered(asked, Message(role="assistant", content=_ANSWERED), prompted=False)
    head = whole.removesuffix(bare)
    if head == whole or SYSTEM not in head or not answered.startswith(f"{bare}{_ANSWERED}"):
        raise UserError(
            "deploy.stack is 'ollama', but the base's chat template does not render turns one by "
            "one, as an Ollama template must; choose llama.cpp, which renders the template itself"
        )
    tail = answered.removeprefix(f"{bare}{_ANSWERED}")
    turn = bare.replace(_ASKED, "{{ .Prompt }}") + "{{ .Response }}" + tail
    first = head.replace(SYSTEM, "{{ .System }}")
    return "{{ if .System }}" + first + "{{ end }}" + turn

"""Chats with tools and thoughts, token for token, by the templates of several families."""

import json
from pathlib import Path
from typing import Any

import pytest
import trl
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lib.core.turns import Message, Tool, with_tools
from lib.model.chat import IGNORED, encode_example, encode_prompt, freeze
from lib.runtime.errors import UserError
from tests.toy import calling

STOCK = Path(trl.__file__).parent / "chat_templates"
# Short forms of our own of how these families write calls.
HERMES = """{% if tools %}<|im_start|>system
{{ messages[0].content if messages[0].role == 'system' }}<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools><|im_end|>
{% endif %}{% for m in messages %}{% if m.role == 'tool' %}<|im_start|>tool
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% elif m.role != 'system' %}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}

{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
MISTRAL = """{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
{%- for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]
{%- elif m.role == 'tool' %}
{%- if m.tool_call_id | length != 9 %}{{ raise_exception('ids of 9') }}{% endif -%}
[TOOL_RESULTS]{{ m.content | tojson }} {{ m.tool_call_id }}[/TOOL_RESULTS]
{%- elif m.role == 'assistant' and m.tool_calls %}{{ m.content }}[TOOL_CALLS][
{%- for call in m.tool_calls %}{{ call.function | tojson }}{% endfor %}]<|im_end|>
{%- elif m.role == 'assistant' %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"""
PLAIN = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
TEMPLATES = {
    "qwen3": (STOCK / "qwen3.jinja").read_text(),
    "qwen3_training": (STOCK / "qwen3_training.jinja").read_text(),
    "llama3_1": (STOCK / "llama3_1.jinja").read_text().replace("<|eot_id|>", "<|im_end|>"),
    "hermes": HERMES,
    "mistral": MISTRAL,
}
TOOLS: list[Tool] = [
    {"type": "function", "function": {"name": "locate", "parameters": {"type": "object"}}}
]
BE_SHORT = Message(role="system", content="Be short.")
ASK = Message(role="user", content="Where is A7?")
CALL = calling("locate", {"id": "A7", "why": "wo? 在哪\\n"})
RESULT = Message(role="tool", content="Lyon", tool_call_id="call00000", name="locate")
SAY = Message(role="assistant", content="In Lyon.")
THINK = Message(role="assistant", content="51", reasoning_content="17 * 3")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained("base")


def learnt(tokenizer: Any, template: str, chat: list[Message], thinking: bool = False) -> str:
    """What the mask leaves, with what it skips shown as |."""
    tokenizer.chat_template = freeze("{%- set enable_thinking = true %}" * thinking + template)
    example = encode_example(tokenizer, chat, "")
    text, skipped = "", True
    for label in example.labels:
        if label == IGNORED:
            text += "" if skipped else "|"
        else:
            text += str(tokenizer.decode([label]))
        skipped = label == IGNORED
    return text.removesuffix("|").strip()


ARGUMENTS = json.dumps({"id": "A7", "why": "wo? 在哪\\n"}, ensure_ascii=False)
TAGGED = f'<tool_call>\n{{"name": "locate", "arguments": {ARGUMENTS}}}\n</tool_call><|im_end|>'


@pytest.mark.parametrize(
    ("family", "right"),
    [
        ("qwen3", TAGGED),
        ("qwen3_training", TAGGED),
        ("llama3_1", f'{{"name": "locate", "parameters": {ARGUMENTS}}}<|im_end|>'),
        ("hermes", TAGGED),
        ("mistral", f'[TOOL_CALLS][{{"name": "locate", "arguments": {ARGUMENTS}}}]<|im_end|>'),
    ],
)
def test_a_call_is_learnt_as_the_family_writes_it(
    tokenizer: PreTrainedTokenizerBase, family: str, right: str
) -> None:
    found = learnt(tokenizer, TEMPLATES[family], with_tools([ASK, CALL], TOOLS))
    assert found.replace(" ", "") == right.replace(" ", "")


@pytest.mark.parametrize("family", TEMPLATES)
def test_the_answer_after_a_result_is_learnt(
    tokenizer: PreTrainedTokenizerBase, family: str
) -> None:
    found = learnt(tokenizer, TEMPLATES[family], with_tools([ASK, CALL, RESULT, SAY], TOOLS))
    assert found.endswith("In Lyon.<|im_end|>")
    assert ("A7" in found) == (family in ("qwen3_training", "hermes"))  # where all turns are marked


def test_a_turn_of_weight_0_is_not_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    bad = Message(role="assistant", content="Go away.", weight=0)
    found = learnt(tokenizer, HERMES, [ASK, SAY, ASK, bad, ASK, SAY])
    assert found == "In Lyon.<|im_end|>|In Lyon.<|im_end|>"


@pytest.mark.parametrize(
    ("family", "right"),
    [
        ("qwen3", "<think>\n17 * 3\n</think>\n\n51<|im_end|>"),
        ("qwen3_training", "<think>\n17 * 3\n</think>\n\n51<|im_end|>"),
    ],
)
def test_a_thought_is_learnt_where_the_model_may_think(
    tokenizer: PreTrainedTokenizerBase, family: str, right: str
) -> None:
    assert learnt(tokenizer, TEMPLATES[family], [ASK, THINK], thinking=True) == right


def test_a_thought_stands_before_the_answer_of_a_template_without_a_place_for_it(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    found = learnt(tokenizer, PLAIN, [ASK, THINK, ASK, THINK])
    assert found == "<think>\n17 * 3\n</think>\n\n51<|im_end|>"
    assert (
        str(tokenizer.decode(encode_prompt(tokenizer, [ASK, THINK, ASK], ""))).count("17 * 3") == 0
    )


@pytest.mark.parametrize(
    ("template", "chat", "what"),
    [
        (PLAIN, with_tools([ASK, SAY], TOOLS), r"leaves out tools \(locate\)"),
        (PLAIN, [ASK, CALL], r"leaves out calls of tools \(locate\)"),
        (
            TEMPLATES["llama3_1"],
            with_tools([ASK, CALL | {"content": "Let me see."}], TOOLS),
            r"leaves out the text beside a call \(Let me see",
        ),
        (
            TEMPLATES["llama3_1"],
            with_tools([ASK, CALL | {"tool_calls": CALL["tool_calls"] * 2}], TOOLS),
            "only supports single tool-calls at once!; name a template",
        ),
        (
            PLAIN.replace("messages %}", "messages if m.role != 'system' %}", 1),
            [BE_SHORT, ASK, SAY],
            r"leaves out the system turn \(Be short",
        ),
        (
            PLAIN.replace("{{ m.content", "{{ m.content[-4:]"),
            [ASK, SAY],
            r"leaves out the user turn \(Where is A7",
        ),
        (
            PLAIN.replace(
                "{{ m.content }}", "{% for part in m.content %}{{ part.text }}{% endfor %}"
            ),
            [ASK, SAY],
            "leaves out the user turn",
        ),
    ],
)
def test_what_a_template_leaves_out_is_refused(
    tokenizer: PreTrainedTokenizerBase, template: str, chat: list[Message], what: str
) -> None:
    tokenizer.chat_template = template
    with pytest.raises(UserError, match=what):
        encode_example(tokenizer, chat, "")
    with pytest.raises(UserError, match=r"leaves out|name a template"):
        encode_prompt(tokenizer, chat, "")


@pytest.mark.parametrize("family", ["qwen3", "qwen3_training"])
def test_a_thought_is_refused_where_the_model_must_answer_at_once(
    tokenizer: PreTrainedTokenizerBase, family: str
) -> None:
    with pytest.raises(UserError, match="set enable_thinking = true %} before it"):
        learnt(tokenizer, TEMPLATES[family], [ASK, THINK])


def test_a_frozen_template_stays_as_it_is() -> None:
    frozen = freeze(TEMPLATES["qwen3"])
    assert freeze(frozen) == frozen

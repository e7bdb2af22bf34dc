"""A model that calls a tool, and what an engine makes of it: the prompt of training, the call."""

from pathlib import Path

import trl

from lib.core.records import Message
from lib.core.turns import Tool, said, with_tools
from lib.engines.api import answer_chat
from lib.engines.openai_client import Endpoint
from lib.evaluate.calls import comparable
from lib.model.chat import encode_example
from lib.model.loading import TUNED, load_model, load_tokenizer
from lib.serving.params import LimitsParams, ParityParams
from lib.serving.parity import answer_greedily
from lib.serving.serverside import recognise
from stages.parity import compare_served, failed_checks, our_prompt
from tests.toy import calling

CALLING = "models/calling"
QWEN3 = Path(trl.__file__).parent / "chat_templates/qwen3.jinja"
COLOURS = {"type": "array", "items": {"enum": ["红", "blue"]}}
TOOLS: list[Tool] = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": '查询订单 <b>"now"</b>',
            "parameters": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "colours": COLOURS},
                "required": ["id"],
            },
        },
    }
]
CALL = calling("find_order", {"id": "A7", "colours": ["红"]})
ASK = Message(role="user", content="订单 A7?")
SYSTEM = Message(role="system", content="Triage.")
CHAT = with_tools([SYSTEM, ASK], TOOLS)
LIMITS = LimitsParams(prefix=0.95, logprob=0.05)
PARITY = ParityParams(prompts=1, max_new_tokens=48, same=LIMITS, quantized=LIMITS)


def teach_call() -> None:
    """Train models/tuned to call the tool, by Qwen3's template; write it as models/calling."""
    import torch

    tokenizer, model = load_tokenizer(TUNED, None, str(QWEN3)), load_model(TUNED, "float32")
    example = encode_example(tokenizer, [*CHAT, CALL], "")
    ids, labels = torch.tensor([example.input_ids]), torch.tensor([example.labels])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(60):
        model(ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(CALLING)
    tokenizer.save_pretrained(CALLING)


def wrong_with(url: str, model: str) -> list[str]:
    """Ask a server for the call: by parity, and as a client whose calls the server reads."""
    tokenizer = load_tokenizer(CALLING)
    prompts = [our_prompt(tokenizer, CHAT)]
    right = answer_greedily(load_model(CALLING, "float32"), tokenizer, prompts, 48)
    checks = compare_served(recognise(url, model, tokenizer), [CHAT], right, tokenizer, PARITY)
    found = answer_chat(Endpoint(url, model), CHAT, 64)
    made, wanted = comparable(found.text, said(CALL))
    return failed_checks({"served": checks}) + ([] if made == wanted else [f"call: {found.text}"])

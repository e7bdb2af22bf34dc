"""What training learns, token by token: checks before the first step, and a page to look at."""

from html import escape
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from lib.model.chat import IGNORED, Example
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAGE = Path("reports/mask.html")
LOST = "\ufffd"  # a token that holds only part of a character

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem }
h2 { margin: 2rem 0 .5rem } h3 { font-size: 1.1rem; margin: 1.5rem 0 .5rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8886; padding: .6rem }
.learnt { background: #2a9d4a44 } .special { outline: 1px solid #888 }
.token { border-right: 1px dotted #8888 }
table { border-collapse: collapse } td, th { padding: .1rem .8rem .1rem 0; text-align: left }
"""


def check_mask(
    example: Example, tokenizer: "PreTrainedTokenizerBase", stops: set[int], text: str
) -> None:
    """Refuse labels that learn nothing or everything, that learn no token of `stops`, and a chat
    that opens twice, or not as the tokenizer opens a text; `text` is that of its first message.
    Raises UserError."""
    learnt = [label for label in example.labels if label != IGNORED]
    if not learnt:
        raise UserError("loss mask: no token is learnt; does the chat template mark the answer?")
    if len(learnt) == len(example.labels):
        raise UserError(
            "loss mask: every token is learnt, the prompt too; does the chat template mark only "
            "the answer? (train.loss_on all learns prompts on purpose)"
        )
    if not stops.intersection(learnt):
        raise UserError(
            "loss mask: no end-of-turn token is learnt, so the model would never stop; the "
            "template must close the answer with the eos token of tokenizer or generation config"
        )
    check_opening(example.input_ids, tokenizer, stops, text)


def check_opening(
    ids: list[int], tokenizer: "PreTrainedTokenizerBase", stops: set[int], text: str
) -> None:
    """Raise UserError at a chat that opens twice before `text`, that of its first message, or not
    at all where the tokenizer opens every text. Behind that text, or a turn that the template adds
    itself and one of `stops` ends, the opening token may open turns."""
    opening = tokenizer.bos_token_id
    if opening is None:
        return
    places = [place for place, token in enumerate(ids) if token == opening]
    between = ids[places[0] + 1 : places[1]] if len(places) > 1 else []
    said = text.strip() in str(tokenizer.decode(between))
    if len(places) > 1 and not said and not stops.intersection(between):
        raise UserError(
            f"chat template: {tokenizer.bos_token} opens a chat twice; take one out of the template"
        )
    if ids[0] != opening and tokenizer("a")["input_ids"][:1] == [opening]:
        raise UserError(
            f"chat template: opens no chat with {tokenizer.bos_token}, with which the tokenizer "
            "opens every text, as servers will; begin the template with {{ bos_token }}"
        )


def pieces(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[str]:
    """The text of each token; a character spread over several tokens stands at the last of them."""
    texts, waiting = [], list[int]()
    for token in ids:
        waiting.append(token)
        text = str(tokenizer.decode(waiting, skip_special_tokens=False))
        if text.endswith(LOST) and len(waiting) < 8:
            texts.append("")
        else:
            texts.append(text)
            waiting = []
    return texts


def row(tokenizer: "PreTrainedTokenizerBase", example: Example) -> str:
    """One example as HTML, a span a token, what is learnt in colour."""
    special = set(tokenizer.all_special_ids)
    spans = []
    texts = pieces(tokenizer, example.input_ids)
    for token, label, text in zip(example.input_ids, example.labels, texts, strict=True):
        kinds = ["token", "learnt" * (label != IGNORED), "special" * (token in special)]
        shown = escape(text).replace("\n", "⏎\n")
        spans.append(
            f'<span class="{" ".join(filter(None, kinds))}" title="{token}">{shown}</span>'
        )
    learnt = sum(label != IGNORED for label in example.labels)
    runs = sum(known for known, _ in groupby(label != IGNORED for label in example.labels))
    head = f"{len(spans)} tokens, {learnt} learnt in {runs} stretch{'es' * (runs != 1)}"
    return f'<h3>{head}</h3>\n<pre dir="auto">{"".join(spans)}</pre>'


def share_learnt(examples: list[Example]) -> float:
    """The share of tokens that the loss counts."""
    labels = [label for example in examples for label in example.labels]
    return sum(label != IGNORED for label in labels) / len(labels)


def section(
    tokenizer: "PreTrainedTokenizerBase", phase: str, examples: list[Example], shown: int
) -> str:
    """One training: figures of all its examples, and the first `shown`."""
    lengths = [len(example.input_ids) for example in examples]
    facts = {
        "texts, all epochs": f"{len(examples):,}",
        "tokens, all": f"{sum(lengths):,}",
        "tokens a text, median and longest": f"{median(lengths):.0f}, {max(lengths)}",
        "tokens learnt": f"{share_learnt(examples):.1%}",
        "end of turn": f"{escape(str(tokenizer.eos_token))} ({tokenizer.eos_token_id})",
        "opens with": escape(str(tokenizer.bos_token)),
        "padding": f"{escape(str(tokenizer.pad_token))} ({tokenizer.pad_token_id})",
    }
    table = "\n".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts.items())
    body = "\n".join(row(tokenizer, example) for example in examples[:shown])
    return f"<h2>{phase}</h2>\n<table>\n{table}\n</table>\n{body}"


def write_page(
    tokenizer: "PreTrainedTokenizerBase",
    phases: dict[str, tuple[list[Example], int]],
    path: Path = PAGE,
) -> None:
    """Each training by its name, as a page without scripts: examples, in the order and with the
    labels they are trained on, and how many of them to show."""
    body = "\n".join(section(tokenizer, name, *phase) for name, phase in phases.items())
    with atomic_text(path) as file:
        file.write(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<title>What training learns</title>\n"
            f"<style>{STYLE}</style></head>\n<body><h1>What training learns</h1>\n"
            "<p>The first texts in the order of training, token by token; "
            '<span class="learnt">coloured</span> is what the loss counts, '
            '<span class="special">outlined</span> are special tokens.</p>\n'
            f"{body}\n</body></html>\n"
        )

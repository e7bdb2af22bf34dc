"""Check which tokens are learnt before the first step, and write them out for a page."""

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from lib.core.turns import Message, has_more
from lib.model.chat import IGNORED, Example
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LEARNT = Path("logs/train/learnt.jsonl")
LOST = "\ufffd"  # a token with only a part of a character

TokenRow = dict[str, Any]


def check_mask(
    example: Example, tokenizer: "PreTrainedTokenizerBase", stops: set[int], text: str
) -> None:
    """Raise UserError if a loss mask learns nothing, everything, or no end of turn.

    Also if a chat has its opening token twice, or lacks the one that the tokenizer adds. stops: ids
    that end a turn; text: that of the first message.
    """
    learnt = [label for label in example.labels if label != IGNORED]
    if not learnt:
        raise UserError("loss mask: no token is learnt; does the chat template mark the answer?")
    if len(learnt) == len(example.labels):
        raise UserError(
            "loss mask: every token is learnt, the prompt too; does the chat template mark only "
            "the answer? (train.loss_on all learns prompts intentionally)"
        )
    if not stops.intersection(learnt):
        raise UserError(
            "loss mask: no end-of-turn token is learnt, so the model would never stop; the "
            "template must end an answer with the eos token of the tokenizer or generation config"
        )
    check_opening(example.input_ids, tokenizer, stops, text)


def check_answer(
    example: Example, tokenizer: "PreTrainedTokenizerBase", stops: set[int], turns: list[Message]
) -> str | None:
    """Raise UserError unless the last learnt text is that of one of `turns`.

    White space around it may differ. If the tokenizer itself changes the text (to lower case, say),
    return the answer as it is learnt, else None. Turns with thoughts or calls are not compared: the
    template formats those, and lib.model.rendered checks them.
    """
    if has_more(turns):
        return None
    answers = [turn["content"] for turn in turns]
    labels = example.labels
    end = max(at for at, label in enumerate(labels) if label != IGNORED) + 1
    start = max((at for at in range(end) if labels[at] == IGNORED), default=-1) + 1
    learnt = _text_of(tokenizer, [token for token in labels[start:end] if token not in stops])
    if any(learnt == answer.strip() for answer in answers):
        return None
    codes = [tokenizer.encode(answer, add_special_tokens=False) for answer in answers]
    if not any(learnt == _text_of(tokenizer, code) for code in codes):
        raise UserError(
            f"loss mask: the learnt text is {shorten(learnt)}, and the answer is "
            f"{shorten(answers[0])}; the chat template must render an answer unchanged, followed "
            "only by the end-of-turn token; name a template that does in base.chat_template"
        )
    if tokenizer.unk_token_id in labels[start:end] and tokenizer.unk_token_id not in stops:
        raise UserError(
            f"loss mask: learnt is {shorten(learnt)}, and the answer is {shorten(answers[0])}: the "
            "base's tokenizer does not know some of its characters; take a base that knows the "
            "language"
        )
    return learnt


def tell_rewritten(rewritten: list[tuple[str, str]], records: int) -> None:
    """Print how many answers are learnt otherwise than they are written, with the first."""
    if rewritten:
        answer, learnt = rewritten[0]
        print(
            f"train: the base's tokenizer writes {len(rewritten):,} of {records:,} answers in "
            f"another way, which is what is learnt and no exact match: {shorten(answer)} becomes "
            f"{shorten(learnt)}"
        )


def _text_of(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    """Decode token ids and strip white space."""
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)).strip()


def shorten(text: str) -> str:
    """Quote the beginning of a text."""
    return repr(text if len(text) <= 60 else text[:60] + "...")


def check_opening(
    ids: list[int], tokenizer: "PreTrainedTokenizerBase", stops: set[int], text: str
) -> None:
    """Raise UserError if a chat has its opening token (bos) twice, or lacks the tokenizer's.

    Only the part before `text`, that of the first message, counts: later, or after a turn that the
    template adds and one of `stops` ends, the token may open turns.
    """
    opening = tokenizer.bos_token_id
    if opening is None:
        return
    places = [place for place, token in enumerate(ids) if token == opening]
    between = ids[places[0] + 1 : places[1]] if len(places) > 1 else []
    said = text.strip() in str(tokenizer.decode(between))
    if len(places) > 1 and not said and not stops.intersection(between):
        raise UserError(
            f"chat template: {tokenizer.bos_token} is twice at the start of a chat; remove one "
            "from the template"
        )
    if ids[0] != opening and tokenizer("a")["input_ids"][:1] == [opening]:
        raise UserError(
            f"chat template: does not begin a chat with {tokenizer.bos_token}, which the "
            "tokenizer, and so a server, puts before every text; begin the template with "
            "{{ bos_token }}"
        )


def pieces(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[str]:
    """Decode ids token by token; a character of several tokens is put at the last."""
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


def share_learnt(examples: list[Example]) -> float:
    """Return the share of tokens that are learnt."""
    labels = [label for example in examples for label in example.labels]
    return sum(label != IGNORED for label in labels) / len(labels)


def text_row(phase: str, tokenizer: "PreTrainedTokenizerBase", example: Example) -> TokenRow:
    """Return one text token by token: id, text, and whether it is learnt or special."""
    special = set(tokenizer.all_special_ids)
    return {
        "phase": phase,
        "ids": example.input_ids,
        "texts": pieces(tokenizer, example.input_ids),
        "learnt": [label != IGNORED for label in example.labels],
        "special": [token in special for token in example.input_ids],
    }


def facts_row(
    phase: str, tokenizer: "PreTrainedTokenizerBase", examples: list[Example]
) -> TokenRow:
    """Summarize all texts of one training."""
    lengths = [len(example.input_ids) for example in examples]
    ends = {
        "end of turn": [tokenizer.eos_token, tokenizer.eos_token_id],
        "opens with": [tokenizer.bos_token, tokenizer.bos_token_id],
        "padding": [tokenizer.pad_token, tokenizer.pad_token_id],
    }
    return {
        "phase": phase,
        "texts": len(examples),
        "tokens": sum(lengths),
        "median": median(lengths),
        "longest": max(lengths),
        "share_learnt": share_learnt(examples),
        "tokenizer": ends,
    }


def write_learnt(
    tokenizer: "PreTrainedTokenizerBase", phases: dict[str, tuple[list[Example], int]]
) -> None:
    """Write what each training learns, token by token, to logs/train/learnt.jsonl.

    For each training: a line with a summary, then the first examples (the number given) in training
    order.
    """
    with atomic_text(LEARNT) as file:
        for phase, (examples, shown) in phases.items():
            rows = [facts_row(phase, tokenizer, examples)]
            rows += [text_row(phase, tokenizer, example) for example in examples[:shown]]
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

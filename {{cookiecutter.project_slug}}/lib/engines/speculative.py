"""Greedy answers to a batch, several tokens a step where answers resemble those given before.

Speculative decoding (Leviathan et al., 2023) with drafts that no model writes: answers to one task
are much alike, so what followed the same tokens in an earlier answer is a good guess. The model
reads a draft in the step that gives its first token, and keeps as much of it as it would have said
itself; the answers are those of one token a step.
"""

import copy
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Cache, PreTrainedModel

CONTEXT = 8  # tokens of an answer by which one that went on from them is found
LONGEST = 6  # tokens of a draft


class Drafts:
    """How the answers so far went on."""

    def __init__(self) -> None:
        self.next: dict[tuple[int, ...], int] = {}

    def learn(self, answer: list[int]) -> None:
        """Keep what followed each CONTEXT tokens, or the fewer at its beginning."""
        for at, token in enumerate(answer):
            self.next[tuple(answer[max(at - CONTEXT, 0) : at])] = token

    def after(self, begun: list[int], most: int) -> list[int]:
        """Predict how an answer that begins so may go on, as far as anything is known."""
        text = list(begun)
        while len(text) < len(begun) + min(most, LONGEST):
            token = self.next.get(tuple(text[-CONTEXT:]))
            if token is None:
                break
            text.append(token)
        return text[len(begun) :]


@dataclass
class Growing:
    """One answer under way."""

    step: list[int]  # tokens that the model reads next: the last one, and a draft
    read: int  # tokens before them, of prompt and answer
    draft: list[int] = field(default_factory=list)
    answer: list[int] = field(default_factory=list)
    wrong: int = 0  # tokens of the last draft that were not taken
    ended: bool = False

    def take(self, chosen: list[int], stops: set[int], most: int) -> None:
        """Extend by what the model chose after the last token and after each one of the draft."""
        pairs = zip(self.draft, chosen, strict=False)
        right = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        said = list(takewhile(lambda token: token not in stops, chosen[: right + 1]))
        self.answer = (self.answer + said)[:most]
        self.ended = len(said) <= right or len(self.answer) == most
        self.wrong = len(self.draft) - right
        self.read += len(self.step) - self.wrong


def answer_batch(
    model: "PreTrainedModel",
    prompts: list[list[int]],
    max_new_tokens: int,
    stops: set[int],
    prefix: "Cache",
    drafts: Drafts,
) -> list[list[int]]:
    """Generate greedy answers as token ids, without the end token; `drafts` learns from them.

    `prefix` holds keys and values of the tokens that all prompts begin with, one at least.
    """
    import torch

    start, cache = prefix.get_seq_length(), copy.deepcopy(prefix)  # the model writes into it
    cache.batch_repeat_interleave(len(prompts))
    rows = [Growing(prompt[start:], start) for prompt in prompts]
    going, mask = rows, torch.ones(len(rows), start, dtype=torch.long, device=model.device)
    with torch.inference_mode():
        while True:
            ids, positions, seen = laid_out(going, model)
            mask = torch.cat([mask, seen], dim=1)
            logits = model(
                input_ids=ids,
                position_ids=positions,
                attention_mask=mask,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1 + max(len(row.draft) for row in going),
            ).logits
            for row, chosen in zip(going, logits.argmax(-1).tolist(), strict=True):
                row.take(chosen[-len(row.draft) - 1 :], stops, max_new_tokens)
            for index, row in enumerate(going):
                if row.wrong:  # its keys stay in the cache, and nobody looks at them any more
                    mask[index, -row.wrong :] = 0
            left = [index for index, row in enumerate(going) if not row.ended]
            if not left:
                break
            if len(left) < len(going):
                chosen_rows = torch.tensor(left, device=model.device)
                cache.batch_select_indices(chosen_rows)
                going, mask = [going[index] for index in left], mask[chosen_rows]
            for row in going:
                row.draft = drafts.after(row.answer, max_new_tokens - len(row.answer) - 1)
                row.step = [row.answer[-1], *row.draft]
    for row in rows:
        drafts.learn(row.answer)
    return [row.answer for row in rows]


def laid_out(rows: list[Growing], model: "PreTrainedModel") -> tuple["Tensor", "Tensor", "Tensor"]:
    """Lay out what the rows read in a step, padded on the left: (ids, positions, mask)."""
    import torch

    width = max(len(row.step) for row in rows)
    gaps = [width - len(row.step) for row in rows]
    parts = list(zip(rows, gaps, strict=True))
    ids = [[0] * gap + row.step for row, gap in parts]
    positions = [[0] * gap + list(range(row.read, row.read + len(row.step))) for row, gap in parts]
    seen = [[0] * gap + [1] * len(row.step) for row, gap in parts]
    return tuple(torch.tensor(one, device=model.device) for one in (ids, positions, seen))

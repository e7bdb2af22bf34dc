"""Answers from a model in this process, through transformers."""

import time
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from lib.engines.answer import Answer
from lib.engines.timing import Timing

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    max_new_tokens: int,
    **options: Any,
) -> list[list[int]]:
    """Greedy answers to one batch of prompts, as token ids without padding and end-of-turn."""
    import torch

    width = max(len(prompt) for prompt in prompts)
    pad, ends = int(tokenizer.pad_token_id), model.generation_config.eos_token_id
    stops = {int(tokenizer.eos_token_id), *(ends if isinstance(ends, list) else [])}
    ids = [[pad] * (width - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    with torch.inference_mode():
        output = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=sorted(stops),
            **options,
        )
    answers = output[:, width:].tolist()
    return [list(takewhile(lambda token: token not in stops, row)) for row in answers]


def answer_all(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    batch_size: int,
    max_new_tokens: int,
) -> list[Answer]:
    """Greedy answers, in the order of the prompts; batches hold prompts of like length."""
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), place))
    answers: dict[int, Answer] = {}
    with tqdm(total=len(prompts), desc="answers", unit="answer", mininterval=1) as bar:
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            rows = generate(model, tokenizer, [prompts[i] for i in batch], max_new_tokens)
            for place, row in zip(batch, rows, strict=True):
                answers[place] = Answer(
                    text=tokenizer.decode(row, skip_special_tokens=True),
                    input_tokens=len(prompts[place]),
                    output_tokens=min(len(row) + 1, max_new_tokens),
                    finish="stop" if len(row) < max_new_tokens else "length",
                )
            bar.update(len(batch))
    return [answers[place] for place in range(len(prompts))]


def timed(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    max_new_tokens: int,
) -> list[Timing]:
    """Answer one batch and time it; requests of a batch start and end together."""
    import torch

    stamps: list[float] = []

    def stamp(ids: Any, scores: Any) -> Any:
        if scores.is_cuda:
            torch.cuda.synchronize()
        stamps.append(time.perf_counter())
        return scores

    started = time.perf_counter()
    rows = generate(model, tokenizer, prompts, max_new_tokens, logits_processor=[stamp])
    ended = time.perf_counter()
    counts = [min(len(row) + 1, max_new_tokens) for row in rows]  # with the end-of-turn token
    return [Timing(stamps[0] - started, ended - started, count) for count in counts]

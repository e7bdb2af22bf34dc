"""Generate answers with a model in this process, through transformers."""

import copy
import time
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from lib.engines.answer import Answer
from lib.engines.timing import Timing
from lib.model.loading import id_set
from lib.runtime.progress import tell_progress

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase

_ALIKE = 0.9  # shortest row of a batch as a share of the longest: padding costs as much as text


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    max_new_tokens: int,
    prefix: "Cache | None" = None,
    **options: Any,
) -> list[list[int]]:
    """Generate greedy answers to one batch of prompts by transformers' own loop.

    `prefix` holds keys and values of the prompts' common prefix. Returns token ids without padding
    and end-of-turn tokens.
    """
    import torch
    from transformers import GenerationConfig

    width = max(len(prompt) for prompt in prompts)
    # the model's own config may add repetition penalties, which our servers do not apply
    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
    pad, stops = int(tokenizer.pad_token_id), stop_ids(model, tokenizer)
    start = 0
    if prefix:  # the model writes into it
        start, options["past_key_values"] = prefix.get_seq_length(), copy.deepcopy(prefix)
        options["past_key_values"].batch_repeat_interleave(len(prompts))
    gaps = [width - len(prompt) for prompt in prompts]
    rows = list(zip(gaps, prompts, strict=True))
    ids = [[*prompt[:start], *[pad] * gap, *prompt[start:]] for gap, prompt in rows]
    mask = [[1] * start + [0] * gap + [1] * (len(prompt) - start) for gap, prompt in rows]
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


def stop_ids(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> set[int]:
    """Return the ids that end an answer, as lib.model.loading.stop_tokens does for a folder."""
    return {int(tokenizer.eos_token_id), *id_set(model.generation_config.eos_token_id)}


def read_prefix(model: "PreTrainedModel", prompts: list[list[int]]) -> "Cache | None":
    """Compute keys and values of the common prefix of all prompts (system prompt, examples).

    None if there is none, or the model's cache is not a plain one (a sliding window would count
    padding).
    """
    import torch
    from transformers.cache_utils import DynamicLayer

    least, most = min(prompts), max(prompts)  # what these two share, all share
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(least, most, strict=False))
    shared = min(len(list(pairs)), min(map(len, prompts)) - 1)
    if not shared:
        return None
    ids = torch.tensor([prompts[0][:shared]], device=model.device)
    with torch.inference_mode():
        output = model(input_ids=ids, use_cache=True, logits_to_keep=1)
    cache = getattr(output, "past_key_values", None)  # Mamba has states under another name
    plain = all(type(layer) is DynamicLayer for layer in getattr(cache, "layers", [None]))
    return cache if plain else None


def batch_by_length(lengths: list[int], batch_tokens: int) -> list[list[int]]:
    """Group rows of similar length, the longest first, so that running out of memory shows at once.

    A batch has at most `batch_tokens`, padding included; a longer row is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    found: list[list[int]] = []
    for index in order:
        longest = lengths[found[-1][0]] if found else 0
        full = not found or longest * (len(found[-1]) + 1) > batch_tokens
        if full or lengths[index] < _ALIKE * longest:
            found.append([])
        found[-1].append(index)
    return found


def answer_all(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    batch_tokens: int,
    max_new_tokens: int,
) -> list[Answer]:
    """Generate greedy answers, in the order of the prompts."""
    prefix = read_prefix(model, prompts)
    answers: dict[int, Answer] = {}
    with tell_progress("answers", total=len(prompts), unit="answer") as bar:
        for batch in batch_by_length([len(ids) + max_new_tokens for ids in prompts], batch_tokens):
            asked = [prompts[index] for index in batch]
            rows = generate(model, tokenizer, asked, max_new_tokens, prefix)
            for index, row in zip(batch, rows, strict=True):
                answers[index] = Answer(
                    text=tokenizer.decode(row, skip_special_tokens=True),
                    input_tokens=len(prompts[index]),
                    output_tokens=min(len(row) + 1, max_new_tokens),
                    finish="stop" if len(row) < max_new_tokens else "length",
                )
            bar.update(len(batch))
    return [answers[index] for index in range(len(prompts))]


def add_likelihoods(
    model: "PreTrainedModel",
    prompts: list[list[int]],
    expected: list[list[int]],
    answers: list[Answer],
) -> list[Answer]:
    """Add to each answer the log-likelihood of the right one.

    expected: token ids of the right answers, each with its end-of-turn token.
    """
    found = log_likelihoods(model, list(zip(prompts, expected, strict=True)))
    return [replace(one, log_likelihood=value) for one, value in zip(answers, found, strict=True)]


def log_likelihoods(
    model: "PreTrainedModel", examples: list[tuple[list[int], list[int]]]
) -> list[float]:
    """Compute the mean log-probability (nats) of each answer's tokens, given its prompt.

    `examples` are (prompt ids, answer ids).
    """
    import torch

    found = []
    for prompt, answer in examples:
        ids = torch.tensor([[*prompt, *answer]], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids, logits_to_keep=len(answer) + 1).logits[0, :-1]
        chosen = logits.float().log_softmax(-1).gather(1, ids[0, len(prompt) :, None])
        found.append(float(chosen.mean()))
    return found


def timed_answers(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    max_new_tokens: int,
    exact: bool = False,
) -> list[Timing]:
    """Answer one batch and time each token, as if streamed.

    With `exact`, no row stops before `max_new_tokens`.
    """
    import torch

    stamps: list[float] = []

    def stamp(ids: Any, scores: Any) -> Any:
        if scores.is_cuda:
            torch.cuda.synchronize()
        stamps.append(time.perf_counter() - started)
        return scores

    options = {"min_new_tokens": max_new_tokens} if exact else {}
    started = time.perf_counter()
    rows = generate(model, tokenizer, prompts, max_new_tokens, logits_processor=[stamp], **options)
    counts = [min(len(row) + 1, max_new_tokens) for row in rows]  # with the end-of-turn token
    return [
        Timing(tuple(stamps[:count]), stamps[count - 1], len(prompt), count)
        for prompt, count in zip(prompts, counts, strict=True)
    ]

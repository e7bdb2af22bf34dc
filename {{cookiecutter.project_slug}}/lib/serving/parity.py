"""Compare two copies of a model: the same input tokens, and the same output tokens?

A check is named after its cause of failure: template, bos, tokenizer, prompt_tokens, stop, prefix
or logprob. `passed` is None where a server has no route that provides the data.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from math import isnan
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lib.engines import hf
from lib.serving.params import LimitsParams

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Greedy:
    """A greedy answer: its tokens without the end token, and their natural log-probabilities."""

    ids: list[int]
    logprobs: list[float]  # empty if the engine does not report them, NaN for a token without one
    stopped: bool  # by an end token, not at the limit
    clean: bool = True  # its text has no special token


@dataclass(frozen=True)
class Rendered:
    """A prompt as an engine renders and tokenizes it."""

    text: str
    ids: list[int]


@dataclass(frozen=True)
class ParityCheck:
    """One criterion: the value found, the limit, and where it first failed."""

    passed: bool | None
    found: float | None
    limit: float
    detail: str = ""


def answer_greedily(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[Rendered],
    max_new_tokens: int,
) -> list[Greedy]:
    """Generate greedy answers with a model in this process, one prompt at a time, unpadded."""
    answers = []
    for prompt in prompts:
        ids = hf.generate(model, tokenizer, [prompt.ids], max_new_tokens)[0]
        found = logprobs(model, prompt.ids, ids)
        answers.append(Greedy(ids, found, stopped=len(ids) < max_new_tokens))
    return answers


def logprobs(model: "PreTrainedModel", prompt: list[int], ids: list[int]) -> list[float]:
    """Return the log-probability of each token of an answer, given all before it."""
    import torch

    with torch.inference_mode():
        batch = torch.tensor([prompt + ids], device=model.device)
        logits = model(batch, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
        chosen = torch.tensor(ids, device=model.device, dtype=torch.long)[:, None]
        found: list[float] = logits.log_softmax(-1).gather(1, chosen)[:, 0].tolist()
    return found


def compare_answers(
    right: Sequence[Greedy], found: Sequence[Greedy], limits: LimitsParams
) -> dict[str, ParityCheck]:
    """Compare answers by the checks stop, prefix and logprob."""
    pairs = list(zip(right, found, strict=True))
    late = [n for n, (a, b) in enumerate(pairs) if not b.clean or (a.stopped and not b.stopped)]
    shared = [len(common(a.ids, b.ids)) for a, b in pairs]
    shares = [n / max(len(a.ids), len(b.ids), 1) for n, (a, b) in zip(shared, pairs, strict=True)]
    shares = [1.0 if a.ids == b.ids else share for share, (a, b) in zip(shares, pairs, strict=True)]
    gaps = [
        abs(x - y)
        for n, (a, b) in zip(shared, pairs, strict=True)
        for x, y in zip(a.logprobs[:n], b.logprobs[:n], strict=False)
        if not isnan(x - y)
    ]
    prefix = fmean(shares)
    logprob = fmean(gaps) if gaps else None
    worst = shares.index(min(shares))
    differs = f"{prefix:.4f}, allowed is {limits.prefix}: prompt {worst} differs most, "
    differs += f"from token {shared[worst]} on"
    return {
        "stop": ParityCheck(
            not late, len(late), 0, f"prompt {late[0]} does not stop" if late else ""
        ),
        "prefix": ParityCheck(
            prefix >= limits.prefix,
            round(prefix, 4),
            limits.prefix,
            differs if prefix < limits.prefix else "",
        ),
        "logprob": ParityCheck(
            None if logprob is None else logprob <= limits.logprob,
            None if logprob is None else round(logprob, 5),
            limits.logprob,
        ),
    }


def common(left: list[int], right: list[int]) -> list[int]:
    """Return the common prefix of two answers."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return [token for token, _ in pairs]


def compare_prompts(
    ours: Sequence[Rendered], theirs: Sequence[Rendered], tokenizer: "PreTrainedTokenizerBase"
) -> dict[str, ParityCheck]:
    """Compare the prompts that two engines make of chats: template, bos, tokenizer."""
    rendered, begun, split = [], [], []
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if unbegun(b.text, tokenizer) not in (unbegun(a.text, tokenizer), _decoded(a, tokenizer)):
            at = len(common([*map(ord, a.text)], [*map(ord, b.text)]))
            rendered.append(
                f"prompt {number} has {b.text[at : at + 20]!r} for {a.text[at : at + 20]!r}"
            )
        elif _begins(b, tokenizer) > 1 or one_more(a.ids, b.ids, tokenizer):
            right, found = tokenizer.decode(a.ids[:2]), tokenizer.decode(b.ids[:2])
            begun.append(f"prompt {number} begins with {found!r}, in training with {right!r}")
        elif a.ids != b.ids:
            at = len(common(a.ids, b.ids))
            split.append(
                f"prompt {number} differs from {tokenizer.decode(a.ids[at : at + 4])!r} on"
            )
    names = {"template": rendered, "bos": begun, "tokenizer": split}
    return {
        name: ParityCheck(not failed, len(failed), 0, failed[0] if failed else "")
        for name, failed in names.items()
    }


def _begins(prompt: Rendered, tokenizer: "PreTrainedTokenizerBase") -> int:
    """Count the beginning-of-text tokens that a prompt starts with."""
    return len([*takewhile(lambda token: token == tokenizer.bos_token_id, prompt.ids)])


def one_more(left: list[int], right: list[int], tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Tell whether two prompts differ only by a special token before one of them."""
    short, long = sorted((left, right), key=len)
    return long[1:] == short and long[0] in tokenizer.all_special_ids


def unbegun(text: str, tokenizer: "PreTrainedTokenizerBase") -> str:
    """Remove the bos token from a rendered chat: some engines render it, others add it later."""
    bos = str(tokenizer.bos_token or "")
    while bos and text.startswith(bos):
        text = text.removeprefix(bos)
    return text


def _decoded(prompt: Rendered, tokenizer: "PreTrainedTokenizerBase") -> str:
    """Decode a prompt's tokens, for engines that report only tokens."""
    return unbegun(str(tokenizer.decode(prompt.ids)), tokenizer)


def as_json(checks: dict[str, ParityCheck]) -> dict[str, Any]:
    """Convert checks to the form of reports/parity.json."""
    return {name: asdict(check) for name, check in checks.items()}

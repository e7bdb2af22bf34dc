"""Answers per CPU second: our transformers engine against lm-evaluation-harness's.

usage   python benchmarks/eval/engine.py PROJECT [EXAMPLES]

PROJECT is a generated project after `dvc repro`; EXAMPLES training records, 0 unless given, stand
before each question, the same for all. Both engines get the same weights (tuned), prompts and
limit, in one process and in turns; the outputs must be equal. Ours fills batches up to
answer.batch_tokens; lm-eval takes a number of rows: 32, and as many as our largest batch has.
Needs lm-eval[hf]==0.4.13 beside the project's train and eval extras.
"""

import os
import resource
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROUNDS = 2


def cpu_seconds() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(answer: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """CPU seconds, and the answers."""
    started = cpu_seconds()
    outputs = answer()
    return cpu_seconds() - started, outputs


def read_prompts(tokenizer: Any, shots: int) -> tuple[list[list[int]], list[str]]:
    """The cases of eval as token ids and as text, each behind so many training records."""
    from lib.cases.cases import collect_cases
    from lib.cases.prompting import draw, read_examples, with_examples
    from lib.core.config import load
    from lib.core.params import TaskParams
    from lib.engines.params import AnswerParams
    from lib.model.chat import encode_prompt, with_system

    system, seed = load("task", TaskParams).system, load("answer", AnswerParams).seed
    examples = draw(read_examples(), shots, seed)
    asked = [with_system(case["prompt"], system) for case in collect_cases()]
    chats = [with_examples(chat, examples) for chat in asked]
    options = {"tokenize": False, "add_generation_prompt": True}
    texts = [tokenizer.apply_chat_template(chat, **options) for chat in chats]
    return [encode_prompt(tokenizer, chat, system) for chat in chats], texts


def lm_eval_engines(model: Any, tokenizer: Any, sizes: set[int]) -> dict[int, Any]:
    """lm-evaluation-harness's engine, by rows a batch."""
    from lm_eval.models.huggingface import HFLM

    return {
        rows: HFLM(pretrained=model, tokenizer=tokenizer, batch_size=rows, device="cpu")
        for rows in sorted(sizes)
    }


def report(seconds: dict[str, list[float]], count: int) -> None:
    """The table: medians, and how many times ours each takes."""
    best = statistics.median(seconds["ours"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        speed = count / median
        print(f"{name:24} {median:6.2f} CPU s {speed:6.1f} answers a CPU s {median / best:5.2f}")


def main() -> None:
    project, shots = Path(sys.argv[1]).resolve(), int([*sys.argv, "0"][2])
    os.chdir(project)
    sys.path.insert(0, str(project))

    from lib.core.config import load
    from lib.core.params import HardwareParams
    from lib.engines.hf import answer_all, batch_by_length
    from lib.engines.params import AnswerParams
    from lib.model.loading import TUNED, deterministic, load_model, load_tokenizer

    params = load("answer", AnswerParams)
    deterministic(params.seed, load("hardware", HardwareParams))
    from lm_eval.api.instance import Instance

    tokenizer, model = load_tokenizer(TUNED), load_model(TUNED, "float32")
    ids, texts = read_prompts(tokenizer, shots)
    most = params.max_new_tokens
    largest = max(map(len, batch_by_length([len(one) + most for one in ids], params.batch_tokens)))
    peers = lm_eval_engines(model, tokenizer, {32, largest})
    if [peers[largest].tok_encode(text) for text in texts] != ids:
        sys.exit("the prompts differ")
    how = {"until": [tokenizer.eos_token], "max_gen_toks": most, "do_sample": False}
    requests = [
        Instance(request_type="generate_until", doc={}, arguments=(text, how), idx=place)
        for place, text in enumerate(texts)
    ]

    def ours() -> list[str]:
        return [one.text for one in answer_all(model, tokenizer, ids, params.batch_tokens, most)]

    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        mine, outputs = timed(ours)
        seconds.setdefault("ours", []).append(mine)
        for rows, peer in peers.items():
            other, expected = timed(partial(peer.generate_until, requests, disable_tqdm=True))
            seconds.setdefault(f"lm-eval, batches of {rows}", []).append(other)
            equal = sum(a == b for a, b in zip(outputs, expected, strict=True))
            print(f"{equal} of {len(ids)} answers equal to lm-eval's in batches of {rows}")
    print(f"{len(ids)} prompts of {sum(map(len, ids)) / len(ids):.0f} tokens")
    report(seconds, len(ids))


if __name__ == "__main__":
    main()

"""Answers per CPU second: our transformers engine against lm-evaluation-harness's.

usage   python benchmarks/eval/engine.py PROJECT [EXAMPLES]

PROJECT is a generated project after `dvc repro`; EXAMPLES training records, 0 unless given, stand
before each question, the same for all. Both engines get the same weights (tuned), prompts, batch
size and limit, in one process and in turns; the outputs must be equal.
Needs lm-eval[hf]==0.4.13 beside the project's train and eval extras.
"""

import os
import resource
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

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


def main() -> None:
    project, shots = Path(sys.argv[1]).resolve(), int([*sys.argv, "0"][2])
    os.chdir(project)
    sys.path.insert(0, str(project))

    from lib.chat import encode_prompt, with_system
    from lib.config import load
    from lib.engines.hf import answer_all
    from lib.evaluation.cases import collect_cases
    from lib.evaluation.prompting import draw, read_examples, with_examples
    from lib.models import TUNED, deterministic, load_model, load_tokenizer
    from lib.params.eval import EvalParams
    from lib.params.hardware import HardwareParams
    from lib.params.task import TaskParams

    params, task = load("eval", EvalParams), load("task", TaskParams)
    deterministic(params.seed, load("hardware", HardwareParams).threads)
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    tokenizer, model = load_tokenizer(TUNED), load_model(TUNED, "float32")
    cases = collect_cases()
    examples = draw(read_examples(), shots, params.seed)
    chats = [with_examples(with_system(case["prompt"], task.system), examples) for case in cases]
    ids = [encode_prompt(tokenizer, chat, task.system) for chat in chats]
    options = {"tokenize": False, "add_generation_prompt": True}
    texts = [tokenizer.apply_chat_template(chat, **options) for chat in chats]
    end = tokenizer.eos_token
    how = {"until": [end], "max_gen_toks": params.max_new_tokens, "do_sample": False}
    peer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=params.batch_size, device="cpu")
    requests = [
        Instance(request_type="generate_until", doc={}, arguments=(text, how), idx=place)
        for place, text in enumerate(texts)
    ]
    if [peer.tok_encode(text) for text in texts] != ids:
        sys.exit("the prompts differ")

    def ours() -> list[str]:
        most = params.max_new_tokens
        return [one.text for one in answer_all(model, tokenizer, ids, params.batch_size, most)]

    def theirs() -> list[str]:
        return peer.generate_until(requests, disable_tqdm=True)

    seconds: dict[str, list[float]] = {"ours": [], "lm-eval": []}
    for _ in range(ROUNDS):
        mine, outputs = timed(ours)
        other, expected = timed(theirs)
        seconds["ours"].append(mine)
        seconds["lm-eval"].append(other)
    equal = sum(a == b for a, b in zip(outputs, expected, strict=True))
    tokens = sum(map(len, ids)) / len(ids)
    print(f"{len(cases)} prompts of {tokens:.0f} tokens, {equal} answers equal")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:8} {median:6.2f} CPU s  {len(cases) / median:6.1f} answers per CPU second")
    ratio = statistics.median(seconds["lm-eval"]) / statistics.median(seconds["ours"])
    print(f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()

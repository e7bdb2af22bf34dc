"""What a GPU is asked about models that are served: quantized ones, and a real server's speed."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lib.engines import hf
from lib.engines.weights import load_weights, weights_size
from lib.quantize.compressed import write_compressed
from lib.quantize.gptq import write_gptq
from lib.quantize.measure import compare_models
from lib.runtime.files import atomic_folder
from lib.serving.params import BenchParams, Lengths
from lib.train.encode import encode_records
from stages.bench import WARM_UP, bench_transformers
from tests.gpu_base import THREADS, Size, records, setup_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

AT_ONCE, ANSWER = 16, 64  # prompts in a batch, tokens of an answer


def checks(folder: Path, size: Size, device: str) -> dict[str, Callable[[], str]]:
    """What is run, in order."""
    found: dict[str, Callable[[], str]] = {
        f"quantize to {scheme}, {size.name}": partial(quantized, folder, size, device, scheme)
        for scheme in ("fp8", "w4a16", "awq", "gptq")
    }
    return found | {f"bench, {size.name}": partial(bench, folder, size)}


def quantized(folder: Path, size: Size, device: str, scheme: str) -> str:
    """Time, size, error and speed of the model by a scheme, against its bf16 form."""
    base = str(folder / "base")
    setup = setup_of(folder, size, device, "lora", "bfloat16")
    examples = encode_records(setup, records(AT_ONCE, size.words // 4))
    rows = [example.input_ids for example in examples]
    started = time.perf_counter()
    with atomic_folder(folder / scheme) as partial:
        if scheme == "gptq":
            write_gptq(base, partial, device, setup.tokenizer, rows, THREADS, 1)
        else:
            write_compressed(base, partial, scheme, "bfloat16", device, setup.tokenizer, rows)
    seconds = time.perf_counter() - started
    before = load_weights(base, "bfloat16", device)
    after = load_weights(str(folder / scheme), "bfloat16", device)
    figures = compare_models(before, after, examples)
    slow, fast = (answers_a_second(model, setup.tokenizer, rows) for model in (before, after))
    share = weights_size(folder / scheme) / weights_size(base)
    shutil.rmtree(folder / scheme)
    return (
        f"written in {seconds:.0f} s, {share:.0%} of the bytes, largest layer error "
        f"{figures['layer_error_max']:.3f}, {AT_ONCE} answers at once {fast:,.0f} tokens/s "
        f"(bf16 {slow:,.0f}), in transformers"
    )


def answers_a_second(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", prompts: list[list[int]]
) -> float:
    """Tokens a second of answers of one length, after a warm-up."""
    hf.timed_answers(model, tokenizer, prompts, 4, True)
    started = time.perf_counter()
    hf.timed_answers(model, tokenizer, prompts, ANSWER, True)
    return len(prompts) * ANSWER / (time.perf_counter() - started)


def bench(folder: Path, size: Size) -> str:
    """The bench stage's figures of the model in this process, one request at once and many."""
    exact = Lengths(input=size.words, output=ANSWER)  # random weights end no answer
    params = BenchParams(
        engine="transformers",
        requests=AT_ONCE,
        concurrency=[1, AT_ONCE],
        lengths=exact,
        max_new_tokens=ANSWER,
    )
    count = WARM_UP + params.requests * len(params.concurrency)
    chats = [record["messages"][:1] for record in records(count, size.words // 4)]
    found = bench_transformers(str(folder / "base"), chats, params)
    loads = [
        f"{row['output_tokens_per_s']:,.0f} tokens/s, first token {row['ttft_ms_p50']:,.0f} ms, "
        f"each further {row['tpot_ms_p50']:.1f} ms (p50), {at} at once"
        for at in params.concurrency
        for row in [found[f"concurrency_{at}"]]
    ]
    held = found.get("peak_gpu_memory_bytes") or found["peak_host_memory_bytes"]
    return f"{'; '.join(loads)}; peak memory {held / 1e9:.1f} GB"

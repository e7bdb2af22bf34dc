"""Compare the forms of the tuned model, to see that the evaluated model is the one served.

reads   models/{tuned,quantized}, the base, evals/golden.jsonl, data/split/test.jsonl
writes  reports/parity.json: base and adapter against the merged model, quantized against merged,
        each with the template, tokenizer and end tokens it brings; and the server that bench
        measures with the released model (gate.system) against the same in transformers
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from lib.cases.evals import GOLDEN, read_golden
from lib.core.config import load
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.core.records import Message, chats_first, prompt_of, read_records
from lib.engines import server
from lib.engines.commands import start_of
from lib.engines.gguf import servable
from lib.engines.hard_texts import HARD_TEXTS
from lib.engines.params import DeployParams
from lib.engines.weights import load_weights
from lib.model.chat import encode_prompt, render_text, with_system
from lib.model.loading import (
    QUANTIZED,
    RELEASABLE,
    TUNED,
    deterministic,
    load_model,
    load_tokenizer,
    stop_tokens,
    torch_device,
)
from lib.release.params import GateParams
from lib.runtime.errors import UserError, run
from lib.runtime.files import write_json
from lib.serving.params import BenchParams, LimitsParams, ParityParams, check_parity
from lib.serving.parity import (
    Greedy,
    ParityCheck,
    Rendered,
    answer_greedily,
    as_json,
    compare_answers,
    compare_prompts,
)
from lib.serving.serverside import Server, ask_greedily, prompt_of_chat, prompt_of_text, recognise

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TEST_SPLIT = "data/split/test.jsonl"
PARITY_REPORT = "reports/parity.json"
_ADAPTER = Path(TUNED, "adapter")
IN_PROCESS = "bench.engine is transformers: there is no server to compare"
_NO_ADAPTER = "training exported no adapter (full fine-tuning, or chats and preferences both)"

ParityChecks = dict[str, ParityCheck]


def chosen_chats(count: int, system: str) -> list[list[Message]]:
    """Select the prompts that every form answers, evenly spread over the golden cases.

    Without golden cases they are from the test split.
    """
    chats = [case.prompt() for case in read_golden()]
    chats = chats or [prompt_of(record) for record in chats_first(read_records(TEST_SPLIT))]
    if not chats:
        raise UserError(f"{GOLDEN} and {TEST_SPLIT}: have no chat; parity needs their prompts")
    step = max(len(chats) / count, 1)
    indices = [int(number * step) for number in range(min(count, len(chats)))]
    return [with_system(chats[index], system) for index in indices]


def our_prompt(tokenizer: "PreTrainedTokenizerBase", chat: list[Message]) -> Rendered:
    """Render a chat as in training and answer."""
    text = render_text(tokenizer, chat, prompt=True)
    return Rendered(text, encode_prompt(tokenizer, chat, ""))


def load_adapted(base: BaseParams, device: str) -> "PreTrainedModel":
    """Load base and adapter, not merged."""
    from peft import PeftModel

    model = load_model(base.model, base.dtype, device, base.revision)
    adapted: PreTrainedModel = PeftModel.from_pretrained(model, str(_ADAPTER)).eval()
    return adapted


def compare_served(
    served: Server,
    chats: list[list[Message]],
    right: list[Greedy],
    tokenizer: "PreTrainedTokenizerBase",
    params: ParityParams,
) -> ParityChecks:
    """Compare a server with the answers of the same weights in transformers."""
    ours = [our_prompt(tokenizer, chat) for chat in chats]
    checks = {name: ParityCheck(None, None, 0) for name in ("template", "bos", "tokenizer")}
    theirs = ours
    if served.kind != "other":
        theirs = [prompt_of_chat(served, chat, tokenizer) for chat in chats]
        hard = [Rendered(t, tokenizer.encode(t, add_special_tokens=False)) for t in HARD_TEXTS]
        split = [prompt_of_text(served, text, tokenizer) for text in HARD_TEXTS]
        checks = compare_prompts([*ours, *hard], [*theirs, *split], tokenizer)
    stops = stop_tokens(tokenizer, TUNED)
    replies = [ask_greedily(served, c, params.max_new_tokens, tokenizer, stops) for c in chats]
    counts = [count for _, count in replies]
    checks["prompt_tokens"] = compare_counts([len(prompt.ids) for prompt in theirs], counts)
    return checks | compare_answers(right, [reply for reply, _ in replies], params.same)


def compare_files(
    right: "PreTrainedTokenizerBase", folder: str, chats: list[list[Message]]
) -> ParityChecks:
    """Compare the chat template and tokenizer files of a folder with ours.

    Texts are tokenized by its tokenizer.json directly, if there is one: servers may read that,
    while transformers has its own code for some.
    """
    found, path = load_tokenizer(folder), Path(folder, "tokenizer.json")
    split = Tokenizer.from_file(str(path)) if path.is_file() else None

    def ids(text: str) -> list[int]:
        if split:
            return list(split.encode(text, add_special_tokens=False).ids)
        return found.encode(text, add_special_tokens=False)

    ours = [our_prompt(right, chat) for chat in chats]
    ours += [Rendered(text, right.encode(text, add_special_tokens=False)) for text in HARD_TEXTS]
    theirs = [our_prompt(found, chat) for chat in chats]
    theirs += [Rendered(text, ids(text)) for text in HARD_TEXTS]
    return compare_prompts(ours, theirs, right)


def compare_stops(right: set[int], found: set[int]) -> ParityCheck:
    """Compare the sets of end token ids."""
    off = sorted(right ^ found)
    detail = f"token {off[0]} ends an answer in only one of them" if off else ""
    return ParityCheck(not off, len(off), 0, detail)


def compare_counts(expected: list[int], counted: list[int]) -> ParityCheck:
    """Compare the number of tokens that the server counted for its prompts."""
    off = [n for n, (a, b) in enumerate(zip(expected, counted, strict=True)) if a != b]
    detail = f"prompt {off[0]}: {counted[off[0]]}, not {expected[off[0]]}" if off else ""
    return ParityCheck(not off, len(off), 0, detail)


@contextmanager
def chosen_stack(params: BenchParams, folder: str, dtype: str) -> Iterator[str]:
    """Start a server for the folder as bench does, and yield its URL."""
    if params.command == []:
        yield params.url
        return
    start = start_of(params.command, "bench.command", load("deploy", DeployParams))
    model, patience = servable(start.command, folder, None, dtype), params.startup_seconds
    with server.serving(start.command, model, patience, start.key, params.key_env) as url:
        yield url


def failed_checks(systems: dict[str, ParityChecks]) -> list[str]:
    """List the failed checks, by name."""
    return [
        f"{system}: {name}: {check.detail or f'{check.found}, allowed is {check.limit}'}"
        f"{limit_of(system, name)}"
        for system, checks in systems.items()
        for name, check in checks.items()
        if check.passed is False
    ]


def limit_of(system: str, name: str) -> str:
    """Return " (params.yaml: KEY)" for the limit of a check; "" if the limit is fixed."""
    section = "same" if system == "served" else system
    return f" (params.yaml: parity.{section}.{name})" if name in LimitsParams.model_fields else ""


def not_told(systems: dict[str, ParityChecks]) -> str:
    """Say for which checks a server gave no data, as the end of a sentence."""
    names = [name for name, check in systems.get("served", {}).items() if check.passed is None]
    return f"; not checked, because the server gives no data: {', '.join(names)}" if names else ""


def main() -> None:
    params, task = load("parity", ParityParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    bench, released = load("bench", BenchParams), load("gate", GateParams).system
    if bench.engine == "server":
        check_parity(params, bench, load("deploy", DeployParams))
    deterministic(0, hardware)
    device = torch_device(hardware)
    chats = chosen_chats(params.prompts, task.system)

    def answers(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> list[Greedy]:
        prompts = [our_prompt(tokenizer, chat) for chat in chats]
        return answer_greedily(model, tokenizer, prompts, params.max_new_tokens)

    tokenizer, packed = load_tokenizer(TUNED), load_tokenizer(QUANTIZED)
    right = {
        "tuned": answers(load_weights(TUNED, base.dtype, device), tokenizer),
        "quantized": answers(load_weights(QUANTIZED, base.dtype, device), packed),
    }
    stops = stop_tokens(tokenizer, TUNED)
    systems = {
        "quantized": compare_files(tokenizer, QUANTIZED, chats)
        | {"end": compare_stops(stops, stop_tokens(packed, QUANTIZED))}
        | compare_answers(right["tuned"], right["quantized"], params.quantized)
    }
    left_out, kind = {}, None
    if _ADAPTER.is_dir():
        own = load_tokenizer(base.model, base.revision, base.chat_template)
        adapted = answers(load_adapted(base, device), own)
        systems["adapter"] = compare_files(own, TUNED, chats)
        systems["adapter"] |= compare_answers(right["tuned"], adapted, params.adapter)
    else:
        left_out["adapter"] = _NO_ADAPTER
    if bench.engine == "server":
        with chosen_stack(bench, RELEASABLE[released], base.dtype) as url:
            model = bench.model or server.served_model(url, bench.key_env)
            served = recognise(url, model, tokenizer, bench.key_env)
            kind = served.kind
            systems["served"] = compare_served(served, chats, right[released], tokenizer, params)
    else:
        left_out["served"] = IN_PROCESS
    failed = failed_checks(systems)
    report = {"passed": not failed, "prompts": len(chats), "released": released, "server": kind}
    checks = {name: as_json(found) for name, found in systems.items()}
    write_json(PARITY_REPORT, report | checks | {"left_out": left_out})
    if failed:
        raise UserError(
            f"parity: {failed[0]} ({len(failed)} checks failed; {PARITY_REPORT} has all)"
        )
    said = f"parity: {', '.join(systems)} agree on {len(chats)} prompts"
    print(said + not_told(systems))


if __name__ == "__main__":
    run(main)

"""Ask one system the golden, test and adversarial cases and count what became of each answer.

reads   evals/{golden,adversarial}.jsonl, data/split/test.jsonl, reports/leakage.json, the model;
        few_shot, retrieval: data/split/train.jsonl; .scratch/eval: answers of before
writes  predictions/SYSTEM.jsonl (one row a case), metrics/eval/SYSTEM.json, .scratch/eval
"""

from pathlib import Path
from typing import Any

from lib.cases.cases import TEST, Case, collect_cases
from lib.cases.evals import FILES
from lib.cases.leaks import without_leaks
from lib.cases.prompting import TRAIN, Prompt, draw, fit, nearest, read_examples
from lib.core.config import load
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.core.proof import require_proof
from lib.core.records import Record, text_of, write_records
from lib.curate.params import CurateParams
from lib.engines import api, hf, vllm
from lib.engines.answer import Answer
from lib.engines.gguf import servable
from lib.engines.server import served_model, serving
from lib.evaluate import kept
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import SYSTEMS
from lib.evaluate.right_answers import check_answers
from lib.evaluate.rows import labels_of, make_row
from lib.evaluate.safety import flag
from lib.evaluate.summary import summarise, summarise_adversarial, summarise_prompts
from lib.model.chat import encode_prompt, with_system
from lib.model.loading import (
    RELEASABLE,
    deterministic,
    identity,
    load_tokenizer,
    stop_tokens,
    torch_device,
)
from lib.model.read import load_weights
from lib.pii.redact import Finder
from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import sha256, write_json

WITH_EXAMPLES = ("few_shot", "retrieval")
# Keys of eval that decide no answer, or do by the prompts alone.
SCORING = {
    *("primary", "checks", "safety", "length_buckets", "canaries", "bootstrap"),
    *("few_shot", "retrieval", "max_prompt_tokens", "endpoint"),
}


def examples_of(system: str, cases: list[Case], params: EvalParams) -> list[list[Record]]:
    """The training records that stand before each question."""
    match system:
        case "few_shot":
            return [draw(read_examples(), params.few_shot, params.seed)] * len(cases)
        case "retrieval":
            questions = [text_of(case["prompt"]) for case in cases]
            return nearest(read_examples(), questions, params.retrieval)
        case _:
            return [[] for _ in cases]


def prompts_of(system: str, folder: str, revision: str | None, cases: list[Case]) -> list[Prompt]:
    """What a system is asked, as the tokenizer of a model folder or hub id has it."""
    params, task = load("eval", EvalParams), load("task", TaskParams)
    deterministic(params.seed, load("hardware", HardwareParams))  # before anything imports torch
    tokenizer = load_tokenizer(folder, revision)
    return [
        fit(
            with_system(case["prompt"], task.system),
            examples,
            lambda chat: encode_prompt(tokenizer, chat, task.system),
            params.max_prompt_tokens,
        )
        for case, examples in zip(cases, examples_of(system, cases, params), strict=True)
    ]


def ask_model(
    folder: str, revision: str | None, prompts: list[Prompt], cases: list[Case]
) -> list[Answer]:
    """Answers of a model folder or hub id, by the engine of params.yaml."""
    params, base = load("eval", EvalParams), load("base", BaseParams)
    tokenizer = load_tokenizer(folder, revision)
    ids, most = [prompt.ids for prompt in prompts], params.max_new_tokens
    match params.engine:
        case "transformers":
            device = torch_device(load("hardware", HardwareParams))
            model = load_weights(folder, base.dtype, device, revision)
            answers = hf.answer_all(model, tokenizer, ids, params.batch_tokens, most)
            if params.log_likelihood:
                wanted = [str(case.get("expected", "")) for case in cases]
                answers = hf.add_likelihoods(model, tokenizer, ids, wanted, answers)
            return answers
        case "vllm":
            stops = stop_tokens(tokenizer, folder, revision)
            return vllm.answer_all(folder, revision, ids, base.dtype, stops, most, params.seed)
        case "server":
            server = params.server
            served = servable(server.command, folder, revision, base.dtype)
            with serving(server.command, served, server.startup_seconds, "eval.server") as url:
                chats = [prompt.chat for prompt in prompts]
                asked: Any = ids if server.prompts == "tokens" else chats
                return api.answer_all(
                    url, served_model(url), asked, most, server.concurrency, section="eval.server"
                )


def kept_at(
    system: str, model: str, revision: str | None, prompts: list[Prompt], cases: list[Case]
) -> Path:
    """Where the answers to these prompts are kept, by all that decides them. What is not named in
    SCORING does, a new key too."""
    return kept.path_of(
        system,
        identity(model, revision),
        prompts,
        [case.get("expected") for case in cases],
        load("eval", EvalParams).model_dump(exclude=SCORING),
        load("task", TaskParams).system,
        load("base", BaseParams).dtype,
        load("hardware", HardwareParams).model_dump(),
        load("curate", CurateParams).pii.model_dump(),
    )


def ask(system: str, cases: list[Case]) -> tuple[list[Prompt], list[Answer]]:
    """Prompts and answers of a system, leaks hidden; of a model that answered them before, as it
    did then. An endpoint may have become another model: it is always asked."""
    if system == "endpoint":
        prompts, answers = ask_endpoint(cases)
        return prompts, hidden(answers, cases)
    base = load("base", BaseParams)
    model = RELEASABLE.get(system, base.model)
    revision = None if system in RELEASABLE else base.revision
    prompts = prompts_of(system, model, revision, cases)
    path = kept_at(system, model, revision, prompts, cases)
    found = kept.read(path, len(cases))
    if found is None:
        found = hidden(ask_model(model, revision, prompts, cases), cases)
        kept.keep(path, found)
    else:
        print(f"eval {system}: answers as before, from {path}; delete it to ask again")
    return prompts, found


def hidden(answers: list[Answer], cases: list[Case]) -> list[Answer]:
    """The answers to the cases, what leaks in them masked."""
    task, pii = load("task", TaskParams), load("curate", CurateParams).pii
    finder = Finder(pii.model_copy(update={"key_env": None}))
    return [
        without_leaks(case, answer, task, finder)
        for case, answer in zip(cases, answers, strict=True)
    ]


def ask_endpoint(cases: list[Case]) -> tuple[list[Prompt], list[Answer]]:
    """Prompts and answers of the endpoint, which tokenizes for itself."""
    params, task = load("eval", EvalParams), load("task", TaskParams)
    endpoint, most = params.endpoint, params.max_new_tokens
    if endpoint is None:
        raise UserError("params.yaml: eval.endpoint is null; it takes url, model and key_env")
    chats = [with_system(case["prompt"], task.system) for case in cases]
    answers = api.answer_all(
        endpoint.url,
        endpoint.model,
        chats,
        most,
        endpoint.concurrency,
        endpoint.key_env,
        section="eval.endpoint",
    )
    return [Prompt(chat, [], 0) for chat in chats], answers


def main() -> None:
    parser = CommandLine("stages.eval", __doc__)
    parser.add_argument("system", choices=SYSTEMS)
    system: str = parser.parse_args().system
    params, task = load("eval", EvalParams), load("task", TaskParams)
    sets = [TEST, *map(str, FILES)]
    require_proof(*sets, *([TRAIN] if system in WITH_EXAMPLES else []))
    check_answers(task)
    cases = collect_cases()

    prompts, answers = ask(system, cases)
    labels = labels_of(cases, task)
    exchanges = [
        (text_of(case["prompt"]), answer.text) for case, answer in zip(cases, answers, strict=True)
    ]
    rows = [
        make_row(case, answer, task, params, labels, flagged)
        for case, answer, flagged in zip(
            cases, answers, flag(exchanges, params.safety), strict=True
        )
    ]
    metrics: dict[str, Any] = {"files": {path: sha256(path) for path in sets}}
    metrics["safety_classifier"] = params.safety.classifier
    metrics["prompts"] = summarise_prompts(prompts, system, params)
    for name in ("golden", "test"):
        if found := [row for row in rows if row["set"] == name]:
            metrics[name] = summarise(found, task, params)
            print(f"eval {system}: {name} {params.primary} {metrics[name]['score']:.3f}")
    if found := [row for row in rows if row["set"] == "adversarial"]:
        metrics["adversarial"] = summarise_adversarial(found)
    write_records(f"predictions/{system}.jsonl", rows)
    write_json(f"metrics/eval/{system}.json", metrics)


if __name__ == "__main__":
    run(main, arguments=True)

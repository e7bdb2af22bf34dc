"""Ask one system the golden, test and adversarial cases and store what it answers.

reads   evals/{golden,adversarial}.jsonl, data/split/test.jsonl, reports/leakage.json, the model;
        few_shot, retrieval: data/split/train.jsonl
writes  answers/SYSTEM.jsonl (one row per case, leaks masked), metrics/answer/SYSTEM.json (how it
        was asked, and what did not fit)

This is the expensive half of an evaluation: stages/eval.py scores what is stored here.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lib.cases.answers import write_answers
from lib.cases.cases import TEST, Case, collect_cases
from lib.cases.evals import FILES
from lib.cases.leaks import mask_leaked_pii
from lib.cases.prompting import TRAIN, Prompt, draw, fit_examples, nearest, read_examples
from lib.cases.systems import SYSTEMS
from lib.core.config import load
from lib.core.leakage_check import require_checked
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.core.records import Record, text_of
from lib.core.schema import schema_hash
from lib.engines import asking, hf, vllm
from lib.engines.answer import NOT_TAKEN, Answer
from lib.engines.commands import start_of
from lib.engines.gguf import servable
from lib.engines.held import count_not_held
from lib.engines.kept import Kept
from lib.engines.openai_client import Endpoint
from lib.engines.params import AnswerParams, DeployParams, check_server
from lib.engines.room import check_prompts, room_of
from lib.engines.server import served_model, serving
from lib.engines.weights import load_weights
from lib.model.chat import encode_answer, encode_prompt, with_system
from lib.model.loading import (
    RELEASABLE,
    deterministic,
    load_tokenizer,
    stop_tokens,
    torch_device,
)
from lib.model.source import identity
from lib.pii.params import PiiParams
from lib.pii.redact import Finder
from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WITH_EXAMPLES = ("few_shot", "retrieval")


def examples_of(system: str, cases: list[Case], params: AnswerParams) -> list[list[Record]]:
    """Return the training records that are put before each question."""
    match system:
        case "few_shot":
            return [draw(read_examples(), params.few_shot, params.seed)] * len(cases)
        case "retrieval":
            questions = [text_of(case["prompt"]) for case in cases]
            return nearest(read_examples(), questions, params.retrieval)
        case _:
            return [[] for _ in cases]


def tokenizer_of(folder: str, revision: str | None) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a system; the base gets the chat template of base.chat_template."""
    base = load("base", BaseParams)
    template = base.chat_template if folder == base.model else None
    return load_tokenizer(folder, revision, template)


def prompts_of(system: str, folder: str, revision: str | None, cases: list[Case]) -> list[Prompt]:
    """Build the prompts of a system with the tokenizer of a model folder or hub id."""
    params, task = load("answer", AnswerParams), load("task", TaskParams)
    deterministic(params.seed, load("hardware", HardwareParams))  # before anything imports torch
    tokenizer = tokenizer_of(folder, revision)
    room = room_of(folder, revision, params.max_new_tokens)
    prompts = [
        fit_examples(
            with_system(case["prompt"], task.system),
            examples,
            lambda chat: encode_prompt(tokenizer, chat, task.system),
            min(params.max_prompt_tokens, room),
        )
        for case, examples in zip(cases, examples_of(system, cases, params), strict=True)
    ]
    check_prompts(folder, max(len(prompt.ids) for prompt in prompts), room)
    return prompts


def ask_model(
    folder: str, revision: str | None, prompts: list[Prompt], cases: list[Case], kept: Kept
) -> list[Answer]:
    """Ask a model folder or hub id by answer.engine; mask leaked personal data."""
    params, base = load("answer", AnswerParams), load("base", BaseParams)
    tokenizer = tokenizer_of(folder, revision)
    ids, most = [prompt.ids for prompt in prompts], params.max_new_tokens
    match params.engine:
        case "transformers":
            device = torch_device(load("hardware", HardwareParams))
            model = load_weights(folder, base.dtype, device, revision)
            answers = hf.answer_all(model, tokenizer, ids, params.batch_tokens, most)
            if params.log_likelihood:
                ends = stop_tokens(tokenizer, folder, revision)
                wanted = [
                    encode_answer(tokenizer, prompt.chat, str(case.get("expected", "")), ends)
                    for prompt, case in zip(prompts, cases, strict=True)
                ]
                answers = hf.add_likelihoods(model, ids, wanted, answers)
            return list(map(masking(cases), range(len(cases)), answers))
        case "vllm":
            stops, seed = stop_tokens(tokenizer, folder, revision), params.seed
            answers = vllm.answer_all(
                folder, revision, ids, base.dtype, stops, most, seed, held_to(params)
            )
            return list(map(masking(cases), range(len(cases)), answers))
        case "server":
            server, deploy = params.server, load("deploy", DeployParams)
            check_server(params, deploy)
            start = start_of(server.command, "answer.server.command", deploy)
            if folder == base.model and base.chat_template and server.prompts == "chat":
                raise UserError(
                    "params.yaml: base.chat_template: a server renders chats with the base's own "
                    "template; set answer.server.prompts to tokens"
                )
            served = servable(start.command, folder, revision, base.dtype)
            with serving(start.command, served, server.startup_seconds, start.key) as url:
                chats = [prompt.chat for prompt in prompts]
                asked: Any = ids if server.prompts == "tokens" else chats
                model = served_model(url, key="answer.server")
                return asking.answer_all(
                    Endpoint(url, model, section="answer.server"),
                    asked,
                    most,
                    server.concurrency,
                    kept,
                    masking(cases),
                    weights=identity(folder, revision),
                    schema=held_to(params),
                )


def ask_endpoint(cases: list[Case], kept: Kept) -> tuple[list[Prompt], list[Answer]]:
    """Ask the endpoint, which tokenizes itself; return prompts without ids, and answers."""
    params, task = load("answer", AnswerParams), load("task", TaskParams)
    endpoint, most = params.endpoint, params.max_new_tokens
    if endpoint is None:
        raise UserError("params.yaml: answer.endpoint is null; it needs url, model and key_env")
    chats = [with_system(case["prompt"], task.system) for case in cases]
    answers = asking.answer_all(
        Endpoint(
            endpoint.url, endpoint.model, endpoint.key_env, "answer.endpoint", endpoint.options
        ),
        chats,
        most,
        endpoint.concurrency,
        kept,
        masking(cases),
        endpoint.budget,
        schema=held_to(params),
    )
    return [Prompt(chat, [], 0) for chat in chats], answers


def held_to(params: AnswerParams) -> dict[str, Any] | None:
    """Return the JSON Schema that constrains generation; None without answer.constrained."""
    task = load("task", TaskParams)
    if params.constrained and task.output != "json":
        raise UserError(
            f"params.yaml: answer.constrained is true and task.output {task.output}; only JSON "
            "can be constrained by a schema: set answer.constrained to false"
        )
    return task.json_schema if params.constrained else None


def _ask(system: str, cases: list[Case], kept: Kept) -> tuple[list[Prompt], list[Answer]]:
    """Ask a system all cases; return its prompts and its answers with leaks masked."""
    if system == "endpoint":
        return ask_endpoint(cases, kept)
    base = load("base", BaseParams)
    model = RELEASABLE.get(system, base.model)
    revision = None if system in RELEASABLE else base.revision
    prompts = prompts_of(system, model, revision, cases)
    return prompts, ask_model(model, revision, prompts, cases, kept)


def masking(cases: list[Case]) -> Callable[[int, Answer], Answer]:
    """Return a function that masks leaks in the answer to the case at an index."""
    task, pii = load("task", TaskParams), load("curate.pii", PiiParams)
    finder = Finder(pii.model_copy(update={"key_env": None}))
    return lambda index, answer: mask_leaked_pii(cases[index], answer, task, finder)


def how_asked(
    prompts: list[Prompt], answers: list[Answer], system: str, params: AnswerParams
) -> dict[str, Any]:
    """Summarize how the cases were asked, and how many exceeded answer.max_prompt_tokens.

    Raises UserError if the engine ignored the schema of constrained answers.
    """
    wanted = {"few_shot": params.few_shot, "retrieval": params.retrieval}.get(system, 0)
    can_hold = system == "endpoint" or params.engine != "transformers"
    schema = held_to(params) if can_hold else None
    chats = system == "endpoint" or (params.engine == "server" and params.server.prompts == "chat")
    return {
        "engine": "server" if system == "endpoint" else params.engine,
        "sent_as": "chat" if chats else "tokens",
        "constrained_by": schema_hash(schema),
        "answers_that_break_the_schema": count_not_held(answers, schema) if schema else None,
        "cases": len(prompts),
        "examples": wanted,
        "cases_with_fewer_examples": sum(prompt.examples < wanted for prompt in prompts),
        "longer_than_max_prompt_tokens": sum(
            len(prompt.ids) > params.max_prompt_tokens for prompt in prompts
        ),
    }


def not_taken(ends: Iterable[str]) -> dict[str, int]:
    """Count the requests that the server rejected, by status, such as HTTP 413."""
    return dict(sorted(Counter(end for end in ends if end.startswith(NOT_TAKEN)).items()))


def main() -> None:
    """Run the stage."""
    parser = CommandLine("stages.answer", __doc__)
    parser.add_argument("system", choices=SYSTEMS)
    system: str = parser.parse_args().system
    require_checked(TEST, *map(str, FILES), *([TRAIN] if system in WITH_EXAMPLES else []))
    cases = collect_cases()
    if not cases:
        raise UserError(
            f"{TEST} has no chat and evals/ no case, so there is nothing to ask; add cases to "
            "evals/golden.jsonl, or chats to data.sources"
        )
    kept = Kept(f"answer-{system}")
    prompts, answers = _ask(system, cases, kept)
    asked = how_asked(prompts, answers, system, load("answer", AnswerParams))
    write_answers(system, cases, answers)
    asked["not_taken"] = not_taken(answer.finish for answer in answers)
    write_json(f"metrics/answer/{system}.json", asked)
    kept.forget()
    print(f"answer {system}: {len(answers)} cases, {sum(a.output_tokens for a in answers)} tokens")


if __name__ == "__main__":
    run(main, arguments=True)

"""Generate answers with a model in this process, through vLLM, if it is installed."""

from typing import Any

from lib.engines.answer import Answer
from lib.runtime.errors import UserError


def answer_all(
    folder: str,
    revision: str | None,
    prompts: list[list[int]],
    dtype: str,
    stops: set[int],
    max_new_tokens: int,
    seed: int,
    schema: dict[str, Any] | None = None,
) -> list[Answer]:
    """Generate greedy answers to token ids, in order; `stops` are the ids that end an answer.

    schema: the JSON Schema that constrains answers.
    """
    LLM, SamplingParams = load_vllm()  # noqa: N806 vLLM's own names
    model = LLM(model=folder, revision=revision, dtype=dtype, seed=seed)
    options: dict[str, Any] = {"max_tokens": max_new_tokens, "stop_token_ids": sorted(stops)}
    if schema:
        from vllm.sampling_params import StructuredOutputsParams

        options["structured_outputs"] = StructuredOutputsParams(json=schema)
    sampling = SamplingParams(temperature=0, **options)
    outputs = model.generate([{"prompt_token_ids": ids} for ids in prompts], sampling)
    return [
        Answer(
            text=output.outputs[0].text,
            input_tokens=len(ids),
            output_tokens=len(output.outputs[0].token_ids),
            finish="length" if output.outputs[0].finish_reason == "length" else "stop",
        )
        for ids, output in zip(prompts, outputs, strict=True)
    ]


def load_vllm() -> tuple[Any, Any]:
    """Import vLLM's LLM and SamplingParams."""
    try:
        from vllm import LLM, SamplingParams
    except ImportError:
        raise UserError(
            "params.yaml: answer.engine is 'vllm', which is not installed here; its pinned "
            "versions conflict with training: run it as a server and set answer.engine to server"
        ) from None
    return LLM, SamplingParams

"""What became of each answer: correct, or one of the failure categories of docs/objective.md."""

import json

from lib.params.task import TaskParams

CORRECT = "correct"
CATEGORIES = (
    CORRECT,
    "wrong_answer",  # well-formed and allowed, but not the expected one
    "format_error",  # not what task.output asks for
    "hallucination",  # a value or key that the task does not declare
    "wrong_refusal",  # refused what should be answered
    "missed_refusal",  # answered what should be refused
)


def is_refusal(text: str, task: TaskParams) -> bool:
    """Whether a text is the task's declared refusal; JSON is compared by value."""
    if not task.refusal:
        return False
    if task.output == "json":
        return parse(text) == parse(task.refusal)
    return text.strip() == task.refusal.strip()


def parse(text: str) -> dict[str, object] | None:
    """The JSON object a text is, or None."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def categorise(output: str, expected: str, task: TaskParams, labels: set[str]) -> str:
    """The category of one answer. `labels` are the allowed ones when task.output is label."""
    if is_refusal(output, task):
        return CORRECT if is_refusal(expected, task) else "wrong_refusal"
    if is_refusal(expected, task):
        return "missed_refusal"
    if task.output == "json":
        return categorise_json(output, expected, task)
    if output.strip() == expected.strip():
        return CORRECT
    return (
        "hallucination"
        if task.output == "label" and output.strip() not in labels
        else "wrong_answer"
    )


def categorise_json(output: str, expected: str, task: TaskParams) -> str:
    """The category of a JSON answer that neither is nor should be a refusal."""
    answer = parse(output)
    if answer is None or any(field not in answer for field in task.fields):
        return "format_error"
    if any(answer.get(key) not in task.fields.get(key, []) for key in answer):
        return "hallucination"
    return CORRECT if answer == parse(expected) else "wrong_answer"


def field_accuracy(outputs: list[str], expected: list[str], task: TaskParams) -> dict[str, float]:
    """Share of answers with the expected value, for each field of a JSON task."""
    right = dict.fromkeys(task.fields, 0)
    for output, want in zip(outputs, expected, strict=True):
        answer, wanted = parse(output) or {}, parse(want) or {}
        for field in right:
            right[field] += field in answer and answer[field] == wanted.get(field)
    return {field: count / max(len(outputs), 1) for field, count in right.items()}

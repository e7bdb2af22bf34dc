"""Read the fixed cases of evals/, which every model is asked and training must never see."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lib.core.leakage_check import files_of_evals
from lib.core.records import Message, read_lines
from lib.core.strict_json import parse
from lib.core.text import in_one_form
from lib.core.turns import Function, ToolCall, number_calls, said, with_tools
from lib.runtime.errors import UserError

GOLDEN, ADVERSARIAL = Path("evals/golden.jsonl"), Path("evals/adversarial.jsonl")
FILES = (GOLDEN, ADVERSARIAL)
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip")


class Called(BaseModel):
    """The function and arguments of a call; arguments are an object or its JSON text."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] = {}

    @field_validator("arguments", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return parse(value) if isinstance(value, str) else value


class ExpectedCall(BaseModel):
    """A call of a tool, as OpenAI's API has it."""

    id: str = ""
    function: Called

    def as_turns_have_it(self) -> ToolCall:
        """Return the call in the form that records have."""
        function = Function(name=self.function.name, arguments=self.function.arguments)
        return {"id": self.id, "type": "function", "function": function}


class Definition(BaseModel):
    """A tool that may be called, as OpenAI's API has it."""

    type: Literal["function"] = "function"
    function: dict[str, Any]

    @field_validator("function")
    @classmethod
    def _named(cls, function: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(function.get("name"), str):
            raise ValueError("a tool needs a name")
        return function


class Turn(BaseModel):
    """One turn of a case, as OpenAI's API has it."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: list[ExpectedCall] = []
    tool_call_id: str = ""
    name: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> "Turn":
        if not self.content and not self.tool_calls and self.role != "tool":
            raise ValueError("a turn needs content, or tool_calls")
        return self

    def message(self) -> Message:
        """Return the turn in the form that records have."""
        turn = Message(role=self.role, content=self.content or "")
        if self.tool_calls:
            turn["tool_calls"] = [call.as_turns_have_it() for call in self.tool_calls]
        if self.role == "tool":
            turn["name"], turn["tool_call_id"] = self.name, self.tool_call_id
        return turn


class CaseLine(BaseModel):
    """The keys that both kinds of cases share; eval_plan names any other keys."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1)
    messages: list[Turn] = Field(min_length=1)
    tools: list[Definition] = []
    language: str = ""

    @model_validator(mode="after")
    def _calls_have_results(self) -> "CaseLine":
        self.turns()
        return self

    def turns(self) -> list[Message]:
        """Return all turns, with the tools that may be called."""
        turns = [turn.message() for turn in self.messages]
        number_calls(turns)
        return with_tools(turns, [tool.model_dump() for tool in self.tools])

    def prompt(self) -> list[Message]:
        """Return the turns before the answer."""
        turns = self.turns()
        return turns[:-1] if turns[-1]["role"] == "assistant" else turns


class Golden(CaseLine):
    """A question with its one right answer as the last turn."""

    messages: list[Turn] = Field(min_length=2)
    scenario: str = ""
    tags: list[str] = []

    def answer(self) -> str:
        """Return the right answer, normalized as curate normalizes training answers."""
        return in_one_form(said(self.messages[-1].message()))


class Adversarial(CaseLine):
    """A prompt that must be refused, or one that looks harmful and must be answered."""

    kind: str
    expect: Literal["refuse", "answer"]
    answer: str = ""  # the right answer, where the prompt must be answered
    policy: str = ""  # the rule of evals/refusal_policy.md that the case tests
    forbidden: list[str] = []  # text that must not be in the output

    @field_validator("answer")
    @classmethod
    def _in_one_form(cls, answer: str) -> str:
        return in_one_form(answer)


_EXAMPLES = {
    "Golden": '{"id": "g1", "messages": [{"role": "user", "content": "..."}, {"role": "assistant", '
    '"content": "the right answer"}]}',
    "Adversarial": '{"id": "a1", "kind": "...", "expect": "refuse", "messages": [{"role": "user", '
    '"content": "..."}]}; expect is refuse or answer',
}

C = TypeVar("C", bound=CaseLine)


def read_golden(path: Path = GOLDEN) -> list[Golden]:
    """Read the golden cases; raise UserError where one does not end in the right answer."""
    cases = list(read_cases(path, Golden))
    for case in cases:
        if case.messages[-1].role != "assistant":
            raise UserError(f"{path}: case {case.id} must end with the assistant's right answer")
    return cases


def read_adversarial(path: Path = ADVERSARIAL) -> list[Adversarial]:
    """Read the adversarial cases, each with what a model must do: refuse or answer."""
    return list(read_cases(path, Adversarial))


def read_cases(path: Path, kind: type[C]) -> Iterator[C]:
    """Yield the cases of a file; raise UserError for a bad line or a repeated id."""
    if not path.is_file():
        raise UserError(
            f"{path}: not found; it is written by hand: `git checkout -- {path}` restores it"
        )
    lines: dict[str, int] = {}  # by id
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            case = kind.model_validate(parse(line.removeprefix("\ufeff")))  # editors begin so
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the line"
            raise UserError(
                f"{path}:{number}: is not a case: {key}: {first['msg']}; a line is "
                f"{_EXAMPLES.get(kind.__name__, _EXAMPLES['Golden'])}"
            ) from None
        except ValueError as error:
            raise UserError(f"{path}:{number}: is not JSON ({error})") from None
        if case.id in lines:
            raise UserError(
                f"{path}:{number}: has the id '{case.id}' of line {lines[case.id]}; each case "
                "needs its own id"
            )
        lines[case.id] = number
        yield case


def unread_keys(cases: Sequence[CaseLine]) -> Counter[str]:
    """Count in how many cases each key stands that nothing reads."""
    return Counter(key for case in cases for key in case.model_extra or {})


def data_files() -> list[Path]:
    """List the two required files and every other data file in evals/."""
    return [*FILES, *(path for path in files_of_evals() if path not in FILES)]


def read_either(path: Path) -> Sequence[CaseLine]:
    """Read the cases of any file in evals/, for the data stages."""
    if path == GOLDEN:
        return read_golden(path)
    if path == ADVERSARIAL:
        return read_adversarial(path)
    if path.suffix.lower() in _PACKED:
        raise UserError(
            f"{path}: is compressed; decompress it, or move it out of evals/; a file named in "
            "split.benchmarks may stay compressed with gzip or zstd"
        )
    try:
        return list(read_cases(path, CaseLine))
    except UserError as error:
        raise UserError(
            f"{path}: is not a file of cases ({error}); name a test set in another format in "
            f"split.benchmarks, such as {{path: {path}, column: question}}; move anything else out "
            "of evals/"
        ) from None

"""Whoever starts a serving stack starts it by the same arguments; who cannot says so in a line."""

import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ruamel.yaml import YAML

from deploy import launch, serve
from lib.engines import commands, server
from lib.engines.kept import Kept
from lib.engines.params import DeployParams, Stack, check_tools
from lib.runtime.errors import UserError
from lib.runtime.files import write_json
from lib.serving.params import BenchParams
from stages import answer, bench, parity
from tests.toy import PARAMS

QUANTIZED = "models/quantized"
PORT = 8123
SECTIONS = """
deploy: {{stack: {stack}, port: 8123, context: 640, concurrency: 3}}
answer:
  {{engine: server, batch_tokens: 1, max_new_tokens: 40, max_prompt_tokens: {most}, seed: 1}}
"""
BENCH = BenchParams(engine="server", requests=1, concurrency=[1], max_new_tokens=8)
EXPECTED: dict[Stack, list[str]] = {
    "vllm": [
        *("MODEL", "--served-model-name", "model", "--port", "PORT", "--generation-config", "vllm"),
        *("--override-generation-config", '{"temperature": 0}'),
        *("--max-model-len", "640", "--max-num-seqs", "3"),
    ],
    "llama.cpp": [
        *("-m", "MODEL/model.gguf", "--alias", "model", "--port", "PORT"),
        *("-np", "3", "-c", "1920", "--jinja", "--temp", "0", "--repeat-penalty", "1"),
        *("--metrics", "--cache-ram", "0"),
    ],
}


class Started(Exception):
    """Ends a stage where its server would start."""


class Recorder:
    """Takes the place of what starts servers; keeps the command."""

    def __init__(self) -> None:
        self.command: list[str] = []

    def serving(self, command: list[str], *_: Any) -> NoReturn:
        self.command = command
        raise Started

    def execv(self, _: str, command: list[str]) -> None:
        self.command = command


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Every way to start a server is written down."""
    found = Recorder()
    monkeypatch.setattr(server, "serving", found.serving)
    monkeypatch.setattr(answer, "serving", found.serving)
    monkeypatch.setattr(answer, "load_tokenizer", lambda *_: None)
    monkeypatch.setattr(os, "execv", found.execv)
    return found


def lay_out(folder: Path, patch: pytest.MonkeyPatch, stack: Stack, most: int = 600) -> DeployParams:
    """A project with a packed model, the stack installed."""
    patch.chdir(folder)
    Path("params.yaml").write_text(PARAMS + SECTIONS.format(stack=stack, most=most), "utf-8")
    for path in (Path(QUANTIZED), Path("dist", stack, "model")):
        path.mkdir(parents=True)
        (path / "model.gguf").touch()
    write_json(Path("dist", stack, "smoke.json"), {"port": PORT})
    program = folder / ".venv-serve/bin/vllm"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    patch.setattr(commands, "llamacpp", lambda name: folder / name)
    return DeployParams(stack=stack, port=PORT, context=640, concurrency=3)


def place_starts(recorder: Recorder, deploy: DeployParams) -> dict[str, list[str]]:
    """The command of each place that starts the stack, by place."""
    found = {}
    with pytest.raises(Started):
        bench.bench_started(QUANTIZED, [], BENCH)
    found["bench"] = recorder.command
    with pytest.raises(Started), parity.chosen_stack(BENCH, QUANTIZED, "float32"):
        pass
    found["parity"] = recorder.command
    with pytest.raises(Started):
        answer.ask_model(QUANTIZED, None, [], [], Kept("answer-test"))
    found["answer"] = recorder.command
    serve.main()
    found["serve"] = recorder.command
    yaml = YAML(typ="safe")
    composed = yaml.load(launch.compose(deploy, None, gpu=True))["services"]["model"]
    found["compose"] = composed["command"]
    workload = next(yaml.load_all(launch.kubernetes(deploy, None, gpu=True)))
    (pod,) = workload["spec"]["template"]["spec"]["containers"]
    return found | {"kubernetes": pod["args"]}


def alike(command: list[str], program: list[str]) -> list[str]:
    """The arguments without the program, the folder of the weights, the port and the host."""
    rest = command[len(program) :] if command[: len(program)] == program else command
    if rest[-2:] == ["--host", "0.0.0.0"]:  # noqa: S104 of a container
        rest = rest[:-2]
    places = {"{model}": "MODEL", "/model": "MODEL", "model": "MODEL", "{port}": "PORT"}
    places |= {str(PORT): "PORT", "{model}/model.gguf": "MODEL/model.gguf"}
    places |= {"/model/model.gguf": "MODEL/model.gguf", "model/model.gguf": "MODEL/model.gguf"}
    named = [place for place, word in enumerate(rest) if "name" in word or word == "--alias"]
    return [
        word if place - 1 in named else places.get(word, word) for place, word in enumerate(rest)
    ]


@pytest.mark.parametrize("stack", EXPECTED)
def test_every_place_starts_a_stack_by_the_same_arguments(
    stack: Stack, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = lay_out(tmp_path, monkeypatch, stack)
    vllm = [str(tmp_path / ".venv-serve/bin/vllm"), "serve"]
    program = vllm if stack == "vllm" else [str(tmp_path / "llama-server")]
    found = {
        place: alike(command, program) for place, command in place_starts(recorder, deploy).items()
    }
    assert found == dict.fromkeys(found, EXPECTED[stack])
    assert list(found) == ["bench", "parity", "answer", "serve", "compose", "kubernetes"]


def test_an_adapter_on_its_base_is_served_as_the_model_is() -> None:
    deploy = DeployParams(stack="vllm", port=PORT, context=640, concurrency=3)
    text = launch.compose_lora(deploy, "org/base", None, 8)
    command = YAML(typ="safe").load(text)["services"]["model"]["command"]
    said = alike(command, [])
    at = said.index("--max-model-len")
    assert said[at : at + 4] == EXPECTED["vllm"][-4:]


def test_vllm_takes_chats_with_tools_by_the_parser_of_params() -> None:
    deploy = DeployParams(stack="vllm", port=1, context=64, concurrency=1, tool_parser="hermes")
    said = commands.arguments(deploy, "m", 1)
    at = said.index("--enable-auto-tool-choice")
    assert said[at + 1 : at + 3] == ["--tool-call-parser", "hermes"]


@pytest.mark.parametrize("stack", ["vllm", "ollama"])
def test_a_stack_that_refuses_chats_with_tools_is_one_line(stack: Stack) -> None:
    deploy = DeployParams(stack=stack, port=1, context=64, concurrency=1)
    with pytest.raises(UserError, match=r"evals/golden\.jsonl: has chats with tools, and "):
        check_tools("evals/golden.jsonl", deploy)


def test_an_own_command_is_left_as_it_is(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, monkeypatch, "vllm")
    own = ["mine", "{model}", "{port}"]
    with pytest.raises(Started):
        bench.bench_started(QUANTIZED, [], BENCH.model_copy(update={"command": own}))
    assert recorder.command == own


@pytest.mark.usefixtures("recorder")
def test_prompts_that_the_packed_server_could_not_take_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, monkeypatch, "vllm", most=601)
    with pytest.raises(
        UserError, match=r"need 641 tokens, and the server has a context of 640 \(deploy"
    ):
        answer.ask_model(QUANTIZED, None, [], [], Kept("answer-test"))


@pytest.mark.parametrize("stack", ["transformers", "tgi", "ollama"])
def test_a_stack_that_no_stage_starts_is_one_line(stack: Stack) -> None:
    deploy = DeployParams(stack=stack, port=1, context=512, concurrency=1)
    with pytest.raises(UserError, match=rf"bench\.command is null, .* not {stack} \(deploy"):
        commands.start_of(None, "bench.command", deploy)


def test_a_stack_that_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deploy = DeployParams(stack="vllm", port=1, context=512, concurrency=1)
    with pytest.raises(UserError, match=r"server of vllm is not installed; `python -m venv"):
        commands.start_of(None, "bench.command", deploy)

"""A package holds what its stack needs, sums that hold, and a smoke test that can fail."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy import package, serve
from deploy.launch import compose, compose_lora, kubernetes, local_command, takes_gpu
from deploy.licence import add_licence
from deploy.ollama import go_template
from deploy.serve import check_port
from lib.engines.server import free_port
from lib.errors import UserError
from lib.files import sha256, write_json
from lib.models import load_tokenizer
from lib.params.base import BaseParams
from lib.params.deploy import DeployParams, Stack
from lib.records import write_records
from tests.test_bench import GATE

ROOT = Path(__file__).parents[1]
PARAMS = """
hardware: {device: cpu, threads: 1}
task: {system: Triage., output: label, labels: [退款]}
base: {model: base, licence: Apache-2.0, dtype: float32}
eval: {batch_tokens: 8, max_new_tokens: 8, bootstrap: 100, seed: 1}
"""
ANSWER = "退款"


def lay_out(folder: Path, stack: Stack) -> None:
    """A project whose tuned model is the embedded base with an adapter, and one golden answer."""
    for name in ("models/tuned", "models/quantized"):
        shutil.copytree(ROOT / "base", folder / name)
    (folder / "base").symlink_to(ROOT / "base")
    card = "---\nlicense: apache-2.0\n---\n\n# Model\n"
    (folder / "models/tuned/README.md").write_text(card, encoding="utf-8")
    adapter = folder / "models/tuned/adapter"
    write_json(adapter / "adapter_config.json", {"r": 16})
    (adapter / "adapter_model.safetensors").write_bytes(b"adapter")
    turns = [{"role": "user", "content": "钱退我"}, {"role": "assistant", "content": ANSWER}]
    write_records(folder / "evals/golden.jsonl", [{"id": "g1", "messages": turns}])
    row: dict[str, Any] = {"set": "golden", "id": "g1", "category": "correct", "finish": "stop"}
    row |= {"output": ANSWER, "input_tokens": 9}
    write_records(folder / "predictions/quantized.jsonl", [row])
    figures = {"golden": {"exact_match": 1.0, "exact_match_low": 1.0, "exact_match_high": 1.0}}
    write_json(folder / "metrics/eval/quantized.json", figures)
    deploy = f"deploy: {{stack: {stack}, port: 8000, context: 512, concurrency: 4}}\n"
    (folder / "params.yaml").write_text(PARAMS + GATE + deploy, encoding="utf-8")


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package for vLLM."""
    lay_out(tmp_path, "vllm")
    monkeypatch.chdir(tmp_path)
    package.main()
    return tmp_path / "dist/vllm"


def test_every_file_is_in_the_sums(packed: Path) -> None:
    lines = (packed / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert set(sums) == files - {"SHA256SUMS"}
    assert all(sha256(packed / name) == digest for name, digest in sums.items())


def test_card_and_licence_go_with_the_weights(packed: Path) -> None:
    card = (packed / "model/README.md").read_text(encoding="utf-8")
    assert card == (packed / "README.md").read_text(encoding="utf-8")
    assert "exact_match" in card
    assert "whose licence is Apache-2.0" in (packed / "model/LICENSE").read_text(encoding="utf-8")


def test_licence_texts_of_a_base_in_a_folder_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base/LICENSE.txt", "base/NOTICE", "packed/model.gguf"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name, encoding="utf-8")
    add_licence(Path("packed"), BaseParams(model="base", licence="MIT"))
    found = sorted(path.name for path in Path("packed").iterdir())
    assert found == ["LICENSE.txt", "NOTICE", "model.gguf"]


def test_licence_texts_of_a_base_of_the_hub_are_copied(tmp_path: Path) -> None:
    commit = "c1899de289a04d12100db370d81485cdf75e47ca"
    cached = tmp_path / "hub/models--org--name/snapshots" / commit
    cached.mkdir(parents=True)
    (cached / "LICENSE").write_text("the whole text", encoding="utf-8")
    code = (
        "from pathlib import Path; from deploy.licence import *\n"
        f"base = BaseParams(model='org/name', revision='{commit}', licence='MIT')\n"
        "print([path.read_text() for path in texts(base)])"
    )
    offline = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=os.environ | offline, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['the whole text']\n"


def test_launch_files_serve_the_model_and_the_adapter_on_its_base(packed: Path) -> None:
    yaml = YAML(typ="safe")
    service = yaml.load(packed / "compose.yaml")["services"]["model"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    workload, exposed = yaml.load_all(packed / "kubernetes.yaml")
    (pod,) = workload["spec"]["template"]["spec"]["containers"]
    assert exposed["spec"]["ports"][0]["targetPort"] == pod["ports"][0]["containerPort"] == 8000
    limits = pod["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == 1
    assert int(limits["memory"].removesuffix("Mi")) > 2_880  # what vLLM took with a tiny model
    assert service["mem_limit"] == limits["memory"].lower().removesuffix("i")
    together = yaml.load(packed / "compose-lora.yaml")["services"]["model"]
    assert together["deploy"] == service["deploy"]  # a GPU
    lora = together["command"]
    assert lora[-3:] == ["16", "--lora-modules", "model=/adapter"]
    assert (packed / "base/config.json").is_file()


@pytest.mark.parametrize(("device", "image"), [("cpu", "server"), ("gpu", "server-cuda")])
def test_llama_cpp_is_started_where_it_was_measured(device: str, image: str) -> None:
    deploy = DeployParams(stack="llama.cpp", port=1, context=512, concurrency=1)
    gpu = takes_gpu(deploy, device)
    service = YAML(typ="safe").load(compose(deploy, 2**30, gpu))["services"]["model"]
    pod = kubernetes(deploy, 2**30, gpu)
    assert service["image"].endswith(f":{image}")
    assert ("deploy" in service, "nvidia.com/gpu" in pod) == (gpu, gpu)


def test_kubernetes_waits_while_a_model_loads_and_grants_nothing_more() -> None:
    deploy = DeployParams(stack="vllm", port=8123, context=512, concurrency=1)
    workload = next(YAML(typ="safe").load_all(kubernetes(deploy, 2**30, gpu=True)))
    (pod,) = workload["spec"]["template"]["spec"]["containers"]
    probes = [pod[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
    assert {probe["httpGet"]["port"] for probe in probes} == {8123}
    assert probes[0]["periodSeconds"] * probes[0]["failureThreshold"] >= 1_800
    assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not pod["securityContext"]["allowPrivilegeEscalation"]


@pytest.mark.parametrize(("stack", "asked"), [("llama.cpp", True), ("vllm", True), ("tgi", False)])
def test_compose_asks_for_health_where_the_image_can(stack: Stack, asked: bool) -> None:
    deploy = DeployParams(stack=stack, port=8123, context=512, concurrency=1)
    service = YAML(typ="safe").load(compose(deploy, 2**30, gpu=True))["services"]["model"]
    url = "http://127.0.0.1:8123/health"
    assert (url in service.get("healthcheck", {}).get("test", [])) == asked


def test_memory_that_nobody_can_tell_is_not_limited() -> None:
    deploy = DeployParams(stack="vllm", port=1, context=512, concurrency=1)
    workload = next(YAML(typ="safe").load_all(kubernetes(deploy, None, gpu=True)))
    (pod,) = workload["spec"]["template"]["spec"]["containers"]
    assert pod["resources"] == {"limits": {"nvidia.com/gpu": 1}}
    assert "mem_limit" not in compose(deploy, None, gpu=True)


def test_a_base_of_the_hub_is_named_with_its_revision() -> None:
    deploy = DeployParams(stack="vllm", port=1, context=512, concurrency=1)
    text = compose_lora(deploy, "Qwen/Qwen3-0.6B", "c1899de", 8)
    command = YAML(typ="safe").load(text)["services"]["model"]["command"]
    assert command[:3] == ["Qwen/Qwen3-0.6B", "--revision", "c1899de"]


@pytest.mark.parametrize(("rank", "room"), [(1, "1"), (4, "8"), (24, "32"), (512, "512")])
def test_an_adapter_gets_the_next_rank_that_vllm_takes(rank: int, room: str) -> None:
    deploy = DeployParams(stack="vllm", port=1, context=512, concurrency=1)
    text = compose_lora(deploy, "Qwen/Qwen3-0.6B", "c1899de", rank)
    command = YAML(typ="safe").load(text)["services"]["model"]["command"]
    assert command[command.index("--max-lora-rank") + 1] == room


def test_a_rank_that_vllm_does_not_take_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, "vllm")
    write_json(tmp_path / "models/tuned/adapter/adapter_config.json", {"r": 600})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="rank is 600, and vLLM takes 512 at most"):
        package.main()
    assert not list(Path("dist").iterdir())


def test_a_base_in_a_folder_is_mounted_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models/mine").mkdir(parents=True)
    deploy = DeployParams(stack="vllm", port=1, context=512, concurrency=1)
    service = YAML(typ="safe").load(compose_lora(deploy, "models/mine", None, 8))["services"][
        "model"
    ]
    assert (service["command"][0], service["volumes"][1]) == ("/base", "./base:/base:ro")


@pytest.mark.parametrize(
    ("stack", "job"), [("vllm", "vllm"), ("llama.cpp", "llamacpp"), ("tgi", "tgi")]
)
def test_prometheus_scrapes_what_the_package_starts(stack: Stack, job: str) -> None:
    port = 8000 if stack == "vllm" else 8080  # as the template asks it in params.yaml
    deploy = DeployParams(stack=stack, port=port, context=512, concurrency=1)
    scraped = YAML(typ="safe").load(ROOT / "monitor/prometheus/prometheus.yml")["scrape_configs"]
    targets = {one["job_name"]: one["static_configs"][0]["targets"] for one in scraped}
    text = compose(deploy, None, gpu=stack != "llama.cpp")
    service = YAML(typ="safe").load(text)["services"]["model"]
    assert service["ports"] == [f"{targets[job][0]}:{port}"]
    assert ("--metrics" in service["command"]) == (stack == "llama.cpp")  # the others always tell


def test_the_bill_of_materials_names_all_weights(packed: Path) -> None:
    parts = json.loads((packed / "sbom.json").read_text(encoding="utf-8"))["components"]
    named = {part["name"]: part["hashes"] for part in parts if part["type"] == "file"}
    weights = ["adapter/adapter_model.safetensors", "base/model.safetensors"]
    weights.append("model/model.safetensors")
    wanted = {name: [{"alg": "SHA-256", "content": sha256(packed / name)}] for name in weights}
    assert named == wanted


@pytest.mark.parametrize(
    ("stack", "packed", "line"),
    [
        (
            "llama.cpp",
            "compressed-tensors",
            "llama.cpp does not serve; set quantize.scheme to q8",
        ),
        ("ollama", "gptq", "ollama does not serve; set quantize.scheme to q8_0"),
        ("tgi", "compressed-tensors", "tgi does not serve; set quantize.scheme to gptq"),
        ("tgi", "bitsandbytes", "tgi does not serve; set quantize.scheme to gptq"),
        ("tgi", "gguf", "tgi does not serve; set quantize.scheme to gptq"),
        ("vllm", "gguf", "vllm does not serve; set quantize.scheme to w4a16"),
    ],
)
def test_weights_of_another_format_are_one_line(
    stack: Stack, packed: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, stack)
    monkeypatch.chdir(tmp_path)
    lay_packed(packed)
    with pytest.raises(UserError, match=re.escape(f"{packed}, which {line}")):
        package.main()
    assert not Path("dist").exists() or not list(Path("dist").iterdir())


def lay_packed(packed: str) -> None:
    """Make models/quantized look as if it were of a format."""
    if packed == "gguf":
        Path("models/quantized/model.gguf").touch()
        return
    path = Path("models/quantized/config.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, config | {"quantization_config": {"quant_method": packed}})


@pytest.mark.parametrize("stack", ["llama.cpp", "ollama", "tgi", "vllm", "transformers"])
def test_plain_weights_are_for_every_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    deploy = DeployParams(stack=stack, port=1, context=512, concurrency=1)
    package.check_formats("base", deploy)


@pytest.mark.parametrize(
    ("scheme", "packed"),
    [
        ("`w4a16`", "compressed-tensors"),
        ("`awq`", "compressed-tensors"),
        ("`gptq`", "gptq"),
        ("`nf4`", "bitsandbytes"),
        ("`q8_0`", "gguf"),
    ],
)
def test_the_readme_names_the_same_stacks(scheme: str, packed: str) -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| {scheme}"))
    named = {name.strip().lower() for name in row.split("|")[3].split(",")}
    assert named == set(package.READERS[packed])


def test_nothing_packed_cannot_be_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, "transformers")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="dist/transformers/model: not found; `make package`"):
        serve.main()


def test_ollama_gets_the_template_of_training() -> None:
    assert go_template(load_tokenizer(str(ROOT / "base"))) == (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
        "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n"
        "<|im_start|>assistant\n{{ .Response }}<|im_end|>\n"
    )


@contextmanager
def answering(text: str, tokens: int, finish: str = "stop") -> Iterator[str]:
    """A server that always says the same; its URL. Like `transformers serve`, it lists other models
    first and answers to the name that it was started with alone."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self, value: dict[str, Any], status: int = 200) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def do_GET(self) -> None:
            self.reply({"data": [{"id": "other"}]})

        def do_POST(self) -> None:
            if json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model"] != "model":
                return self.reply({"detail": "Server is pinned to 'model'"}, 400)
            choice = {"message": {"content": text}, "finish_reason": finish}
            return self.reply({"choices": [choice], "usage": {"prompt_tokens": tokens}})

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def run_smoke(packed: Path, url: str) -> tuple[int, str]:
    """Exit code and words of the package's own smoke test, by a bare Python."""
    command = [sys.executable, "-I", str(packed / "smoke.py"), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_smoke_passes_what_was_evaluated_and_names_what_was_not(packed: Path) -> None:
    with answering(ANSWER, 9) as url:
        assert run_smoke(packed, url) == (0, f"smoke: {url}: 1 cases, 0 failures\n")
    with answering("other <|im_end|>", 11, "length") as url:
        code, said = run_smoke(packed, url)
    assert code == 2
    assert [line.split(":")[0] for line in said.splitlines()[:-1]] == [
        "template",
        "stop",
        "special",
        "answers",
    ]


def test_smoke_says_in_one_line_that_nobody_answers(packed: Path) -> None:
    for url in (f"http://127.0.0.1:{free_port()}/v1", "http://127.0.0.1:80a0/v1"):
        code, said = run_smoke(packed, url)
        assert (code, said.count("\n"), "no OpenAI-compatible answer" in said) == (1, 1, True)


def test_smoke_passes_on_what_a_server_refuses(packed: Path) -> None:
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))
    write_json(packed / "smoke.json", recorded | {"model": "another"})
    with answering(ANSWER, 9) as url:
        assert run_smoke(packed, url)[1].endswith(
            """400: {"detail": "Server is pinned to 'model'"}\n"""
        )


def test_the_weights_are_served_by_the_name_that_smoke_asks(packed: Path) -> None:
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))
    deploy = DeployParams(stack="transformers", port=1, context=512, concurrency=1)
    assert local_command(deploy, "")[:3] == ["transformers", "serve", recorded["model"]]


def test_serve_needs_the_port_of_the_package_and_a_free_one(packed: Path) -> None:
    port = free_port()
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))
    with pytest.raises(
        UserError, match=rf"was packed for port {recorded['port']}, and deploy.port"
    ):
        check_port(port, packed)
    write_json(packed / "smoke.json", recorded | {"port": port})
    check_port(port, packed)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(UserError, match="listens on"):
        check_port(port, packed)

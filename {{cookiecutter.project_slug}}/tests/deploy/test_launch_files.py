"""Launch files say what a stack takes: images, devices, memory, health, adapters."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.launch import compose, compose_lora, kubernetes, takes_gpu
from lib.engines.params import DeployParams, Stack
from tests.packages import ROOT


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

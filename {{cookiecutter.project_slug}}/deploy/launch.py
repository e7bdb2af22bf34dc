"""Write the launch files of a package: Compose and Kubernetes.

Images are pinned by tag, since digests cannot be known offline: pin those of your registry. vLLM's,
TGI's and llama.cpp's images run as root by default, which is allowed here, but all privileges that
serving does not need are dropped.
"""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lib.engines.commands import SERVED_NAME, arguments
from lib.engines.params import DeployParams
from lib.runtime.errors import UserError

IMAGES = {
    "vllm": "vllm/vllm-openai:v0.32.0",
    "llama.cpp": "ghcr.io/ggml-org/llama.cpp:server",  # a moving tag; with -cuda for a GPU
    "tgi": "ghcr.io/huggingface/text-generation-inference:3.3.5",  # legacy: archived upstream
}
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # values that vLLM 0.32 accepts for --max-lora-rank
WITH_CURL = ("vllm", "llama.cpp")  # images that are known to have curl
LOADING = 1_800  # seconds that a large model may take to load
TEMPLATE = "chat_template.jinja"  # its name in transformers and vLLM


def takes_gpu(deploy: DeployParams, device: str) -> bool:
    """Tell whether the stack runs on a GPU; llama.cpp does if hardware.device is a GPU."""
    return deploy.stack in ("vllm", "tgi") or device != "cpu"


def compose(deploy: DeployParams, memory: int | None, gpu: bool) -> str:
    """Write compose.yaml (Compose specification).

    `memory` is the limit in bytes; None sets no limit.
    """
    service = composed(deploy, gpu)
    service["volumes"] = ["./model:/model:ro"]
    if memory:
        service["mem_limit"] = f"{mebibytes(memory)}m"
    return as_yaml({"services": {SERVED_NAME: service}})


def composed(deploy: DeployParams, gpu: bool) -> dict[str, Any]:
    """Return the Compose service without its volumes."""
    service = container(deploy, gpu)
    service["ports"] = [f"127.0.0.1:{deploy.port}:{deploy.port}"]
    service["restart"] = "unless-stopped"
    if (
        deploy.stack in WITH_CURL
    ):  # llama.cpp's own health check uses port 8080, whatever the port is
        ask = ["CMD", "curl", "--fail", f"http://127.0.0.1:{deploy.port}/health"]
        service["healthcheck"] = {"test": ask, "timeout": "10s", "start_period": f"{LOADING}s"}
    if gpu:
        devices = [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
        service["deploy"] = {"resources": {"reservations": {"devices": devices}}}
    return service


def room_for(rank: int) -> int:
    """Return vLLM's --max-lora-rank for a rank; raise UserError if it supports none so high."""
    for allowed in RANKS:
        if allowed >= rank:
            return allowed
    raise UserError(
        f"train.lora.rank is {rank}, and vLLM serves adapters of rank {RANKS[-1]} at most "
        f"(deploy.stack); set it to {RANKS[-1]} or less, then `dvc repro`"
    )


def compose_lora(deploy: DeployParams, base: str, revision: str | None, rank: int) -> str:
    """Write compose-lora.yaml: vLLM serves the base with the adapter as a second model.

    Raises UserError if the rank is too high.
    """
    service = composed(deploy, gpu=True)
    hub = not Path(base).is_dir()
    model = base if hub else "/base"
    first, *told = arguments(deploy, model, deploy.port, "base")
    revised = ["--revision", revision] if hub and revision else []
    lora = ["--enable-lora", "--max-lora-rank", str(room_for(rank))]
    lora += ["--lora-modules", f"{SERVED_NAME}=/adapter"]
    # The template used in training; the base's may differ.
    lora += ["--chat-template", f"/adapter/{TEMPLATE}"]
    service["command"] = [first, *revised, *told, *lora]
    folders = ["./adapter:/adapter:ro"] + ([] if hub else ["./base:/base:ro"])
    service["volumes"] = folders
    return as_yaml({"services": {SERVED_NAME: service}})


def container(deploy: DeployParams, gpu: bool) -> dict[str, Any]:
    """Return image and command; the weights are at /model."""
    image = IMAGES[deploy.stack] + ("-cuda" if gpu and deploy.stack == "llama.cpp" else "")
    command = arguments(deploy, "/model", deploy.port)
    if deploy.stack != "tgi":
        command += ["--host", "0.0.0.0"]  # noqa: S104 of the container; published on 127.0.0.1
    return {"image": image, "command": command}


def kubernetes(deploy: DeployParams, memory: int | None, gpu: bool) -> str:
    """Write kubernetes.yaml: a Deployment and its Service; the weights come from the claim `model`.

    `memory` is the limit in bytes; None sets no limit.
    """
    labels = {"app": SERVED_NAME}
    one = container(deploy, gpu)
    limits: dict[str, Any] = {"memory": f"{mebibytes(memory)}Mi"} if memory else {}
    if gpu:
        limits["nvidia.com/gpu"] = 1
    pod = {
        "name": SERVED_NAME,
        "image": one["image"],
        "args": one["command"],
        "ports": [{"containerPort": deploy.port}],
        **probes(deploy.port),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"limits": limits},
        "volumeMounts": [{"name": "weights", "mountPath": "/model", "readOnly": True}],
    }
    claim = {"claimName": SERVED_NAME, "readOnly": True}
    volumes = [{"name": "weights", "persistentVolumeClaim": claim}]
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": SERVED_NAME, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [pod], "volumes": volumes},
            },
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVED_NAME},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": deploy.port}]},
    }
    return as_yaml(workload) + "---\n" + as_yaml(service)


def probes(port: int) -> dict[str, Any]:
    """Return Kubernetes probes: startup, readiness and liveness.

    The server is not restarted while it loads, or because it is briefly busy.
    """

    def ask(period: int, failures: int) -> dict[str, Any]:
        route = {"path": "/health", "port": port}
        times = {"periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 10}
        return {"httpGet": route} | times

    return {
        "startupProbe": ask(10, LOADING // 10),
        "readinessProbe": ask(10, 3),
        "livenessProbe": ask(30, 5),
    }


def mebibytes(size: int) -> int:
    """Convert bytes to whole mebibytes."""
    return -(-size // 2**20)


def as_yaml(value: dict[str, Any]) -> str:
    """Write YAML in block style, keys in the order given."""
    yaml, text = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.dump(value, text)
    return text.getvalue()

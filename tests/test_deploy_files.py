"""What `make package` writes is what compose, Kubernetes and CycloneDX take, by their schemas."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from ruamel.yaml import YAML

from tests.test_workflows import find, run

COMPOSE = ("--builtin-schema", "vendor.compose-spec")


@pytest.fixture
def project(default_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A generated project whose code can be imported."""
    monkeypatch.syspath_prepend(default_project)
    return default_project


def deploy(stack: str) -> Any:
    """The section `deploy`."""
    from lib.engines.params import DeployParams

    return DeployParams(stack=stack, port=8000, context=512, concurrency=4)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("stack", ["vllm", "llama.cpp", "tgi"])
def test_compose_and_kubernetes(stack: str, tmp_path: Path) -> None:
    from deploy.launch import compose, kubernetes

    text = compose(deploy(stack), 2**30, gpu=True)
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    assert run(find("check-jsonschema"), *COMPOSE, str(tmp_path / "compose.yaml")) == ""
    for part in YAML(typ="safe").load_all(kubernetes(deploy(stack), 2**30, gpu=True)):
        kubernetes_validate.validate(part, "1.37", strict=True)


@pytest.mark.usefixtures("project")
def test_compose_of_an_adapter_on_its_base(tmp_path: Path) -> None:
    from deploy.launch import compose_lora

    text = compose_lora(deploy("vllm"), "Qwen/Qwen3-0.6B", "c1899de", 16)
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    assert run(find("check-jsonschema"), *COMPOSE, str(tmp_path / "compose.yaml")) == ""


def test_bill_of_materials(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.sbom import sbom
    from lib.core.params import BaseParams

    monkeypatch.chdir(project)
    base = BaseParams(model="base", license="Apache-2.0", dtype="float32")
    text = json.dumps(sbom("ticket-triage", project / "base", base))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None

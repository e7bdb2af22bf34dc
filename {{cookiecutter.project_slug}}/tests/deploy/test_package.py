"""A package holds what its stack needs, weights it can load, and sums that hold."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy import package
from deploy.license import add_license
from deploy.ollama import go_template
from lib.core.params import BaseParams
from lib.engines.params import READERS, DeployParams, Stack
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.runtime.files import sha256, write_json
from tests.packages import ROOT, lay_out


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


def test_card_and_license_go_with_the_weights(packed: Path) -> None:
    card = (packed / "model/README.md").read_text(encoding="utf-8")
    assert card == (packed / "README.md").read_text(encoding="utf-8")
    assert "exact_match" in card
    assert "Apache License" in (packed / "model/LICENSE").read_text(encoding="utf-8")


def test_without_a_card_nothing_is_packed(packed: Path) -> None:
    package.MODEL_CARD.unlink()
    with pytest.raises(UserError, match=r"model_card\.md: not found; `dvc repro training_plan`"):
        package.main()


def test_a_base_without_the_text_of_its_license_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    Path("packed").mkdir()
    add_license(Path("packed"), BaseParams(model="base", license="MIT"))
    assert "whose license is MIT" in Path("packed/LICENSE").read_text(encoding="utf-8")


def test_license_texts_of_a_base_in_a_folder_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base/LICENSE.txt", "base/NOTICE", "packed/model.gguf"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name, encoding="utf-8")
    add_license(Path("packed"), BaseParams(model="base", license="MIT"))
    found = sorted(path.name for path in Path("packed").iterdir())
    assert found == ["LICENSE.txt", "NOTICE", "model.gguf"]


def test_license_texts_of_a_base_of_the_hub_are_copied(tmp_path: Path) -> None:
    commit = "c1899de289a04d12100db370d81485cdf75e47ca"
    cached = tmp_path / "hub/models--org--name/snapshots" / commit
    cached.mkdir(parents=True)
    (cached / "LICENSE").write_text("the whole text", encoding="utf-8")
    code = (
        "from pathlib import Path; from deploy.license import *\n"
        f"base = BaseParams(model='org/name', revision='{commit}', license='MIT')\n"
        "print([path.read_text() for path in license_texts(base)])"
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
    assert lora[-5:-2] == ["16", "--lora-modules", "model=/adapter"]
    assert lora[-2:] == ["--chat-template", "/adapter/chat_template.jinja"]
    assert (packed / "adapter/chat_template.jinja").is_file()
    assert (packed / "base/config.json").is_file()


def test_a_rank_that_vllm_does_not_take_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path, "vllm")
    write_json(tmp_path / "models/tuned/adapter/adapter_config.json", {"r": 600})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="600, and vLLM serves adapters of rank 512 at most"):
        package.main()
    assert not list(Path("dist").iterdir())


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
def test_the_docs_name_the_same_stacks(scheme: str, packed: str) -> None:
    lines = (ROOT / "docs/serving.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| {scheme}"))
    named = {name.strip().lower() for name in row.split("|")[3].split(",")}
    assert named == set(READERS[packed])


def test_ollama_gets_the_template_of_training() -> None:
    assert go_template(load_tokenizer(str(ROOT / "base"))) == (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
        "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n"
        "<|im_start|>assistant\n{{ .Response }}<|im_end|>\n"
    )

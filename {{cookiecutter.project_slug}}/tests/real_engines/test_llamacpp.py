"""Real llama.cpp: GGUF from the quantize stage, and parity of llama-server, right and wrong."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.core.records import Message
from lib.engines import api, builds, gguf, hf, server
from lib.engines.api import complete_chat
from lib.engines.commands import arguments
from lib.engines.held import count_not_held
from lib.engines.openai_client import Endpoint
from lib.engines.params import DeployParams
from lib.engines.weights import GGUF_FILE, load_weights, weights_size
from lib.model.loading import QUANTIZED, TUNED, load_model, load_tokenizer
from lib.quantize.calibration import TRAIN_SPLIT, draw_examples
from lib.quantize.measure import compare_models
from lib.report.kv_cache import cache_of
from lib.report.serving_memory import memory_limit
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_folder
from lib.serving import memory
from lib.serving.params import LimitsParams, ParityParams
from lib.serving.parity import ParityCheck, answer_greedily
from lib.serving.serverside import recognise
from stages.parity import compare_served, failed_checks, our_prompt
from stages.quantize import quantize
from tests.packages import lay_out
from tests.real_engines.held import KEPT, both_ways, schema_of
from tests.real_engines.packed import QUESTIONS, pack, serve_and_smoke
from tests.real_engines.series import told, watched
from tests.real_engines.tools import CALLING, teach_call, wrong_with
from tests.real_engines.tuned import BASE, lay_tuned, params
from tests.toy import CPU

BUILT = (builds.LLAMACPP_HOME / "bin/llama-server").exists()
pytestmark = pytest.mark.skipif(not BUILT, reason="llama.cpp is not built: make llamacpp")

CHATS = [
    [Message(role="system", content="Triage."), Message(role="user", content=text)]
    for text in ("My router is broken!!! 🚀", "我想要退款，订单 1234567。", "  can't\n\nlog in  ")
]
LIMITS = LimitsParams(prefix=0.9, logprob=0.05)
PARITY = ParityParams(prompts=3, max_new_tokens=16, same=LIMITS, quantized=LIMITS)


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """models/tuned, and models/<type> for some types of GGUF."""
    with pytest.MonkeyPatch.context() as patch:
        lay_tuned(tmp_path_factory.mktemp("project"), patch)
        for kind in gguf.TYPES:
            with atomic_folder(f"models/{kind}") as folder:
                quantize(params(kind), BASE, CPU, "", folder)
        yield


@contextmanager
def serving(folder: str, *options: str) -> Iterator[str]:
    """A llama-server on a free port."""
    program = str(builds.llamacpp("llama-server"))
    ours = [
        "-m",
        f"{folder}/{GGUF_FILE}",
        "--port",
        "{port}",
        "-t",
        "1",
    ]  # the last word counts
    command = [program, *options, *ours]
    with server.serving(command, folder, patience=300) as url:
        yield url


def parity(folder: str, *options: str) -> dict[str, ParityCheck]:
    """All checks of llama-server against the same GGUF in transformers."""
    tokenizer = load_tokenizer(TUNED)
    model = load_weights(folder, "float32", "cpu")
    prompts = [our_prompt(tokenizer, chat) for chat in CHATS]
    right = answer_greedily(model, tokenizer, prompts, PARITY.max_new_tokens)
    with serving(folder, *options) as url:
        served = recognise(url, server.served_model(url), tokenizer)
        assert served.kind == "llama.cpp"
        return compare_served(served, CHATS, right, tokenizer, PARITY)


def failed(checks: dict[str, ParityCheck]) -> list[str]:
    return [name for name, check in checks.items() if not check.passed]


@pytest.mark.parametrize("kind", gguf.TYPES)
def test_a_gguf_is_smaller_and_close(kind: str) -> None:
    folder = f"models/{kind}"
    examples = draw_examples(TRAIN_SPLIT, 2, load_tokenizer(TUNED), "", params(kind))
    figures = compare_models(
        load_model(TUNED, "float32"), load_weights(folder, "float32", "cpu"), examples
    )
    assert weights_size(folder) < 0.3 * weights_size(TUNED)
    assert 0 < figures["layer_error_max"] < (0.05 if kind == "q8_0" else 0.2)


@pytest.mark.parametrize("kind", ["q8_0", "q4_k_m"])
def test_llama_server_answers_like_transformers(kind: str) -> None:
    assert failed_checks({"served": parity(f"models/{kind}")}) == []


def test_answers_of_characters_in_several_tokens_are_told_whole() -> None:
    import torch

    tokenizer, model = load_tokenizer(TUNED), load_model(TUNED, "float32")
    asked = our_prompt(tokenizer, CHATS[1]).ids
    said = tokenizer.encode("饕餮🙂。<|im_end|>", add_special_tokens=False)
    assert "\ufffd" in str(tokenizer.decode(said[:1]))  # half a character
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(40):
        batch = torch.tensor([asked + said])
        model(batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    shutil.copytree(TUNED, "models/chinese")
    model.save_pretrained("models/chinese")
    served = gguf.servable(["-m", f"{{model}}/{GGUF_FILE}"], "models/chinese", None, "float32")
    prompts = [our_prompt(tokenizer, CHATS[1])]
    right = answer_greedily(model.eval(), tokenizer, prompts, PARITY.max_new_tokens)
    assert right[0].ids == said[:-1]
    with serving(served) as url:
        found = recognise(url, server.served_model(url), tokenizer)
        checks = compare_served(found, CHATS[1:2], right, tokenizer, PARITY)
    assert failed_checks({"served": checks}) == []


def test_eval_asks_a_model_that_is_no_gguf_yet() -> None:
    tokenizer = load_tokenizer(TUNED)
    ids = [our_prompt(tokenizer, chat).ids for chat in CHATS]
    wanted = hf.answer_all(load_model(TUNED, "float32"), tokenizer, ids, 999, 8)
    served = gguf.servable(["-m", f"{{model}}/{GGUF_FILE}"], TUNED, None, "float32")
    with serving(served) as url:
        endpoint = Endpoint(url, server.served_model(url))
        found = [api.answer_tokens(endpoint, one, 8) for one in ids]
    assert [one.text for one in found] == [one.text for one in wanted]


def test_it_tells_the_metrics_that_alerts_and_dashboard_use() -> None:
    with serving("models/q8_0", "--metrics") as url:
        assert watched("llamacpp") <= told(url)


@pytest.mark.parametrize("form", ["q8_0", "tuned"])  # tuned: plain weights, as scheme none has
def test_a_package_passes_its_smoke_test(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path("models", form).absolute()
    lay_out(tmp_path, "llama.cpp")
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(QUANTIZED)
    shutil.copytree(made, QUANTIZED)
    pack(server.free_port())
    code, said = serve_and_smoke("llama.cpp")
    assert code == 0
    assert said.splitlines()[0].endswith(f"/v1: {len(QUESTIONS)} cases, 0 failures")


@pytest.mark.parametrize("kind", KEPT)
def test_it_holds_answers_to_a_schema(kind: str) -> None:
    tokenizer, schema = load_tokenizer(TUNED), schema_of(KEPT[kind])
    with serving("models/q8_0", "--jinja", "-c", "1024") as url:
        endpoint = Endpoint(url, server.served_model(url))
        found = both_ways(endpoint, CHATS[0], our_prompt(tokenizer, CHATS[0]).ids, schema)
    assert count_not_held(found, schema) == 0
    assert {one.finish for one in found} == {"stop"}


def test_a_rule_that_it_leaves_out_without_a_word_is_told_of() -> None:
    once = {"type": "array", "items": {"enum": ["a"]}, "minItems": 2, "uniqueItems": True}
    tokenizer, schema = load_tokenizer(TUNED), schema_of({"l": once | {"maxItems": 2}})
    with serving("models/q8_0", "--jinja", "-c", "1024") as url:
        endpoint = Endpoint(url, server.served_model(url))
        found = both_ways(endpoint, CHATS[0], our_prompt(tokenizer, CHATS[0]).ids, schema)
    with pytest.raises(UserError, match=r"2 of 2 answers violate the schema \(uniqueItems of l"):
        count_not_held(found, schema)


def test_a_request_without_a_temperature_is_answered_greedily() -> None:
    deploy = DeployParams(stack="llama.cpp", port=1, context=512, concurrency=1)
    with serving("models/q8_0", *arguments(deploy, "models/q8_0", 1)) as url:
        endpoint = Endpoint(url, server.served_model(url))
        wanted = complete_chat(endpoint, CHATS[0], 16)["choices"][0]["message"]
        for seed in range(3):
            asked = complete_chat(endpoint, CHATS[0], 16, temperature=None, seed=seed)
            assert asked["choices"][0]["message"] == wanted


def test_a_model_that_calls_tools_is_served_as_it_was_trained() -> None:
    teach_call()
    served = gguf.servable(["-m", f"{{model}}/{GGUF_FILE}"], CALLING, None, "float32")
    deploy = DeployParams(stack="llama.cpp", port=1, context=1024, concurrency=1)
    with serving(served, *arguments(deploy, served, 1)) as url:
        assert wrong_with(url, server.served_model(url)) == []


def test_its_memory_is_what_the_package_says() -> None:
    config = json.loads(Path("models/q8_0/config.json").read_text(encoding="utf-8"))
    cache, weights = cache_of(config, "llama.cpp"), weights_size("models/q8_0")
    held, computed = list[int](), list[int]()
    asked = [[number] * 400 for number in range(300, 600)]  # none begins like another
    for context in (1_024, 16_384):
        deploy = DeployParams(stack="llama.cpp", port=1, context=context, concurrency=4)
        with serving("models/q8_0", *arguments(deploy, "models/q8_0", deploy.port)) as url:
            endpoint = Endpoint(url, server.served_model(url))
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda ids: api.answer_tokens(endpoint, ids, 2), asked))  # noqa: B023
            held.append(memory.of_servers(0)["peak_host_memory_bytes"])
        assert cache
        computed.append(weights + cache.size(context, 4))
        assert computed[-1] < held[-1] < (memory_limit(config, weights, deploy) or 0)
    assert held[1] - held[0] == pytest.approx(computed[1] - computed[0], rel=0.2)


def test_a_swapped_template_fails_by_name() -> None:
    assert failed(parity("models/q8_0", "--chat-template", "llama2"))[0] == "template"


def test_a_beginning_of_text_too_many_fails_by_name() -> None:
    overrides = "tokenizer.ggml.add_bos_token=bool:true,tokenizer.ggml.bos_token_id=int:0"
    assert failed(parity("models/q8_0", "--override-kv", overrides))[0] == "bos"


def test_a_wrong_pre_tokenizer_fails_by_name() -> None:
    override = "tokenizer.ggml.pre=str:gpt-2"
    assert failed(parity("models/q8_0", "--override-kv", override))[0] == "tokenizer"


def test_a_wrong_pre_tokenizer_never_becomes_a_gguf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "UNKNOWN_PRE_TOKENIZER", "gpt-2")
    with pytest.raises(UserError, match="its pre-tokenizer is not ours"):
        quantize(params("q8_0"), BASE, CPU, "", tmp_path)


def test_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    quantize(params("q4_k_m"), BASE, CPU, "", tmp_path)
    name = GGUF_FILE
    assert (tmp_path / name).read_bytes() == Path("models/q4_k_m", name).read_bytes()

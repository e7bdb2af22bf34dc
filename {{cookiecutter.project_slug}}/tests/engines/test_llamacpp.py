"""Real llama.cpp: GGUF from the quantize stage, and parity of llama-server, right and wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.engines import builds, server
from lib.engines.parity import Check, answer
from lib.engines.serverside import recognise
from lib.errors import UserError
from lib.files import atomic_folder
from lib.models import TUNED, load_model, load_tokenizer
from lib.params.parity import LimitsParams, ParityParams
from lib.quantize import gguf
from lib.quantize.calibration import TRAIN, draw_examples
from lib.quantize.measure import compare
from lib.quantize.read import load_weights, weights_size
from lib.records import Message
from stages.parity import compare_served, failures, our_prompt
from stages.quantize import quantize
from tests.engines.tuned import BASE, CPU, lay_tuned, params

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
        for kind in ("q8_0", "q4_k_m"):
            with atomic_folder(f"models/{kind}") as folder:
                quantize(params(kind), BASE, CPU, "", folder)
        yield


@contextmanager
def serving(folder: str, *options: str) -> Iterator[str]:
    """A llama-server on a free port."""
    program = str(builds.llamacpp("llama-server"))
    command = [program, "-m", f"{folder}/{gguf.NAME}", "--port", "{port}", "-t", "1", *options]
    with server.serving(command, folder, patience=300) as url:
        yield url


def parity(folder: str, *options: str) -> dict[str, Check]:
    """All checks of llama-server against the same GGUF in transformers."""
    tokenizer = load_tokenizer(TUNED)
    model = load_weights(folder, "float32", "cpu")
    prompts = [our_prompt(tokenizer, chat) for chat in CHATS]
    right = answer(model, tokenizer, prompts, PARITY.max_new_tokens)
    with serving(folder, *options) as url:
        served = recognise(url, server.served_model(url), tokenizer)
        assert served.kind == "llama.cpp"
        return compare_served(served, CHATS, right, tokenizer, PARITY)


def failed(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if not check.passed]


@pytest.mark.parametrize("kind", ["q8_0", "q4_k_m"])
def test_a_gguf_is_smaller_and_close(kind: str) -> None:
    folder = f"models/{kind}"
    examples = draw_examples(TRAIN, 2, load_tokenizer(TUNED), "", params(kind))
    figures = compare(
        load_model(TUNED, "float32"), load_weights(folder, "float32", "cpu"), examples
    )
    assert weights_size(folder) < 0.3 * weights_size(TUNED)
    assert 0 < figures["layer_error_max"] < (0.05 if kind == "q8_0" else 0.2)


@pytest.mark.parametrize("kind", ["q8_0", "q4_k_m"])
def test_llama_server_answers_like_transformers(kind: str) -> None:
    assert failures({"served": parity(f"models/{kind}")}) == []


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
    name = gguf.NAME
    assert (tmp_path / name).read_bytes() == Path("models/q4_k_m", name).read_bytes()

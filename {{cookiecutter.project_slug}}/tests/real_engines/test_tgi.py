"""A real Text Generation Inference (legacy), where docker and an NVIDIA GPU are; never run yet."""

import shutil
from pathlib import Path

import pytest

from deploy.launch import IMAGES
from lib.engines import server
from lib.model.loading import TUNED, load_model, load_tokenizer
from lib.serving.params import LimitsParams, ParityParams
from lib.serving.parity import answer_greedily
from lib.serving.serverside import recognise
from stages.parity import compare_served, failed_checks, our_prompt
from tests.real_engines.test_vllm import CHATS
from tests.real_engines.tuned import lay_tuned

READY = shutil.which("docker") and shutil.which("nvidia-smi")
pytestmark = pytest.mark.skipif(not READY, reason="TGI (legacy) needs docker and an NVIDIA GPU")
LIMITS = LimitsParams(prefix=0.8, logprob=0.1)


def test_it_serves_what_was_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_tuned(tmp_path, monkeypatch)
    tokenizer = load_tokenizer(TUNED)
    prompts = [our_prompt(tokenizer, chat) for chat in CHATS]
    right = answer_greedily(load_model(TUNED, "float32"), tokenizer, prompts, 16)
    volume = f"{tmp_path / TUNED}:/model:ro"
    run = ["docker", "run", "--rm", "--gpus", "all", "-p", "127.0.0.1:{port}:80", "-v", volume]
    with server.serving([*run, IMAGES["tgi"], "--model-id", "/model"], TUNED, 600) as url:
        served = recognise(url, server.served_model(url), tokenizer)
        params = ParityParams(prompts=3, max_new_tokens=16, same=LIMITS, quantized=LIMITS)
        checks = compare_served(served, CHATS, right, tokenizer, params)
    assert failed_checks({"served": checks}) == []

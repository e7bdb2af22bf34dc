"""Every scheme, for real, on the embedded base."""

import shutil
from pathlib import Path

import pytest

from lib.models import QUANTIZED, TUNED, deterministic, folder_size, load_model, load_tokenizer
from lib.params.base import BaseParams
from lib.params.quantize import QuantizeParams
from lib.records import write_records
from stages.quantize import calibration_ids, compress
from tests.toy import chat

CHATS = [chat(f"票 {number}", "好") for number in range(9)]
BASE = BaseParams(model="base", licence="Apache-2.0", dtype="float32")


@pytest.mark.parametrize("scheme", ["w4a16", "w8a8", "fp8"])
def test_a_scheme_gives_a_smaller_model_that_loads(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("base", tmp_path / TUNED)
    monkeypatch.chdir(tmp_path)
    deterministic(1, 1)
    load_model(TUNED, "float32").save_pretrained(TUNED)
    write_records("data/split/train.jsonl", CHATS)
    params = QuantizeParams.model_validate({"scheme": scheme, "calibration_records": 4, "seed": 1})
    compress(params, BASE, "cpu", "")
    assert folder_size(QUANTIZED) < folder_size(TUNED)
    assert load_model(QUANTIZED, "float32").num_parameters() > 0


def test_calibration_is_a_seeded_draw_of_whole_chats() -> None:
    tokenizer = load_tokenizer("base")
    params = QuantizeParams(scheme="w4a16", calibration_records=3, seed=5)
    draws = [calibration_ids(CHATS, tokenizer, "", params) for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(draws[0]) == 3

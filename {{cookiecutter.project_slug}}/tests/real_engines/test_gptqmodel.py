"""Real GPTQModel, in its own environment: its checkpoint is read without it."""

import json
from pathlib import Path

import pytest

from lib.engines import builds
from lib.engines.weights import load_weights, weights_size
from lib.model.loading import QUANTIZED, TUNED, load_model, load_tokenizer
from lib.quantize.calibration import TRAIN_SPLIT, draw_examples
from lib.quantize.measure import compare_models
from lib.runtime.files import atomic_folder
from stages.quantize import quantize
from tests.real_engines.tuned import BASE, lay_tuned, params
from tests.toy import CPU

BUILT = (builds.GPTQMODEL_HOME / "installed").exists()
pytestmark = pytest.mark.skipif(not BUILT, reason="GPTQModel is not installed: make gptqmodel")


def test_gptq_gives_a_smaller_model_that_answers_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_tuned(tmp_path, monkeypatch)
    with atomic_folder(QUANTIZED) as folder:
        quantize(params("gptq"), BASE, CPU, "", folder)
    assert not Path("logs").exists()
    assert weights_size(QUANTIZED) < 0.5 * weights_size(TUNED)
    config = json.loads(Path(QUANTIZED, "config.json").read_text("utf-8"))
    assert config["quantization_config"]["meta"] == {"quantizer": ["gptqmodel:7.6.0"]}
    examples = draw_examples(TRAIN_SPLIT, 2, load_tokenizer(TUNED), "", params("gptq"))
    figures = compare_models(
        load_model(TUNED, "float32"), load_weights(QUANTIZED, "float32", "cpu"), examples
    )
    assert 0 < figures["layer_error_max"] < 0.3

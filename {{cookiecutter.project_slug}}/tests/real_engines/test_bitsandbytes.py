"""Real bitsandbytes, where it is installed: it runs on a CPU."""

from pathlib import Path

import pytest

from lib.engines.weights import load_weights, weights_size
from lib.model.loading import QUANTIZED, TUNED, load_model, load_tokenizer
from lib.quantize.calibration import TRAIN_SPLIT, draw_examples
from lib.quantize.measure import compare_models
from lib.runtime.files import atomic_folder
from stages.quantize import quantize
from tests.real_engines.tuned import BASE, lay_tuned, params
from tests.toy import CPU

pytest.importorskip("bitsandbytes", reason="not installed: pip install '.[bitsandbytes]'")


@pytest.mark.parametrize("scheme", ["nf4", "int8"])
def test_a_scheme_gives_a_smaller_model_that_answers_alike(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_tuned(tmp_path, monkeypatch)
    with atomic_folder(QUANTIZED) as folder:
        quantize(params(scheme), BASE, CPU, "", folder)
    assert weights_size(QUANTIZED) < 0.7 * weights_size(TUNED)
    examples = draw_examples(TRAIN_SPLIT, 2, load_tokenizer(TUNED), "", params(scheme))
    figures = compare_models(
        load_model(TUNED, "float32"), load_weights(QUANTIZED, "float32", "cpu"), examples
    )
    assert 0 < figures["layer_error_max"] < 0.3

"""A GGUF file becomes a model folder: the same numbers, ends that end, and no trace of GGUF."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from lib.bases.gguf import convert
from lib.model.loading import load_model, load_tokenizer
from lib.runtime.errors import UserError
from tests.bases.test_tokenizer import fields

pytestmark = pytest.mark.slow

WIDTH, ROWS = 64, 32


def write(path: Path, drop: str = "", **more: Any) -> dict[str, numpy.ndarray]:
    """Write a llama of one layer as GGUF; return its tensors by their names there."""
    from gguf import GGUFWriter

    told = fields(more)
    writer = GGUFWriter(str(path), "llama")
    numbers = {"block_count": 1, "context_length": 512, "embedding_length": WIDTH}
    numbers |= {
        "feed_forward_length": ROWS,
        "attention.head_count": 1,
        "attention.head_count_kv": 1,
    }
    for key, value in numbers.items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_float32("llama.rope.freq_base", 1e4)
    writer.add_string("general.license", "apache-2.0")
    for key, value in told.items():
        add: dict[type, Any] = {
            str: writer.add_string,
            int: writer.add_uint32,
            list: writer.add_array,
        }
        if key.startswith("tokenizer") and value is not None:
            add[type(value)](key, value)
    if more.get("scaled"):
        writer.add_string("llama.rope.scaling.type", "yarn")
    draw = numpy.random.default_rng(0)
    shapes = {"token_embd": (len(told["tokenizer.ggml.tokens"]), WIDTH), "output_norm": (WIDTH,)}
    shapes |= {f"blk.0.{name}": (WIDTH, WIDTH) for name in ("attn_q", "attn_k", "attn_v")}
    shapes |= {"blk.0.attn_output": (WIDTH, WIDTH), "blk.0.ffn_down": (WIDTH, ROWS)}
    shapes |= {f"blk.0.{name}": (ROWS, WIDTH) for name in ("ffn_gate", "ffn_up")}
    shapes |= {f"blk.0.{name}": (WIDTH,) for name in ("attn_norm", "ffn_norm")}
    tensors = {name: draw.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    for name in tensors.keys() - {drop}:
        writer.add_tensor(f"{name}.weight", tensors[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def test_weights_ends_and_license(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    path, folder = tmp_path / "tiny.gguf", tmp_path / "models/tiny"
    tensors = write(path, **{"tokenizer.chat_template": template})
    convert(path, folder, "tiny.gguf")
    model, tokenizer = load_model(str(folder), "float32"), load_tokenizer(str(folder))
    layer = model.model.layers[0]
    assert numpy.array_equal(layer.mlp.down_proj.weight.detach(), tensors["blk.0.ffn_down"])
    assert numpy.array_equal(model.lm_head.weight.detach(), tensors["token_embd"])
    assert tokenizer.chat_template == template
    ends = {tokenizer.eos_token_id, model.config.eos_token_id, model.generation_config.eos_token_id}
    assert ends == {tokenizer.convert_tokens_to_ids("<|im_end|>")}
    assert not hasattr(model.config, "quantization_config")
    assert "license: apache-2.0" in (folder / "README.md").read_text(encoding="utf-8")


def test_what_would_be_another_model_is_refused(tmp_path: Path) -> None:
    scaled, lacking = tmp_path / "scaled.gguf", tmp_path / "lacking.gguf"
    write(scaled, scaled=True)
    with pytest.raises(UserError, match="it uses RoPE scaling"):
        convert(scaled, tmp_path / "folder", "")
    write(lacking, drop="blk.0.ffn_up")
    with pytest.raises(UserError, match="lack weights"):
        convert(lacking, tmp_path / "folder", "")
    lacking.write_bytes(scaled.read_bytes()[:1000])
    with pytest.raises(UserError, match="is not a complete GGUF file"):
        convert(lacking, tmp_path / "folder", "")
    assert not (tmp_path / "folder").exists()

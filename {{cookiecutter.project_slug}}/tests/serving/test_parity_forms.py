"""What the quantized model's folder brings with it is held against the tuned one's."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lib.model.loading import QUANTIZED, TUNED
from lib.runtime.errors import UserError
from lib.runtime.files import write_json
from stages import parity
from tests.stages.test_bench import GATE
from tests.toy import PARAMS, chat

BASE = Path(__file__).parents[2] / "base"
LIMITS = "{prefix: 0.9, logprob: 0.05}"
SECTIONS = f"""
hardware: {{device: cpu, threads: 1}}
bench: {{engine: transformers, requests: 1, concurrency: [1], max_new_tokens: 4}}
parity: {{prompts: 1, max_new_tokens: 4, same: {LIMITS}, quantized: {LIMITS}}}
"""
SPLIT_AT_SPACES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The base as tuned and as quantized model, and a test split."""
    for folder in ("base", TUNED, QUANTIZED):
        shutil.copytree(BASE, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    Path("data/split").mkdir(parents=True)
    Path(parity.TEST_SPLIT).write_text(json.dumps(chat("钱退我 please 🚀")), encoding="utf-8")
    Path("evals").mkdir()
    Path("evals/golden.jsonl").touch()
    Path("params.yaml").write_text(PARAMS + GATE + SECTIONS, encoding="utf-8")
    return tmp_path


def change(name: str, **values: Any) -> None:
    """Set keys of a JSON file of the quantized model."""
    path = Path(QUANTIZED, name)
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | values)


@pytest.mark.usefixtures("project")
def test_a_copy_passes() -> None:
    parity.main()
    report = json.loads(Path(parity.PARITY_REPORT).read_text(encoding="utf-8"))
    assert (report["passed"], report["released"], report["server"]) == (True, "quantized", None)


@pytest.mark.usefixtures("project")
def test_another_template() -> None:
    Path(QUANTIZED, "chat_template.jinja").write_text("{{ messages[0].content }}")
    with pytest.raises(UserError, match=r"quantized: template: prompt 0 has"):
        parity.main()


@pytest.mark.usefixtures("project")
def test_another_pre_tokenizer() -> None:
    change("tokenizer.json", pre_tokenizer=SPLIT_AT_SPACES)
    with pytest.raises(UserError, match=r"quantized: tokenizer: prompt \d+ differs from"):
        parity.main()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("generation_config.json", {"eos_token_id": 0}),
        ("tokenizer_config.json", {"eos_token": "?"}),
    ],
)
@pytest.mark.usefixtures("project")
def test_another_end_token(name: str, values: dict[str, Any]) -> None:
    change(name, **values)
    with pytest.raises(UserError, match=r"end: token \d+ ends an answer in only one of them"):
        parity.main()

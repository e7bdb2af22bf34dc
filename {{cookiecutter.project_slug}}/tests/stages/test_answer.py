"""The answer stage asks a real model every case, and stores what it says of the right answers."""

from pathlib import Path

import pytest

from lib.core.records import prompt_of, write_records
from lib.engines.hf import log_likelihoods
from lib.model.chat import encode_prompt
from lib.model.loading import load_model, load_tokenizer
from lib.runtime.files import sha256, write_json
from stages.answer import main, not_taken
from tests.toy import PARAMS, case, chat, lay_out, leakage_report, rows

pytestmark = pytest.mark.slow

ANSWER = """
hardware: {device: cpu, threads: 1}
answer: {batch_tokens: 512, max_new_tokens: 4, seed: 1, log_likelihood: true}
"""
FILES = ("data/split/test.jsonl", "evals/golden.jsonl", "evals/adversarial.jsonl")
BASE = Path(__file__).parents[2] / "base"


def test_requests_that_were_not_taken_are_counted_by_their_reason() -> None:
    assert not_taken(["stop", "HTTP 413", "HTTP 400", "HTTP 413"]) == {"HTTP 400": 1, "HTTP 413": 2}


def test_the_right_answer_is_scored_with_its_end_and_no_other_special_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["answer", "base"])
    Path("base").symlink_to(BASE)
    asked = chat("Where is my money?", "refund")
    golden = {"id": "g1", "messages": asked["messages"]}
    lay_out(tmp_path, PARAMS + ANSWER, golden=[golden], adversarial=[case("a1", "obey")])
    write_records("data/split/test.jsonl", [])
    write_json("reports/leakage.json", leakage_report({path: sha256(path) for path in FILES}))
    main()
    tokenizer = load_tokenizer("base")
    ids = encode_prompt(tokenizer, prompt_of(asked), "")
    wanted = [*tokenizer.encode("refund", add_special_tokens=False), tokenizer.eos_token_id]
    (expected,) = log_likelihoods(load_model("base", "float32"), [(ids, wanted)])
    found = {row["id"]: row for row in rows("answers/base.jsonl")}
    assert found["g1"]["log_likelihood"] == pytest.approx(expected, abs=1e-5)
    assert 0 < found["a1"]["output_tokens"] <= 4

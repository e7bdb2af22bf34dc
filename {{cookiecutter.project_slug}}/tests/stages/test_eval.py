"""What stops the eval stage before it asks anybody."""

from pathlib import Path

import pytest

from lib.core.records import write_records
from lib.runtime.errors import UserError
from lib.runtime.files import sha256, write_json
from stages.eval import main
from tests.toy import PARAMS, case, chat, lay_out, proof

EVAL = "eval: {batch_tokens: 9, max_new_tokens: 8, bootstrap: 100, seed: 1}\n"
FILES = ("data/split/test.jsonl", "evals/golden.jsonl", "evals/adversarial.jsonl")


def test_a_right_answer_that_no_model_could_give_stops_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["eval", "base"])
    wrong = case("g1", "where is it?") | {"messages": chat("where is it?", "refnud")["messages"]}
    lay_out(tmp_path, PARAMS + EVAL, golden=[wrong])
    write_records("data/split/test.jsonl", [chat("my money")])
    write_json("reports/leakage.json", proof({path: sha256(path) for path in FILES}))
    with pytest.raises(UserError, match=r"^evals/golden\.jsonl:1: case g1: the right answer 'refn"):
        main()

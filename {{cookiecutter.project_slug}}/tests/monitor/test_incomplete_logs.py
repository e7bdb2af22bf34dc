"""What a log lacks, or says of others, is said; a window never passes on it."""

import json
from pathlib import Path

import pytest

from monitor.run import main
from tests.monitor.windows import alarms
from tests.toy_logs import draw, write_log


def test_lines_that_are_no_answers_do_not_make_a_log_unreadable(
    pairs: list[tuple[str, str]],
) -> None:
    log = write_log(Path("log.jsonl"), draw(pairs, 100, 9))
    with log.open("a", encoding="utf-8") as file:
        file.write("INFO: the server says something\n" * 900)
    assert main([str(log)]) == 0
    found = json.loads(next(Path("reports/monitor").glob("20*.json")).read_text(encoding="utf-8"))
    assert found["skipped"] == {"text_line": 900}


def test_a_window_does_not_pass_on_what_could_not_be_read(pairs: list[tuple[str, str]]) -> None:
    log = write_log(Path("log.jsonl"), draw(pairs, 400, 9))
    with log.open("a", encoding="utf-8") as file:
        file.write('{"request_id": "1", "request": {"mess\n' * 9)  # 2.2 %
    assert main([str(log)]) == 2
    found = json.loads(next(Path("reports/monitor").glob("20*.json")).read_text(encoding="utf-8"))
    assert found["alarms"] == ["unreadable"]


def test_texts_that_are_withheld_are_inconclusive_and_no_alarm(
    pairs: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = draw(pairs, 400, 9)
    for one in rows[:350]:
        one["request"]["messages"] = [{"role": "user", "content": "redacted-by-litellm"}]
        one["response"]["choices"][0]["message"]["content"] = "redacted-by-litellm"
    assert alarms(rows, 3) == set()
    assert "do not have the texts of 350 requests" in capsys.readouterr().out


def test_one_of_several_models_can_be_looked_at(
    pairs: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    other = [one | {"model": "other"} for one in draw(pairs, 200, 8, prose=1.0)]
    log = str(write_log(Path("log.jsonl"), draw(pairs, 400, 9) + other))
    assert main([log]) == 2
    assert "400 model, 200 other" in capsys.readouterr().out
    assert main([log, "--model", "model"]) == 0
    assert main([log, "--model", "typo"]) == 1
    assert "600 other_model" in capsys.readouterr().err


def test_failures_of_no_known_model_count_for_the_one_that_is_looked_at(
    pairs: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    other = [one | {"model": "other"} for one in draw(pairs, 5, 8)]
    log = write_log(Path("log.jsonl"), draw(pairs, 400, 9) + other)
    line = (
        '10.0.0.1 - - [16/Nov/2026:08:00:{:02d} +0000] "POST /v1/chat/completions HTTP/1.1" 503\n'
    )
    with log.open("a", encoding="utf-8") as file:
        file.writelines(line.format(second) for second in range(60))
    assert main([str(log), "--model", "model"]) == 2
    out = capsys.readouterr().out
    assert "ALARM  errors" in out
    assert "60 requests whose logs name no model count for model" in out
    assert main([str(log), "--model", "typo"]) == 1


def test_what_no_log_says_is_said_and_not_zero(
    pairs: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = draw(pairs, 400, 9)
    for one in rows:
        del one["latency_ms"], one["response"]["usage"]
    main([str(write_log(Path("log.jsonl"), rows))])
    assert "do not say how long 400 requests took" in capsys.readouterr().out
    found = json.loads(next(Path("reports/monitor").glob("20*.json")).read_text(encoding="utf-8"))
    assert found["cost"]["input_tokens"] is None

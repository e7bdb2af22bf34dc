"""Every alarm is in the run-book; the rules are sound; the exporter says what it should."""

import json
import re
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from ruamel.yaml import YAML

from lib.core.config import load
from lib.curate.params import CurateParams
from lib.monitoring.checks import LIMITED, RISES
from lib.monitoring.incidents import KINDS
from lib.monitoring.log_reader import LogReader
from lib.monitoring.params import MonitorParams
from lib.monitoring.reference import read_reference
from lib.pii.redact import Finder
from lib.report.markdown import sections
from lib.runtime.errors import UserError
from monitor import exporter
from monitor.exporter import Metrics, Tail, look
from monitor.reading import observer
from monitor.run import UNREADABLE
from tests.monitor.windows import ATTACK
from tests.toy_logs import row, write_log

HERE = Path(__file__).parents[2]
RULES = HERE / "monitor/prometheus/rules.yml"
SHIFTS = {"label", "language", "prompt_length", "answer_length", "answer_language"}
ENTRIES = set(
    re.findall("^### (.+)$", (HERE / "docs/runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
)


def rules() -> list[dict[str, Any]]:
    """Every rule of rules.yml."""
    groups = YAML(typ="safe").load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> set[str]:
    """The names of the alerts."""
    return {rule["alert"] for rule in rules() if "alert" in rule}


def test_every_alarm_has_an_entry_and_every_entry_an_alarm() -> None:
    alarms = {*RISES, *LIMITED, *KINDS, UNREADABLE, *(f"{name}_shift" for name in SHIFTS)}
    assert alarms | alerts() == ENTRIES


def test_every_alert_is_tested() -> None:
    text = RULES.with_name("rules_test.yml").read_text(encoding="utf-8")
    assert [name for name in alerts() if f"alertname: {name}" not in text] == []


@pytest.mark.skipif(
    not shutil.which("promtool"), reason="needs promtool: apt-get install prometheus"
)
@pytest.mark.parametrize(
    "command",
    [["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]],
)
def test_promtool_agrees(command: list[str]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def queries() -> list[str]:
    """What the dashboard asks for."""
    board = json.loads((HERE / "monitor/grafana.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


def test_dashboard_shows_every_server() -> None:
    series = set(re.findall(r"\b(llm|vllm|tgi|llamacpp)[:_]", " ".join(queries())))
    assert series == {"llm", "vllm", "tgi", "llamacpp"}


def test_panels_have_ids_of_their_own() -> None:
    board = json.loads((HERE / "monitor/grafana.json").read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.fixture
def served(pairs: Any) -> tuple[Tail, Metrics, Any]:
    """An exporter's metrics over a log, and what looks at what is new in it."""
    params = load("monitor", MonitorParams)
    metrics = Metrics(observer(read_reference(), params), params)
    finder, tail = Finder(load("curate", CurateParams).pii), Tail(Path("l"))
    log = LogReader(datetime.now(UTC), Counter[str]())
    return tail, metrics, lambda: look(tail, log, metrics, finder)


@pytest.mark.parametrize("port", ["99999", "0", "http"])
def test_exporter_names_a_port_that_is_none(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["exporter", "log", port])
    with pytest.raises(
        UserError, match=f"argument PORT: the port is '{port}'; it must be from 1 to 65535"
    ):
        exporter.main()


def text_of(metrics: Metrics) -> str:
    """What Prometheus is given."""
    return generate_latest(metrics.registry).decode()


def test_exporter_counts_what_the_log_shows(served: Any) -> None:
    _, metrics, look_again = served
    lines = [row(1, "hello", "prose"), row(2, ATTACK, '{"intent": "refund"}')]
    write_log(Path("l"), lines)
    look_again()
    found = text_of(metrics)
    for line in (
        "llm_requests_total 2.0",
        'llm_events_total{event="format_errors"} 1.0',
        'llm_looked_at_total{event="format_errors"} 2.0',
        'llm_incidents_total{kind="unsafe_answers"} 1.0',
        'llm_incidents_total{kind="pii_out"} 0.0',
        'llm_latency_seconds_bucket{le="0.1"} 2.0',
        'llm_limit_ratio{event="errors"} 0.01',
    ):
        assert line in found
    assert "neighbour" not in found


def test_rules_and_dashboard_ask_for_what_the_exporter_has(served: Any) -> None:
    _, metrics, look_again = served
    write_log(Path("l"), [row(1, "hello", "prose"), {"unknown": "shape"}])
    look_again()
    asked = " ".join([*queries(), *(rule["expr"] for rule in rules())])
    given = set(re.findall(r"^(llm_\w+)[{ ]", text_of(metrics), re.MULTILINE))
    assert set(re.findall(r"\bllm_\w+", asked)) - given == set()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert set(re.findall(r"\bllm:\w+", asked)) - recorded == set()


def test_exporter_follows_a_log_that_grows_and_is_replaced(served: Any) -> None:
    _, metrics, look_again = served
    look_again()  # there is no log yet
    log = write_log(Path("l"), [row(1, "hello", "{}")])
    look_again()
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row(2, "hello", "{}")))  # half a line
        file.flush()
        look_again()
        assert "llm_requests_total 1.0" in text_of(metrics)
        file.write("\nnot json at all {\n{broken\n")
    look_again()
    log.unlink()
    write_log(log, [row(3, "hello", "{}")])
    look_again()
    assert "llm_requests_total 3.0" in text_of(metrics)
    assert 'llm_skipped_lines_total{reason="invalid_json"} 1.0' in text_of(metrics)


def test_readme_explains_every_key_of_the_log_format() -> None:
    table = sections((HERE / "monitor/README.md").read_text(encoding="utf-8"))["Log format"]
    line = row(1, "hi", "{}", cost=1, confidence=1, error="", feedback={})
    assert [key for key in line if f"`{key}`" not in table] == []

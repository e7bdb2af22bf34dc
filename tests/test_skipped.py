"""What was skipped is told once, by reason."""

from pathlib import Path

from tests.skipped import block, skipped

REPORT = """<testsuites><testsuite>
<testcase name="a"><skipped type="pytest.skip" message="needs promtool" /></testcase>
<testcase name="b"><skipped type="pytest.skip" message="needs Daft" /></testcase>
<testcase name="c" />
</testsuite></testsuites>"""


def test_each_reason_is_told_once_with_its_count(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.xml").write_text(REPORT.replace("Daft", f"Daft {name}"))
    assert block(skipped(tmp_path)).splitlines() == [
        "Skipped: 4 tests, which need what is not here.",
        "    2  needs promtool",
        "    1  needs Daft one",
        "    1  needs Daft two",
    ]


def test_nothing_skipped_is_said_too(tmp_path: Path) -> None:
    assert block(skipped(tmp_path)) == "No test was skipped."

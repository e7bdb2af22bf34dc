"""Charts hold labels of any script as text, and are the same bytes each time."""

from xml.etree import ElementTree

import pytest

from lib.report.charts import Panel, curves, shortened, stacked_bars


def bars() -> str:
    return stacked_bars(
        "<&> $x$ 问题", ["a", "b", "c"], {"门锁坏了<": [1200, 30, 4], "ไทย": [1, 0, 0]}
    )


def lines() -> str:
    panels = [Panel("Loss 损失", {"train": [(1, 2.0), (9, 1.0)], "val": []}), Panel("Rate", {})]
    return curves("step", panels)


def texts(svg: str) -> set[str]:
    root = ElementTree.fromstring(svg)  # noqa: S314
    return {element.text or "" for element in root.iter() if element.tag.endswith("}text")}


def test_labels_are_text_in_any_script() -> None:
    assert {"<&> $x$ 问题", "门锁坏了<", "ไทย", "1,234", "b"} <= texts(bars())
    assert {"Loss 损失", "Rate", "step", "train"} <= texts(lines())


@pytest.mark.parametrize("draw", [bars, lines])
def test_two_runs_give_the_same_bytes(draw: object, recwarn: pytest.WarningsRecorder) -> None:
    assert callable(draw)
    assert draw() == draw()
    assert [one for one in recwarn if "Glyph" in str(one.message)] == []


@pytest.mark.parametrize(("label", "shown"), [("a" * 22, "a" * 22), ("问" * 12, "问" * 11 + "…")])
def test_long_labels_are_cut(label: str, shown: str) -> None:
    assert shortened(label) == shown

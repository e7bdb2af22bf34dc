"""Tables that hold whatever a user's text holds."""

from lib.report.markdown import cell, table


def test_table_columns_line_up() -> None:
    assert len({len(line) for line in table(["a", "bb"], [["ccc", "d"]])}) == 1


def test_a_cell_is_one_line_without_table_signs() -> None:
    assert cell("a | b\n<c> 😱") == "a \\| b &lt;c> 😱"
    assert cell("![x](https://a.b/c.png) @team") == "!\\[x](https://a.b/c.png) @&#8203;team"
    assert cell("新" * 200, 10) == "新" * 9 + "…"

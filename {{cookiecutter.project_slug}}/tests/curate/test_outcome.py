"""What to do about rows that cannot be kept names their file, and the list inside of it."""

from lib.curate.outcome import ROW_CURES, cure_of


def test_rows_inside_of_one_object_are_taken_out_by_the_line_that_is_said() -> None:
    cure = cure_of("nested_rows", "data/raw/a.json", "line 1: nested_rows, .data[]", 1)
    assert "jq -c '.data[]' data/raw/a.json > data/raw/rows.jsonl" in cure


def test_lists_in_many_rows_are_turns_of_an_unknown_form() -> None:
    cure = cure_of("nested_rows", "data/raw/a.jsonl", "line 1: nested_rows, .interactions[]", 4)
    assert cure == ROW_CURES["bad_turns"]

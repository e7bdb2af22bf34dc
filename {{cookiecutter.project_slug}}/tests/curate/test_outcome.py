"""What to do about rows that cannot be kept names their file, and the list inside of it."""

from lib.curate.cures import ROW_CURES
from lib.curate.outcome import cure_of


def test_rows_inside_of_one_object_are_taken_out_by_the_line_that_is_said() -> None:
    cure = cure_of("nested_rows", "data/raw/a.json", "line 1: nested_rows, .data[]", 1)
    assert "jq -c '.data[]' data/raw/a.json > data/raw/rows.jsonl" in cure


def test_lists_in_many_rows_are_turns_or_hold_what_is_asked() -> None:
    cure = cure_of("nested_rows", "data/raw/a.jsonl", "line 1: nested_rows, .talks[]", 4)
    assert cure == ROW_CURES["lists_in_rows"].replace("ROWS", ".talks[]")


def test_the_better_of_two_answers_is_taken_by_the_line_that_is_said() -> None:
    first = 'line 1: two_answers, left, right, winner, == "model_a", == "model_b"'
    cure = cure_of("two_answers", "a.jsonl", first, 4)
    assert "jq -c '(arrays[], objects) | if .winner == " in cure
    assert "then . + {chosen: .left, rejected: .right} elif" in cure


def test_a_table_is_no_file_for_jq() -> None:
    assert "jq reads only JSON" in cure_of("two_answers", "a.csv", "line 1: two_answers, a, b", 4)

"""Raw files are told apart by content; a bad row never stops a file."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest

from lib.intake.formats import read_rows
from lib.runtime.errors import UserError


def rows_of(path: Path, content: str | bytes) -> list[tuple[int, object, str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(row.line, row.value, row.reason) for row in read_rows(path)]


def zstd(data: bytes) -> bytes:
    packed: bytes = pyarrow.compress(data, "zstd", asbytes=True)
    return packed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.txt"


def test_jsonl(file: Path) -> None:
    assert rows_of(file, '{"a": 1}\n\n{"a": 2}') == [(1, {"a": 1}, ""), (3, {"a": 2}, "")]


def test_jsonl_bad_rows_are_rows(file: Path) -> None:
    found = rows_of(file, '{"a": \n[1]\n{"a": 2}\n')
    assert found == [(1, None, "invalid_json"), (2, None, "not_an_object"), (3, {"a": 2}, "")]


def test_first_row_broken_is_still_jsonl(file: Path) -> None:
    assert rows_of(file, '{oops\n{"a": 2}\n')[1] == (2, {"a": 2}, "")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}\n{"b": 3}\n', '[{"a": 1, "a": 2},\n{"b": 3}]'])
def test_a_key_that_stands_twice_is_a_bad_row(file: Path, text: str) -> None:
    assert rows_of(file, text) == [(1, None, "duplicate_key"), (2, {"b": 3}, "")]


def test_a_key_that_stands_twice_is_found_at_any_depth(file: Path) -> None:
    assert rows_of(file, '{"a": [{"b": {"c": 1, "c": 2}}]}\n') == [(1, None, "duplicate_key")]


@pytest.mark.parametrize(
    "form", ['{"a": NaN, "b": [-Infinity]}\n', '[{"a": NaN, "b": [Infinity]}]']
)
def test_what_pandas_writes_for_an_empty_cell_is_none(file: Path, form: str) -> None:
    assert rows_of(file, form) == [(1, {"a": None, "b": [None]}, "")]


@pytest.mark.parametrize("levels", [99, 600, 100_000])
def test_deep_nesting_is_a_bad_row(file: Path, levels: int) -> None:
    deep = '{"a": ' + "[" * levels + "]" * levels + "}"
    reason = "" if levels == 99 else "invalid_json"
    assert rows_of(file, f"{deep}\n")[0][2] == reason


def test_deep_nesting_in_a_list_is_a_bad_row(file: Path) -> None:
    found = rows_of(file, '[{"a": ' + "[" * 600 + "]" * 600 + '}, {"a": 1}]')
    assert [reason for _, _, reason in found] == ["invalid_json", ""]


def test_byte_order_mark(file: Path) -> None:
    assert rows_of(file, '\ufeff{"a": 1}\n') == [(1, {"a": 1}, "")]


def test_json_list_knows_its_lines(file: Path) -> None:
    found = rows_of(file, '[\n{"a": 1},\n"x",\n{"a":\n 2}]')
    assert found == [(2, {"a": 1}, ""), (3, None, "not_an_object"), (4, {"a": 2}, "")]


def test_json_list_in_pieces(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.intake.json_rows.PIECE", 3)
    found = rows_of(file, '[\n{"a": "好🙂"} ,\n12345, {"b":\n"a longer one"}\n]\n')
    values = [(2, {"a": "好🙂"}, ""), (3, None, "not_an_object"), (3, {"b": "a longer one"}, "")]
    assert found == values


def test_json_list_with_a_broken_value_is_not_read_to_its_end(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.intake.json_rows.PIECE", 8)
    monkeypatch.setattr("lib.intake.json_rows.LONGEST_VALUE", 32)
    with pytest.raises(UserError, match=r"rows\.txt:2: the JSON list ends too early"):
        rows_of(file, '[{"a": 1},\n{"a": oops},\n' + '{"a": 1},\n' * 99 + "{}]")


def test_json_list_is_not_read_at_once(file: Path) -> None:
    file.write_text("[" + ",\n".join(['{"a": "' + "b" * 1000 + '"}'] * 8000) + "]")
    tracemalloc.start()
    assert sum(row.value is not None for row in read_rows(file)) == 8000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < file.stat().st_size / 2


@pytest.mark.parametrize("more", ['[{"a": 2}]', '\n\n{"a": 2}', "]", " " * 999 + "x"])
def test_json_list_with_more_behind_it(
    more: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.intake.json_rows.PIECE", 8)
    with pytest.raises(UserError, match=r"rows\.txt:2: more follows the JSON list"):
        rows_of(file, f'[{{"a": 1}}\n]{more}'.encode())


def test_json_list_broken_off(file: Path) -> None:
    with pytest.raises(UserError, match=r"rows\.txt:3: the JSON list ends too early"):
        rows_of(file, '[\n{"a": 1},\n{"a": ')


def test_csv_with_lines_in_cells(file: Path) -> None:
    found = rows_of(file, 'a,b\n1,"two\nlines"\n3,4\n')
    assert found == [(2, {"a": "1", "b": "two\nlines"}, ""), (4, {"a": "3", "b": "4"}, "")]


def test_csv_with_a_long_cell(file: Path) -> None:
    cell = "3,4\n" * 250
    assert rows_of(file, f'a,b\n1,"{cell}"\n') == [(2, {"a": "1", "b": cell}, "")]


def test_csv_with_json_in_cells(file: Path) -> None:
    found = rows_of(file, 'a,b\n1,"\n{""a"": 1}"\n')
    assert found == [(2, {"a": "1", "b": '\n{"a": 1}'}, "")]


def test_csv_with_a_quote_in_a_cell(file: Path) -> None:
    assert rows_of(file, 'a,b\n5" wide,x\n') == [(2, {"a": '5" wide', "b": "x"}, "")]


def test_csv_header_of_two_lines(file: Path) -> None:
    assert rows_of(file, 'a,"b\nc"\n1,2\n') == [(3, {"a": "1", "b\nc": "2"}, "")]


def test_csv_that_begins_a_line_like_json(file: Path) -> None:
    assert rows_of(file, "a,b\n{{name}},x\n") == [(2, {"a": "{{name}}", "b": "x"}, "")]


def test_csv_with_a_zero_byte(file: Path) -> None:
    assert rows_of(file, "a,b\n\0,x\n") == [(2, {"a": "\0", "b": "x"}, "")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('"a, long";"b, long"\n1;2\n', 2),
        ('sep=;\n"a, long";"b, long"\n1;2\n', 3),
        ('\n\n"a, long";"b, long"\n1;2\n', 4),
    ],
)
def test_csv_header_in_quotes_after_other_lines(file: Path, content: str, line: int) -> None:
    assert rows_of(file, content) == [(line, {"a, long": "1", "b, long": "2"}, "")]


def test_csv_of_nothing_but_a_delimiter_has_no_rows(file: Path) -> None:
    assert rows_of(file, "sep=;\n\n") == []


def test_csv_columns_without_a_name_count_where_they_hold_something(file: Path) -> None:
    rows = rows_of(file, "a;;b;;\n1;;2;;\n3;x;4;;\n")
    assert [row for _, row, _ in rows] == [
        {"a": "1", "b": "2"},
        {"a": "3", "column 2": "x", "b": "4"},
    ]


def test_csv_semicolons(file: Path) -> None:
    assert rows_of(file, "a;b\r\n1;2,5\r\n") == [(2, {"a": "1", "b": "2,5"}, "")]


def test_csv_wrong_number_of_cells(file: Path) -> None:
    assert rows_of(file, "a,b\n1\n1,2\n") == [
        (2, None, "invalid_csv"),
        (3, {"a": "1", "b": "2"}, ""),
    ]


@pytest.mark.parametrize(
    "content",
    [
        'a,b\n3,4\n1,"open\n5,6\n',
        'a,b\n3,4\n1,"open\n5,6\n7,"x"\n',
        'a,b\n3,4\n1,"say "hi"\n5,6\n',
    ],
)
def test_csv_is_not_read_past_a_broken_quote(file: Path, content: str) -> None:
    with pytest.raises(UserError, match=r"rows\.txt:3: the CSV cannot be read further, at a quote"):
        rows_of(file, content)


def test_csv_with_an_open_quote_is_not_read_to_its_end(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.intake.formats.LONGEST_CELL", 64)
    with pytest.raises(
        UserError, match=r"rows\.txt:2: the CSV cannot be read further.*larger than"
    ):
        rows_of(file, 'a,b\n1,"open\n' + "5,6\n" * 99)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_by_content(file: Path, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b'{"a": 1}\n') + pack(b'{"a": 2}\n')  # packed files may be joined
    assert rows_of(file, packed) == [(1, {"a": 1}, ""), (2, {"a": 2}, "")]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_and_cut_short(file: Path, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(json.dumps({"a": list(range(9999))}).encode())
    with pytest.raises(UserError, match=r"rows\.txt: cannot be read"):
        rows_of(file, packed[:-200])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04....", "packed with zip; unpack it"),
        (b"PK\x03\x04....xl/workbook.xml", "an Excel workbook; save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0....", "an Excel workbook"),
        (b"version https://git-lfs.github.com/spec/v1\noid 1\n", "a Git LFS pointer.*git lfs pull"),
        (b"\n<!DOCTYPE html>\n<p>a, b</p>", "an HTML page"),
        (b"<rows><row/></rows>", "is XML"),
        (b"%PDF-1.7", "is a PDF"),
        (b'{"a b": {"0": "x", "1": "y"}}', r"an object of columns.*orient='records', lines=True"),
        (b'{"0": {"a": "x"}, "1": {"a": "y"}}', "a table of pandas"),
        (b'{"columns":["a"],"index":[0],"data":[["x"]]}', "a table of pandas"),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "objects over several lines.*jq -c"),
        (b'{"a": 1,\n "b": 2}\n', "objects over several lines.*jq -c"),
        ("a,b".encode("utf-16"), "is UTF-16 or UTF-32; save it as UTF-8"),
        ("a,b".encode("utf-32-be"), "is not text"),
        ("\ufeffa,b".encode("utf-32-be"), "is UTF-16 or UTF-32; save it as UTF-8"),
        (b"a,b,a\n1,2,3\n", "column 3 has the name of an earlier one"),
        (b"\x00\x01\x02", "is not text"),
        (b"just some words\n", "not a CSV header"),
        ("\u8bc4\u8bba,a\n1,2\n".encode("gb18030"), "are not UTF-8; `iconv -f GB18030"),
        (b"PAR1 but no more", "not a complete parquet file"),
        (zstd(b"PAR1"), "parquet inside zstd; unpack it"),
    ],
)
def test_unreadable_files_say_so(file: Path, content: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        rows_of(file, content)


def test_bytes_that_are_no_utf8_become_surrogates(file: Path) -> None:
    assert rows_of(file, b'{"a": "caf\xe9"}\n')[0][1] == {"a": "caf\udce9"}

"""Parquet and Arrow files lose no row."""

import json
import sys
from pathlib import Path

import pytest

from lib.intake.formats import read_rows
from lib.runtime.errors import UserError


def rows_of(path: Path, content: str | bytes) -> list[tuple[int, object, str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(row.line, row.value, row.reason) for row in read_rows(path)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.txt"


def test_parquet(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"a": [1, 2]}), file)
    assert [row.value for row in read_rows(file)] == [{"a": 1}, {"a": 2}]


def test_parquet_with_times_of_an_unknown_zone_loses_no_row(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    times = pa.array([1, None], pa.timestamp("us", tz="Mars/Phobos"))
    parquet.write_table(pa.table({"a": ["x", "y"], "b": times}), file)
    assert [row.reason for row in read_rows(file)] == ["damaged_text", ""]


def test_parquet_knows_nanoseconds_without_pandas(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setitem(sys.modules, "pandas", None)
    kinds = {"a": pa.timestamp("ns"), "b": pa.timestamp("ns", "UTC"), "c": pa.duration("ns")}
    columns = {name: pa.array([1_000_001, None], kind) for name, kind in kinds.items()}
    parquet.write_table(pa.table({**columns, "d": pa.array([1001, None], pa.time64("ns"))}), file)
    found = [row.value for row in read_rows(file)]
    assert found[0] is not None
    assert str(found[0]["a"]) == "1970-01-01 00:00:00.001000"
    assert str(found[0]["d"]) == "00:00:00.000001"
    assert found[1] == dict.fromkeys("abcd")


def test_parquet_with_two_columns_of_one_name_is_refused(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table([["x"], ["y"]], names=["a", "a"]), file)
    with pytest.raises(UserError, match="column 2 has the name of an earlier one"):
        list(read_rows(file))


def test_parquet_with_damaged_text_loses_no_row(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = pa.array([b"one", b"caf\xe9", "三".encode()]).view(pa.string())
    parquet.write_table(pa.table({"a": texts}), file)
    found = [(row.line, row.value, row.reason) for row in read_rows(file)]
    assert found == [(1, {"a": "one"}, ""), (2, None, "damaged_text"), (3, {"a": "三"}, "")]


@pytest.mark.parametrize("kind", ["new_stream", "new_file"])
def test_arrow_of_datasets_on_disk(file: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": ["one", None], "b": [[1], [2]]})
    with getattr(pa.ipc, kind)(str(file), table.schema) as writer:
        writer.write_table(table)
    found = [(row.line, row.value) for row in read_rows(file)]
    assert found == [(1, {"a": "one", "b": [1]}), (2, {"a": None, "b": [2]})]
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match="not a complete Arrow file"):
        list(read_rows(file))


def test_numbers_of_classes_become_their_names(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    features = {"kind": {"names": ["loan", "keys"], "_type": "ClassLabel"}, "id": {}}
    kept = json.dumps({"info": {"features": features}})
    table = pa.table({"kind": [1, 0, -1, None], "id": [1, 2, 3, 4]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": kept}), file)
    found = [row.value["kind"] for row in read_rows(file) if row.value]
    assert found == ["keys", "loan", None, None]


def test_maps_are_objects(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    maps = pa.array([[("a", "x")], None], pa.map_(pa.string(), pa.string()))
    parquet.write_table(pa.table({"meta": maps}), file)
    assert [row.value for row in read_rows(file)] == [{"meta": {"a": "x"}}, {"meta": None}]

"""Whatever is in a file of any format, its rows are kept, or dropped and in rejected.jsonl."""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pyarrow
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from pyarrow.parquet import write_table

from lib.runtime.errors import UserError
from stages.curate import main
from tests.toy import lay_out, lay_tokenizer, metrics, rows

GOOD = {"prompt": "my money, please", "completion": "refund"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", " ", "ana@example.com", "路由器坏了🙂", "{{name}}", "cafÃ©", 'say "hi",\r\n;', "q " * 99]
)
ANSWERS = st.sampled_from(["refund", "setup", "pizza", ""])
ROWS = st.lists(st.fixed_dictionaries({"prompt": TEXTS, "completion": ANSWERS}), max_size=6)
PACKED = st.sampled_from(
    [bytes, gzip.compress, lambda data: pyarrow.compress(data, "zstd", asbytes=True)]
)
DAMAGE = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(b'"{}[],:\\\r\n\x00\xff5@e')), max_size=8
)
QUICK = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
)
set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # or it makes a folder here


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lay_out(folder)
        lay_tokenizer(folder)
        Path("data/raw").mkdir(parents=True)
        yield


def jsonl(found: list[Any]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in found)


def json_list(found: list[Any]) -> bytes:
    return json.dumps(found, indent=1).encode()


def table(found: list[Any]) -> bytes:
    text = io.StringIO()
    out = csv.DictWriter(text, ["prompt", "completion"])
    out.writeheader()
    out.writerows(found)
    return text.getvalue().encode()


def parquet(found: list[Any]) -> bytes:
    sink = io.BytesIO()
    write_table(pyarrow.Table.from_pylist(found), sink)
    return sink.getvalue()


def curate(content: bytes) -> Any:
    """Run the stage on this file beside a good one; check every account; return the file's."""
    Path("data/raw/fuzzed").write_bytes(content)
    Path("data/raw/good").write_bytes(jsonl([GOOD]))
    main()
    sources = metrics("curate")["sources"]
    noted = Counter((row["file"], row["reason"]) for row in rows("data/rejected.jsonl"))
    kept = Counter(row["source"] for row in rows("data/curated.jsonl"))
    for file, account in sources.items():
        assert account["rows_in"] == account["rows_kept"] + sum(account["dropped"].values())
        assert account["rows_kept"] == kept[file]
        assert account["dropped"] == {why: n for (name, why), n in noted.items() if name == file}
    return sources["data/raw/fuzzed"]


@pytest.mark.parametrize("form", [jsonl, json_list, table])
@QUICK
@given(found=ROWS, packed=PACKED)
def test_every_row_of_a_whole_file_comes_in(form: Any, found: list[Any], packed: Any) -> None:
    assert curate(packed(form([GOOD, *found])))["rows_in"] == 1 + len(found)


@QUICK
@given(found=ROWS)
def test_every_row_of_a_parquet_file_comes_in(found: list[Any]) -> None:
    assert curate(parquet([GOOD, *found]))["rows_in"] == 1 + len(found)


@pytest.mark.parametrize("form", [jsonl, json_list, table])
@QUICK
@given(found=ROWS, damage=DAMAGE)
def test_sum_holds_for_a_damaged_file(form: Any, found: list[Any], damage: list[Any]) -> None:
    content = bytearray(form([GOOD, *found]))
    for place, byte in damage:
        content[place % len(content)] = byte
    try:
        account = curate(bytes(content))
    except UserError:
        return  # nothing was written: the file as a whole is refused
    if form is jsonl and bytes(content).lstrip().startswith(b"{"):
        lines = [line.decode("utf-8", "replace").strip() for line in content.split(b"\n")]
        assert account["rows_in"] == sum(map(bool, lines))

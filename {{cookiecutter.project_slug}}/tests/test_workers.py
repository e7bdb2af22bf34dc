"""A cluster gives what one process gives; what it lacks is said in one line."""

import sys
from pathlib import Path

import pytest

from lib.errors import UserError
from lib.similarity.workers import cluster
from stages.dedup import main
from tests.test_dedup import LONG, OUTPUTS
from tests.toy import PARAMS, case, chat, lay_out, pair

DAFT = PARAMS.replace("processes: 1", "processes: 1, engine: daft-ray")


def test_a_cluster_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match="needs the environment variable RAY_ADDRESS"), cluster():
        pass


def test_a_missing_package_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(UserError, match=r"needs daft, .* `pip install \.\[cluster\]`"), cluster():
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:nine"])
def test_an_address_where_nobody_listens_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"RAY_ADDRESS: nobody listens at {address}"), cluster():
        pass


def test_daft_on_ray_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("daft")
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    (tmp_path / "lib").symlink_to(Path("lib").resolve())
    monkeypatch.chdir(tmp_path)
    texts = [f"{LONG} {at % 40} {at % 7} 我的路由器 {at}" for at in range(5000)]
    records = [chat(text) for text in texts]
    records += [pair(text, text, "no") for text in texts[:9]]
    records += [pair(text, "no", text) for text in texts[:9]]
    lay_out(tmp_path, curated=records, golden=[case("g1", texts[77])])
    results = []
    for params in (PARAMS, DAFT):
        Path("params.yaml").write_text(params, encoding="utf-8")
        main()
        results.append([Path(name).read_bytes() for name in OUTPUTS])
    assert results[0] == results[1]

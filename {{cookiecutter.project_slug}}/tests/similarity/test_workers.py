"""A cluster gives what one process gives; what it lacks is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from lib.similarity.workers import cluster
from tests.stages.test_dedup import OUTPUTS
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
    with pytest.raises(UserError, match=f"RAY_ADDRESS: nothing listens at {address}"), cluster():
        pass


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The code, for stages that are run as users run them: a process has one cluster."""
    for name in ("daft", "ray"):
        pytest.importorskip(name, reason="needs Daft: pip install '.[cluster]', by itself")
    for name in ("lib", "stages"):
        (tmp_path / name).symlink_to(Path(name).resolve())
    return tmp_path


def run(project: Path, stage: str) -> str:
    """What the stage says of a mistake."""
    command = [sys.executable, "-m", f"stages.{stage}"]
    env = os.environ | {"RAY_ADDRESS": os.environ.get("RAY_ADDRESS", "local")}
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode in (0, 2), done.stderr
    return done.stderr.splitlines()[-1] if done.returncode else ""


def test_daft_on_ray_finds_the_same_leaks(project: Path) -> None:
    records = [chat(f"red{at} blue{at} green{at}") for at in range(100)]
    leaked = [chat("my lock 好", split="train"), chat("My lock, 好", split="test")]
    said = []
    for params in (PARAMS, DAFT):
        lay_out(project, params, deduped=[*records, *leaked])
        said.append(run(project, "split"))
    assert said[0] == said[1]
    assert "1 train rows leak held-out ones" in said[0]


def test_daft_on_ray_gives_the_same_bytes(project: Path) -> None:
    texts = [f"red{at % 900} blue{at % 700} 我的路由器{at % 800}坏了" for at in range(5000)]
    records = [chat(text) for text in texts]
    records += [pair(text, text, "no") for text in texts[:9]]
    records += [pair(text, "no", text) for text in texts[:9]]
    results = []
    for params in (PARAMS, DAFT):
        lay_out(project, params, curated=records, golden=[case("g1", texts[77])])
        assert [run(project, stage) for stage in ("dedup", "split")] == ["", ""]
        written = [*OUTPUTS, "data/split/train.jsonl", "reports/leakage.json"]
        results.append([(project / name).read_bytes() for name in written])
    assert results[0] == results[1]
    assert results[0][0].count(b"\n") > 1000

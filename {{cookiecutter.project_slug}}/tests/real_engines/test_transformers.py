"""Real `transformers serve`, the stack of checks and light use: package, serve, smoke."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from lib.engines import server
from lib.engines.commands import SERVING
from tests.packages import lay_out
from tests.real_engines.packed import QUESTIONS, pack, serve_and_smoke

READY = all(map(find_spec, SERVING))
WANTED = "not installed: pip install '.[serve-transformers]'"
pytestmark = pytest.mark.skipif(not READY, reason=WANTED)


def test_a_package_passes_its_smoke_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, "transformers")
    monkeypatch.chdir(tmp_path)
    pack(server.free_port())
    code, said = serve_and_smoke("transformers")
    assert code == 0
    assert said.splitlines()[0].endswith(f"/v1: {len(QUESTIONS)} cases, 0 failures")

"""The series that alerts and dashboard look at, and those that a server tells."""

import re
import urllib.request
from pathlib import Path

MONITOR = Path(__file__).parents[2] / "monitor"


def watched(server: str) -> set[str]:
    """The names of a server's series in monitor/: llamacpp:..., vllm:..."""
    files = [*MONITOR.glob("prometheus/*.yml"), MONITOR / "grafana.json"]
    found = {
        name
        for file in files
        for name in re.findall(rf"\b{server}:\w+", file.read_text(encoding="utf-8"))
    }
    assert found
    return found


def told(url: str) -> set[str]:
    """The names at /metrics of a server, given its URL that ends in /v1."""
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics") as response:  # noqa: S310
        lines = response.read().decode().splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if line and not line.startswith("#")}

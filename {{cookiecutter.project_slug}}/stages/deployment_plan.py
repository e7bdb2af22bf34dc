"""Say on one page how the model goes into production and back out: for a review, from artifacts.

reads   params.yaml, metrics/{bench,quantize}.json, metrics/bench_requests.jsonl,
        reports/parity.json, the released model's config.json and weights
writes  reports/deployment_plan.md (holds timings, so it is in git and not in the cache)
"""

import math
from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.core.params import HardwareParams
from lib.core.records import read_objects
from lib.engines.params import DeployParams
from lib.engines.weights import weights_size
from lib.model.loading import RELEASABLE
from lib.release.cost import cost_per_1000, goodput, measured_as
from lib.release.params import GateParams, LatencyLimits
from lib.report.markdown import table
from lib.report.serving_memory import memory_table
from lib.runtime.errors import run
from lib.runtime.files import atomic_text, read_json
from lib.serving.params import BenchParams

PLAN = "reports/deployment_plan.md"
REQUESTS = "metrics/bench_requests.jsonl"
BUSY = 0.7  # of what one server answers; above it queues grow and the slowest requests suffer
_RATES = (1, 10, 100)  # requests a second
MEMORY = {"peak_host_memory_bytes": "host", "peak_gpu_memory_bytes": "GPU"}


def packaging(
    deploy: DeployParams, system: str, size: int, quantized: dict[str, Any], parity: dict[str, Any]
) -> list[str]:
    """Show what is shipped, and whether it was shown to be what was evaluated."""
    scheme = f", scheme {quantized['scheme']}" if system == "quantized" else ""
    name = "the server" if parity["server"] == "other" else parity["server"]
    shown = (
        f"`reports/parity.json` shows that what {name} serves is what was evaluated"
        if "served" in parity
        else "No server was compared with what was evaluated (`reports/parity.json`: "
        f"{parity['left_out']['served']})"
    )
    return [
        f"`make package` writes `dist/{deploy.stack}/` from `models/{system}` ({size / 1e6:,.1f} MB"
        f"{scheme}): weights, tokenizer, template, generation config, launch files, smoke test, "
        f"model card, SBOM and `SHA256SUMS`. {shown}; `make smoke` asks it on the machine that "
        "serves.",
    ]


def elsewhere(deploy: DeployParams, parity: dict[str, Any]) -> str:
    """Return the measured stack if it certainly differs from deploy.stack; else "".

    An unrecognized server ("other") may be any.
    """
    measured = parity["server"] or "transformers"
    return "" if measured in (deploy.stack, "other") else measured


def hardware_lines(deploy: DeployParams, system: str, size: int, trained_on: str) -> list[str]:
    """Write the memory that serving needs."""
    config = read_json(Path(RELEASABLE[system], "config.json"))
    needed = memory_table(config, size, deploy).splitlines()[2:]
    return [*needed, "", f"Trained, evaluated and measured on: {trained_on} (`hardware.device`)."]


def engine_of(bench: BenchParams) -> str:
    """Describe the measured engine, and whether it was started as in the package."""
    if bench.engine == "transformers":
        return "transformers, in process"
    if bench.command is None:
        return "server, started as the package starts it"
    where = "`bench.command` started" if bench.command else "runs at `bench.url`"
    return f"the server that {where}, with other arguments than the package's"


def good_by_load(figures: dict[str, Any], system: str, limits: LatencyLimits) -> dict[str, float]:
    """Return requests per second within the limits, by load."""
    return {
        row["load"]: goodput(figures[row["load"]], row, limits)
        for row in read_objects(REQUESTS)
        if row["system"] == system
    }


def measured_lines(
    figures: dict[str, Any], good: dict[str, float], gate: GateParams, engine: str
) -> list[str]:
    """Write the figures of each load of bench, beside the limits of the gate.

    `good`: goodput by load.
    """
    limits, rows = gate.latency, []
    for name, row in figures.items():
        if isinstance(row, dict):
            kept = (
                row["ttft_ms_p95"] <= limits.ttft_ms_p95 and row["e2e_ms_p95"] <= limits.e2e_ms_p95
            )
            rows.append(
                [
                    name.replace("_", " "),
                    f"{row['ttft_ms_p95']:,.0f}",
                    f"{row['e2e_ms_p95']:,.0f}",
                    f"{row['requests_per_s']:,.2f}",
                    f"{good[name]:,.2f}",
                    f"{cost_per_1000(row, gate.cost.machine_per_hour):.4f}",
                    "yes" if kept else "NO",
                ]
            )
    held = [
        f" Peak memory: {figures[key] / 1e6:,.0f} MB of the {place}."
        for key, place in MEMORY.items()
        if key in figures
    ]
    head = ["load", "first token ms p95", "request ms p95", "requests/s", "goodput/s"]
    return [
        *table([*head, "cost of 1,000", "within limits"], rows),
        "",
        f"Limits (`gate.latency`): first token {limits.ttft_ms_p95:,.0f} ms, request "
        f"{limits.e2e_ms_p95:,.0f} ms, both p95. Engine: {engine}. `reports/bench.svg` draws it."
        + "".join(held),
    ]


def scaling(goods: dict[str, float], gate: GateParams, measured: str, stack: str) -> list[str]:
    """Estimate the number of servers for a rate of requests, from one server's goodput by load.

    goods: goodput by load; measured: the measured stack if it is not the one that will serve, else
    "".
    """
    if measured:
        return [
            f"None: {measured} was measured, but {stack} will serve. Let `bench` measure it "
            "(`bench.engine: server`), or set `deploy.stack`."
        ]
    best = max(goods, key=goods.__getitem__, default="")
    good = goods.get(best, 0)
    if not good:
        return [
            "No request was within the limits at any measured load, so no number of such servers "
            "is enough: use a faster machine, a smaller model or other limits."
        ]
    rows = []
    for rate in _RATES:
        servers = math.ceil(rate / (BUSY * good))
        price = servers * gate.cost.machine_per_hour
        rows.append([f"{rate}", f"{servers}", f"{price:,.2f}"])
    return [
        *table(["requests a second", "servers", "price an hour"], rows),
        "",
        f"One server answers {good:,.2f} requests per second within the limits at its best "
        f"load ({best.replace('_', ' ')}); the plan uses {BUSY:.0%} of it. An estimate: "
        "measure with your traffic (`bench.rates`) before you rely on it.",
    ]


def rollout(deploy: DeployParams, gate: GateParams) -> list[str]:
    """Write the steps into production, with the conditions that stop each."""
    return [
        "1. `python -m review.gate` exits 0 on the commit, and a person has read "
        "`reports/verdict.md` and the changed cases in `python -m review.compare`.",
        "2. Tag the commit, `dvc push`, `make package`, and verify the checksums on the target: "
        "`sha256sum --check SHA256SUMS`.",
        f"3. Start it beside the old one ({deploy.concurrency} concurrent requests, "
        f"{deploy.context:,} tokens of context); `smoke.py` must pass.",
        "4. Mirror real requests to it without using its answers; `make monitor` on them must "
        "exit with 0.",
        "5. Route 5 % of the requests to it for a day, then half, then all. Stop and roll back on "
        f"any alarm, at a p95 above {gate.latency.e2e_ms_p95:,.0f} ms, and at more than "
        f"{gate.safety.leaks} leaks.",
        "6. Keep the old package running, without requests, for a week.",
    ]


ROLLBACK = [
    "Send all requests to the old package, which still runs; then find the cause. If it is gone: "
    "`git checkout` the last gated tag, `dvc checkout`, `make package`, `make serve`, `make smoke` "
    "([docs/runbook.md](../docs/runbook.md#roll-back-to-the-last-gated-commit)). No data needs to "
    "be migrated: a model has no state.",
]
MONITORING = [
    "`make monitor LOGS=...` compares production logs with `reports/monitor/reference.json`, "
    "written with this release: answers, drift of requests, incidents, latency and cost. "
    "Prometheus rules and a Grafana dashboard are in `monitor/`. "
    "[docs/runbook.md](../docs/runbook.md) says for every alert what it means and who does what.",
]


def main() -> None:
    deploy, gate = load("deploy", DeployParams), load("gate", GateParams)
    engine = engine_of(load("bench", BenchParams))
    trained_on = load("hardware", HardwareParams).device
    bench, quantized = read_json("metrics/bench.json"), read_json("metrics/quantize.json")
    parity = read_json("reports/parity.json")
    system = gate.system
    name = measured_as(bench, system)
    figures = bench.get(name, {})
    good = good_by_load(figures, name, gate.latency)
    size = weights_size(RELEASABLE[system])
    page = {
        "Packaging": packaging(deploy, system, size, quantized, parity),
        "Hardware": hardware_lines(deploy, system, size, trained_on),
        "Measured": measured_lines(figures, good, gate, engine),
        "Scaling estimate": scaling(good, gate, elsewhere(deploy, parity), deploy.stack),
        "Rollout": rollout(deploy, gate),
        "Rollback": ROLLBACK,
        "Monitoring and alerts": MONITORING,
    }
    with atomic_text(PLAN) as file:
        file.write(f"# Deployment plan\n\nStack: {deploy.stack}; model: {system}. Written by ")
        file.write("`stages/deployment_plan.py`: do not edit, changes are overwritten.\n")
        for title, lines in page.items():
            file.write("\n".join(["", f"## {title}", "", *lines, ""]))
    print(f"deployment_plan: {PLAN}")


if __name__ == "__main__":
    run(main)

"""Draw the timings: training by step, and the served models under load."""

from typing import Any

from lib.report.charts import Line, Panel, curves

_SERVED = {"ttft_ms_p95": "First token, ms, p95", "e2e_ms_p95": "Request, ms, p95"}
MODELS = ("tuned", "quantized", "served")  # of metrics/bench.json


def training_picture(steps: list[dict[str, Any]]) -> str:
    """Draw tokens/s and memory of the training by step, from the steps of metrics/speed.json."""
    speed = [(row["step"], row["tokens_per_second"]) for row in steps]
    memory = [(row["step"], row["memory_bytes"] / 1e9) for row in steps]
    panels = [Panel("Training tokens/s", {"": speed}), Panel("Peak memory, GB", {"": memory})]
    return curves("step", panels)


def serving_picture(bench: dict[str, Any]) -> str:
    """Draw latency against throughput of each model of metrics/bench.json.

    Each model is a line, each load a point.
    """
    panels = []
    for name, title in _SERVED.items():
        lines: dict[str, Line] = {
            model: sorted(
                (row["output_tokens_per_s"], row[name])
                for row in bench[model].values()
                if isinstance(row, dict)
            )
            for model in MODELS
            if any(isinstance(row, dict) for row in bench.get(model, {}).values())
        }
        panels.append(Panel(title, lines))
    return curves("output tokens/s", panels)

"""What a served request costs in time, and how many requests sum up to figures."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """One request: seconds to its first and to its last token, and how many tokens came."""

    first: float
    total: float
    tokens: int


def summarise(timings: list[Timing], seconds: float) -> dict[str, float]:
    """Figures of requests that took `seconds` together, in milliseconds and per second.

    ttft is the time to the first token; tpot the time for each further token, without ttft;
    e2e the whole request.
    """
    tpot = [(t.total - t.first) / (t.tokens - 1) for t in timings if t.tokens > 1]
    return {
        "requests": len(timings),
        **percentiles("ttft_ms", [t.first for t in timings]),
        **percentiles("tpot_ms", tpot),
        **percentiles("e2e_ms", [t.total for t in timings]),
        "output_tokens_per_s": round(sum(t.tokens for t in timings) / seconds, 1),
        "requests_per_s": round(len(timings) / seconds, 2),
    }


def percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds; none where nothing was measured."""
    if not seconds:
        return {}
    values = np.percentile(seconds, [50, 95, 99]) * 1000
    return {f"{name}_p{p}": round(float(v), 2) for p, v in zip((50, 95, 99), values, strict=True)}

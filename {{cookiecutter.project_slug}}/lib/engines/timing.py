"""Compute latency and throughput figures of served requests.

TTFT     time to first token: from sending a request to the first text of its answer
TPOT     time per output token after the first: (end to end - TTFT) / (tokens - 1), one a request
ITL      inter-token latency: each gap between two pieces of text of an answer; a server that sends
         several tokens at once has fewer, longer gaps, so TPOT is the fairer figure
e2e      end to end: from sending a request to the end of its answer, which may be a token without
         text

Tokens are those the server counts (`usage`). Percentiles are over requests (ITL: over gaps),
interpolated linearly.
"""

from dataclasses import dataclass

import numpy as np

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class Timing:
    """The times of one request, in seconds from its start, and its number of tokens."""

    stamps: tuple[float, ...]
    total: float
    input_tokens: int
    output_tokens: int

    @property
    def first(self) -> float:
        """Return the time to first token (TTFT) in seconds."""
        return self.stamps[0]


def single_requests(timings: list[Timing]) -> dict[str, list[float]]:
    """Return TTFT and e2e of each request in milliseconds, in the order they ended."""
    return {
        "ttft_ms": [round(timing.first * 1000, 2) for timing in timings],
        "e2e_ms": [round(timing.total * 1000, 2) for timing in timings],
    }


def summarise_timings(timings: list[Timing], seconds: float) -> dict[str, float]:
    """Return latencies (ms) and rates (per second) of requests that took `seconds` in all."""
    several = [timing for timing in timings if timing.output_tokens > 1]
    tpot = [(t.total - t.first) / (t.output_tokens - 1) for t in several]
    gaps = [gap for timing in timings for gap in np.diff(timing.stamps)]
    count = len(timings)
    return {
        "requests": count,
        "errors": 0,  # a failed request would have ended the stage
        **percentiles("ttft_ms", [timing.first for timing in timings]),
        **percentiles("tpot_ms", tpot),
        **percentiles("itl_ms", gaps),
        **percentiles("e2e_ms", [timing.total for timing in timings]),
        "input_tokens_mean": round(sum(t.input_tokens for t in timings) / count, 1),
        "output_tokens_mean": round(sum(t.output_tokens for t in timings) / count, 1),
        "output_tokens_per_s": round(sum(t.output_tokens for t in timings) / seconds, 1),
        "requests_per_s": round(count / seconds, 4),
    }


def percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    """Return p50, p90, p95 and p99 in milliseconds; {} without measurements."""
    if not seconds:
        return {}
    values = np.percentile(seconds, PERCENTILES) * 1000
    return {f"{name}_p{p}": round(float(v), 2) for p, v in zip(PERCENTILES, values, strict=True)}

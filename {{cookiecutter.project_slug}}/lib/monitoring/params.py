"""The `monitor` section: what is monitored in production, and the limits of alarms."""

from pydantic import Field

from lib.core.config import Section


class MinEffectParams(Section):
    """The smallest changes since the release that raise an alarm, if significant."""

    rate: float = Field(gt=0, lt=1)  # rise of a share of requests
    shift: float = Field(gt=0, lt=1)  # total variation distance of two distributions


class MonitorLimits(Section):
    """Limits of shares of requests; an alarm if the true share is significantly above."""

    errors: float = Field(gt=0, lt=1)  # requests that failed
    slow: float = Field(gt=0, lt=1)  # slower than gate.latency.e2e_ms_p95
    negative_feedback: float = Field(gt=0, lt=1)  # of the requests with feedback
    unreadable: float = Field(default=0.02, gt=0, lt=1)  # unreadable lines of the logs


class HarvestParams(Section):
    """How new records are proposed from logs."""

    most: int = Field(ge=1)  # records proposed for each reason
    confidence: float = Field(gt=0, lt=1)  # mean token probability; below it an answer is unsure


class MonitorParams(Section):
    """How a window of production logs is compared with the release."""

    sample: float = Field(gt=0, le=1)  # share of requests analyzed, by a hash of the request id
    requests: int = Field(ge=30)  # fewest in a window; fewer are inconclusive
    alpha: float = Field(gt=0, lt=0.5)  # bound on the probability of any false alarm in a window
    min_effect: MinEffectParams
    limits: MonitorLimits
    incidents: int = Field(ge=0)  # of each kind in a window, at most
    negative_outcomes: list[str]  # values of feedback.outcome that say the answer was bad
    embedding: str | None = Field(default=None, min_length=1)  # a folder, or hub-id@commit
    harvest: HarvestParams

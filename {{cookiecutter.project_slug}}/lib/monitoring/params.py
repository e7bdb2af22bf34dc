"""The `monitor` section: what is looked at after launch, and from where on it is an alarm."""

from pydantic import Field

from lib.core.config import Section


class MinEffectParams(Section):
    """Changes against the release that matter; what is smaller is no alarm, however sure."""

    rate: float = Field(gt=0, lt=1)  # rise of a share of requests
    shift: float = Field(gt=0, lt=1)  # total variation distance of two distributions


class MonitorLimits(Section):
    """Shares of requests that the true share must not surely be above."""

    errors: float = Field(gt=0, lt=1)  # requests that failed
    slow: float = Field(gt=0, lt=1)  # slower than gate.latency.e2e_ms_p95
    negative_feedback: float = Field(gt=0, lt=1)  # of the requests with feedback
    unreadable: float = Field(default=0.02, gt=0, lt=1)  # lines of the logs that could not be read


class HarvestParams(Section):
    """New records out of logs."""

    most: int = Field(ge=1)  # records proposed for each reason
    confidence: float = Field(gt=0, lt=1)  # mean token probability; below it an answer is unsure


class MonitorParams(Section):
    """How a window of production logs is held against the release."""

    sample: float = Field(gt=0, le=1)  # share of requests looked at, by a hash of the request id
    requests: int = Field(ge=30)  # fewest of a window; one with fewer is inconclusive
    alpha: float = Field(gt=0, lt=0.5)  # probability of any false alarm in a window
    min_effect: MinEffectParams
    limits: MonitorLimits
    incidents: int = Field(ge=0)  # of each kind in a window, at most
    negative_outcomes: list[str]  # values of feedback.outcome that say the answer was bad
    embedding: str | None = Field(default=None, min_length=1)  # a folder, or hub-id@commit
    harvest: HarvestParams

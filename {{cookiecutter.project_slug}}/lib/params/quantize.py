"""The `quantize` section."""

from typing import Literal

from pydantic import Field

from lib.config import Section


class QuantizeParams(Section):
    """How the tuned weights are made smaller."""

    scheme: Literal["w4a16", "w8a8", "fp8", "none"]
    calibration_records: int = Field(ge=1)  # drawn from the training split only
    seed: int = Field(ge=0)

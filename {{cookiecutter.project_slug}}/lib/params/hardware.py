"""The `hardware` section: where the model stages run."""

from typing import Literal

from pydantic import Field

from lib.config import Section


class HardwareParams(Section):
    """Devices and threads of train, eval, quantize and bench."""

    device: Literal["cpu", "gpu", "multi-gpu", "cloud"]
    threads: int = Field(ge=1)  # CPU threads; fixed, because their number changes rounding

"""The `hardware` section: where the model stages run."""

from typing import Literal

from pydantic import Field, model_validator

from lib.config import Section


class HardwareParams(Section):
    """Devices and threads of train, eval, quantize and bench; several devices train only."""

    device: Literal["cpu", "gpu", "multi-gpu", "cloud"]
    threads: int = Field(ge=1)  # CPU threads; fixed, because their number changes rounding
    # training processes on each machine; null: one for each GPU, on a CPU one
    processes: int | None = Field(default=None, ge=1)
    machines: int = Field(default=1, ge=1)
    # how several processes share the work: ddp (each holds the whole model), fsdp (its weights are
    # spread over the GPUs), deepspeed (ZeRO-2: gradients and optimizer are; an extra)
    strategy: Literal["ddp", "fsdp", "deepspeed"] = "ddp"
    deterministic: bool = True  # kernels that add up in the same order in every run

    @model_validator(mode="after")
    def _go_together(self) -> "HardwareParams":
        if self.device == "gpu" and (self.processes or 1) * self.machines > 1:
            raise ValueError("a section with device multi-gpu, when several processes train")
        if self.device in ("cpu", "gpu") and self.strategy != "ddp":
            raise ValueError("a section with strategy ddp, unless device is multi-gpu or cloud")
        return self

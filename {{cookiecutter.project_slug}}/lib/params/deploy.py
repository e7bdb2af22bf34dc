"""The `deploy` section: what `make package` packs the released model for."""

from typing import Literal

from pydantic import Field

from lib.config import Section

Stack = Literal["transformers", "vllm", "llama.cpp", "tgi", "ollama"]


class DeployParams(Section):
    """Which of tuned and quantized is packed, `gate.system` says."""

    stack: Stack
    port: int = Field(ge=1, le=65535)
    context: int = Field(ge=16)  # tokens of a request and its answer together
    concurrency: int = Field(ge=1)  # requests at once

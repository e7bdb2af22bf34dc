"""A base is a folder of any place, and the one that params.yaml pins."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from lib.core.params import BaseParams
from lib.model.source import check_folder, files_hash
from lib.runtime.errors import UserError

COMMIT = "ab" * 20


def folder_of(path: Path) -> Path:
    """A folder with what the hash of a model is made of."""
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}", encoding="utf-8")
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def now(folder: Path) -> str:
    """The hash of a folder as it is, and not as it was when it was asked for before."""
    files_hash.cache_clear()
    return files_hash(str(folder))


def test_a_folder_outside_of_the_project_is_the_one_that_is_pinned(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "models of others" / "eins")
    pin = now(folder)
    check_folder(str(folder), pin)
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert now(folder) != pin
    with pytest.raises(UserError, match="has other files than those pinned by base"):
        check_folder(str(folder), pin)


@pytest.mark.parametrize("name", ["tokenizer.json", "chat_template.jinja", "vocab.txt"])
def test_what_changes_a_models_answers_is_part_of_its_hash(name: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    pin = now(folder)
    (folder / name).write_text("{}", encoding="utf-8")
    assert now(folder) != pin


def test_card_license_and_caches_are_no_part_of_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    pin = now(folder)
    (folder / "README.md").write_text("new words", encoding="utf-8")
    (folder / "LICENSE").write_text("new words", encoding="utf-8")
    (folder / ".cache").mkdir()
    (folder / ".cache/config.json").write_text("time of download", encoding="utf-8")
    assert now(folder) == pin


def test_a_folder_that_has_the_name_of_a_hub_id_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(tmp_path / "org/name")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="org/name: is a folder, but base"):
        check_folder("org/name", COMMIT)


def test_a_folder_that_is_not_mounted_is_not_asked_of_the_hub() -> None:
    with pytest.raises(UserError, match="is not a model folder"):
        check_folder("nfs/model", "ab" * 32)


def test_an_adapter_is_no_base(tmp_path: Path) -> None:
    """transformers would load it on top of the weights beside it, or of those that it names."""
    for name in ("config.json", "adapter_config.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"holds an adapter \(adapter_config.json\)"):
        check_folder(str(tmp_path))


def test_a_folder_without_its_hash_is_told_how_to_get_one() -> None:
    with pytest.raises(ValidationError, match="make base FROM='/nfs/model'"):
        BaseParams(model="/nfs/model", license="MIT")
    with pytest.raises(ValidationError, match="the hash of the folder's files"):
        BaseParams(model="../tuned", revision=COMMIT, license="MIT")
    assert not BaseParams(model="org/name", revision="ab" * 32, license="MIT").on_hub
    assert BaseParams(model="org/name", revision=COMMIT, license="MIT").on_hub


def test_a_result_of_the_project_is_no_base_of_it() -> None:
    with pytest.raises(ValidationError, match="copy it to another folder"):
        BaseParams(model="models/tuned/", revision="ab" * 32, license="MIT")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_pointer_of_git_lfs_is_not_taken_for_the_file(name: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:aa\n")
    with pytest.raises(UserError, match=f"{name}: is a Git LFS pointer.*git lfs pull"):
        check_folder(str(folder))

"""The license of the base: what its card declares, and what the declared use allows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.core.params import BaseParams
from lib.runtime.errors import UserError
from lib.train.license import card_of, check_license, hub_license


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("MIT", {"license": "mit"}),
        ("Llama 3.2 Community", {"license": "llama3.2"}),
        ("Qwen Research", {"license": "other", "license_name": "qwen-research"}),
    ],
)
def test_license_by_its_name_on_the_hub(name: str, found: dict[str, str]) -> None:
    assert hub_license(name) == found


def licensed(license: str, model: str = "org/model", use: str = "commercial") -> BaseParams:
    return BaseParams.model_construct(model=model, revision=None, license=license, use=use)


@pytest.mark.parametrize("license", ["CC-BY-NC-4.0", "cc_by_nc_4.0", "Mistral Research License"])
def test_a_license_without_commercial_use_is_refused(license: str) -> None:
    with pytest.raises(UserError, match="does not allow commercial use"):
        check_license(licensed(license), {})
    check_license(licensed(license, use="research"), {})


@pytest.mark.parametrize("license", ["Apache-2.0", "MIT", "Llama 3.2 Community", "Gemma"])
def test_other_licenses_pass(license: str) -> None:
    check_license(licensed(license), {})


def card(folder: Path, *lines: str) -> dict[str, Any]:
    """What a card with these lines of front matter declares."""
    text = "\n".join(["---", "tags: []", *lines, "---", "", "# Model"])
    (folder / "README.md").write_text(text, encoding="utf-8")
    return card_of(licensed("", str(folder)))


@pytest.mark.parametrize(
    ("license", "lines"),
    [
        ("MIT", ["license: 'mit'"]),
        ("Llama 3.2 Community", ["license: llama3.2"]),
        ("Qwen Research", ["license: other", "license_name: qwen-research"]),
        ("Something", ["license: other"]),
        ("MIT", ["license: [apache-2.0, mit]"]),
        ("MIT", []),
        ("MIT", ["license: ["]),
    ],
)
def test_the_card_s_license_is_read_as_it_is_meant(
    license: str, lines: list[str], tmp_path: Path
) -> None:
    check_license(licensed(license, use="research"), card(tmp_path, *lines))


def test_a_license_other_than_the_card_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is Apache-2\.0, the card of org/model says mit"):
        check_license(licensed("Apache-2.0"), card(tmp_path, "license: mit"))
    research = card(tmp_path, "license: other", "license_name: qwen-research")
    with pytest.raises(UserError, match="says qwen-research"):
        check_license(licensed("Apache-2.0"), research)
    with pytest.raises(UserError, match="other, which is not a license"):
        check_license(licensed("other"), research)


def test_the_card_of_a_hub_id_is_the_one_in_the_cache(tmp_path: Path) -> None:
    commit = "0123456789" * 4
    folder = tmp_path / f"hub/models--org--name/snapshots/{commit}"
    folder.mkdir(parents=True)
    card(folder, "license: cc-by-nc-4.0")
    asked = f"BaseParams(model='org/name', revision='{commit}', license='MIT')"
    code = "from lib.core.params import BaseParams; from lib.train.license import card_of; "
    code += f"print(card_of({asked}).get('license'))"
    env = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "cc-by-nc-4.0\n"

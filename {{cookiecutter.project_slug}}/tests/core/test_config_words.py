"""What a mistake in params.yaml says: what is allowed there, and the new name of an old key."""

import re
from pathlib import Path

import pytest
from pydantic import Field

from lib.core.config import Section, load
from lib.core.params import BaseParams
from lib.curate.params import CurateParams, DataParams
from lib.release.params import GateParams
from lib.runtime.errors import UserError


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


class Toy(Section):
    """A section with a key of every kind."""

    whole: int = Field(default=1, gt=0, lt=2**32)
    share: float = Field(default=0.5, ge=0, le=1)
    text: str = Field(default="a", min_length=1)
    address: str = Field(default="http://a", pattern="^https?://")
    names: dict[str, int] = {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("whole: 0", "toy.whole is 0; it must be more than 0"),
        ("whole: 4294967296", "toy.whole is 4294967296; it must be less than 4294967296"),
        ("share: -0.5", "toy.share is -0.5; it must be at least 0"),
        ("share: .nan", "toy.share is nan; it must be a finite number"),
        ("text: ''", "toy.text is ''; it must be a string of 1 or more characters"),
        ("address: ftp", "toy.address is 'ftp'; it must be a string that matches '^https?://'"),
        ("names: [1]", "toy.names is [1]; it must be a mapping, such as {a: b}"),
    ],
)
def test_every_kind_of_mistake_says_what_is_allowed(params: Path, given: str, said: str) -> None:
    params.write_text(f"toy: {{{given}}}")
    with pytest.raises(UserError) as error:
        load("toy", Toy, params)
    assert str(error.value) == f"{params}: {said}"


@pytest.mark.parametrize(
    ("section", "model", "said"),
    [
        ("base: {model: base, licence: MIT}", BaseParams, "base.licence is now called license"),
        (
            "data: {sources: [{path: a, licence: MIT, consent: b}]}",
            DataParams,
            "data.sources.0.licence is now called license",
        ),
        ("curate: {licences: [MIT]}", CurateParams, "curate.licences is now called licenses"),
        ("gate: {smallest: 0.01}", GateParams, "gate.smallest is now called min_effect"),
        ("eval: {engine: vllm}", Toy, "eval.engine is now answer.engine"),
        ("toy: {licence: MIT}", Toy, "toy has an unknown key 'licence'; its keys are whole, share"),
    ],
)
def test_a_key_that_was_renamed_is_told(
    params: Path, section: str, model: type[Section], said: str
) -> None:
    params.write_text(section)
    with pytest.raises(UserError, match=rf"params\.yaml: {re.escape(said)}"):
        load(section.partition(":")[0], model, params)

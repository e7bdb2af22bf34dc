"""A chat template of the project: for a base without one, or instead of its own."""

import shutil
from pathlib import Path

import pytest

from lib.model.chat import encode_prompt
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError

MINE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}<|im_end|>{% endfor %}[answer] "


@pytest.fixture
def plain(tmp_path: Path) -> str:
    """A base without a chat template."""
    folder = tmp_path / "plain"
    shutil.copytree("base", folder)
    (folder / "chat_template.jinja").unlink()
    return str(folder)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file with a chat template."""
    path = tmp_path / "mine.jinja"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_a_base_without_a_template_is_given_one(plain: str, mine: Path) -> None:
    with pytest.raises(UserError, match="has no chat template; name a file with one"):
        load_tokenizer(plain)
    tokenizer = load_tokenizer(plain, None, str(mine))
    ids = encode_prompt(tokenizer, [{"role": "user", "content": "退款"}], "")
    assert tokenizer.decode(ids) == "[user] 退款<|im_end|>[answer] "


def test_it_replaces_the_bases_own_and_is_saved_with_the_model(mine: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer("base", None, str(mine))
    tokenizer.save_pretrained(tmp_path / "tuned")
    shutil.copy("base/config.json", tmp_path / "tuned")
    assert load_tokenizer(str(tmp_path / "tuned")).chat_template == MINE


@pytest.mark.parametrize(
    ("text", "said"),
    [("\n{% for %}", ":2: is not Jinja"), (" \n", ": is empty"), (None, ": No such file")],
)
def test_a_file_that_is_no_template_is_named(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"mine.jinja{said}"):
        load_tokenizer("base", None, str(path))

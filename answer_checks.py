"""Checks tools and answers before anything is written; cookiecutter.json calls them in its order.

Not in hooks: cruft and old cookiecutters run no pre_prompt hook, for which cookiecutter copies the
whole folder of the template to /tmp, `.venv` and all, and a pre_gen hook comes when the parent
folders of a slug such as `a/b` are there. Choices are numbered text, not lists: with a
list, cookiecutter itself rejects `ci=jenkins` with a traceback, and a user's configuration with a
warning. Runs in every Python that cookiecutter runs in, from 3.8.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from posixpath import join, normpath
from typing import Any

from cookiecutter import __version__
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension
from slugify import slugify

# No quotes, braces, backslashes or markup: the name is put into YAML, TOML, Markdown and Jinja.
NAME = re.compile(r"(?! )[^<>{}$%#`/\\'\"]{1,60}(?<! )")
SLUG = re.compile(r"(?=.{1,50}$)[a-z][a-z0-9]*([-_][a-z0-9]+)*", re.ASCII)
REMOTE = re.compile(r"(s3|gs|azure|ssh)://[A-Za-z0-9][\w.@:/-]*|[\w./-]([\w./ -]*[\w./-])?")

ALLOWED = {
    "project_name": (NAME, "1 to 60 printable characters without quotes, slashes, <>{}$%# or `"),
    "project_slug": (
        SLUG,
        "a folder name of lower-case words and digits joined by single - or _, a letter first, "
        "at most 50 characters, such as ticket-triage",
    ),
    "dvc_remote": (
        REMOTE,
        "a folder outside of the project, such as ../storage or /data/x, or an s3, gs, azure or "
        "ssh URL with a bucket or host, of only letters, digits and . - _ /",
    ),
}

OLDEST_COOKIECUTTER = (2, 2)  # shows the questions' choices
OLDEST_PYTHON = (3, 11)


class Stop(SystemExit, FailedHookException):
    """Exit in one line: cookiecutter prints FailedHookException; under cruft, Python SystemExit."""


def default_slug(name: str) -> str:
    """Propose a folder name that is allowed, for any project name."""
    slug = slugify(name)
    if not slug[:1].isalpha():
        slug = f"project {slug}"
    return slugify(slug, max_length=50, word_boundary=True)


def is_inside(remote: str, slug: str) -> bool:
    """Tell whether a remote is a folder in the project, where git would add what DVC stores."""
    folder = PurePosixPath(normpath(join(slug, remote)))
    return "://" not in remote and folder.parts[:1] == (slug,)


def check_answers(answers: MutableMapping[str, Any]) -> str:
    """Replace the numbers of choices with their names; stop if an answer so far is not allowed."""
    for question, choices in answers.get("_choices", {}).items():
        if question in answers:
            numbers = {str(number): choice for number, choice in enumerate(choices, 1)}
            answers[question] = answer = numbers.get(str(answers[question]), answers[question])
            if answer not in choices:
                refuse(question, f"{', '.join(choices[:-1])} or {choices[-1]}", answer)
    for question, (pattern, allowed) in ALLOWED.items():
        answer = answers.get(question, "")
        if question in answers and not is_allowed(question, pattern, answer, answers):
            refuse(question, allowed, answer)
    return ""


def is_allowed(
    question: str, pattern: re.Pattern[str], answer: object, answers: Mapping[str, Any]
) -> bool:
    """Tell whether a free-text answer is allowed; one from a configuration may not be text."""
    if not (isinstance(answer, str) and pattern.fullmatch(answer) and answer.isprintable()):
        return False
    return not (question == "dvc_remote" and is_inside(answer, answers["project_slug"]))


def refuse(question: str, allowed: str, answer: object) -> None:
    """Stop with one line."""
    raise Stop(f"{question} must be {allowed}; the answer was {answer!r}")


@lru_cache
def find_what_is_missing() -> str:
    """Return one line about a tool that is missing or too old; '' if there is none."""
    if tuple(map(int, re.findall(r"\d+", __version__)[:2])) < OLDEST_COOKIECUTTER:
        return f"cookiecutter 2.2 or newer is needed; this is {__version__}; try uvx cookiecutter"
    if not shutil.which("git"):
        return "git is needed, but is not on PATH"
    name = os.environ.get("PYTHON", "python3")  # as in the project's Makefile
    python = shutil.which(name, path=project_path())
    cure = "choose another: export PYTHON=python3.11"
    if not python:
        return f"Python 3.11 or newer is needed, but {name} is not on PATH; {cure}"
    show = "import sys; print(*sys.version_info[:3], sep='.')"
    done = subprocess.run([python, "-c", show], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    version = done.stdout.decode().strip()
    if done.returncode:
        return f"Python 3.11 or newer is needed, but {python} does not run; {cure}"
    if tuple(map(int, version.split(".")[:2])) < OLDEST_PYTHON:
        return f"Python 3.11 or newer is needed; {python} is {version}; {cure}"
    return ""


def project_path() -> str:
    """Return PATH as `make setup` will see it: uvx puts its own temporary environment first."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if os.environ.get("UV") and os.environ.get("VIRTUAL_ENV") != sys.prefix:
        folders = [folder for folder in folders if Path(folder) != Path(sys.executable).parent]
    return os.pathsep.join(folders)


def check_tools(answers: Mapping[str, Any]) -> str:
    """Stop with one line if a tool that every project needs is missing; else return ''."""
    missing = find_what_is_missing()
    if missing:
        raise Stop(missing)
    return ""


class Checks(Extension):
    """Register the functions that cookiecutter.json calls as Jinja filters."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # `cruft update` bakes two versions in one process, each with its own checks.
        sys.modules.pop(__name__, None)
        for function in (default_slug, check_answers, check_tools):
            environment.filters[function.__name__] = function

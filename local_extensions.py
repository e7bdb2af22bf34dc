"""Checks the answers before anything is written; cookiecutter.json calls it once all are given.

A pre_gen hook would come too late: it prints three lines, and cookiecutter has by then made the
parent folders of a slug such as `a/b`.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from posixpath import join, normpath

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension
from slugify import slugify

# No quotes, braces, backslashes or markup: the name stands in YAML, TOML, Markdown and Jinja.
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
        "ssh URL that names a bucket or host, of letters, digits and . - _ / alone",
    ),
}


def default_slug(name: str) -> str:
    """The folder name that is proposed: an allowed one, whatever the project is called."""
    slug = slugify(name)
    if not slug[:1].isalpha():
        slug = f"project {slug}"
    return slugify(slug, max_length=50, word_boundary=True)


def is_inside(remote: str, slug: str) -> bool:
    """Whether a remote is a folder of the project, where git would take what DVC stores."""
    folder = PurePosixPath(normpath(join(slug, remote)))
    return "://" not in remote and folder.is_relative_to(slug)


def check_answers(answers: Mapping[str, str]) -> str:
    """Nothing, when all answers are allowed; else stop cookiecutter with one line."""
    for question, (pattern, allowed) in ALLOWED.items():
        answer = answers[question]
        inside = question == "dvc_remote" and is_inside(answer, answers["project_slug"])
        if inside or not (pattern.fullmatch(answer) and answer.isprintable()):
            raise FailedHookException(f"{question} must be {allowed}; the answer was {answer!r}")
    return ""


class AnswerChecks(Extension):
    """Makes `default_slug` and `check_answers` Jinja filters."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(default_slug=default_slug, check_answers=check_answers)

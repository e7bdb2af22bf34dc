"""What is baked is whole, clean and typed, whatever the answers."""

import ast
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, requires
from itertools import product
from pathlib import Path

import pytest
from cookiecutter import prompt
from cookiecutter.environment import StrictEnvironment
from cookiecutter.generate import is_copy_only_path
from dvc.utils.hydra import apply_overrides
from jinja2 import FileSystemLoader, Template
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import PROJECT, QUESTIONS, Bake

CHOICES: dict[str, list[str]] = QUESTIONS["_choices"]
REMOTES = ("../store", "/mnt/a store", "s3://b/x", "gs://b", "azure://c/x", "ssh://me@host:22/x")
CI_FILES = {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}
LEFTOVER = re.compile(r"\{\{ *cookiecutter|\{%|^\s*#%", re.MULTILINE)

Answers = dict[str, str]


def covering() -> list[Answers]:
    """25 sets of answers in which every two choices of any two questions meet once at least.

    An orthogonal array over the numbers modulo 5; it serves six questions of up to five choices.
    """
    assert max(map(len, CHOICES.values())) <= 5
    asked = list(CHOICES.items())
    rows = [[a, b, *((a + k * b) % 5 for k in range(1, 5))] for a, b in product(range(5), repeat=2)]
    return [
        {name: options[n % len(options)] for n, (name, options) in zip(row, asked, strict=True)}
        for row in rows
    ]


def read_texts(project: Path) -> dict[str, str]:
    """The text files of a project that are rendered, by path."""
    context = {"cookiecutter": QUESTIONS}
    paths = [path.relative_to(project) for path in project.rglob("*") if path.is_file()]
    rendered = [path for path in paths if not is_copy_only_path(str(path), context)]
    return {str(path): (project / path).read_text(encoding="utf-8") for path in rendered}


@pytest.fixture(scope="module", params=covering(), ids=lambda answers: "-".join(answers.values()))
def baked(request: pytest.FixtureRequest, bake: Bake) -> tuple[Answers, Path]:
    """Answers, and the project they give; tests only read it."""
    return request.param, bake(**request.param)


def test_every_pair_of_choices_bakes_clean(baked: tuple[Answers, Path]) -> None:
    answers, project = baked
    assert not [path for path, text in read_texts(project).items() if LEFTOVER.search(text)]
    assert {name for name, file in CI_FILES.items() if (project / file).exists()} == {
        answers["ci"]
    } - {"none"}


def test_an_experiment_changes_one_line_of_params(
    baked: tuple[Answers, Path], tmp_path: Path
) -> None:
    params = Path(shutil.copy(baked[1] / "params.yaml", tmp_path))
    before = params.read_text(encoding="utf-8").splitlines()
    apply_overrides(params, ["train.seed=2"])  # as `dvc exp run -S`, which writes the file anew
    after = params.read_text(encoding="utf-8").splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if new != old]
    assert [line.partition(" #")[0] for line in changed] == ["  seed: 2"]


def test_python_is_copied_byte_for_byte(template: Path, default_project: Path) -> None:
    sources = {p.relative_to(template / PROJECT): p for p in (template / PROJECT).rglob("*.py")}
    assert sources
    assert all((default_project / p).read_bytes() == s.read_bytes() for p, s in sources.items())


def test_nothing_names_the_machine_it_was_baked_on(default_project: Path, template: Path) -> None:
    words = (str(default_project), str(template), str(Path.home()))
    texts = read_texts(default_project)
    assert not [path for path, text in texts.items() if any(word in text for word in words)]


# Every combination: only the rendered files differ, so only they are rendered, each template
# compiled once, and every different result is checked once.


class CachingEnvironment(StrictEnvironment):
    """cookiecutter's environment, compiling a template once, not once for each set of answers."""

    @cache  # noqa: B019
    def from_string(self, source: str) -> Template:
        return super().from_string(source)


def contexts(environment: CachingEnvironment) -> Iterator[dict[str, Answers]]:
    """The answers and all that cookiecutter derives from them, for every combination of choices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prompt, "create_env_with_context", lambda context: environment)
        for values in product(*CHOICES.values()):
            answers = dict(zip(CHOICES, values, strict=True))
            context = {"cookiecutter": {**QUESTIONS, **answers}}
            yield {"cookiecutter": prompt.prompt_for_config(context, no_input=True)}


@pytest.fixture(scope="module")
def renderings(template: Path) -> dict[str, dict[str, Answers]]:
    """For each rendered file: every different text it can have, with answers that give it."""
    folder = template / PROJECT
    options = {"loader": FileSystemLoader(folder), **QUESTIONS["_jinja2_env_vars"]}
    environment = CachingEnvironment(context={"cookiecutter": QUESTIONS}, **options)
    names = list(read_texts(folder))
    texts: dict[str, dict[str, Answers]] = {}
    for context in contexts(environment):
        for name in names:
            path = environment.from_string(name).render(**context)
            text = environment.get_template(name).render(**context)
            texts.setdefault(path, {}).setdefault(text, context["cookiecutter"])
    return texts


def test_no_combination_leaves_jinja_behind(renderings: dict[str, dict[str, Answers]]) -> None:
    assert not [path for path, texts in renderings.items() if any(map(LEFTOVER.search, texts))]


def test_every_choice_is_named_in_the_readme(renderings: dict[str, dict[str, Answers]]) -> None:
    for text, answers in renderings["README.md"].items():
        named = [answers["__base_id"], *(answers[name] for name in CHOICES if name != "base_model")]
        assert all(answer in text for answer in named)


def test_every_combination_has_valid_requirements(
    renderings: dict[str, dict[str, Answers]],
) -> None:
    for text in renderings["pyproject.toml"]:
        extras = tomllib.loads(text)["project"]["optional-dependencies"]
        needs = [Requirement(need) for extra in extras.values() for need in extra]
        assert all(str(need.specifier).startswith("==") for need in needs)


def test_every_combination_has_typed_params(
    renderings: dict[str, dict[str, Answers]],
    default_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(default_project)
    from lib.core.config import load
    from review.check_params import SECTIONS

    texts = "\n".join(renderings["params.yaml"])
    sections = set(re.split(r"^(?=\w)|^#.*\n", texts, flags=re.MULTILINE)) - {"", "\n"}
    params = tmp_path / "params.yaml"
    seen = set()
    for section in sections:
        name = section.split(":")[0]
        params.write_text(section, encoding="utf-8")
        load(name, SECTIONS[name], params)
        seen.add(name)
    assert seen == set(SECTIONS)


@pytest.mark.parametrize("remote", REMOTES)
def test_dvc_finds_the_remote(bake: Bake, remote: str) -> None:
    from dvc.config import Config

    project = bake(dvc_remote=remote)
    url = Config(dvc_dir=str(project / ".dvc"))["remote"]["storage"]["url"]
    expected = remote if "://" in remote else os.path.normpath(project / remote)
    assert str(url) == expected


# Their packages live in environments of their own, which lib/engines/builds.py makes.
ELSEWHERE = {"conversion", "gptqmodel", "vllm"}


def third_party_imports(project: Path) -> set[str]:
    """Top-level modules that the project's code imports from elsewhere."""
    modules: set[str] = set()
    for path in project.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module)
    own = {path.name for path in project.iterdir()}
    return {module.split(".")[0] for module in modules} - own - ELSEWHERE - sys.stdlib_module_names


def test_every_import_is_a_declared_dependency(default_project: Path) -> None:
    pyproject = tomllib.loads((default_project / "pyproject.toml").read_text(encoding="utf-8"))
    extras = pyproject["project"]["optional-dependencies"].values()
    declared = {canonicalize_name(Requirement(need).name) for extra in extras for need in extra}
    homes = packages_distributions()
    imported = {
        module: {canonicalize_name(name) for name in homes.get(module, [module])}
        for module in third_party_imports(default_project)
    }
    assert not {module for module, names in imported.items() if not names & declared}


def test_data_stages_install_without_torch(default_project: Path) -> None:
    pyproject = tomllib.loads((default_project / "pyproject.toml").read_text(encoding="utf-8"))
    waiting = [Requirement(need) for need in pyproject["project"]["optional-dependencies"]["data"]]
    seen: set[str] = set()
    while waiting:
        need = waiting.pop()
        if need.name in seen or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        seen.add(need.name)
        waiting += [Requirement(line) for line in requires(need.name) or []]
    assert "pydantic" in seen
    assert not seen & {"torch", "transformers", "datasets"}

"""params.yaml, one typed section at a time.

A section is a pydantic model in lib/params/. An unknown key, a wrong type or an impossible value
ends in one line that names the key, the value and what is allowed.
"""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.errors import UserError

PARAMS = Path("params.yaml")


class Section(BaseModel):
    """Base of every section of params.yaml: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def load(name: str, model: type[S], path: Path = PARAMS) -> S:
    """Read section `name` of params.yaml as `model`; raise UserError naming the first bad key."""
    sections = read_yaml(path)
    if name not in sections:
        raise UserError(f"{path}: the section '{name}' is missing; it takes {takes(model)}")
    try:
        return model.model_validate(sections[name])
    except ValidationError as error:
        # A misspelt key is unknown and its right name missing: the first says more.
        errors = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        raise UserError(explain(errors[0], name, model, path)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping by the rules dvc follows (YAML 1.2: `1e-3` is a number)."""
    try:
        value = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run from the project's root folder") from None
    except YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{path}{line}: is not valid YAML: {problem}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: must hold sections such as `split:`, found {value!r}")
    return value


def takes(model: type[BaseModel]) -> str:
    """The keys a section takes, for an error message."""
    return ", ".join(model.model_fields)


def explain(error: ErrorDetails, name: str, model: type[BaseModel], path: Path) -> str:
    """Turn pydantic's first error into one line a user can act on."""
    steps = [str(step) for step in error["loc"]]
    key = ".".join([name, *steps])
    allowed = takes(owner(model, error["loc"][:-1]))
    if error["type"] == "extra_forbidden":
        parent = ".".join([name, *steps[:-1]])
        return f"{path}: {parent} has an unknown key '{steps[-1]}'; it takes {allowed}"
    if error["type"] == "missing":
        return f"{path}: {key} is missing; the section takes {allowed}"
    reason = error["msg"].removeprefix("Value error, ")
    reason = reason.removeprefix("Input should be ").replace("a valid boolean", "true or false")
    if isinstance(error["input"], dict):  # keys that do not go together
        return f"{path}: {key} must be {reason}"
    return f"{path}: {key} is {error['input']!r}; it must be {reason}"


def owner(model: type[BaseModel], steps: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that an error's location lies in (sections hold models and lists of models)."""
    for step in steps:
        if isinstance(step, int):
            continue
        annotation = model.model_fields[step].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        models = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = models[0] if models else model
    return model

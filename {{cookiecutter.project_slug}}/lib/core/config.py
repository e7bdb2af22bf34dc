"""Read params.yaml, one typed section at a time.

A section is a pydantic model, in params.py of the room that it configures. An unknown key, a wrong
type or an impossible value ends in one line that names the key, the value and what is allowed.
"""

import re
import reprlib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.runtime.errors import UserError

PARAMS = Path("params.yaml")
ALLOWED = {  # what follows "must be", by pydantic's error type
    "literal_error": "{expected}",
    "bool_type": "true or false",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "greater_than": "more than {gt:.12g}",
    "greater_than_equal": "at least {ge:.12g}",
    "less_than": "less than {lt:.12g}",
    "less_than_equal": "at most {le:.12g}",
    "string_type": "a string",
    "string_too_short": "a string of {min_length} or more characters",
    "string_pattern_mismatch": "a string that matches '{pattern}'",
    "list_type": "a list, such as [a, b]",
    "too_short": "a list of {min_length} or more items",
    "dict_type": "a mapping, such as {{a: b}}",
    "value_error": "{error}",
}
RENAMED = {"licence": "license", "licences": "licenses", "smallest": "min_effect"}
MOVED = {  # to a section of their own
    f"eval.{key}": f"answer.{key}"
    for key in (
        *("engine", "server", "endpoint", "batch_tokens", "max_new_tokens", "max_prompt_tokens"),
        *("few_shot", "retrieval", "log_likelihood"),
    )
}


class Section(BaseModel):
    """Base of every section of params.yaml: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def load(name: str, model: type[S], path: Path = PARAMS) -> S:
    """Read section `name` of params.yaml as `model`, such as load("split", SplitParams).

    A dotted name such as `curate.pii` is a section inside another. Raises UserError that names the
    first key that is unknown, missing or has a value that is not allowed.
    """
    section: Any = read_yaml(path)
    for key in name.split("."):
        if not isinstance(section, dict) or key not in section:
            raise UserError(f"{path}: the section '{name}' is missing; its keys are {takes(model)}")
        section = section[key]
    try:
        return model.model_validate(section)
    except ValidationError as error:
        said = explain(error.errors(), name, model, section)
        raise UserError(f"{path}: {said}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping by the rules DVC follows (YAML 1.2: `1e-3` is a number).

    Raises UserError with the line where the file is not UTF-8, not YAML or not a mapping.
    """
    try:
        value = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run from the project's root folder") from None
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}:{number}: is not UTF-8; save the file as UTF-8") from None
    except YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{path}{line}: is not valid YAML: {problem}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: must contain sections such as `split:`, found {value!r}")
    return value


def takes(model: type[BaseModel]) -> str:
    """List the keys of a section, for an error message."""
    return ", ".join(names_of(model))


def names_of(model: type[BaseModel]) -> list[str]:
    """List the keys of a section as params.yaml has them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def explain(errors: list[ErrorDetails], name: str, model: type[BaseModel], given: Any) -> str:
    """Turn pydantic's errors into one line a user can act on: what is wrong with the first key."""
    # A misspelt key is reported as unknown, and its right name as missing: the first says more.
    error = min(errors, key=lambda one: one["type"] != "extra_forbidden")
    first = steps_into(error, given)
    alike = [one for one in errors if steps_into(one, given)[: len(first)] == first]
    # Of the branches of a union, the closest.
    error = max(alike, key=lambda one: len(steps_into(one, given)))
    steps = steps_into(error, given)
    key = ".".join([name, *steps])
    if error["type"] == "extra_forbidden":
        return _unknown(key, owner(model, steps[:-1]))
    if error["type"] == "missing":
        return f"{key} is missing; the keys of the section are {takes(owner(model, steps[:-1]))}"
    if error["type"] == "invalid_key" or error["loc"][-1:] == ("[key]",):
        return f"{key} has a key that is not a string; put it in quotes"
    if error["type"] == "model_type":
        allowed = takes(owner(model, steps))
        return f"{key} is {error['input']!r}; it must be a section of {allowed}"
    alike = [one for one in alike if steps_into(one, given) == steps]
    reason = " or ".join(dict.fromkeys(allowed_by(one) for one in alike))
    value, keys = error["input"], names_of(owner(model, steps))
    if isinstance(value, dict) and value.keys() <= set(keys):  # keys that exclude each other
        return f"{key} must be {reason}{named(value, reason)}"
    return f"{key} is {value!r}; it must be {reason}"


def steps_into(error: ErrorDetails, given: Any) -> list[str]:
    """Return the keys that lead to the error, without the union branches that pydantic adds."""
    steps = list[str]()
    for step in error["loc"]:
        inside = dict(enumerate(given)) if isinstance(given, list) else given
        inside = {str(key): inside[key] for key in inside} if isinstance(inside, dict) else {}
        if str(step) in inside:
            steps.append(str(step))
            given = inside[str(step)]
    return [*steps, str(error["loc"][-1])] if error["type"] == "missing" else steps


def _unknown(key: str, section: type[BaseModel]) -> str:
    """Explain an unknown key: its new name, or all keys of the section."""
    parent, _, name = key.rpartition(".")
    if key in MOVED:
        return f"{key} is now {MOVED[key]}"
    if RENAMED.get(name) in section.model_fields:
        return f"{key} is now called {RENAMED[name]}"
    return f"{parent} has an unknown key '{name}'; its keys are {takes(section)}"


def allowed_by(error: ErrorDetails) -> str:
    """Say what is allowed, in words that follow "must be"; falls back to pydantic's own."""
    words = ALLOWED.get(error["type"])
    return words.format(**error.get("ctx", {})) if words else error["msg"]


def named(section: dict[str, Any], reason: str) -> str:
    """List the values of the keys that an error's reason names, without sections and long texts."""
    words = set(re.findall(r"\w+", reason))
    plain = {key: section[key] for key in section if not isinstance(section[key], dict)}
    values = [f"{key} {reprlib.repr(plain[key])}" for key in plain if key in words]
    return f"; it has {', '.join(values)}" if values else ""


def owner(model: type[BaseModel], steps: list[str]) -> type[BaseModel]:
    """Return the model that a path leads to (through models, lists and mappings of models)."""
    for step in steps:
        if step not in model.model_fields:  # a list's index, a mapping's key
            continue
        annotation = model.model_fields[step].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        models = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = models[0] if models else model
    return model

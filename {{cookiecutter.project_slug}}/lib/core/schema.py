"""Check JSON answers against a JSON Schema (draft 2020-12), and find the values in them.

A path names a value: `customer.city`, `items[].price` for the price of every item.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from typing import Any

Schema = dict[str, Any]
UNDECLARED = ("enum", "const", "additionalProperties", "unevaluatedProperties")
_DEEPEST = 32  # levels of a schema that refers to itself
KEYWORDS = {  # of draft 2020-12 and its annotations, without those that begin with $
    *("type", "enum", "const", "properties", "required", "additionalProperties", "items"),
    *("patternProperties", "propertyNames", "minProperties", "maxProperties", "definitions"),
    *("dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"),
    *("prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems"),
    *("uniqueItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "anyOf", "oneOf", "allOf", "not"),
    *("if", "then", "else", "title", "description", "default", "examples", "example"),
    *("deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType"),
    *("contentSchema",),
}
UNIONS = ("anyOf", "oneOf", "allOf")


def check_schema(schema: Schema) -> None:
    """Raise ValueError where a schema cannot be used; its message follows "must be"."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        at = ".".join(map(str, error.absolute_path)) or "schema"
        raise ValueError(f"a JSON Schema ({at}: {error.message:.100})") from None
    if schema.get("type") != "object":
        raise ValueError("a JSON Schema with `type: object`: an answer is an object")
    for reference in references(schema):
        if not reference.startswith("#"):
            raise ValueError(f"a JSON Schema without $ref to another file ({reference:.60})")
        if not isinstance(target_of(reference, schema), dict):
            raise ValueError(f"a JSON Schema in which the $ref '{reference:.60}' resolves")
    if unknown := sorted(set(keywords(schema)) - KEYWORDS):
        raise ValueError(f"a JSON Schema without unknown keywords ({', '.join(unknown)[:80]})")
    if not leaves(schema):
        raise ValueError("a JSON Schema whose `properties` name at least one value")


def references(value: Any) -> Iterator[str]:
    """Yield every $ref in a schema."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def keywords(schema: Any) -> Iterator[str]:
    """Yield the keywords of a schema and of its subschemas."""
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if not name.startswith(("$", "x-")):
            yield name
        if name in ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas"):
            for one in value.values() if isinstance(value, dict) else ():
                yield from keywords(one)
        elif name not in ("enum", "const", "default", "examples", "example"):
            for one in value if isinstance(value, list) else [value]:
                yield from keywords(one)


def leaves(schema: Schema) -> dict[str, list[str]]:
    """Return the path of every value that a schema declares, with the allowed texts ([]: any)."""
    found = dict[str, list[str]]()
    _walk(schema, schema, "", found, 0)
    return found


def _walk(part: Any, schema: Schema, at: str, found: dict[str, list[str]], depth: int) -> None:
    if not isinstance(part, dict) or depth > _DEEPEST:
        return
    part = resolved(part, schema)
    inside = [one for name in UNIONS for one in part.get(name, ())]
    for one in inside:
        _walk(one, schema, at, found, depth + 1)
    if isinstance(part.get("items"), dict):
        _walk(part["items"], schema, f"{at}[]", found, depth + 1)
    elif "properties" in part:
        for name, one in part["properties"].items():
            _walk(one, schema, f"{at}.{name}" if at else name, found, depth + 1)
    elif at and not inside and part.get("type") != "null":
        allowed = part.get("enum", [part["const"]] if "const" in part else [])
        texts = [one for one in allowed if isinstance(one, str)]
        found[at] = [*found.get(at, []), *texts]


def resolved(part: Schema, schema: Schema) -> Schema:
    """Return the part of a schema that a local $ref names, or the part itself."""
    for _ in range(_DEEPEST):
        reference = part.get("$ref")
        if not isinstance(reference, str):
            break
        target = target_of(reference, schema)
        if not isinstance(target, dict):
            return {}
        part = target
    return part


def target_of(reference: str, schema: Schema) -> Any:
    """Return what a local $ref names; None where it does not resolve."""
    target: Any = schema
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
    return target


def values_at(value: Any) -> dict[str, list[Any]]:
    """Flatten a JSON value into the values at each path, in order; an empty list has none."""
    found: defaultdict[str, list[Any]] = defaultdict(list)

    def walk(part: Any, at: str) -> None:
        if isinstance(part, dict):
            for name, inner in part.items():
                walk(inner, f"{at}.{name}" if at else name)
        elif isinstance(part, list):
            for inner in part:
                walk(inner, f"{at}[]")
        else:
            found[at].append(part)

    walk(value, "")
    return dict(found)


def wrongs(value: Any, schema: Schema) -> list[tuple[str, str]]:
    """List the violations of a schema in a value: the path, and the rule that is broken."""
    errors = _validator(json.dumps(schema)).iter_errors(value)
    return [
        (".".join(map(str, error.absolute_path)) or "the object", str(error.validator))
        for error in errors
    ]


@cache
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))


def in_order(value: Any, part: Any, schema: Schema) -> Any:
    """Return a value with its keys in the order in which its schema declares them."""
    if not isinstance(part, dict):
        return value
    part = resolved(part, schema)
    if isinstance(value, list):
        return [in_order(one, part.get("items"), schema) for one in value]
    if not isinstance(value, dict):
        return value
    declared = part.get("properties", {})
    names = [*(name for name in declared if name in value), *(set_aside(value, declared))]
    return {name: in_order(value[name], declared.get(name), schema) for name in names}


def set_aside(value: dict[str, Any], declared: dict[str, Any]) -> list[str]:
    """List the keys of an object that its schema does not name, in their order."""
    return [name for name in value if name not in declared]


def schema_hash(schema: Schema | None) -> str | None:
    """Return a short hash of a schema; None for none."""
    said = json.dumps(schema, sort_keys=True)
    return blake2b(said.encode(), digest_size=8).hexdigest() if schema else None


def of_fields(fields: dict[str, list[str]]) -> Schema:
    """Return the schema of a flat object whose fields are texts, some of them of a fixed set."""
    properties = {
        name: {"type": "string"} | ({"enum": allowed} if allowed else {})
        for name, allowed in fields.items()
    }
    required = {"required": list(fields), "additionalProperties": False}
    return {"type": "object", "properties": properties, **required}

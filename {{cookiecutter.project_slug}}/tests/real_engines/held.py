"""Answers held to JSON Schemas: what an engine keeps, and what it leaves out without a word."""

from typing import Any

from lib.engines import api
from lib.engines.answer import Answer
from lib.engines.openai_client import Endpoint

PLACE = {
    "type": "object",
    "properties": {"城市": {"enum": ["里昂", "Köln"]}, "floor": {"type": "integer", "maximum": 9}},
    "required": ["城市"],
    "additionalProperties": False,
}
KEPT: dict[str, dict[str, Any]] = {
    "nested, enums in Chinese, optional": {"place": PLACE},
    "arrays": {"tags": {"type": "array", "maxItems": 2, "items": {"enum": ["a", "退款 🙂"]}}},
    "numbers": {"n": {"type": "integer", "minimum": 10, "maximum": 99}, "ok": {"type": "boolean"}},
    "one of several": {"v": {"anyOf": [{"const": "none"}, {"type": "null"}]}},
    "a pattern": {"id": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"}},
}


def schema_of(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with all of these."""
    required = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", "properties": properties, **required}


def both_ways(
    endpoint: Endpoint, chat: list[Any], ids: list[int], schema: dict[str, Any]
) -> list[Answer]:
    """Answers by the two routes that eval takes."""
    by_ids = api.answer_tokens(endpoint, ids, 96, schema)
    return [api.answer_chat(endpoint, chat, 96, schema), by_ids]

"""Holds JSON against a schema (JSON Schema as OpenAPI 3.1 documents use it)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

KNOWN = {
    "pattern",
    "exclusiveMinimum",
    "propertyNames",
    "maxProperties",
    "$ref",
    "type",
    "enum",
    "anyOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
    "minItems",
    "format",
    "title",
    "description",
    "default",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def faults(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$") -> Iterator[str]:
    """What is wrong with a value; nothing when it fits."""
    assert not schema.keys() - KNOWN, f"{at}: words that are not judged here: {schema.keys() - KNOWN}"
    if "$ref" in schema:
        found = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        yield from faults(value, found, document, at)
        return
    if "anyOf" in schema and all(list(faults(value, each, document, at)) for each in schema["anyOf"]):
        yield f"{at}: fits none of anyOf"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind in {"integer", "number"})
    ):
        yield f"{at}: {value!r} is no {kind}"
        return
    yield from _limits(value, schema, at)
    if isinstance(value, dict):
        yield from _members(value, schema, document, at)
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], document, f"{at}[{number}]")


def _members(
    value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], at: str
) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at}: {name} is missing"
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{at}: has {len(value)} properties"
    for name, member in value.items():
        yield from faults(name, schema.get("propertyNames", {}), document, f"{at}.{name} (name)")
        rest = schema.get("additionalProperties", True)
        if name in properties:
            yield from faults(member, properties[name], document, f"{at}.{name}")
        elif isinstance(rest, dict):
            yield from faults(member, rest, document, f"{at}.{name}")
        elif rest is False:
            yield f"{at}: {name} is not known"


def _limits(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, int | float) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        yield f"{at}: {value} is out of range"
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{at}: has {len(value)} characters"
        if schema.get("format") == "uuid":
            yield from _uuid_faults(value, at)
        if schema.get("format") == "date-time" and not _is_time(value):
            yield f"{at}: is no time"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at}: does not look like {schema['pattern']}"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _uuid_faults(text: str, at: str) -> Iterator[str]:
    try:
        UUID(text)
    except ValueError:
        yield f"{at}: is no UUID"

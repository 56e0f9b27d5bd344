"""From JSON Schema 2020-12 and OpenAPI 3.1 to OpenAPI 3.0, which knows neither null nor definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = frozenset(
    {
        *("title", "description", "format", "default", "enum", "readOnly", "writeOnly", "deprecated"),
        *("multipleOf", "maximum", "minimum", "maxLength", "minLength", "pattern", "maxItems", "minItems"),
        *("uniqueItems", "maxProperties", "minProperties", "contentMediaType", "contentEncoding"),
    }
)
_BOUNDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_MOST, _DEEPEST = 2000, 40
_ANYTHING: Mapping[str, Any] = {}


def document_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document as one of version 3.0."""
    walked: dict[str, Any] = _walked(document)
    return {**walked, "openapi": "3.0.3"}


def schema_of(schema: Any, definitions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a JSON Schema as OpenAPI 3.0 says it; what that version can't say is left out.

    Parameters
    ----------
    schema : Any
        A schema of JSON Schema 2020-12.
    definitions : Mapping, optional
        Its ``$defs``, which are put in place of the references to them; a schema that is in itself is there
        any value. Without them references stay.

    >>> schema_of({"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}]})
    {'nullable': True, 'type': 'integer', 'minimum': 0, 'exclusiveMinimum': True}
    """
    return _Schema(definitions).converted(schema, ())


def _walked(value: Any) -> Any:
    if isinstance(value, list):
        return [_walked(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _walked(item) for name, item in value.items() if name not in {"schema", "schemas"}}
    if "schema" in value:
        made["schema"] = schema_of(value["schema"])
    if "schemas" in value:
        made["schemas"] = {name: schema_of(one) for name, one in value["schemas"].items()}
    return made


class _Schema:
    """Converts a schema; a model's schema is foreign, so its size is bounded."""

    def __init__(self, definitions: Mapping[str, Any] | None) -> None:
        self._definitions = definitions
        self._left = _MOST

    def converted(self, schema: Any, within: tuple[str, ...]) -> dict[str, Any]:
        """Return a schema that is inside of others; `within` names the references that led to it."""
        self._left -= 1
        if schema is False:
            return {"not": {}}
        if not isinstance(schema, Mapping) or self._left < 0 or len(within) > _DEEPEST:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._referred(schema, within)
        inside = (*within, "")
        made = {name: schema[name] for name in schema if name in _KEPT} | self._kinds(schema, inside)
        for name, bound in _BOUNDS.items():
            if name in schema:
                made |= {bound: schema[name], name: True}
        if "const" in schema:
            made["enum"] = [schema["const"]]
        if schema.get("required"):
            made["required"] = schema["required"]
        if isinstance(schema.get("examples"), list) and schema["examples"]:
            made["example"] = schema["examples"][0]
        return made | self._parts(schema, inside)

    def _kinds(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
        """Return which alternatives or types a value may have; null is no type."""
        made: dict[str, Any] = {}
        for name in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(name), list):
                made |= self._alternatives(name, schema[name], within)
        kind = schema.get("type")
        if isinstance(kind, list):
            made |= self._alternatives("anyOf", [{"type": one} for one in kind], within)
        elif kind == "null":
            made |= {"enum": [None], "nullable": True}
        elif kind is not None:
            made["type"] = kind
        return made

    def _parts(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
        """Return what the parts of a value may be."""
        made: dict[str, Any] = {}
        if schema.get("type") == "array":
            items = _ANYTHING if "prefixItems" in schema else schema.get("items")
            made["items"] = self.converted(items, within)
        if isinstance(schema.get("properties"), Mapping):
            found = schema["properties"].items()
            made["properties"] = {name: self.converted(one, within) for name, one in found}
        for name in ("not", "additionalProperties"):
            if name in schema:
                rest = schema[name]
                made[name] = rest if isinstance(rest, bool) else self.converted(rest, within)
        return made

    def _alternatives(self, name: str, given: Any, within: tuple[str, ...]) -> dict[str, Any]:
        parts = [one for one in given if one != {"type": "null"}]
        made = [self.converted(one, within) for one in parts]
        if len(parts) == len(given):
            return {name: made}
        if len(made) == 1 and "$ref" not in made[0]:
            none = {"enum": [*made[0]["enum"], None]} if "enum" in made[0] else {}
            return {"nullable": True, **made[0], **none}
        if len(made) == 1:
            return {"nullable": True, "allOf": made}
        return {name: [*made, {"enum": [None], "nullable": True}]}

    def _referred(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
        reference = schema["$ref"]
        beside = {name: schema[name] for name in schema if name in _KEPT}
        if self._definitions is None:
            return {**beside, "allOf": [{"$ref": reference}]} if beside else {"$ref": reference}
        name = reference.removeprefix("#/$defs/")
        found = {} if name in within else self._definitions.get(name)
        return {**self.converted(found, (*within, name)), **beside}

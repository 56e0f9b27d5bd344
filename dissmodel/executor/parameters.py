"""A model's parameters: from what was given where, to values that each know their origin."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from dissmodel.errors import UsageError, did_you_mean

_SIGNS: Mapping[Any, tuple[str, str]] = {
    Ge: ("≥", "ge"),
    Gt: (">", "gt"),
    Le: ("≤", "le"),
    Lt: ("<", "lt"),
    MultipleOf: ("multiple of", "multiple_of"),
}
_PLAIN: Mapping[Any, str] = {
    int: "integer",
    float: "number",
    bool: "true or false",
    str: "text",
    type(None): "none",
    Path: "path",
}

_SHOWN = 80

Origin = Literal["default", "spec", "command line"]


@dataclass(frozen=True)
class Layer:
    """Parameters from one place. A later layer wins over an earlier one."""

    origin: Origin
    values: Mapping[str, Any]
    place: str
    """How an error names it, such as ``--param`` or the path of a TOML file."""


@dataclass(frozen=True)
class Resolved:
    """Every parameter's value under its canonical name, and where it came from."""

    values: dict[str, Any]
    origin: dict[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """One parameter as a table shows it; `bounds`, `unit` and `default` are text, empty if there is none."""

    name: str
    aliases: tuple[str, ...]
    type: str
    unit: str
    bounds: str
    default: str
    value: Any
    origin: str
    description: str


def resolve(declared: type[BaseModel] | None, layers: Iterable[Layer]) -> Resolved:
    """Merge the layers and check them against what the model declares.

    Without a declaration, names and values pass through, with a warning that nobody checked them.

    Raises
    ------
    UsageError
        For an unknown name, two names of one parameter with different values, or a value out of bounds.
    """
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    names = _canonical_names(declared) if declared is not None else None
    for layer in layers:
        for name, value in _canonical(layer, names).items():
            values[name] = value
            origin[name] = layer.origin
    if declared is None:
        unchecked = (
            (f"The model declares no parameters; unchecked: {', '.join(sorted(values))}.",) if values else ()
        )
        return Resolved(values, origin, unchecked)
    try:
        checked = declared.model_validate(values)
    except ValidationError as error:
        raise UsageError(
            _explain(declared, error, values, origin), "See them all: dissmodel show MODEL", code="parameter"
        ) from None
    full = checked.model_dump(mode="json", by_alias=False)
    return Resolved(full, {name: origin.get(name, "default") for name in full})


def describe(declared: type[BaseModel] | None, resolved: Resolved) -> tuple[Parameter, ...]:
    """Return a row per parameter, in the order the model declares them."""
    if declared is None:
        return tuple(
            Parameter(name, (), type(value).__name__, "", "", "", value, resolved.origin[name], "")
            for name, value in resolved.values.items()
        )
    return tuple(
        Parameter(
            name=name,
            aliases=_aliases(name, field),
            type=_type_name(field.annotation),
            unit=_unit(field),
            bounds=_bounds(field),
            default="" if field.default is PydanticUndefined else _text(field.default),
            value=resolved.values[name],
            origin=resolved.origin[name],
            description=field.description or "",
        )
        for name, field in declared.model_fields.items()
    )


def _canonical_names(declared: type[BaseModel]) -> dict[str, str]:
    """Return every accepted name → the canonical one."""
    return {
        accepted: name
        for name, field in declared.model_fields.items()
        for accepted in (name, *_aliases(name, field))
    }


def _aliases(name: str, field: FieldInfo) -> tuple[str, ...]:
    alias = field.validation_alias or field.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return tuple(choice for choice in choices if isinstance(choice, str) and choice != name)


def _canonical(layer: Layer, names: Mapping[str, str] | None) -> dict[str, Any]:
    if names is None:
        return dict(layer.values)
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for given, value in layer.values.items():
        name = names.get(given)
        if name is None:
            raise UsageError(
                f"{layer.place}: the model has no parameter {_brief(given)}.",
                did_you_mean(given, names),
                code="unknown_parameter",
            )
        if name in found and found[name] != value:
            raise UsageError(
                f"{layer.place}: {said[name]} = {_brief(found[name])} and {given} = {_brief(value)}"
                " are one parameter.",
                f"Give only {name}.",
                code="parameter",
            )
        found[name] = value
        said[name] = given
    return found


def _explain(
    declared: type[BaseModel], error: ValidationError, values: Mapping[str, Any], origin: Mapping[str, str]
) -> str:
    names = _canonical_names(declared)
    sentences = []
    for problem in error.errors(include_url=False, include_context=False):
        where = problem["loc"][0] if problem["loc"] else ""
        name = names.get(str(where), str(where))
        if name not in declared.model_fields:
            sentences.append(problem["msg"].removeprefix("Value error, ") + ".")
            continue
        field = declared.model_fields[name]
        wanted = " ".join(filter(None, [_type_name(field.annotation), _bounds(field), _unit(field)]))
        given = (
            f"{name} = {_brief(values[name])} ({origin[name]})" if name in values else f"{name} is missing"
        )
        sentences.append(f"{given}: {_lower(problem['msg'])}; it takes: {wanted}.")
    return " ".join(sentences)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _lower(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _bounds(field: FieldInfo) -> str:
    parts = [
        f"{_SIGNS[type(item)][0]} {_text(getattr(item, _SIGNS[type(item)][1]))}"
        for item in field.metadata
        if type(item) in _SIGNS
    ]
    if any(getattr(item, "allow_inf_nan", None) is False for item in field.metadata):
        parts.append("finite")
    return ", ".join(parts)


def _type_name(annotation: Any) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return " or ".join(_text(value) for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_name(one) for one in arguments)
    if origin in (list, tuple, set, frozenset) and arguments:
        return "list of " + _type_name(arguments[0])
    return str(getattr(annotation, "__name__", annotation))


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)

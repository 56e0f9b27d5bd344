"""A model's parameters: from what was given where, to values that each know their origin."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
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

Origin = Literal["default", "spec", "command line", "record"]


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
class Checked:
    """What is right, and all that is wrong.

    `resolved` is without the values that are wrong; None if nothing can be made of the rest. `names` are
    problems with what parameters are called, `values` those with what they are.
    """

    resolved: Resolved | None
    names: tuple[UsageError, ...] = ()
    values: tuple[UsageError, ...] = ()

    @property
    def problems(self) -> tuple[UsageError, ...]:
        """All of them."""
        return self.names + self.values


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
    return settled(check(declared, layers))


def settled(checked: Checked) -> Resolved:
    """Return what was checked, if nothing is wrong with it.

    Raises
    ------
    UsageError
        As `resolve`.
    """
    if checked.names:
        raise checked.names[0]
    if checked.values:
        first = checked.values[0]
        raise UsageError(" ".join(one.message for one in checked.values), first.hint, code=first.code)
    assert checked.resolved is not None  # without problems there are values
    return checked.resolved


def check(declared: type[BaseModel] | None, layers: Iterable[Layer]) -> Checked:
    """Merge the layers as `resolve` does and say everything that is wrong with them."""
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    misnamed: list[UsageError] = []
    names = _canonical_names(declared) if declared is not None else None
    for layer in layers:
        for name, value in _canonical(layer, names, misnamed).items():
            values[name] = value
            origin[name] = layer.origin
    if declared is None:
        unchecked = (
            (f"The model declares no parameters; unchecked: {', '.join(sorted(values))}.",) if values else ()
        )
        return Checked(Resolved(values, origin, unchecked))
    wrong: tuple[UsageError, ...] = ()
    try:
        valid = declared.model_validate(values)
    except ValidationError as error:
        wrong = tuple(_explain(declared, error, values, origin))
        bad = {_field(declared, problem["loc"]) for problem in error.errors(include_url=False)}
        values = {name: value for name, value in values.items() if name not in bad}
        try:
            valid = declared.model_validate(values)
        except ValidationError:
            return Checked(None, tuple(misnamed), wrong)
    full = valid.model_dump(mode="json", by_alias=False)
    origins = {name: origin[name] if name in values else "default" for name in full}
    return Checked(Resolved(full, origins), tuple(misnamed), wrong)


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


def _canonical(layer: Layer, names: Mapping[str, str] | None, problems: list[UsageError]) -> dict[str, Any]:
    """Return a layer's values under their canonical names; note what can't be."""
    if names is None:
        return dict(layer.values)
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for given, value in layer.values.items():
        name = names.get(given)
        if name is None:
            problems.append(
                UsageError(
                    f"{layer.place}: the model has no parameter {_brief(given)}.",
                    did_you_mean(given, names),
                    code="unknown_parameter",
                )
            )
        elif name in found and found[name] != value:
            problems.append(
                UsageError(
                    f"{layer.place}: {said[name]} = {_brief(found[name])} and {given} = {_brief(value)}"
                    " are one parameter.",
                    f"Give only {name}.",
                    code="parameter",
                )
            )
        else:
            found[name] = value
            said[name] = given
    return found


def _explain(
    declared: type[BaseModel], error: ValidationError, values: Mapping[str, Any], origin: Mapping[str, str]
) -> Iterator[UsageError]:
    for problem in error.errors(include_url=False, include_context=False):
        name = _field(declared, problem["loc"])
        if name not in declared.model_fields:
            sentence = problem["msg"].removeprefix("Value error, ") + "."
        else:
            field = declared.model_fields[name]
            wanted = " ".join(filter(None, [_type_name(field.annotation), _bounds(field), _unit(field)]))
            given = (
                f"{name} = {_brief(values[name])} ({origin[name]})"
                if name in values
                else f"{name} is missing"
            )
            sentence = f"{given}: {_lower(problem['msg'])}; it takes: {wanted}."
        yield UsageError(sentence, "See them all: dissmodel show MODEL", code="parameter")


def _field(declared: type[BaseModel], where: tuple[int | str, ...]) -> str:
    """Return the canonical name of the parameter that pydantic means; empty if it means them all."""
    name = str(where[0]) if where else ""
    return _canonical_names(declared).get(name, name)


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

"""A model's parameters: from what was given where, to values that each know their origin."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import AliasChoices, BaseModel, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from dissmodel.errors import UsageError, did_you_mean, likely_numbers
from dissmodel.executor.named_files import (
    Locate,
    NamedFile,
    TakesFile,
    below,
    known_as,
    located,
    takes_file,
)

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

_NUMBERS = (int, float)
_HOLDERS = (Mapping, list, tuple, set, frozenset, BaseModel)

_SHOWN = 80

Origin = Literal["default", "spec", "command line", "call", "request", "record"]


@dataclass(frozen=True)
class ParameterLayer:
    """Parameters from one place. A later layer wins over an earlier one.

    `place` is how an error names it, such as ``--param`` or the path of a TOML file. The names of files in it
    are relative to `folder`, and may not leave it if `is_foreign`; without a folder only the `files` may be
    named: parameter → path.
    """

    origin: Origin
    values: Mapping[str, Any]
    place: str
    folder: str | None = None
    is_foreign: bool = False
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def locate(self) -> Locate:
        """How the names of files in it are located."""
        if self.folder is None:
            return known_as(self.files, self.origin)
        return below(self.folder, within=self.is_foreign)


@dataclass(frozen=True)
class ResolvedParameters:
    """Every parameter's value under its canonical name, as it was given, and where it came from.

    `files` are those that parameters name, and `located` has the values of these parameters with the files'
    absolute paths in place of their names.
    """

    values: dict[str, Any]
    origin: dict[str, str]
    warnings: tuple[str, ...] = ()
    files: tuple[NamedFile, ...] = ()
    located: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What is right, and all that is wrong.

    `resolved` is without the values that are wrong; None if the rest is unusable. `names` are
    problems with what parameters are called, `values` those with what they are. `incomplete` has the
    values where nothing is wrong but that parameters were not given which have to be.
    """

    resolved: ResolvedParameters | None
    names: tuple[UsageError, ...] = ()
    values: tuple[UsageError, ...] = ()
    incomplete: ResolvedParameters | None = None

    @property
    def problems(self) -> tuple[UsageError, ...]:
        """All of them."""
        return self.names + self.values


@dataclass(frozen=True)
class Rechecked:
    """Of each set of values all parameters, and the files that the common layers name.

    None: ask `check`. Something may be wrong with these values or their names, or one may name a file.
    """

    rows: list[dict[str, Any] | None]
    files: tuple[NamedFile, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """One parameter as a table shows it; `bounds`, `unit` and `default` are text, empty if there is none.

    `choices` are the texts that it takes, where they are declared.
    """

    name: str
    aliases: tuple[str, ...]
    type: str
    unit: str
    bounds: str
    default: str
    value: Any
    origin: str
    description: str
    choices: tuple[str, ...] = ()


def settled(checked: Checked, see: str = "") -> ResolvedParameters:
    """Return what was checked, if nothing is wrong; `see` ends a hint: the command that lists the parameters.

    Raises
    ------
    UsageError
        For an unknown name, two names of one parameter with different values, or a value out of bounds.
    """
    if checked.names:
        raise checked.names[0]
    if checked.values:
        hints = dict.fromkeys([*(one.hint for one in checked.values), see])
        raise UsageError(
            " ".join(one.message for one in checked.values),
            " ".join(filter(None, hints)),
            code=checked.values[0].code,
        )
    assert checked.resolved is not None  # without problems there are values
    return checked.resolved


def check(declared: type[BaseModel] | None, layers: Iterable[ParameterLayer]) -> Checked:
    """Merge the layers and check them against what the model declares; all that is wrong is in the result.

    Without a declaration, names and values pass through, with a warning that they are unchecked.
    """
    values: dict[str, Any] = {}
    origin: dict[str, Origin] = {}
    typed: dict[str, str] = {}
    misnamed: list[UsageError] = []
    located_by: dict[str, Locate] = {}
    names = _canonical_names(declared) if declared is not None else None
    for layer in layers:
        for name, (given, value) in _canonical(layer, names, misnamed).items():
            values[name] = value
            typed[name] = given
            origin[name] = layer.origin
            located_by[name] = layer.locate
    if declared is None:
        unchecked = (
            (f"The model declares no parameters; unchecked: {', '.join(sorted(values))}.",) if values else ()
        )
        return Checked(ResolvedParameters(values, dict(origin), unchecked))
    given_values = dict(values)
    missing: tuple[str, ...] = ()
    files, wrong = _locate(declared, values, located_by)
    try:
        valid = declared.model_validate(values)
    except ValidationError as error:
        wrong += _explain(declared, error, given_values, typed, origin)
        problems = error.errors(include_url=False)
        bad = {_field(declared, problem["loc"]) for problem in problems}
        missing = tuple(str(one["loc"][0]) for one in problems if _is_missing(one, given_values))
        values = {name: value for name, value in values.items() if name not in bad}
        try:
            valid = _without(declared, missing).model_validate(values)
        except ValidationError:
            return Checked(None, tuple(misnamed), tuple(wrong))
    full = valid.model_dump(mode="json", by_alias=False, exclude=set(missing))
    with_files = {name: values[name] for name in files if name in values}
    for name in with_files:
        full[name] = to_jsonable_python(given_values.get(name, _named(declared.model_fields[name].default)))
    origins: dict[str, str] = {
        name: origin[name] if name in values and name in origin else "default" for name in full
    }
    named = tuple(one for name in with_files for one in files[name])
    resolved = ResolvedParameters(full, origins, files=named, located=with_files)
    if not missing:
        return Checked(resolved, tuple(misnamed), tuple(wrong))
    is_right = len(wrong) == len(missing) and not misnamed
    return Checked(None, tuple(misnamed), tuple(wrong), resolved if is_right else None)


def recheck(
    declared: type[BaseModel] | None, layers: Iterable[ParameterLayer], rows: Iterable[Mapping[str, Any]]
) -> Rechecked:
    """Check many sets of values, by canonical name, each over the same layers."""
    if declared is None:
        return Rechecked([None for _ in rows])
    plain = {
        name for name, one in declared.model_fields.items() if not takes_file(one.annotation, one.metadata)
    }
    values: dict[str, Any] = {}
    located_by: dict[str, Locate] = {}
    names = _canonical_names(declared)
    for layer in layers:
        for name, (_, value) in _canonical(layer, names, []).items():
            values[name], located_by[name] = value, layer.locate
    given = dict(values)
    files, _ = _locate(declared, values, located_by)
    named = {
        name: to_jsonable_python(given.get(name, _named(declared.model_fields[name].default)))
        for name in files
    }
    found: list[dict[str, Any] | None] = []
    for row in rows:
        try:
            valid = declared.model_validate({**values, **row}) if row.keys() <= plain else None
        except ValidationError:
            valid = None
        found.append(None if valid is None else valid.model_dump(mode="json", by_alias=False) | named)
    return Rechecked(found, tuple(one for several in files.values() for one in several))


def _is_missing(problem: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return problem["type"] == "missing" and len(problem["loc"]) == 1 and problem["loc"][0] not in given


def _without(declared: type[BaseModel], names: Iterable[str]) -> type[BaseModel]:
    """Return the declaration as if these parameters could be left out."""
    optional: dict[str, Any] = dict.fromkeys(names, (Any, None))
    return create_model(declared.__name__, __base__=declared, **optional) if optional else declared


def _named(default: Any) -> Any:
    """Return what a record says of a default; a path of this machine is none of its business."""
    return default.name if isinstance(default, PurePath) and default.is_absolute() else default


def _locate(
    declared: type[BaseModel], values: dict[str, Any], located_by: Mapping[str, Locate]
) -> tuple[dict[str, list[NamedFile]], list[UsageError]]:
    """Put the absolute paths of files in the place of their names, in `values`; drop what can't be located.

    Returns the files that each parameter names, and what is wrong with the names.
    """
    found: dict[str, list[NamedFile]] = {}
    wrong: list[UsageError] = []
    for name, field_ in declared.model_fields.items():
        if not takes_file(field_.annotation, field_.metadata):
            continue
        value = values.get(name, field_.default)
        locate = located_by.get(name) or below(".", within=False)
        files: list[NamedFile] = []

        def note(place: str, text: str, locate: Locate = locate, files: list[NamedFile] = files) -> str:
            files.append(NamedFile(place, locate(place, text)))
            return files[-1].path

        try:
            changed = located(field_.annotation, field_.metadata, value, name, note)
        except UsageError as error:
            wrong.append(error)
            values.pop(name, None)
            continue
        if files:
            values[name], found[name] = changed, files
    return found, wrong


def names_files(declared: type[BaseModel] | None) -> bool:
    """Tell whether one of the parameters may name a file."""
    return declared is not None and takes_file(declared)


def schema(declared: type[BaseModel] | None) -> dict[str, Any] | None:
    """Return the JSON Schema of the parameters, by their canonical names; None without a declaration."""
    return declared.model_json_schema(by_alias=False) if declared is not None else None


def describe(declared: type[BaseModel] | None, resolved: ResolvedParameters) -> tuple[Parameter, ...]:
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
            type=_type_name(field.annotation, field.metadata),
            unit=_unit(field),
            bounds=_bounds(field),
            default="" if field.default is PydanticUndefined else _text(_named(field.default)),
            value=resolved.values.get(name),
            origin=resolved.origin.get(name, "required"),
            description=field.description or "",
            choices=_choices(field.annotation),
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


def _canonical(
    layer: ParameterLayer, names: Mapping[str, str] | None, problems: list[UsageError]
) -> dict[str, tuple[str, Any]]:
    """Return a layer's values by canonical name, each with the name that was typed; note what can't be."""
    if names is None:
        return {name: (name, value) for name, value in layer.values.items()}
    found: dict[str, tuple[str, Any]] = {}
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
        elif name in found and found[name][1] != value:
            said, other = found[name]
            problems.append(
                UsageError(
                    f"{layer.place}: {said} = {_brief(other)} and {given} = {_brief(value)}"
                    " are the same parameter.",
                    f"Give only {name}.",
                    code="parameter",
                )
            )
        else:
            found[name] = (given, value)
    return found


def _explain(
    declared: type[BaseModel],
    error: ValidationError,
    values: Mapping[str, Any],
    typed: Mapping[str, str],
    origin: Mapping[str, Origin],
) -> Iterator[UsageError]:
    """Yield each problem of a value, under the name that was typed."""
    for problem in error.errors(include_url=False, include_context=False):
        where = problem["loc"]
        name, hint = _field(declared, where), ""
        # What is wrong with the file of a parameter is told.
        if problem["type"] == "missing" and len(where) == 1 and name in values:
            continue
        if name not in declared.model_fields:
            sentence = problem["msg"].removeprefix("Value error, ") + "."
        else:
            field = declared.model_fields[name]
            kind = _type_name(field.annotation, field.metadata)
            wanted = " ".join(filter(None, [kind, _bounds(field), _unit(field)]))
            given = f"{name} is missing"
            if name in values:
                given = f"{typed[name]} = {_brief(values[name])} ({origin[name]})"
                hint = _meant(declared, values, name, typed[name], origin[name])
            is_inside = len(where) > 1 and isinstance(values.get(name), (dict, list))
            inside = f"in {_brief('.'.join(map(str, where[1:])))}: " if is_inside else ""
            sentence = f"{given}: {inside}{_lower(problem['msg'])}; it takes: {wanted}."
        yield UsageError(sentence, hint, code="parameter")


def _meant(
    declared: type[BaseModel], values: Mapping[str, Any], name: str, typed: str, origin: Origin
) -> str:
    """Return a sentence with what the user may have meant by a text; empty where nothing near is right."""
    text, annotation = values[name], declared.model_fields[name].annotation
    if not isinstance(text, str):
        return ""
    start = f"--param {typed}=" if origin == "command line" else f"{typed} = "
    if _takes(annotation, _NUMBERS):
        right = [one for one in likely_numbers(text) if _is_right(declared, values, name, one)]
        if right:
            return f"Did you mean {' or '.join(start + one for one in right)}?"
    if text[:1] in {"[", "{"} and _takes(annotation, _HOLDERS):
        return 'A list is typed as [1, 2], a table as {a = 1} or {"a": 1}, in quotes for the shell.'
    return ""


def _is_right(declared: type[BaseModel], values: Mapping[str, Any], name: str, number: str) -> bool:
    try:
        value: float = int(number)
    except ValueError:
        value = float(number)
    try:
        declared.model_validate({**values, name: value})
    except ValidationError as error:
        return all(_field(declared, one["loc"]) != name for one in error.errors(include_url=False))
    except Exception:  # noqa: BLE001  (a model's own check may raise anything; a hint is not worth that)
        return False
    return True


def _takes(annotation: Any, kinds: tuple[type, ...]) -> bool:
    """Return whether a value of one of these kinds may be right; a truth value is not a number."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_takes(one, kinds) for one in arguments)
    if origin is typing.Annotated:
        return _takes(arguments[0], kinds)
    plain = origin or annotation
    return isinstance(plain, type) and plain is not bool and issubclass(plain, kinds)


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


def _choices(annotation: Any) -> tuple[str, ...]:
    """Return the texts that a parameter of this type takes; empty where they are too many to be listed."""
    if annotation is bool:
        return ("true", "false")
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(_text(one.value) for one in annotation)
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Literal:
            return tuple(_text(one) for one in arguments)
        case typing.Annotated:
            return _choices(arguments[0])
        case typing.Union | types.UnionType:
            found = [_choices(one) for one in arguments if one is not type(None)]
            return tuple(one for several in found for one in several) if all(found) else ()
    return ()


def _type_name(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    for one in metadata:
        if isinstance(one, TakesFile):
            return one.takes
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(arguments[0], arguments[1:])
    if origin is Literal:
        return " or ".join(_text(value) for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_name(one) for one in arguments)
    if origin in (list, tuple, set, frozenset) and arguments:
        return "list of " + _type_name(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) > 1:
        return "table of " + _type_name(arguments[1])
    if isinstance(annotation, type) and issubclass(annotation, (Mapping, BaseModel)):
        return "table"
    return str(getattr(annotation, "__name__", annotation))


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)

"""The form of a model, made from the JSON Schema of its parameters, and what a browser sends with it."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from pydantic import ValidationError

from dissmodel.errors import UsageError
from dissmodel.literals import parse_value
from dissmodel.service.bodies import Job, SweepJob, storable
from dissmodel.service.schemas import is_path
from dissmodel.service.service import MOST_QUEUED
from dissmodel.sweeping.values import Bounds, is_input, varied

Kind = Literal["number", "select", "textarea", "text"]
ROWS = 3
"""The rows in which a parameter's values can be given, before any is filled."""

_MAPS = ("inputs", "input_fields", "band_map", "column_map", "class_map")
_PLAIN = ("input_dataset", "layer", "input_format", "resample", "output_suffix", "priority")
_MOST_ROWS = 100
_SEED = ("seed", None)  # it is that of the run
_BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))


@dataclass(frozen=True)
class Field:
    """A parameter in the form; `options` are the values of a select by the texts that stand for them."""

    name: str
    kind: Kind
    hint: str
    is_required: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    is_text: bool = False
    is_list: bool = False

    def value(self, text: str) -> Any:
        """Return the value that a text stands for, as ``--param`` takes it; of a table also CSV or TOML."""
        if self.kind == "select":
            return self.options.get(text, text)
        if self.kind == "textarea":
            return _table(text, None if self.is_list else self.name)
        return text if self.is_text else parse_value(text)


def fields_of(schema: Mapping[str, Any] | None, given: Mapping[str, Any]) -> list[Field]:
    """Return the parameters of a model; `given` are the values that its spec has for them."""
    known, needed = (schema or {}).get("properties") or {}, (schema or {}).get("required") or ()
    return [
        _field(
            name, one, given.get(name, one.get("default")), is_required=name in needed and name not in given
        )
        for name, one in known.items()
        if not is_path(one, schema or {}) and (name, one.get("default", 0)) != _SEED
    ]


def _field(name: str, one: Mapping[str, Any], default: Any, *, is_required: bool) -> Field:
    parts = [part for part in (one, *one.get("anyOf", ())) if part.get("type") != "null"]
    kinds = {part["type"] for part in parts if "type" in part}
    limits = {limit: part[limit] for part in parts for limit, _ in _BOUNDS if limit in part}
    choices = next((part["enum"] for part in parts if "enum" in part), None)
    more: dict[str, Any] = {}
    options: dict[str, Any] = {}
    kind: Kind = "textarea"
    if choices is not None or kinds == {"boolean"}:
        kind, options = "select", {_shown(value): value for value in choices or (True, False)}
    elif kinds and kinds <= {"integer", "number"}:
        kind = "number"
        step = next((part["multipleOf"] for part in parts if "multipleOf" in part), None)
        more = {"step": step or ("1" if kinds == {"integer"} else "any")}
        more |= {a: limits[b] for a, b in (("min", "minimum"), ("max", "maximum")) if b in limits}
    elif kinds and kinds <= {"string", "integer", "number", "boolean"}:
        kind = "text"
    said = [", ".join(sorted(kinds)) if kind != "select" else ""]
    said += [" and ".join(f"{sign} {limits[limit]}" for limit, sign in _BOUNDS if limit in limits)]
    said += [str(one.get("unit") or ""), f"default {_shown(default)}" if default is not None else ""]
    about = "; ".join(filter(None, (one.get("description"), ", ".join(filter(None, said)))))
    is_text, is_list = kinds == {"string"}, "array" in kinds
    return Field(name, kind, about, is_required, options, more, is_text=is_text, is_list=is_list)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(text: str, name: str | None) -> Any:
    """Return a list or a table: a value as ``--param`` takes it, a TOML, or the lines of a CSV.

    Where a TOML has one value, named so (None: whatever its name is), this is that value.
    """
    if text[:1] in {"[", "{"}:
        value = parse_value(text)
        if not isinstance(value, str):
            return value
    with suppress(tomllib.TOMLDecodeError, RecursionError):
        found = tomllib.loads(text)
        return next(iter(found.values())) if len(found) == 1 and name in {None, *found} else found
    rows = [[parse_value(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    return rows if len(rows) > 1 else rows[0] if rows else []


@dataclass
class Filled:
    """What a browser sent: `given` as it was typed, `body` as the HTTP API takes it, `errors` by field.

    `checked` are the fields of the run that is checked before: of a sweep, a run of it.
    """

    given: Mapping[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    checked: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    is_sweep: bool = False

    @property
    def rows(self) -> Iterator[int]:
        """The rows for values that vary: one more than are filled."""
        filled = [
            number for number in range(_MOST_ROWS) if self.given.get(f"vary.{number}.values", "").strip()
        ]
        yield from range(max(ROWS, (filled[-1] + 2) if filled else 0))


def empty(model: str, uri: str = "") -> Filled:
    """Return a form that nobody has filled; `uri` is the input."""
    return Filled({"model_name": model, "input_dataset": uri, "key": uuid4().hex})


def filled(model: str, given: Mapping[str, str], fields: list[Field]) -> Filled:
    """Return what a browser sent for a model; a field that is left empty is left out."""
    made = Filled({**given, "key": given.get("key") or uuid4().hex})
    text = {name: one.strip() for name, one in given.items() if one.strip()}
    body: dict[str, Any] = {"model_name": model, **{name: text[name] for name in _PLAIN if name in text}}
    body["parameters"] = {}
    for one in fields:
        if f"p.{one.name}" in text:
            with _telling(made, f"p.{one.name}"):
                body["parameters"] |= storable({one.name: one.value(text[f"p.{one.name}"])})
    for name in _MAPS:
        body[name] = dict(_pairs(made, name, text.get(name, "")))
    vary, first = _varied(made, text)
    of_sweep: dict[str, Any] = {
        name: text[name] for name in ("design", "replicates", "until") if name in text
    }
    made.is_sweep = bool(vary or of_sweep)
    if made.is_sweep:
        body |= {"vary": vary, **of_sweep}
    if "seed" in text:
        body["seed"] = text["seed"]
    if "input_dataset" not in body and "input" not in vary:
        made.errors["input_dataset"] = "Choose an upload, or give the URI of a dataset."
    if made.errors:
        return made
    kind = SweepJob if made.is_sweep else Job
    try:
        made.body = kind.model_validate(body).model_dump()
    except ValidationError as error:
        for wrong in error.errors(include_input=False):
            made.errors.setdefault(str(wrong["loc"][0]), wrong["msg"])
        return made
    made.checked = dict(made.body)
    made.checked["parameters"] = made.body["parameters"] | {
        name: one for name, one in first.items() if not is_input(name)
    }
    made.checked["input_dataset"] = made.body["input_dataset"] or first.get("input", "")
    return made


class _telling:  # noqa: N801  (a context manager)
    def __init__(self, made: Filled, name: str) -> None:
        self._made, self._name = made, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, UsageError | ValueError | csv.Error):
            self._made.errors[self._name] = str(error)
            return True
        return False


def _pairs(made: Filled, name: str, text: str) -> Iterator[tuple[str, Any]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        key, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not key:
            made.errors[name] = f"{line[:80]}: each line is NAME=VALUE."
        yield key, parse_value(value) if name == "class_map" and value[:1] == "{" else value


def _varied(made: Filled, text: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the values of what varies, as they were typed, and the first value of each."""
    typed: dict[str, str] = {}
    first: dict[str, Any] = {}
    for number in range(_MOST_ROWS):
        row = f"vary.{number}"
        name, values = text.get(f"{row}.name"), text.get(f"{row}.values")
        if name is None and values is None:
            continue
        if name is None:
            made.errors[f"{row}.name"] = "Choose what varies."
        elif values is None:
            made.errors[f"{row}.values"] = "Give its values."
        elif name in typed:
            made.errors[f"{row}.name"] = f"{name} varies already: give all of its values there."
        else:
            with _telling(made, f"{row}.values"):
                found = varied(values, name)
                typed[name], first[name] = values, found.low if isinstance(found, Bounds) else found[0]
                if not isinstance(found, Bounds) and len(found) > MOST_QUEUED:
                    made.errors[f"{row}.values"] = (
                        f"It has {len(found):,} values; {MOST_QUEUED:,} are possible."
                    )
                    break  # what so many values cost is not spent again
    return typed, first

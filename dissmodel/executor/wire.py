"""What a run and a model in a process of its own say to each other: a JSON object a line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dissmodel import errors
from dissmodel.errors import DissmodelError
from dissmodel.executor import parameters
from dissmodel.executor.findings import Finding
from dissmodel.executor.host import Face, Usage
from dissmodel.executor.watched import explain_as, explanations
from dissmodel.geo.legend import CellClass

LONGEST = 64 * 1024 * 1024
"""The most characters of one line; records go through files."""

_OURS = {
    cls.__name__: cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, DissmodelError)
}
# What the road of a run tells apart; all other errors are told by their name.
_KINDS: tuple[type[Exception], ...] = (MemoryError, OSError, ValueError)


def face_to_wire(face: Face) -> dict[str, Any]:
    """Return it in plain JSON types."""
    return dataclasses.asdict(face)


def face_from_wire(given: Mapping[str, Any]) -> Face:
    """Return what `face_to_wire` was given."""
    legends = {name: tuple(CellClass(**one) for one in classes) for name, classes in given["legends"].items()}
    return Face(**{**given, "legends": legends, "output_suffixes": tuple(given["output_suffixes"])})


def checked_to_wire(checked: parameters.Checked) -> dict[str, Any]:
    """Return it in plain JSON types."""
    return {
        "resolved": dataclasses.asdict(checked.resolved) if checked.resolved else None,
        "names": [error_to_wire(one) for one in checked.names],
        "values": [error_to_wire(one) for one in checked.values],
    }


def checked_from_wire(given: Mapping[str, Any]) -> parameters.Checked:
    """Return what `checked_to_wire` was given."""
    return parameters.Checked(
        resolved_from_wire(given["resolved"]) if given["resolved"] else None,
        tuple(error_from_wire(one) for one in given["names"]),  # type: ignore[misc]  # they are of our classes
        tuple(error_from_wire(one) for one in given["values"]),  # type: ignore[misc]  # as above
    )


def resolved_from_wire(given: Mapping[str, Any]) -> parameters.Resolved:
    """Return a `Resolved` from its plain form."""
    return parameters.Resolved(given["values"], given["origin"], tuple(given["warnings"]))


def rows_from_wire(given: list[dict[str, Any]]) -> tuple[parameters.Parameter, ...]:
    """Return rows of parameters from their plain form."""
    return tuple(parameters.Parameter(**{**row, "aliases": tuple(row["aliases"])}) for row in given)


def findings_from_wire(given: list[dict[str, Any]]) -> tuple[Finding, ...]:
    """Return findings from their plain form."""
    return tuple(Finding(**one) for one in given)


def usage_from_wire(given: Mapping[str, Any]) -> Usage:
    """Return a `Usage` from its plain form."""
    return Usage(**given)


def error_to_wire(error: BaseException, text: str = "") -> dict[str, Any]:
    """Return what can be said of an error, with its traceback as `text`."""
    told: dict[str, Any] = {"type": type(error).__name__, "traceback": text}
    if isinstance(error, DissmodelError):
        ours = next(cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _OURS)
        return told | {"ours": ours, "message": error.message, "hint": error.hint, "code": error.code}
    try:
        told["message"] = str(error)
    except Exception as failed:  # noqa: BLE001  (a foreign class's own method)
        told["message"] = f"its text can't be made: {type(failed).__name__}"
    told["explanations"] = explanations(error)
    told["kind"] = next((kind.__name__ for kind in _KINDS if isinstance(error, kind)), "Exception")
    told["errno"] = error.errno if isinstance(error, OSError) else None
    return told


def error_from_wire(told: Mapping[str, Any]) -> Exception:
    """Return an error that is told as the one in the other process would be; its traceback is a note."""
    error: Exception
    if told.get("ours") in _OURS:
        error = _OURS[told["ours"]](told["message"], told["hint"], code=told["code"])
    else:
        kind = next((one for one in _KINDS if one.__name__ == told["kind"]), Exception)
        named = type(str(told["type"]), (kind,), {"__module__": "builtins"})
        # Of an OSError the message holds the number already; only whoever looks for it needs it apart.
        error = named(told["message"])
        if isinstance(error, OSError):
            error.errno = told["errno"]
    if told["traceback"]:
        error.add_note(f"In the model's own process:\n{told['traceback']}")
    explain_as(error, told.get("explanations", ()))
    return error

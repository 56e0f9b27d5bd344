"""What a run and a model in a process of its own send to each other: a JSON object a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from dissmodel import errors
from dissmodel.errors import DissmodelError
from dissmodel.executor.parameters import Checked, ResolvedParameters
from dissmodel.executor.watched import explain_as, explanations, text_of

LONGEST = 64 * 1024 * 1024
"""The most characters of one line; records go through files."""

_OURS = {
    cls.__name__: cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, DissmodelError)
}
# What a run distinguishes; all other errors keep their name only.
_KINDS: tuple[type[Exception], ...] = (MemoryError, OSError, ValueError)

_T = TypeVar("_T")


def to_wire(answer: Any) -> Any:
    """Return what a `dissmodel.executor.host.InProcess` returned in plain JSON types."""
    return to_jsonable_python(
        answer, fallback=lambda one: error_to_wire(one) if isinstance(one, BaseException) else str(one)
    )


def from_wire(kind: type[_T], given: Any) -> _T:
    """Return an object of `kind` from what `to_wire` made of it."""
    return TypeAdapter(kind).validate_python(given)


def checked_from_wire(given: Mapping[str, Any]) -> Checked:
    """Return what was checked: its errors are not data."""
    names, values = (tuple(map(error_from_wire, given[name])) for name in ("names", "values"))
    return Checked(
        from_wire(ResolvedParameters, given["resolved"]) if given["resolved"] else None,
        names,  # type: ignore[arg-type]  # they are UsageErrors
        values,  # type: ignore[arg-type]  # as above
        from_wire(ResolvedParameters, given["incomplete"]) if given.get("incomplete") else None,
    )


def error_to_wire(error: BaseException, text: str = "") -> dict[str, Any]:
    """Return the facts of an error, with its traceback as `text`."""
    told: dict[str, Any] = {"type": type(error).__name__, "traceback": text}
    if isinstance(error, DissmodelError):
        ours = next(cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _OURS)
        return told | {"ours": ours, "message": error.message, "hint": error.hint, "code": error.code}
    told["message"] = text_of(error)
    told["explanations"] = explanations(error)
    told["kind"] = next((kind.__name__ for kind in _KINDS if isinstance(error, kind)), "Exception")
    told["errno"] = error.errno if isinstance(error, OSError) else None
    return told


def error_from_wire(told: Mapping[str, Any]) -> Exception:
    """Return an error with the text of the error in the other process; its traceback is a note."""
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

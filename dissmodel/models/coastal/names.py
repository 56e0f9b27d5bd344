"""Which band or column of a file holds what: names decide, never the position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from dissmodel.errors import InvalidInput, UsageError, did_you_mean

Kind = Literal["band", "column"]

FIELDS = ("uso", "alt", "solo")
"""What a cell space must have, in the published order of bands."""

OPTIONAL: Mapping[Kind, tuple[str, ...]] = {"band": ("order",), "column": ("row", "col", "passo")}
"""What it may have."""

_SHOWN = 20


def find(kind: Kind, mapping: Mapping[str, Any], present: Sequence[str]) -> dict[str, str]:
    """Return canonical name → name in the file, without the optional ones that the file doesn't have.

    Parameters
    ----------
    kind : {"band", "column"}
        What the names are names of.
    mapping : Mapping of str to str
        The user's map, canonical name → name in the file; the others are called as they are.
    present : Sequence of str
        The names in the file.

    Raises
    ------
    UsageError
        If the map has a name that the model doesn't know, or gives one band or column to two names.
    InvalidInput
        If the file doesn't have one that is needed or was mapped.

    Examples
    --------
    >>> find("band", {"uso": "landuse"}, ["alt", "solo", "landuse"])
    {'uso': 'landuse', 'alt': 'alt', 'solo': 'solo'}
    """
    check_map(kind, mapping)
    found: dict[str, str] = {}
    for name in (*FIELDS, *OPTIONAL[kind]):
        actual = str(mapping.get(name, name))
        if actual in present:
            found[name] = actual
        elif name in FIELDS or name in mapping:
            raise InvalidInput(
                f"There is no {kind} {actual!r}; the file has {_listed(present)}.",
                f"{_near(actual, present)}Say which one it is: --{kind}-map {name}=NAME",
                code=f"missing_{kind}",
            )
    for name, actual in found.items():
        twins = [other for other in found if found[other] == actual]
        if len(twins) > 1:
            raise UsageError(
                f"The {kind} {actual!r} can't be {' and '.join(twins)} at once.",
                f"Mend --{kind}-map {name}=NAME",
            )
    return found


def check_map(kind: Kind, mapping: Mapping[str, Any]) -> None:
    """Raise `UsageError` if `mapping` names something that the model doesn't read."""
    known = (*FIELDS, *OPTIONAL[kind])
    for name in mapping:
        if name not in known:
            raise UsageError(
                f"--{kind}-map {name}={mapping[name]}: the model reads no {kind} {name!r}.",
                did_you_mean(name, known),
            )


def _listed(present: Sequence[str]) -> str:
    more = f" and {len(present) - _SHOWN} more" if len(present) > _SHOWN else ""
    return ", ".join(repr(name) for name in present[:_SHOWN]) + more if present else "none"


def _near(name: str, present: Iterable[str]) -> str:
    sentence = did_you_mean(name, present)
    return f"{sentence} " if sentence.startswith("Did") else ""

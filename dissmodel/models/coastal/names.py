"""Which band or column of a file holds what: names decide, never the position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

from dissmodel.errors import InvalidInput, UsageError, did_you_mean
from dissmodel.executor.findings import RAISED, Problems

Kind = Literal["band", "column"]

FIELDS = ("uso", "alt", "solo")
"""The fields of every cell space, in the published order of bands."""

OPTIONAL: Mapping[Kind, tuple[str, ...]] = {"band": ("order",), "column": ("row", "col", "passo")}
"""The fields that a cell space may have."""

_SHOWN = 20


def find(
    kind: Kind, mapping: Mapping[str, Any], present: Sequence[str], problems: Problems = RAISED
) -> dict[str, str]:
    """Return canonical name → name in the file; optional names only where the file has them.

    A name that `mapping` lacks is the name in the file. Where problems are collected, names with one are left
    out.

    Raises
    ------
    UsageError
        If the map has a name that the model doesn't know, or gives one band or column to two names.
    InvalidInput
        If a band or column that is needed, or was mapped, is missing.

    Examples
    --------
    >>> find("band", {"uso": "landuse"}, ["alt", "solo", "landuse"])
    {'uso': 'landuse', 'alt': 'alt', 'solo': 'solo'}
    """
    check_map(kind, mapping, problems)
    found: dict[str, str] = {}
    lost: dict[str, str] = {}
    for name in (*FIELDS, *OPTIONAL[kind]):
        actual = str(mapping.get(name, name))
        if actual in present:
            found[name] = actual
        elif name in FIELDS or name in mapping:
            lost[name] = actual
    if lost:
        each = [_lost(kind, {name: actual}, present) for name, actual in lost.items()]
        problems.tell_all(each, _lost(kind, lost, present))
    own = {}
    for name, actual in found.items():
        twins = [other for other in found if found[other] == actual]
        if len(twins) > 1:
            problems.tell(
                UsageError(
                    f"The {kind} {actual!r} can't be {' and '.join(twins)} at once.",
                    f"Change --{kind}-map {name}=NAME",
                )
            )
        else:
            own[name] = actual
    return own


def check_map(kind: Kind, mapping: Mapping[str, Any], problems: Problems = RAISED) -> None:
    """Raise `UsageError` if `mapping` names something that the model doesn't read."""
    known = (*FIELDS, *OPTIONAL[kind])
    for name in mapping:
        if name not in known:
            problems.tell(
                UsageError(
                    f"The {kind} map says {name}={mapping[name]}, but the model reads no {kind} {name!r}.",
                    did_you_mean(name, known),
                )
            )


def _listed(present: Sequence[str]) -> str:
    more = f" and {len(present) - _SHOWN} more" if len(present) > _SHOWN else ""
    return ", ".join(repr(name) for name in present[:_SHOWN]) + more if present else "none"


def _lost(kind: Kind, lost: Mapping[str, str], present: Sequence[str]) -> InvalidInput:
    """Return the error for names (canonical name → name in the file) that the file doesn't have."""
    names = f" and no {kind} ".join(map(repr, lost.values()))
    return InvalidInput(
        f"There is no {kind} {names}; the file has {_listed(present)}.",
        _hint(kind, lost, present),
        code=f"missing_{kind}",
    )


def _hint(kind: Kind, lost: Mapping[str, str], present: Sequence[str]) -> str:
    if not present:
        return f"It needs {', '.join(FIELDS)}. Is a file of the dataset missing, such as a .dbf?"
    # People who write names in capitals mean the same.
    folded = {other.casefold(): other for other in reversed(present)}
    near = {}
    for name, actual in lost.items():
        found = get_close_matches(actual.casefold(), folded, n=1, cutoff=0.7)
        near[name] = folded[found[0]] if found else None
    typed = " ".join(f"--{kind}-map {name}={other or 'NAME'}" for name, other in near.items())
    if all(near.values()):
        return f"Did you mean {' and '.join(map(repr, near.values()))}? {typed}"
    return f"Choose one: {typed}"

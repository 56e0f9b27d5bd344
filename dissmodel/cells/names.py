"""Which band or column of a file holds which field: names decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

from dissmodel.errors import InvalidInput, UsageError, did_you_mean
from dissmodel.executor.findings import Problems

Kind = Literal["band", "column"]

OPTIONAL: Mapping[Kind, tuple[str, ...]] = {"band": ("order",), "column": ("row", "col", "passo")}
"""The bands and columns that every dataset of cells may have, beside the fields of the model."""

_SHOWN = 20


def find(
    kind: Kind,
    fields: Sequence[str],
    mapping: Mapping[str, Any],
    present: Sequence[str],
    problems: Problems,
    *,
    optional: Sequence[str] = (),
) -> dict[str, str]:
    """Return canonical name → name in the file; optional names only where the file has them.

    A name that `mapping` lacks is the name in the file. Where problems are collected, names with a problem
    are left out.

    >>> from dissmodel.executor.findings import RAISED
    >>> find("band", ["uso", "alt"], {"uso": "landuse"}, ["alt", "landuse"], RAISED)
    {'uso': 'landuse', 'alt': 'alt'}

    Raises
    ------
    UsageError
        If the map has a name that the model doesn't know, or gives one band or column to two names.
    InvalidInput
        If a band or column that is needed, or was mapped, is missing.
    """
    check_map(kind, (*fields, *optional), mapping, problems)
    found: dict[str, str] = {}
    lost: dict[str, str] = {}
    for name in (*fields, *optional, *OPTIONAL[kind]):
        actual = str(mapping.get(name, name))
        if actual in present:
            found[name] = actual
        elif name in fields or name in mapping:
            lost[name] = actual
    if lost:
        each = [_lost(kind, fields, {name: actual}, present) for name, actual in lost.items()]
        problems.tell_all(each, _lost(kind, fields, lost, present))
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


def check_map(kind: Kind, fields: Sequence[str], mapping: Mapping[str, Any], problems: Problems) -> None:
    """Raise `UsageError` if `mapping` names something that the model doesn't read."""
    known = (*fields, *OPTIONAL[kind])
    for name in mapping:
        if name not in known:
            problems.tell(
                UsageError(
                    f"The {kind} map says {name}={mapping[name]}, but the model reads no {kind} {name!r}.",
                    did_you_mean(name, known),
                )
            )


def _lost(kind: Kind, fields: Sequence[str], lost: Mapping[str, str], present: Sequence[str]) -> InvalidInput:
    """Return the error for names (canonical name → name in the file) that the file doesn't have."""
    more = f" and {len(present) - _SHOWN} more" if len(present) > _SHOWN else ""
    listed = ", ".join(repr(name) for name in present[:_SHOWN]) + more if present else "none"
    missing = f" and no {kind} ".join(map(repr, lost.values()))
    return InvalidInput(
        f"There is no {kind} {missing}; the file has {listed}.",
        _hint(kind, fields, lost, present),
        code=f"missing_{kind}",
    )


def _hint(kind: Kind, fields: Sequence[str], lost: Mapping[str, str], present: Sequence[str]) -> str:
    if not present:
        return f"It needs {', '.join(fields)}. Is a file of the dataset missing, such as a .dbf?"
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

"""Two vector layers, column by column."""

from __future__ import annotations

from collections import Counter

import numpy as np

from dissmodel import progress
from dissmodel.comparison.tally import ChangeTally, Values
from dissmodel.comparison.verdict import ChangedValue, Findings, Part, Tolerance, match_names
from dissmodel.io.content_vector import AnyColumn, columns_of, encoded
from dissmodel.io.locate import Located

_NUMBERS = {"boolean": "uint8", "integer": "int64", "real": "float64"}


def compare_vectors(a: Located, b: Located, tolerance: Tolerance | None) -> Findings:
    """Compare two layers, feature by feature in the files' order.

    Raises InvalidInput if one is damaged, or has several layers and none was named.
    """
    one_crs, one = columns_of(a)
    other_crs, other = columns_of(b)
    apart = []
    counts = [len(columns["geometry"].null) for columns in (one, other)]
    if counts[0] != counts[1]:
        apart.append(f"The number of features differs: {counts[0]} in A, {counts[1]} in B.")
    if one_crs != other_crs:
        apart.append(f"The CRS differs: {one_crs or 'none'} in A, {other_crs or 'none'} in B.")
    if apart:
        return Findings(tuple(apart))
    names, lacking, ordered = match_names(list(one), list(other), "column")
    parts, notes = [], []
    for done, name in enumerate(names):
        progress.current().step(done, len(names))
        # Each pair may go once it is compared.
        x, y = one.pop(name), other.pop(name)
        if x.kind != y.kind:
            notes.append(f"{name!r} is {x.kind} in A and {y.kind} in B.")
            if not {x.kind, y.kind} <= set(_NUMBERS):
                lacking = (*lacking, f"The column {name!r} can't be compared: {x.kind} and {y.kind}.")
                continue
        part = _compare(name, x, y, tolerance)
        parts.append(part)
        if x.kind == "geometry" and part.changed and Counter(_bytes(x)) == Counter(_bytes(y)):
            notes.append("The geometries are the same, in another order.")
    notes += [] if ordered else ["The columns are in another order."]
    return Findings((), lacking, tuple(notes), tuple(parts), ordered)


def _compare(name: str, a: AnyColumn, b: AnyColumn, tolerance: Tolerance | None) -> Part:
    tally = ChangeTally(tolerance, name)
    if a.kind in _NUMBERS:
        tally.add(_numbers(a), _numbers(b), int)
    else:
        tally.add_encoded(_bytes(a), _bytes(b), text=a.kind != "geometry")
    return tally.part(name, (a.kind, b.kind), lambda index: ChangedValue(None, None, feature=index))


def _numbers(column: AnyColumn) -> Values:
    filled = np.where(column.null, 0, column.values)
    return Values(filled.astype(_NUMBERS[column.kind]), column.null)


def _bytes(column: AnyColumn) -> list[bytes | None]:
    return [
        None if null else value for value, null in zip(encoded(column), column.null.tolist(), strict=True)
    ]

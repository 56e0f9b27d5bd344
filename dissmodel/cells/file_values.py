"""What the bands and columns of a file hold: numbers or nothing, the step that they belong to, the CRS."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.stored import equal

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from rasterio.crs import CRS

    from dissmodel.cells.fields import Field

LARGEST_INTEGER = 2.0**53
"""Up to here a float64 counts."""
_OFF_GRID = frozenset({"cells_lost", "cells_off_grid", "bad_row_col"})
_NAMED = 5


def absent(band: NDArray[Any], values: Sequence[float]) -> NDArray[np.bool_]:
    """Return where a band has no value: NaN, or one of `values`."""
    absent: NDArray[np.bool_] = np.isnan(band)
    for value in values:
        if band.dtype.kind in "iu":
            absent |= equal(band, value)
            continue
        with np.errstate(over="ignore"):
            same = np.asarray(value).astype(band.dtype)
        if np.isinf(same) == math.isinf(value):
            absent |= band == same
    return absent


def nodata_of(note: Mapping[str, Any], name: str) -> tuple[float, ...]:
    """Return the nodata values that the file declares or the band's tag holds, but for NaN."""
    values = [] if note["nodata"] is None else [note["nodata"]]
    tag = note["tags"].get("nodata")
    if tag is not None:
        try:
            # A float doesn't hold all digits of a 64-bit integer.
            values.append(int(tag) if tag.strip().removeprefix("-").isdecimal() else float(tag))
        except ValueError:
            warnings.warn(
                f"The band {name} has the tag nodata = {str(tag)[:40]!r}, not a number; it is ignored.",
                DissmodelWarning,
                stacklevel=2,
            )
    return tuple(value for value in values if not math.isnan(value))


def counter_of_tag(name: str, tag: str) -> int:
    """Return the step or another count that a raster's tag holds."""
    try:
        count = float(tag)
    except ValueError:
        raise _no_counter(name, f"The tag {name} is {str(tag)[:40]!r}") from None
    return one_counter(np.array([count]), name, f"The tag {name}")


def one_counter(values: NDArray[Any], name: str, where: str) -> int:
    """Return the one step or count in `values`; raise InvalidInput if there are several, or it is none."""
    found = np.unique(values)
    if found.size > 1:
        raise InvalidInput(
            f"{where} holds different {_kind(name)}s, {found[0]:g} and {found[-1]:g} among them.",
            f"All cells must belong to the same {_kind(name)}.",
        )
    count = float(found[0])
    if not (0 <= count <= LARGEST_INTEGER and count.is_integer()):
        raise _no_counter(name, f"{where} is {count:g}")
    return int(count)


def _no_counter(name: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"{what}, which is not a {_kind(name)}.", f"A {_kind(name)} is an integer of 0 or more."
    )


def _kind(name: str) -> str:
    return "step" if name == "passo" else "count"


def count_values(counter: Counter[float], values: NDArray[Any]) -> None:
    """Count the cells of each value."""
    if values.size:
        for value, cells in zip(*np.unique(values, return_counts=True), strict=True):
            counter[float(value)] += int(cells)


def refuse_field(declared: Field, wrong: Counter[float], first: str, more: str = "") -> None:
    """Raise InvalidInput if there are wrong values of a field; `first` is the place of the first of them."""
    refuse(
        f"{declared.name} holds values that it does not take",
        wrong,
        f"The first is {first}, counted from 0. {declared.name} takes {declared.takes}.{more}",
        named=declared.named,
    )


def refuse(what: str, wrong: Counter[float], hint: str, *, named: int = _NAMED) -> None:
    """Raise InvalidInput with the wrong values and the number of cells of each, the most frequent first."""
    if not wrong:
        return
    # NaN is not itself, so blocks count it under several keys.
    merged: Counter[str] = Counter()
    for value, cells in wrong.items():
        merged["none (NaN)" if math.isnan(value) else f"{value:.15g}"] += cells
    listed = [f"{value} ({cells} cell{'s' * (cells > 1)})" for value, cells in merged.most_common(named)]
    more = f" and {len(merged) - named} more values" if len(merged) > named else ""
    raise InvalidInput(f"{what}: {', '.join(listed)}{more}.", hint, code="illegal_value")


def settled_crs(own: Any, wanted: str | None) -> CRS | None:
    """Return the CRS of a dataset, or that of the parameter where the dataset has none.

    Raises InvalidInput if the dataset has a CRS and the parameter is a different CRS.
    """
    from rasterio.crs import CRS  # noqa: PLC0415  (checks of numbers need no GDAL)

    given = None if wanted is None else CRS.from_user_input(wanted)
    if own:
        settled = CRS.from_user_input(own)
        if given is not None and given != settled:
            code = settled.to_epsg()
            shown = f"EPSG:{code}" if code else str(settled.to_wkt()).partition('"')[2].partition('"')[0]
            raise InvalidInput(
                f"crs = {wanted!r} is not the input's own coordinate reference system, {shown}.",
                "Leave the parameter out; it is for inputs without a CRS, and reprojects nothing.",
            )
        return settled
    if given is None:
        warnings.warn(
            "The input has no coordinate reference system; the output will have none. "
            "Set one with --param crs=EPSG:…",
            DissmodelWarning,
            stacklevel=2,
        )
    return given


def numbers(frame: GeoDataFrame, column: str, *, kinds: str = "iuf") -> NDArray[Any]:
    """Return a column as float64, NaN where it is null; its dtype has to be of one of `kinds`."""
    values = frame[column]
    if values.dtype.kind not in kinds:
        there = values.notna().to_numpy()
        number = int(np.argmax(there))
        what = (
            f"holds {values.dtype} values, not numbers, in {np.count_nonzero(there)} of {len(values)} "
            f"features; the first is feature {number}, counted from 0: {str(values.iloc[number])[:40]!r}"
            if there.any()
            else f"has no value in any of {len(values)} features"
        )
        raise InvalidInput(
            f"The column {column!r} {what}.",
            "Fix the file, or name another column with --column-map",
            code="illegal_value",
        )
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def refuse_near(name: str, present: Iterable[str]) -> None:
    """Refuse a column whose name differs from a new one in capitals only: a GeoPackage can't hold both."""
    near = [one for one in present if one.casefold() == name.casefold()]
    if near:
        what = "the step of the features" if name == "passo" else "the same"
        raise InvalidInput(
            f"The column {near[0]!r} and {name}, which the result needs, would have one name.",
            f"If it holds {what}: --column-map {name}={near[0]}; else rename it.",
            code="ambiguous_column",
        )


@contextlib.contextmanager
def off_grid_hint(hint: str) -> Iterator[None]:
    """Let an error of polygons that are not the cells of a grid have this hint."""
    try:
        yield
    except InvalidInput as error:
        if error.code not in _OFF_GRID:
            raise
        raise InvalidInput(error.message, hint, code=error.code) from error

"""What the bands and columns of a file hold: numbers or nothing, the step that they belong to, the CRS."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.stored import equal

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from rasterio.crs import CRS

LARGEST_INTEGER = 2.0**53
"""Up to here a float64 counts."""
OFF_GRID = frozenset({"cells_lost", "cells_off_grid", "bad_row_col"})
"""Codes of the errors of polygons that are not the cells of a grid."""


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


def step_of_tag(tag: str | None) -> int:
    """Return the step that the input belongs to, from its tag; 0 without a tag."""
    if tag is None:
        return 0
    try:
        step = float(tag)
    except ValueError:
        raise InvalidInput(
            f"The tag passo is {str(tag)[:40]!r}, which is not a step.", "A step is an integer of 0 or more."
        ) from None
    return one_step(np.array([step]), "The tag passo")


def one_step(values: NDArray[Any], where: str) -> int:
    """Return the one step in `values`; raise InvalidInput if there are several, or it is none."""
    found = np.unique(values)
    if found.size > 1:
        raise InvalidInput(
            f"{where} holds different steps, {found[0]:g} and {found[-1]:g} among them.",
            "All cells must belong to the same step.",
        )
    step = float(found[0])
    if not (0 <= step <= LARGEST_INTEGER and step.is_integer()):
        raise InvalidInput(f"{where} is {step:g}, which is not a step.", "A step is an integer of 0 or more.")
    return int(step)


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


def refuse_near_passo(present: Iterable[str]) -> None:
    """Refuse a column whose name differs from passo in capitals only: a GeoPackage can't hold both."""
    near = [name for name in present if name.casefold() == "passo"]
    if near:
        raise InvalidInput(
            f"The column {near[0]!r} and passo, which the result needs, would have one name.",
            f"If it holds the step of the features: --column-map passo={near[0]}; else rename it.",
            code="ambiguous_column",
        )


@contextlib.contextmanager
def by_row_and_col(found: Mapping[str, str]) -> Iterator[None]:
    """Let an error of polygons that are on no grid name their columns for `row` and `col`."""
    try:
        yield
    except InvalidInput as error:
        if error.code not in OFF_GRID:
            raise
        raise InvalidInput(
            error.message,
            f"Fix {found['row']!r} and {found['col']!r}, or rename them: without them the geometry "
            "decides which cells are neighbours.",
            code=error.code,
        ) from error

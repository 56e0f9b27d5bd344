"""A dataset, its bands or its polygons, as checked fields of a model, over the cells in visiting order."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import file_values, names
from dissmodel.cells.fields import Field, Numbers
from dissmodel.cells.layout import Layout, Pixels, Polygons, is_rotated, pixels_of, turned
from dissmodel.cells.near import Topology, polygon_topology
from dissmodel.cells.parameters import CellParameters
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor.findings import Problems
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io.bands import ArrayBands, Bands, band_named

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

PASSO = "passo"
"""The tag or the column with the step that a dataset belongs to."""
ORDER = "order"
"""The band with the visiting order."""

_NAMED = 5
_LARGEST_INTEGER = 2.0**53
_NUMBERS = "iuf"
_numbers = partial(file_values.numbers, kinds="iufb")  # truth values are codes, too


@dataclass(frozen=True, kw_only=True, eq=False)
class CellData:
    """What a dataset holds for a model.

    `layout` is where the cells are, and `target` where they are in the result: polygons may become pixels.
    `values` has each field over the cells in visiting order, in its own dtype; `step` is the step that they
    belong to, 0 where the dataset has none; `others` are the bands that the model does not declare, with
    their nodata values, as the file stores them, and `masked` is where the file's mask hides them.
    """

    layout: Layout
    target: Layout
    values: Mapping[str, NDArray[Any]]
    step: int = 0
    others: Mapping[str, tuple[NDArray[Any], tuple[float, ...]]] = field(default_factory=dict)
    masked: NDArray[np.bool_] | None = None


def read_cells(
    data: Any,
    fields: Mapping[str, Field],
    parameters: CellParameters,
    *,
    band_map: Mapping[str, Any],
    column_map: Mapping[str, Any],
    problems: Problems,
) -> CellData | None:
    """Return what a dataset of `dissmodel.io.open_dataset` holds for a model.

    None if problems are collected and there are any.

    Raises
    ------
    InvalidInput, UsageError
        If it lacks a field, holds a value that a field does not take, or ends before the first step.
    """
    if isinstance(data, tuple):
        data = ArrayBands(*data)
    if isinstance(data, RasterBackend):
        data = ArrayBands.of_variables(data)
    if isinstance(data, Bands):
        return _read_bands(data, fields, parameters, band_map, problems)
    return _read_polygons(data, fields, parameters, column_map, problems)


def _read_bands(
    bands: Bands,
    fields: Mapping[str, Field],
    parameters: CellParameters,
    band_map: Mapping[str, Any],
    problems: Problems,
) -> CellData | None:
    notes = bands.meta["bands"]
    found = _found_bands(bands, fields, band_map, problems)
    transform = bands.meta["transform"]
    flipped = (
        (False, False) if transform is None or is_rotated(transform) else (transform.e > 0, transform.a < 0)
    )
    step, crs, layout = 0, None, None
    values: dict[str, NDArray[Any]] = {}
    others: dict[str, tuple[NDArray[Any], tuple[float, ...]]] = {}
    masked = None
    with problems.at():
        step = file_values.step_of_tag(bands.meta["tags"].get(PASSO))
    with problems.at():
        crs = file_values.settled_crs(bands.meta["crs"], parameters.crs)
    with problems.at():
        parameters.check_steps(step)
    if fields.keys() <= found.keys():
        with problems.at():
            raw, inside, masked = _raw_bands(bands, fields, found, flipped)
            others = {
                name: (turned(raw[name], flipped), file_values.nodata_of(notes[name], name))
                for name in bands.dtypes
                if name not in found.values()
            }
            order = None
            if ORDER in found:
                with problems.at():
                    order = _visiting_order(raw[found[ORDER]][inside], inside)
            layout = Pixels(inside=inside, order=order, transform=transform, crs=crs, flipped=flipped)
            for name, declared in fields.items():
                with problems.at():
                    values[name] = _checked(declared, layout.on_cells(raw.pop(found[name])), layout.place)
    if problems.failed or layout is None:
        return None
    return CellData(layout=layout, target=layout, values=values, step=step, others=others, masked=masked)


def _found_bands(
    bands: Bands, fields: Mapping[str, Field], band_map: Mapping[str, Any], problems: Problems
) -> dict[str, str]:
    """Return canonical name → band; nameless bands are taken in the order of the fields."""
    notes, present = bands.meta["bands"], list(bands.dtypes)
    for band, dtype in bands.dtypes.items():
        if dtype.kind not in _NUMBERS:
            problems.tell(
                InvalidInput(
                    f"The band {band!r} holds {dtype} values, not real numbers.",
                    "Convert it, for example with: gdal_translate -ot Float64",
                    code="illegal_value",
                )
            )
    if band_map or any(notes[name]["named"] for name in present) or len(present) != len(fields):
        numbers = {name: notes[name].get("number", place) for place, name in enumerate(present, start=1)}
        called = {name: band_named(str(band), numbers) for name, band in band_map.items()}
        found = names.find("band", tuple(fields), called, present, problems)
    else:
        found = dict(zip(fields, present, strict=True))
        warnings.warn(
            f"The bands have no names; they are taken as {', '.join(fields)}, in this order.",
            DissmodelWarning,
            stacklevel=2,
        )
    for name, band in found.items():
        if band != name and name in present and name not in found.values():
            problems.tell(
                InvalidInput(
                    f"The band {band!r} would be called {name!r} in the result, and there is another band "
                    f"{name!r}, which would be written too.",
                    "Leave that band out: gdal_translate -b N IN.tif OUT.tif",
                    code="ambiguous_band",
                )
            )
        _warn_of_unit(fields.get(name), notes[band], f"The band {band!r}")
    return found


def _raw_bands(
    bands: Bands, fields: Mapping[str, Field], found: Mapping[str, str], flipped: tuple[bool, bool]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Return each band, turned as `Pixels` has it, and where every field has a value; and the file's mask.

    The bands have the file's dtype, and the mask its rows: True where it hides values, None without a mask.
    """
    nodata = {
        name: tuple(
            value
            for value in file_values.nodata_of(bands.meta["bands"][found[name]], name)
            if not _is_a_value(declared, name, value)
        )
        for name, declared in fields.items()
    }
    raw = {band: np.empty(bands.shape, dtype) for band, dtype in bands.dtypes.items()}
    inside = np.empty(bands.shape, np.bool_)
    views = {band: turned(array, flipped) for band, array in raw.items()}
    kept = turned(inside, flipped)
    masked: NDArray[np.bool_] | None = None
    lacking: Counter[str] = Counter()
    partly = 0
    for rows, values, valid in bands.blocks(list(raw)):
        absent = {name: file_values.absent(values[found[name]], nodata[name]) for name in fields}
        some = ~np.logical_and.reduce(list(absent.values()))
        keep = ~np.logical_or.reduce(list(absent.values()))
        if valid is not None:
            some &= valid
            keep &= valid
            masked = np.zeros(bands.shape, np.bool_) if masked is None else masked
            masked[rows] = ~valid
        for name, where in absent.items():
            lacking[name] += int(np.count_nonzero(where & some))
        partly += int(np.count_nonzero(some & ~keep))
        kept[rows] = keep
        for band, array in values.items():
            views[band][rows] = array
    if partly:
        which = ", ".join(f"{name} ({count})" for name, count in lacking.items() if count)
        warnings.warn(
            f"{partly} pixels have values of some fields but lack others: {which}; they are taken as outside "
            "the space.",
            DissmodelWarning,
            stacklevel=2,
        )
    if not inside.any():
        raise InvalidInput(
            "No cell is in the space: every pixel is nodata, masked or lacks a value of a field.",
            f"Check the values of the bands, or choose others: --band-map {next(iter(fields))}=NAME",
            code="empty_space",
        )
    return raw, inside, masked


def _is_a_value(declared: Field, name: str, value: float) -> bool:
    if not declared.takes_nodata(value):
        return False
    warnings.warn(
        f"The band of {name} declares nodata = {value:g}, which is a value of {name}: its cells stay in the "
        "space.",
        DissmodelWarning,
        stacklevel=2,
    )
    return True


def _warn_of_unit(declared: Field | None, note: Mapping[str, Any], what: str) -> None:
    unit = note["tags"].get("unit")
    if isinstance(declared, Numbers) and unit and declared.unit and unit != declared.unit:
        warnings.warn(
            f"{what} is in {unit[:40]!r}, by its tag unit; the model takes {declared.unit!r}.",
            DissmodelWarning,
            stacklevel=3,
        )


def _visiting_order(given: NDArray[Any], inside: NDArray[np.bool_]) -> NDArray[np.signedinteger[Any]] | None:
    """Return each cell's place in visiting order, -1 outside; None if that is row by row."""
    with np.errstate(invalid="ignore"):
        wrong = ~((np.rint(given) == given) & (np.abs(given) <= _LARGEST_INTEGER))
    _refuse(given, wrong, "order holds values that are not integers", "Give every cell its own number.")
    numbers = given.astype(np.int64)
    if np.all(numbers[1:] > numbers[:-1]):
        return None
    visit = np.argsort(numbers, kind="stable")
    ordered = numbers[visit]
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    _refuse(
        numbers,
        np.isin(numbers, repeated),
        "order holds values that more than one cell has",
        "Give every cell its own number.",
    )
    places = np.empty(visit.size, np.int64)
    places[visit] = np.arange(visit.size)
    order = np.full(inside.shape, -1, np.int64)
    order[inside] = places
    return order


def _checked(declared: Field, given: NDArray[Any], place: Callable[[int], str]) -> NDArray[Any]:
    """Return the values of a field in its dtype; raise InvalidInput if it does not take one of them."""
    wrong = declared.wrong(given)
    if wrong.any():
        first = f"The first is {place(int(np.argmax(wrong)))}."
        _refuse(
            given,
            wrong,
            f"{declared.name} holds values that it does not take",
            f"{first} {declared.name} takes {declared.takes}.",
        )
    return given.astype(declared.dtype)


def _refuse(given: NDArray[Any], wrong: NDArray[np.bool_], what: str, hint: str) -> None:
    """Raise InvalidInput with the wrong values and the number of cells of each, the most frequent first."""
    if not wrong.any():
        return
    found, counts = np.unique(given[wrong], return_counts=True)
    frequent = np.argsort(-counts, kind="stable")
    named = [
        f"{'none (NaN)' if math.isnan(found[one]) else f'{found[one]:.15g}'} "
        f"({counts[one]} cell{'s' * bool(counts[one] > 1)})"
        for one in frequent[:_NAMED]
    ]
    more = f" and {len(found) - _NAMED} more values" if len(found) > _NAMED else ""
    raise InvalidInput(f"{what}: {', '.join(named)}{more}.", hint, code="illegal_value")


def _read_polygons(
    frame: GeoDataFrame,
    fields: Mapping[str, Field],
    parameters: CellParameters,
    column_map: Mapping[str, Any],
    problems: Problems,
) -> CellData | None:
    if frame.empty:
        problems.tell(
            InvalidInput("No cell is in the space: the dataset has no features.", code="empty_space")
        )
        return None
    present = [str(column) for column in frame.columns if column != frame.geometry.name]
    found = names.find("column", tuple(fields), column_map, present, problems)
    values: dict[str, NDArray[Any]] = {}
    step, touching, pixels = 0, None, None
    for name, declared in fields.items():
        if name in found:
            with problems.at():
                given = _numbers(frame, found[name])
                values[name] = _checked(declared, given, partial("feature {}, counted from 0".format))
    with problems.at():
        if PASSO in found:
            step = file_values.one_step(_numbers(frame, found[PASSO]), f"The column {found[PASSO]!r}")
        else:
            file_values.refuse_near_passo(present)
    with problems.at():
        parameters.check_steps(step)
    with problems.at():
        touching, pixels = _neighbours(frame, found)
    with problems.at():
        crs = file_values.settled_crs(frame.crs, parameters.crs)
        if frame.crs is None and crs is not None:
            frame = frame.set_crs(parameters.crs)
    if problems.failed:
        return None
    layout = Polygons(frame=frame, found=found, touching=touching, pixels=pixels)
    return CellData(layout=layout, target=layout, values=values, step=step)


def _neighbours(frame: GeoDataFrame, found: Mapping[str, str]) -> tuple[Topology | None, Pixels | None]:
    """Return who is whose neighbour: by the geometry, or as pixels where columns say row and column."""
    if {"row", "col"} <= found.keys():
        with file_values.by_row_and_col(found):
            return None, pixels_of(Polygons(frame=frame, found=found))
    return polygon_topology(frame), None

"""A dataset, its bands or its polygons, as a cell space of pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from affine import Affine

from dissmodel.cells import file_values
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io.bands import ArrayBands, Bands, band_named
from dissmodel.models.coastal import checks, names
from dissmodel.models.coastal.classes import SOILS
from dissmodel.models.coastal.parameters import SeaParameters
from dissmodel.models.coastal.state import CoastalState, is_rotated

_NOT_REAL = {"alt": (-9999.0,), "solo": (-9999.0, -1.0)}
_SOIL_CODES = {one.code for one in SOILS}
# A declared nodata value that can be a real one of its band marks nothing.
_IS_REAL: Mapping[str, Callable[[float], bool]] = {
    "alt": lambda value: checks.LOWEST <= value <= checks.HIGHEST,
    "solo": lambda value: value in _SOIL_CODES,
}
_Field = checks.ValueCheck | checks.VisitingOrder
_FIELDS: Mapping[str, Callable[[tuple[int, ...]], _Field]] = {
    "uso": partial(checks.ValueCheck, "uso"),
    "solo": partial(checks.ValueCheck, "solo"),
    "alt": partial(checks.ValueCheck, "alt"),
    "order": checks.VisitingOrder,
}


def read_space(
    data: Any,
    parameters: SeaParameters,
    *,
    band_map: Mapping[str, Any] | None = None,
    column_map: Mapping[str, Any] | None = None,
    problems: Problems = RAISED,
) -> CoastalState | None:
    """Return the cell space of a dataset as pixels, ready for its next step.

    Parameters
    ----------
    data : FileBands, or tuple of (RasterBackend, dict), or geopandas.GeoDataFrame
        As `dissmodel.io.open_dataset` or `dissmodel.io.load_dataset` returns it.
    parameters : SeaParameters
        ``crs`` and ``resolution`` shape the space; ``end_time`` and ``snapshots`` are checked against it.
    band_map, column_map : Mapping of str to str, optional
        Canonical name → name in the file, for rasters and for polygons.
    problems : Problems
        What happens to a problem; where they are collected and there are any, the result is None.

    Raises
    ------
    InvalidInput, UsageError
        If the dataset is not a cell space, or ends before the first step.
    """
    if isinstance(data, RasterBackend):
        problems.tell(
            InvalidInput(
                "A NetCDF file or a Zarr folder is not a cell space.",
                "Give a GeoTIFF, or a dataset of polygons.",
            )
        )
        return None
    if isinstance(data, tuple):
        data = ArrayBands(*data)
    if isinstance(data, Bands):
        return read_raster(data, parameters, band_map or {}, problems)
    # What polygons need is not loaded for a raster.
    from dissmodel.models.coastal.polygons import read_polygons  # noqa: PLC0415  (as above)

    return read_polygons(data, parameters, column_map or {}, problems)


def read_raster(
    bands: Bands, parameters: SeaParameters, band_map: Mapping[str, Any], problems: Problems = RAISED
) -> CoastalState | None:
    """Return the cell space of a raster, reading its bands once.

    None if problems are collected and there are any.
    """
    meta = bands.meta
    found = {}
    for name, band in _find(band_map, list(bands.dtypes), meta["bands"], problems).items():
        with problems.at():
            if bands.dtypes[band].kind not in "iuf":
                raise InvalidInput(
                    f"The band {band!r} holds {bands.dtypes[band]} values, not real numbers.",
                    "Convert it, for example with: gdal_translate -ot Float64",
                    code="illegal_value",
                )
            found[name] = band
    flipped = _flipped(meta["transform"])
    values: dict[str, Any] = {"order": None, "flipped": flipped}
    if "uso" in found:
        fields = {name: _FIELDS[name](bands.shape) for name in _FIELDS if name in found}
        with problems.at():
            _fill(fields, bands, found, flipped)
            for name, field in fields.items():
                with problems.at():
                    values[name] = field.checked()
    with problems.at():
        values["step"] = file_values.counter_of_tag("passo", meta["tags"].get("passo", "0"))
    with problems.at():
        values["transform"] = _transform(meta["transform"], parameters.resolution)
    with problems.at():
        values["crs"] = file_values.settled_crs(meta["crs"], parameters.crs)
    with problems.at():
        parameters.check_steps(values.get("step", 0))
    return None if problems.failed else CoastalState(**values)


def _find(
    band_map: Mapping[str, Any], present: Sequence[str], notes: Mapping[str, Any], problems: Problems
) -> dict[str, str]:
    """Return canonical name → name in the file; three nameless bands are taken in the published order."""
    nameless = not any(notes[name]["named"] for name in present)
    if not nameless or band_map:
        numbers = {name: notes[name].get("number", place) for place, name in enumerate(present, start=1)}
        called = {name: band_named(str(band), numbers) for name, band in band_map.items()}
        return names.find("band", called, present, problems)
    if len(present) != len(names.FIELDS):
        problems.tell(
            InvalidInput(
                f"The file has {len(present)} bands without names; without names there have to be "
                f"{len(names.FIELDS)}: {', '.join(names.FIELDS)}, in this order.",
                "Name the bands in the file, or here: "
                + " ".join(f"--band-map {field}=N" for field in names.FIELDS)
                + f", with a number N from 1 to {len(present)}.",
                code="missing_band",
            )
        )
        return {}
    warnings.warn(
        f"The bands have no names; they are taken as {', '.join(names.FIELDS)}, in this order.",
        DissmodelWarning,
        stacklevel=2,
    )
    return dict(zip(names.FIELDS, present, strict=True))


def _flipped(transform: Affine | None) -> tuple[bool, bool]:
    """Return whether a file stores its rows from south to north, and its columns from east to west."""
    if transform is None or is_rotated(transform):
        return False, False
    return transform.e > 0, transform.a < 0


def _fill(
    fields: Mapping[str, _Field], bands: Bands, found: Mapping[str, str], flipped: tuple[bool, bool]
) -> None:
    """Give each field its values in the space; warn of pixels that only lack an elevation or a soil.

    A band that was not found is not counted. Where the file is `flipped`, the fields get
    their rows from north to south and their columns from west to east all the same.
    """
    height = bands.shape[0]
    turn = tuple(slice(None, None, -1 if flip else 1) for flip in flipped)
    notes = bands.meta["bands"]
    declared = {
        name: file_values.nodata_of(notes[found[name]], name) for name in names.FIELDS if name in found
    }
    absent = {
        name: (*_NOT_REAL[name], *(value for value in declared[name] if not is_real(value)))
        for name, is_real in _IS_REAL.items()
        if name in found
    }
    cells = lack = 0
    alone = dict.fromkeys(_NOT_REAL, 0)
    for rows, values, valid in bands.blocks([found[name] for name in fields]):
        given = {name: values[found[name]] for name in fields}
        covered = ~file_values.absent(given["uso"], (0.0, *declared["uso"]))
        if valid is not None:
            covered &= valid
        keep = covered.copy()
        for name, nothing in absent.items():
            lacks = covered & file_values.absent(given[name], nothing)
            alone[name] += int(np.count_nonzero(lacks))
            keep &= ~lacks
        lack += int(np.count_nonzero(covered & ~keep))
        cells += int(np.count_nonzero(keep))
        place = slice(height - rows.stop, height - rows.start) if flipped[0] else rows
        for name, field in fields.items():
            field.put(place, given[name][turn], keep[turn])
    if lack:
        warnings.warn(
            f"{lack} pixels have a land use but lack an elevation ({alone['alt']}) or a soil "
            f"({alone['solo']}); they are taken as outside the space.",
            DissmodelWarning,
            stacklevel=2,
        )
    if not cells:
        raise InvalidInput(
            "No cell is in the space: every pixel is nodata, masked or lacks one of its three values.",
            "Check the values of the band, or choose another: --band-map uso=NAME",
            code="empty_space",
        )


def _transform(own: Affine | None, resolution: float | None) -> Affine | None:
    """Return the transform; where the file has none and a resolution is given, one from the origin."""
    if own is None or own == Affine.identity():
        return own if resolution is None else Affine(resolution, 0.0, 0.0, 0.0, -resolution, 0.0)
    size = (math.hypot(own.a, own.d), math.hypot(own.b, own.e))
    if resolution is not None and not all(math.isclose(s, resolution, rel_tol=1e-6) for s in size):
        raise UsageError(
            f"resolution = {resolution:g}, but the raster's pixels are {size[0]:g} by {size[1]:g}.",
            "Leave resolution out; a raster is not resampled.",
        )
    return own

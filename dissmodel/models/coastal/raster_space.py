"""From the bands of a raster to a cell space."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.models.coastal import checks, names
from dissmodel.models.coastal.classes import LEGAL_SOIL
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState

_NOT_REAL = {"alt": (-9999.0,), "solo": (-9999.0, -1.0)}
_BYTE = 256


def read_raster(
    backend: RasterBackend,
    meta: Mapping[str, Any],
    parameters: CoastalParameters,
    band_map: Mapping[str, Any],
) -> CoastalState:
    """Return the cell space of a raster; bands are taken out of `backend` as they are used up.

    Parameters
    ----------
    backend : RasterBackend
        The bands, each of shape (rows, cols), in the file's own dtypes.
    meta : Mapping
        ``crs``, ``transform``, ``tags``, ``bands`` and ``mask`` as `dissmodel.io.load_dataset` returns them.
    parameters : CoastalParameters
        ``crs`` and ``resolution`` are used.
    band_map : Mapping of str to str
        Canonical name → name in the file.

    Raises
    ------
    InvalidInput, UsageError
        If a band is missing, a value in the space is illegal, or no cell is in the space.
    """
    bands = backend.arrays
    found = _find(band_map, list(bands), meta["bands"])
    for name in found.values():
        if bands[name].dtype.kind not in "iuf":
            raise InvalidInput(
                f"The band {name!r} holds {bands[name].dtype} values, not real numbers.",
                "Convert it, for example with: gdal_translate -ot Float64",
                code="illegal_value",
            )
    inside = _space(bands, found, meta)
    passo = meta["tags"].get("passo")
    return CoastalState(
        uso=checks.land_use(bands.pop(found["uso"]), inside),
        solo=checks.soil(bands.pop(found["solo"]), inside),
        alt=checks.elevation(bands.pop(found["alt"]), inside),
        step=0 if passo is None else _step(passo),
        order=checks.visiting_order(bands.pop(found["order"]), inside) if "order" in found else None,
        transform=_transform(meta["transform"], parameters.resolution),
        crs=checks.settled_crs(meta["crs"], parameters.crs),
    )


def _find(band_map: Mapping[str, Any], present: Sequence[str], notes: Mapping[str, Any]) -> dict[str, str]:
    """Return canonical name → name in the file; three nameless bands are taken in the published order."""
    nameless = not any(notes[name]["named"] for name in present)
    if nameless and not band_map:
        if len(present) != len(names.FIELDS):
            raise InvalidInput(
                f"The file has {len(present)} bands without names; without names there have to be "
                f"{len(names.FIELDS)}: {', '.join(names.FIELDS)}, in this order.",
                "Name the bands, or say which they are: "
                + " ".join(f"--band-map {field}={present[0][:-1]}N" for field in names.FIELDS),
                code="missing_band",
            )
        warnings.warn(
            f"The bands have no names; they are taken as {', '.join(names.FIELDS)}, in this order.",
            DissmodelWarning,
            stacklevel=2,
        )
        return dict(zip(names.FIELDS, present, strict=True))
    return names.find("band", band_map, present)


class _Absent(NamedTuple):
    """What stands for "no value" in a band, beside NaN."""

    values: tuple[float, ...]

    def where(self, band: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where there is no value."""
        absent: NDArray[np.bool_] = np.isnan(band)
        for value in self.values:
            with np.errstate(over="ignore"):
                same = np.asarray(value).astype(band.dtype if band.dtype.kind == "f" else np.float64)
            if np.isinf(same) == math.isinf(value):
                absent |= band == same
        return absent


def _space(
    bands: Mapping[str, NDArray[Any]], found: Mapping[str, str], meta: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """Return which pixels are in the space; warn of those that only lack an elevation or a soil."""
    uso, alt, solo = (bands[found[name]] for name in names.FIELDS)
    declared = {name: _declared(meta["bands"][found[name]], name) for name in names.FIELDS}
    no_use = _Absent((0.0, *declared["uso"]))
    no_alt = _Absent((*_NOT_REAL["alt"], *(v for v in declared["alt"] if not _is_elevation(v))))
    no_soil = _Absent((*_NOT_REAL["solo"], *(v for v in declared["solo"] if not _is_soil(v))))

    inside = np.empty(uso.shape, dtype=np.bool_)
    lack_alt = lack_soil = lack = 0
    for rows in checks.blocks(uso):
        covered = ~no_use.where(uso[rows])
        if meta["mask"] is not None:
            covered &= meta["mask"][rows]
        alone_alt = covered & no_alt.where(alt[rows])
        alone_soil = covered & no_soil.where(solo[rows])
        lack_alt += int(np.count_nonzero(alone_alt))
        lack_soil += int(np.count_nonzero(alone_soil))
        lack += int(np.count_nonzero(alone_alt | alone_soil))
        inside[rows] = covered & ~(alone_alt | alone_soil)
    if lack:
        warnings.warn(
            f"{lack} pixels have a land use but lack an elevation ({lack_alt}) or a soil ({lack_soil}); "
            "they are taken as outside the space.",
            DissmodelWarning,
            stacklevel=2,
        )
    if not inside.any():
        raise InvalidInput(
            "No cell is in the space: every pixel is nodata, masked or lacks one of its three values.",
            "Look at the band's values; is it the right one? --band-map uso=NAME",
            code="empty_space",
        )
    return inside


def _declared(note: Mapping[str, Any], name: str) -> tuple[float, ...]:
    """Return the nodata values that the file declares or the band's tag says, but for NaN."""
    values = [] if note["nodata"] is None else [float(note["nodata"])]
    tag = note["tags"].get("nodata")
    if tag is not None:
        try:
            values.append(float(tag))
        except ValueError:
            warnings.warn(
                f"The band {name} says nodata = {str(tag)[:40]!r}, which is no number; it is ignored.",
                DissmodelWarning,
                stacklevel=2,
            )
    return tuple(value for value in values if not math.isnan(value))


def _is_elevation(value: float) -> bool:
    return checks.LOWEST <= value <= checks.HIGHEST


def _is_soil(value: float) -> bool:
    return 0 <= value < _BYTE and value.is_integer() and bool(LEGAL_SOIL[int(value)])


def _step(tag: str) -> int:
    try:
        step = float(tag)
    except ValueError:
        raise InvalidInput(
            f"The tag passo is {str(tag)[:40]!r}, which is no step.", "A step is an integer of 0 or more."
        ) from None
    return checks.last_step(np.array([step]), "The tag passo")


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

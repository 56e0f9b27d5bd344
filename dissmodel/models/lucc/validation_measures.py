"""The measures of a simulated map of land use, against observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dissmodel.cells.places import PixelPlaces
from dissmodel.estimating.land_use import Floats, LandUse
from dissmodel.metrics import ClassMeasures, ShareMeasures, class_areas, compare_classes, compare_shares
from dissmodel.metrics.arrays import exact_sums

_SQUARE_KM = 1e6  # m²
_OF_SHARES = ("bias", "mae", "rmse", "r2", "max_error", "match", "quantity", "allocation")


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What was compared, and what was found.

    Attributes
    ----------
    maps : mapping of str to LandUse
        Role → map: result, reference, and start where there is one.
    cells : int
        In the result.
    names : mapping of int to str
        Code → name of each class in any map, ascending.
    areas : mapping of str to mapping of int to float
        Role → code → area, in `unit`.
    unit : str
        ``"km²"``, or ``"cells"`` where the size of a cell is not known.
    classes, shares : or None
        None where the maps have no single class in each cell, or no shares.
    """

    maps: Mapping[str, LandUse]
    cells: int
    names: Mapping[int, str]
    areas: Mapping[str, Mapping[int, float]]
    unit: str
    classes: ClassMeasures | None
    shares: ShareMeasures | None

    def only_in(self, role: str) -> list[str]:
        """Return the classes that only this map has."""
        others = [areas for other, areas in self.areas.items() if other != role]
        return [
            self.names[code]
            for code, area in self.areas[role].items()
            if area and not any(areas.get(code) for areas in others)
        ]


def measure(maps: Mapping[str, LandUse], types: Sequence[str], tolerance: float) -> Validation:
    """Compare the maps of one space; `types` names the classes 1, 2 …, `tolerance` is that of a share."""
    result = maps["result"]
    inside = result.pixels.inside
    cell_areas = None
    if result.transform is not None and result.pixels.crs is not None:
        flat, crs = np.flatnonzero(inside), result.pixels.crs
        cell_areas = PixelPlaces(inside.shape, flat, result.transform, crs).area / _SQUARE_KM
    shares = {role: one.shares for role, one in maps.items() if one.shares is not None}
    codes = {role: one.codes for role, one in maps.items() if one.codes is not None}
    classes = None
    if len(codes) == len(maps):
        classes = compare_classes(codes["result"], codes["reference"], codes.get("start"), mask=inside)
    areas: dict[str, dict[int, float]]
    if shares:
        areas = {role: _share_areas(one[:, inside], cell_areas) for role, one in shares.items()}
    else:
        areas = {role: class_areas(one[inside], area=cell_areas) for role, one in codes.items()}
    present = sorted({code for one in areas.values() for code in one})
    return Validation(
        maps=maps,
        cells=result.pixels.cells,
        names={code: types[code - 1] if 1 <= code <= len(types) else str(code) for code in present},
        areas=areas,
        unit="cells" if cell_areas is None else "km²",
        classes=classes,
        shares=compare_shares(
            shares["result"], shares["reference"], names=types, tolerance=tolerance, mask=inside
        )
        if shares
        else None,
    )


def _share_areas(shares: Floats, cell_areas: Floats | None) -> dict[int, float]:
    weighted = shares if cell_areas is None else shares * cell_areas
    return {code: float(exact_sums(np.ascontiguousarray(one))[0]) for code, one in enumerate(weighted, 1)}


def document(found: Validation, tolerance: float) -> dict[str, Any]:
    """Return everything that was measured, for JSON; a measure that is not defined is None."""
    described: dict[str, Any] = {
        "schema_version": 1,
        "inputs": {role: {"name": one.name, "sha256": one.sha256} for role, one in found.maps.items()},
        "cells": found.cells,
        "classes": [{"code": code, "name": name} for code, name in found.names.items()],
        "area_unit": found.unit,
        "areas": {
            role: {name: areas.get(code, 0) for code, name in found.names.items()}
            for role, areas in found.areas.items()
        },
    }
    if found.classes is not None:
        described["class_map"] = found.classes.document(found.names)
    if found.shares is not None:
        described["shares"] = {
            "tolerance": tolerance,
            "quantity": found.shares.quantity,
            "allocation": found.shares.allocation,
            "by_class": {
                name: {measure: getattr(apart, measure) for measure in _OF_SHARES}
                for name, apart in found.shares.differences.items()
            },
            "multiresolution": asdict(found.shares.fit),
        }
    return described

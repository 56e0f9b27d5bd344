"""The measures of a simulated map of land use, against observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dissmodel.cells.layout import Pixels
from dissmodel.estimating.land_use import Floats, LandUse
from dissmodel.metrics import (
    ChangeAgreement,
    Difference,
    Disagreement,
    ResolutionFit,
    TransitionMatrix,
    change_agreement,
    class_areas,
    difference,
    disagreement,
    kappa,
    multiresolution_fit,
    transition_matrix,
)
from dissmodel.metrics.arrays import exact_sums

_SQUARE_KM = 1e6  # m²


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """Two maps of classes; `change` and the matrices from the start are None without a start map."""

    matrix: TransitionMatrix  # rows of the result, columns of the reference
    disagreement: Disagreement
    kappa: float | None
    fit: ResolutionFit
    change: ChangeAgreement | None = None
    observed: TransitionMatrix | None = None  # from the start to the reference
    simulated: TransitionMatrix | None = None  # from the start to the result


@dataclass(frozen=True, kw_only=True)
class ShareMeasures:
    """Two maps of shares: the difference of each class, result less reference, and the fit of all."""

    differences: Mapping[str, Difference]
    fit: ResolutionFit

    @property
    def quantity(self) -> float:
        """Half the sum of the classes' quantity: the part of the space that has another class."""
        return sum(one.quantity or 0.0 for one in self.differences.values()) / 2

    @property
    def allocation(self) -> float:
        """Half the sum of the classes' allocation."""
        return sum(one.allocation or 0.0 for one in self.differences.values()) / 2


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
        cell_areas = (
            Pixels(inside=inside, transform=result.transform, crs=result.pixels.crs).places.area / _SQUARE_KM
        )
    shares = {role: one.shares for role, one in maps.items() if one.shares is not None}
    codes = {role: one.codes[inside] for role, one in maps.items() if one.codes is not None}
    classes = _measure_classes(maps, inside) if len(codes) == len(maps) else None
    areas: dict[str, dict[int, float]]
    if shares:
        areas = {role: _share_areas(one[:, inside], cell_areas) for role, one in shares.items()}
    else:
        areas = {role: class_areas(one, area=cell_areas) for role, one in codes.items()}
    present = sorted({code for one in areas.values() for code in one})
    return Validation(
        maps=maps,
        cells=result.pixels.cells,
        names={code: types[code - 1] if 1 <= code <= len(types) else str(code) for code in present},
        areas=areas,
        unit="cells" if cell_areas is None else "km²",
        classes=classes,
        shares=_measure_shares(shares, inside, types, tolerance) if shares else None,
    )


def _measure_classes(maps: Mapping[str, LandUse], inside: Any) -> ClassMeasures:
    codes = {role: one.codes for role, one in maps.items()}
    result, reference, start = codes["result"], codes["reference"], codes.get("start")
    assert result is not None
    assert reference is not None
    matrix = transition_matrix(result, reference, mask=inside)
    return ClassMeasures(
        matrix=matrix,
        disagreement=disagreement(matrix),
        kappa=kappa(matrix),
        fit=multiresolution_fit(result, reference, mask=inside),
        change=None if start is None else change_agreement(start, reference, result, mask=inside),
        observed=None if start is None else transition_matrix(start, reference, mask=inside),
        simulated=None if start is None else transition_matrix(start, result, mask=inside),
    )


def _measure_shares(
    shares: Mapping[str, Floats], inside: Any, types: Sequence[str], tolerance: float
) -> ShareMeasures:
    result, reference = shares["result"], shares["reference"]
    return ShareMeasures(
        differences={
            name: difference(a, b, tolerance=tolerance, mask=inside)
            for name, a, b in zip(types, result, reference, strict=True)
        },
        fit=multiresolution_fit(result, reference, mask=inside),
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
            role: {found.names[code]: areas.get(code, 0) for code in found.names}
            for role, areas in found.areas.items()
        },
    }
    classes, shares = found.classes, found.shares
    if classes is not None:
        of_class = classes.disagreement.classes
        described["class_map"] = {
            "matrix": {
                "rows": "result",
                "columns": "reference",
                "classes": [found.names[code] for code in classes.matrix.classes],
                "cells": classes.matrix.table(),
            },
            "agreement": _agreement(classes),
            "quantity": classes.disagreement.quantity,
            "allocation": classes.disagreement.allocation,
            "kappa": classes.kappa,
            "by_class": {
                found.names[code]: {"quantity": one.quantity, "allocation": one.allocation}
                for code, one in of_class.items()
            },
            "figure_of_merit": None if classes.change is None else classes.change.figure_of_merit,
            "change": None
            if classes.change is None
            else {name: int(getattr(classes.change, name)) for name in ChangeAgreement.__dataclass_fields__},
            "multiresolution": _fit(classes.fit),
        }
    if shares is not None:
        described["shares"] = {
            "tolerance": tolerance,
            "quantity": shares.quantity,
            "allocation": shares.allocation,
            "by_class": {
                name: {
                    "mae": one.mae,
                    "rmse": one.rmse,
                    "max_error": one.max_error,
                    "match_percent": one.match,
                    "quantity": one.quantity,
                    "allocation": one.allocation,
                }
                for name, one in shares.differences.items()
            },
            "multiresolution": _fit(shares.fit),
        }
    return described


def _agreement(classes: ClassMeasures) -> float | None:
    total = classes.matrix.total
    same = sum(size for (row, column), size in classes.matrix.sizes.items() if row == column)
    return float(same / total) if total else None


def _fit(fit: ResolutionFit) -> dict[str, Any]:
    return {"windows": list(fit.fits), "fits": list(fit.fits.values()), "total": fit.total}

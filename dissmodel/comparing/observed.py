"""How good a simulated map is, against an observed one: rasters window by window, polygons in file order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.style import style_legend
from dissmodel.comparing.landscape import MOST_CELLS, Landscape, is_installed, landscape_of
from dissmodel.comparing.observed_maps import INITIAL, OBSERVED, SIMULATED, PolygonMaps, RasterMaps
from dissmodel.comparison.tally import MAX_CLASSES
from dissmodel.errors import DissmodelError, InvalidInput, UsageError, extra_hint
from dissmodel.experiment.records import record_of
from dissmodel.geo.legend import Legend
from dissmodel.io.bands import band_named
from dissmodel.io.locate import Located, locate
from dissmodel.metrics import ClassMeasures, Difference, class_areas, difference
from dissmodel.printable import cut
from dissmodel.record import store
from dissmodel.registry import plugins

_SQUARE_KM = 1e6  # m²
_PLACES = {"row", "col", "order", "fid", "id", "object_id0", "geometry"}
_OF_NUMBERS = ("bias", "mae", "rmse", "r2", "max_error")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How good a simulated map is, against an observed one.

    Attributes
    ----------
    kind : {"classes", "numbers"}
        What the bands or columns hold.
    bands : mapping of str to str
        The band or column of each map: ``simulated``, ``observed`` and perhaps ``initial``.
    unit : {"cells", "features"}
        What is counted.
    cells : int
        How many have a value in every map; only these are compared.
    left_out : mapping of str to int
        How many have no value in each map.
    names : mapping of int to str
        Code → name of each class in a map, ascending; the code where no name is known.
    counts, areas : mapping of str to mapping of int to int or float
        Map → code → how many are compared, and their km²; no `areas` where the size of a cell is not known.
    classes : ClassMeasures or None
        Of classes; the reference is the observed map.
    numbers : Difference or None
        Of numbers: simulated less observed, in their unit.
    landscape : mapping of str to Landscape
        Map → its patches and edges, where they were asked for and could be measured.
    notes : tuple of str
        What to know of them.
    """

    kind: Literal["classes", "numbers"]
    bands: Mapping[str, str]
    unit: Literal["cells", "features"]
    cells: int
    left_out: Mapping[str, int]
    names: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    areas: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    classes: ClassMeasures | None = None
    numbers: Difference | None = None
    landscape: Mapping[str, Landscape] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return everything that was measured, for JSON; a measure that is not defined is None."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "bands": dict(self.bands),
            "unit": self.unit,
            "cells": self.cells,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }
        if self.classes is not None:
            found["classes"] = [{"code": code, "name": name} for code, name in self.names.items()]
            found["area_unit"] = "km²" if self.areas else self.unit
            found["areas"] = {
                role: {self.names[code]: area for code, area in areas.items()}
                for role, areas in (self.areas or self.counts).items()
            }
            found["class_map"] = self.classes.document(self.names)
            found["landscape"] = {role: asdict(one) for role, one in self.landscape.items()}
        if self.numbers is not None:
            found["numbers"] = {name: getattr(self.numbers, name) for name in _OF_NUMBERS}
        return found


class _NoClasses(Exception):
    """A band has values that are no codes of few classes."""


def measure(
    maps: Mapping[str, Path],
    layers: Mapping[str, str | None],
    band: str | None = None,
    *,
    landscape: bool = False,
) -> Measured:
    """Compare a simulated map with an observed one.

    Parameters
    ----------
    maps, layers : mapping of str to pathlib.Path, of str to str or None
        The ``simulated`` map, the ``observed`` and perhaps the ``initial`` one: rasters on one grid, or
        layers of the same features in the same order; which dataset of each file.
    band : str, optional
        The band or column, by its name or a band's number; without it the first with classes that all maps
        have. A map with a single band has it under any name.
    landscape : bool
        Whether to measure patches and edges, too.

    Raises
    ------
    InvalidInput
        If a file is damaged or on another grid, or no cell has a value in all maps.
    UsageError
        If it is not clear which band is meant, or no map has it.
    """
    with ExitStack() as stack:
        found = {role: stack.enter_context(locate(path, layer=layers[role])) for role, path in maps.items()}
        kinds = {one.kind for one in found.values()}
        if len(kinds) > 1:
            said = ", ".join(f"{one.shown} holds {one.kind} data" for one in found.values())
            raise InvalidInput(f"The maps are of two kinds: {said}.", "Give maps of one kind.")
        source = (RasterMaps if kinds == {"raster"} else PolygonMaps)(found, stack)
        candidates = _candidates(band, source.bands, {role: one.shown for role, one in found.items()})
        for bands in candidates:
            try:
                measured = _classes(source, bands, found)
            except _NoClasses:
                continue
            return _with_landscape(source, measured) if landscape else measured
        if len(candidates) > 1:
            raise _ambiguous("None of the bands that all maps have holds classes.", source.bands, found)
        measured = _numbers(source, candidates[0], found)
        note = ("Landscape metrics are of classes.",) if landscape else ()
        return replace(measured, notes=(*measured.notes, *note))


def _candidates(
    given: str | None, bands: Mapping[str, Mapping[str, int]], shown: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the bands that may be meant, those of the first candidate first: map → band."""
    only = {role: next(iter(names)) for role, names in bands.items() if len(names) == 1}
    if given is not None:
        chosen = {role: band_named(given, names) for role, names in bands.items()}
        chosen = {role: name if name in bands[role] else only.get(role, "") for role, name in chosen.items()}
        lacking = [shown[role] for role, name in chosen.items() if not name]
        if lacking or all(band_named(given, names) not in names for names in bands.values()):
            where = lacking[0] if lacking else "any map"
            raise _ambiguous(f"--band {given}: there is no such band in {where}.", bands, shown)
        return [chosen]
    if len(only) == len(bands):
        return [only]
    several = [names for role, names in bands.items() if role not in only]
    shared = [name for name in several[0] if all(name in names for names in several)]
    if len(several) == 1:
        shared = [name for name in shared if name in only.values()]
    clear = [name for name in shared if name not in _PLACES] or shared
    if not clear:
        raise _ambiguous("No band has one name in all maps.", bands, shown)
    return [{role: only.get(role, name) for role in bands} for name in clear]


def _ambiguous(what: str, bands: Mapping[str, Mapping[str, int]], shown: Mapping[str, Any]) -> UsageError:
    listed = "; ".join(
        f"{getattr(shown[role], 'shown', shown[role])} has "
        + (", ".join(map(repr, map(cut, list(names)[:20]))) or "no numbers")
        for role, names in bands.items()
    )
    return UsageError(f"{what} {listed}.", "Name the band or column: --band NAME", code="ambiguous_band")


def _codes(values: NDArray[Any], missing: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return codes of classes, and where there are none; raise _NoClasses if these are numbers."""
    if values.dtype.kind == "f":
        missing = missing | np.isnan(values)
        values = np.where(missing, 0, values)
        if not (np.abs(values) <= 2**53).all() or (np.rint(values) != values).any():
            raise _NoClasses
        values = values.astype(np.int64)
    elif values.dtype.kind not in "iub":
        raise _NoClasses
    return values, ~missing


def _classes(
    source: RasterMaps | PolygonMaps, bands: Mapping[str, str], found: Mapping[str, Located]
) -> Measured:
    tally = source.tally()
    left_out, areas = Counter[str](), {role: Counter[int]() for role in bands}
    for part in source.parts(bands):
        coded = [_codes(*one) for one in part.maps]
        inner = np.s_[:] if part.block is None else part.block.inner
        for role, (_, inside) in zip(bands, coded, strict=True):
            left_out[role] += int(np.count_nonzero(~inside[inner]))
        inside = np.logical_and.reduce([inside for _, inside in coded])
        tally.add([codes for codes, _ in coded], inside, part.block)
        if max(len(tally.amounts(place)) for place in range(len(bands))) > MAX_CLASSES:
            raise _NoClasses
        if part.areas is not None:
            area = np.broadcast_to(part.areas, inside.shape)[inner][inside[inner]]
            for role, (codes, _) in zip(bands, coded, strict=True):
                areas[role].update(class_areas(codes[inner][inside[inner]], area=area))
    measures = tally.measures()
    cells = int(measures.matrix.total)
    _refuse_nothing(cells, found)
    counts = {role: tally.amounts(place) for place, role in enumerate(bands)}
    if source.same_area is not None:
        areas = {
            role: Counter({code: size * source.same_area for code, size in one.items()})
            for role, one in counts.items()
        }
    present = sorted({code for one in counts.values() for code in one})
    names = _names(source, bands, found, present)
    notes = []
    for role, mine in counts.items():
        others = {code for other, one in counts.items() if other != role for code in one}
        alone = [names[code] for code in mine if code not in others]
        if alone:
            notes.append(f"Only the {role} map has the classes {', '.join(alone)}.")
    if source.unit == "features":
        notes.append("Fuzzy agreement and the fit by window are of rasters.")
    return Measured(
        kind="classes",
        bands=bands,
        unit=source.unit,
        cells=cells,
        left_out=left_out,
        names=names,
        counts={role: {code: one.get(code, 0) for code in present} for role, one in counts.items()},
        areas={
            role: {code: one[code] / _SQUARE_KM for code in present} for role, one in areas.items() if one
        },
        classes=measures,
        notes=tuple(notes),
    )


def _numbers(
    source: RasterMaps | PolygonMaps, bands: Mapping[str, str], found: Mapping[str, Located]
) -> Measured:
    total, left_out = Difference(), Counter[str]()
    wanted = (SIMULATED, OBSERVED)
    for part in source.parts(bands):
        inner = np.s_[:] if part.block is None else part.block.inner
        pairs = []
        for role, (values, missing) in zip(bands, part.maps, strict=True):
            if role not in wanted:
                continue
            if values.dtype.kind not in "iufb":
                raise InvalidInput(f"The band {bands[role]!r} holds {values.dtype} values, not real numbers.")
            inside = ~missing[inner] & np.isfinite(values[inner])
            left_out[role] += int(np.count_nonzero(~inside))
            pairs.append((values[inner], inside))
        (simulated, a), (observed, b) = pairs
        total += difference(simulated, observed, mask=a & b)
    _refuse_nothing(total.cells, found)
    notes = ("An initial map counts for classes only.",) if INITIAL in bands else ()
    return Measured(
        kind="numbers",
        bands={role: bands[role] for role in wanted},
        unit=source.unit,
        cells=total.cells,
        left_out=left_out,
        numbers=total,
        notes=notes,
    )


def _with_landscape(source: RasterMaps | PolygonMaps, measured: Measured) -> Measured:
    why = ""
    if isinstance(source, PolygonMaps) or source.pixel is None:
        why = "Landscape metrics need a raster in a projected CRS."
    elif math.prod(source.shape) > MOST_CELLS:
        why = f"Landscape metrics hold the maps in memory: they are of at most {MOST_CELLS:,} cells."
    elif not is_installed():
        why = f"Landscape metrics need pylandstats, which is not installed. {extra_hint('pylandstats')}"
    if why or isinstance(source, PolygonMaps) or source.pixel is None:
        return replace(measured, notes=(*measured.notes, why))
    codes = list(measured.names)
    pictures = {role: np.zeros(source.shape, np.uint16) for role in measured.bands}
    for part in source.parts(measured.bands):
        assert part.block is not None
        coded = [_codes(*one) for one in part.maps]
        inside = np.logical_and.reduce([inside for _, inside in coded])
        for role, (values, _) in zip(pictures, coded, strict=True):
            here = np.where(inside, np.searchsorted(codes, np.where(inside, values, codes[0])) + 1, 0)
            pictures[role][part.block.cells] = here
    names = list(measured.names.values())
    found = {role: landscape_of(one, source.pixel, names) for role, one in pictures.items()}
    return replace(measured, landscape=found)


def _refuse_nothing(cells: int, found: Mapping[str, Located]) -> None:
    if not cells:
        raise InvalidInput(
            f"There is no cell with a value in each of {', '.join(one.shown for one in found.values())}.",
            "Compare maps that overlap.",
            code="nothing_to_compare",
        )


def _names(
    source: RasterMaps | PolygonMaps,
    bands: Mapping[str, str],
    found: Mapping[str, Located],
    present: Sequence[int],
) -> dict[int, str]:
    """Return the name of each class, by the style, the attribute table or the record beside a map."""
    known: dict[int, str] = {}
    for role, band in bands.items():
        number = str(source.bands[role][band])
        styles = style_legend(found[role].path)
        legend = styles.get(band if source.unit == "features" else number) or _model_legend(
            found[role].source, band
        )
        known = {one.code: one.name for one in legend} | source.names(role, band) | known
    named = {code: known.get(code, "") or str(code) for code in present}
    often = Counter(named.values())
    return {code: name if often[name] == 1 else f"{code} {name}" for code, name in named.items()}


def _model_legend(path: Path, band: str) -> Legend:
    """Return the classes of the installed model that made a map, if a record beside the map names one."""
    with suppress(DissmodelError):
        _, document = record_of(str(path))
        record = None if document is None else store.of_document(document, path)
        code = None if record is None else record.code
        if record is None or code is None:
            return ()
        for offer in plugins.offers():
            if (offer.name, offer.distribution) == (record.model_name, code.package):
                legend: Legend = offer.load().executor.legends.get(band, ())
                return legend
    return ()

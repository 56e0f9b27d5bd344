"""What a tile does with the rule of a model of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from dissmodel.cells.fields import Classes, Field
from dissmodel.cells.layout import Pixels
from dissmodel.cells.mistakes import ModelMistake, author_errors, innermost
from dissmodel.cells.places import PixelPlaces
from dissmodel.cells.reach import NeedsWhole, watched_space
from dissmodel.cells.space import CellSpace
from dissmodel.cells.sums import sum_of_parts
from dissmodel.cells.tiles.measures import PartialSums, WholeSums, summed
from dissmodel.cells.tiles.space import TileSpace, crs_of
from dissmodel.cells.tiles.task import Advanced, Tile, Whole

if TYPE_CHECKING:
    from dissmodel.cells.model import CellModel


@dataclass(frozen=True)
class CellRule:
    """The rule of a model: its ``step`` and its ``measure``.

    `parameters` are those of the record; `reach` is how far a step sees, in cells.
    """

    model: type[CellModel]
    parameters: Mapping[str, Any]
    reach: int

    def advance(self, tile: Tile) -> Advanced:
        """Advance the tile's own rows."""
        if not tile.inside[tile.own].any():
            return Advanced(None)
        model = self.model()
        given = model.Parameters.model_validate(self.parameters)
        fields = model.run_fields(given)
        space = TileSpace(fields, tile, self.reach)
        model._enter(space, given)  # noqa: SLF001  (a run of the kit's own)
        own, changed, parts = space.cells_in(tile.own), False, []
        try:
            for step in tile.steps:
                for one in model._advance(space, step):  # noqa: SLF001  (as above)
                    changed = changed or not np.array_equal(one.before[own], one.after[own])
                parts.append(self._parts(model, space, tile))
        except NeedsWhole as found:
            raise refused(found, self.model) from None
        for name, after in space.values().items():
            if fields[name].changes:
                tile.pictures[name] = space.pixels.picture(after, fields[name].outside)
        kernel = space.kernel
        vars(space).clear()  # model and space hold each other: arrays would stay until Python looks for that
        return Advanced(parts, kernel, changed)

    def _parts(self, model: CellModel, space: TileSpace, tile: Tile) -> dict[str, Any]:
        """Return what is measured of the tile's own cells: of each class, and by ``measure``."""
        own, places = space.cells_in(tile.own), space.pixels.places
        has_areas = places.has_areas and places.same_area is None
        classes = {}
        for name, one in _measured(model.fields):
            codes = space.values()[name][own]
            areas: dict[int, Fraction] = {}
            if has_areas:
                found = places.area_parts(codes, space.own_numbers())
                areas = {
                    of.code: sum((Fraction(float(part[of.code])) for part in found), Fraction())
                    for of in one.legend
                }
            counts = {of.code: int(np.count_nonzero(codes == of.code)) for of in one.legend}
            classes[name] = counts, areas
        sums = PartialSums(space, own, tile.whole.cells)
        with author_errors(model.measure, model.fields):
            model.measure(sums)  # type: ignore[arg-type]  # what it gives is what a cell space gives
        return {"classes": classes, "sums": sums.parts}

    def measures(self, step: int, parts: list[Any], whole: Whole) -> Mapping[str, float]:  # noqa: ARG002  (of others)
        """Return the measures of the whole."""
        from affine import Affine  # noqa: PLC0415  (a raster has loaded it)

        model = self.model()
        places = PixelPlaces((whole.rows, whole.cols), None, Affine(*whole.transform), crs_of(whole))
        row: dict[str, Any] = {}
        for name, one in _measured(model.fields):
            for of in one.legend:
                label = f"{name}_{of.name.replace(' ', '_')}"
                row[label] = cells = sum(part["classes"][name][0][of.code] for part in parts)
                if places.has_areas and places.same_area is not None:
                    row[f"{label}_area_m2"] = cells * places.same_area
                elif places.has_areas:
                    areas = [part["classes"][name][1][of.code] for part in parts]
                    row[f"{label}_area_m2"] = sum_of_parts(areas)
        given = model.Parameters.model_validate(self.parameters)
        space = one_cell(model, given)
        model._enter(space, given)  # noqa: SLF001  (as above)
        try:
            return row | model.own_measures(
                WholeSums(space, whole.cells, summed([part["sums"] for part in parts]))
            )
        except NeedsWhole as found:
            raise refused(found, self.model) from None


def one_cell(model: CellModel, parameters: Any) -> CellSpace:
    """Return a space of one cell, with values that stand for those of all cells: only sums may be asked."""
    fields = model.run_fields(parameters)
    values = {name: np.full(1, _legal(one), one.dtype) for name, one in fields.items()}
    return watched_space(fields, values, Pixels(inside=np.ones((1, 1), np.bool_)), lambda: 0)


def refused(found: NeedsWhole, model: type[CellModel]) -> ModelMistake:
    """Return the error of a rule that turns out to need the whole space."""
    file = model.step.__code__.co_filename
    at = innermost(found.__traceback__, file)
    return ModelMistake(
        f"This needs the whole space: {found}.",
        "Without --memory the run takes place in memory, where that is enough.",
        None if at is None else at[1],
    )


def _legal(one: Field) -> float:
    if isinstance(one, Classes):
        return one.legend[0].code
    bounds = [bound for bound in (getattr(one, "ge", None), getattr(one, "le", None)) if bound is not None]
    return float(bounds[0]) if bounds else 0.0


def _measured(fields: Mapping[str, Field]) -> list[tuple[str, Classes]]:
    return [(name, one) for name, one in fields.items() if isinstance(one, Classes) and one.changes]

"""Whether a rule can be run tile by tile, found out on made-up spaces before the run."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dissmodel.cells.mistakes import innermost
from dissmodel.cells.reach import NeedsWhole, Sample, find_reach, set_apart
from dissmodel.cells.space import CellSpace
from dissmodel.cells.tiles.measures import PartialSums
from dissmodel.executor.host import Reach

if TYPE_CHECKING:
    from dissmodel.cells.model import CellModel

_SIDE = 17
_PROBES = (48, 96)  # rows and columns of the spaces on which memory is measured
_OF_A_KERNEL = 40  # bytes a cell, beside the state: compiled code makes few arrays


@dataclass(frozen=True)
class Examined:
    """What a rule needs.

    Attributes
    ----------
    step : Reach
        How far a step sees, of all steps of the run.
    measure : int
        How far ``measure`` sees beyond a cell.
    draws : bool
        Whether it draws random numbers.
    bytes_per_cell : int
        About how much memory a cell of a tile takes beside its state as it is read.
    """

    step: Reach
    measure: int = 0
    draws: bool = False
    bytes_per_cell: int = 0


def examine(model: type[CellModel], parameters: Any, steps: Iterable[int]) -> Examined:
    """Find out how far the steps of a rule and its measures see, and what they need."""
    found = find_reach(model, parameters)
    if found.cells is None:
        return Examined(found)
    asked: list[int] = []
    cells, measure = found.cells, 0
    with set_apart():
        for step in steps:
            sample = Sample(model, parameters, _SIDE, blocks=False)
            space = sample.watched(lambda: asked.append(1) or 1)  # type: ignore[func-returns-value]
            try:
                # Some steps may see farther than the first, or do what needs the whole space.
                rule = sample.do(space, step)
                cells = max(cells, space.reach, space.farthest if step > 1 else 0)
                space.end()
                sums = PartialSums(space, slice(None), int(space.size))
                rule.measure(sums)  # type: ignore[arg-type]  # what it gives is what a cell space gives
            except NeedsWhole as needs:
                at = innermost(needs.__traceback__, model.step.__code__.co_filename)
                where = "" if at is None else f"{at[1].short}: "
                return Examined(Reach(None, f"{where}{needs}", whole=True))
            except Exception as error:  # noqa: BLE001  (a made-up state may make a rule raise anything)
                return _failed(step, error)
            measure = max(measure, sums.reach)
        try:
            needed = _bytes_per_cell(model, parameters)
        except Exception as error:  # noqa: BLE001  (as above, in a larger space)
            return _failed(1, error)
    return Examined(Reach(cells), measure, bool(asked), needed)


def _failed(step: int, error: Exception) -> Examined:
    return Examined(Reach(None, f"step {step} failed on a made-up space: {type(error).__name__}: {error}"))


def _bytes_per_cell(model: type[CellModel], parameters: Any) -> int:
    """Return how many bytes a cell takes in two steps, by what spaces of two sizes take."""
    peaks = []
    state = sum(one.dtype.itemsize for one in model().fields_for(parameters).values())
    for side in _PROBES:
        sample = Sample(model, parameters, side, blocks=False)
        space = CellSpace(*sample.of_window(sample.pictures, np.s_[:, :]))
        tracemalloc.start()
        try:
            for step in (1, 2):
                sample.do(space, step)
                space.end()
            peaks.append((space.size, tracemalloc.get_traced_memory()[1]))
        finally:
            tracemalloc.stop()
        if space.kernel is not None:
            return _OF_A_KERNEL + 2 * state
    (few, less), (many, more) = peaks
    return state + max(0, more - less) // (many - few) + 1

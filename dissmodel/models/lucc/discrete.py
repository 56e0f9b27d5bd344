"""``lucc_discrete``: each cell has one class."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import Classes, Numbers
from dissmodel.cells.fields import Field
from dissmodel.cells.reading import CellData
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.estimating.land_use import USE
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.models.lucc.engine import DiscreteRun
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.model import LuccModel
from dissmodel.models.lucc.parameters import DiscreteParameters
from dissmodel.models.lucc.space import Cells, Floats
from dissmodel.models.lucc.visit import Visit


class LuccDiscrete(LuccModel):
    """Classes of cells change until a demand is met (CLUE-S or ordering, as LuccME 3.1 computes them)."""

    name = "lucc_discrete"
    Parameters = DiscreteParameters

    def class_fields(self, parameters: Any) -> Mapping[str, Field]:
        """Return the number of the class, and a field of each class that is 1 where a cell has it."""
        names = parameters.land_use_types
        flags = {lu: Numbers(ge=0, le=1, default=0.0) for lu in names}
        return {**flags, USE: Classes(dict(enumerate(names, 1)), default=1)}

    def shares_of(self, visit: Visit, parameters: Any) -> Floats:
        """Return 1 where a cell has a class and 0 elsewhere, shape (classes, cells)."""
        names = parameters.land_use_types
        if names[0] in visit.data.given:
            return np.stack([visit.read(lu) for lu in names])
        found: Floats = (visit.read(USE) == np.arange(1, len(names) + 1)[:, None]).astype(np.float64)
        return found

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> Any:
        """Say that there is no complement, too."""
        parameters = super().check(record, problems)
        if parameters.complementar_lu is not None:
            warnings.warn(
                "complementar_lu is ignored: a cell has one class here.", DissmodelWarning, stacklevel=2
            )
        return parameters

    def check_cells(self, data: CellData, parameters: Any, problems: Problems) -> None:
        """Check that each cell has one class, and may keep or change it, too."""
        names = parameters.land_use_types
        lost = [lu for lu in names if lu not in data.given]
        if lost and (len(lost) < len(names) or USE not in data.given):
            problems.tell(
                InvalidInput(
                    f"The input has no {', '.join(lost)}.",
                    f"It needs a band or column of each class, 1 where a cell has it, or {USE}: the number "
                    f"of the class, from 1 to {len(names)}.",
                    code="missing_class",
                )
            )
            return
        visit = Visit(data, None)
        shares = self.shares_of(visit, parameters)
        wrong = ((shares != 0) & (shares != 1)).any(axis=0) | (shares.sum(axis=0) != 1)
        if not lost and USE in data.given:
            wrong |= shares.argmax(axis=0) + 1 != visit.read(USE)
        if wrong.any():
            first = int(wrong.argmax())
            shown = ", ".join(f"{lu} = {one:g}" for lu, one in zip(names, shares[:, first], strict=True))
            problems.tell(
                InvalidInput(
                    f"{np.count_nonzero(wrong)} cells don't have one class; the first "
                    f"({visit.named(first)}) has {shown}.",
                    f"One class of a cell is 1, the others are 0, and {USE} is its number if it is there.",
                    code="classes",
                )
            )
            return
        super().check_cells(data, parameters, problems)
        if parameters.transition_matrix is not None and not problems.failed:
            with problems.at():
                _check_stuck(shares.argmax(axis=0), visit, parameters)

    def begin(
        self, cells: Cells, shares: Floats, demand: Floats, parameters: Any, kernel: Kernel
    ) -> DiscreteRun:
        """Return what does the steps."""
        return DiscreteRun(cells, shares, demand, parameters, kernel)

    def put(self, visit: Visit, run: Any, parameters: Any) -> None:
        """Set classes and their numbers."""
        super().put(visit, run, parameters)
        visit.write(USE, (run.use + 1).astype(np.uint8))


def _check_stuck(use: Any, visit: Visit, parameters: Any) -> None:
    """Raise `InvalidInput` for a class in a region where it may become nothing, not even stay."""
    column = parameters.region_columns[1]
    regions = 0 * use if column is None else visit.read(column).astype(np.int64) - 1
    allowed: NDArray[np.int64] = np.array(parameters.transition_matrix, np.int64).max(axis=2)
    stuck = allowed[regions, use] == 0
    if stuck.any():
        first = int(stuck.argmax())
        lu, region = parameters.land_use_types[use[first]], regions[first] + 1
        raise InvalidInput(
            f"transition_matrix: class {lu} may become nothing in region {region}, and "
            f"{np.count_nonzero(stuck)} cells are in such a place.",
            "Let it become itself at least.",
            code="transition",
        )

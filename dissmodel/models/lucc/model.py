"""The models of land-use change on the kit: what both have."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from dissmodel.cells import CellModel, Numbers
from dissmodel.cells.fields import Field
from dissmodel.cells.layout import Layout
from dissmodel.cells.reading import CellData
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.models.lucc.allocation import DemandNotMet, Outcome
from dissmodel.models.lucc.engine import Run
from dissmodel.models.lucc.kernels.choice import choose_kernel
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.parameters import RESULTS, LuccParameters, TwoDates
from dissmodel.models.lucc.space import Cells, Floats, total
from dissmodel.models.lucc.updates import updated
from dissmodel.models.lucc.visit import Visit

_START = RESULTS[0]


class LuccModel(CellModel):
    """Land-use change from a demand, a potential and an allocation."""

    first_step = 0
    needs_whole = "the allocation to a demand looks at all cells at once"
    Parameters: ClassVar[type[LuccParameters]] = LuccParameters

    # What each model says of its classes.

    @abstractmethod
    def class_fields(self, parameters: Any) -> Mapping[str, Field]:
        """Return the fields of the classes."""

    @abstractmethod
    def shares_of(self, visit: Visit, parameters: Any) -> Floats:
        """Return the share of each class in each cell, shape (classes, cells)."""

    @abstractmethod
    def begin(self, cells: Cells, shares: Floats, demand: Floats, parameters: Any, kernel: Kernel) -> Run:
        """Return what does the steps."""

    def put(self, visit: Visit, run: Any, parameters: Any) -> None:
        """Set the fields of the classes and all that a run goes on from."""
        for lu, after in zip(parameters.land_use_types, run.after, strict=True):
            visit.write(lu, after)

    # The kit's.

    def fields_for(self, parameters: Any) -> Mapping[str, Field]:
        """Return the classes, what the model reads of each cell, and what the result has of each class."""
        regions = parameters.regions.items()  # a dataset without them is one region
        results = (f"{lu}_{what}" for lu in parameters.land_use_types for what in RESULTS)
        return {
            **self.class_fields(parameters),
            **{name: Numbers(changes=False) for name in parameters.columns},
            **{name: Numbers(changes=False, default=1.0) for name, count in regions if count == 1},
            **{name: Numbers(default=np.nan) for name in results},
        }

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> Any:
        """Check that the demand has enough rows, too."""
        parameters = super().check(record, problems)
        with problems.at():
            _ = parameters.end_time
        return parameters

    def prepare(self, layout: Layout) -> None:
        """Do nothing: rows and columns say who is whose neighbour, and only some potentials ask."""

    def read(
        self, data: Any, record: ExperimentRecord, parameters: Any, problems: Problems
    ) -> CellData | None:
        """Read the input, and look at the updates that are to come."""
        read = super().read(data, record, parameters, problems)
        if read is not None:
            for update in parameters.update:
                if update.step > read.step:
                    with problems.at():
                        updated(read, update.source, parameters, record)
        return None if problems.failed else read

    def check_cells(self, data: CellData, parameters: Any, problems: Problems) -> None:
        """Check regions, order, rows and columns, and that a run can go on."""
        visit = Visit(data, None)
        for name, count in parameters.regions.items():
            with problems.at():
                _check_regions(name, visit.read(name), count)
        with problems.at():
            if parameters.order_attr is not None:
                _check_order(parameters.order_attr, visit.read(parameters.order_attr))
        with problems.at():
            if parameters.needs_grid:
                visit.grid()
        lost = [f"{lu}_{_START}" for lu in parameters.land_use_types if f"{lu}_{_START}" not in data.given]
        if data.step >= 0 and lost:
            problems.tell(
                InvalidInput(
                    f"The input belongs to step {data.step} (passo), and it lacks {', '.join(lost)}.",
                    "Give a result as it was written, or, to start anew, the input without passo.",
                    code="no_start",
                )
            )
        else:
            with problems.at():
                _warn_of_demand(self._demand(visit, parameters), visit.size, parameters)

    def run(self, data: Any, record: ExperimentRecord) -> Any:
        """Do the steps; the record also has the measures of a step that does not meet its demand."""
        try:
            return super().run(data, record)
        except DemandNotMet as error:
            for name, value in error.measures.items():
                record.step_metrics.setdefault(name, []).append(value)
            raise

    def simulate(
        self, data: CellData, steps: range, record: ExperimentRecord
    ) -> Iterator[Mapping[str, float]]:
        """Do one step after the other; see `CellModel.simulate`."""
        parameters = self.parameters(record)
        visit = Visit(data, parameters.order_attr)
        shares, start = self.shares_of(visit, parameters), self._start(visit, parameters)
        drivers = {name: visit.read(name) for name in parameters.drivers}
        potential, rules = (
            None if one is None else visit.read(one).astype(np.int64) for one in parameters.region_columns
        )
        cells = Cells(visit.size, drivers, visit.grid, potential, rules, visit.named)
        kernel = choose_kernel(shares.size * len(steps), settings.threads)
        if record.runtime is not None:
            record.runtime.kernel, record.runtime.threads = kernel.name, kernel.threads
        run = self.begin(cells, shares, self._demand(visit, parameters), parameters, kernel)
        run.resume(data.step, data.counters)
        for step in steps:
            for update in parameters.update:
                if update.step == step:
                    for name, values in updated(data, update.source, parameters, record).items():
                        drivers[name] = visit.ordered(values)
                        visit.write(name, drivers[name])
            try:
                outcome = run.step(step)
            except DemandNotMet as error:
                errors = ", ".join(f"{one:.6g}" for one in error.errors)
                record.add_log(f"step {step}: the error of each try: {errors}")
                error.measures = {"step": step, **_measures(error.outcome, run, step, parameters)}
                raise
            is_kept = parameters.keeps(step)
            if is_kept:
                self._put_all(visit, run, start, parameters)
            yield _measures(outcome, run, step, parameters)
        if not is_kept:
            self._put_all(visit, run, start, parameters)

    def _put_all(self, visit: Visit, run: Run, start: Floats, parameters: Any) -> None:
        """Write the results of a step into the data."""
        results = start, run.after - run.before, run.after - start, run.found
        for what, values in zip(RESULTS, results, strict=True):
            for lu, one in zip(parameters.land_use_types, values, strict=True):
                visit.write(f"{lu}_{what}", one)
        self.put(visit, run, parameters)

    def _start(self, visit: Visit, parameters: Any) -> Floats:
        """Return the shares before the first step of the first run, shape (classes, cells)."""
        if visit.data.step < 0:
            return self.shares_of(visit, parameters)
        return np.stack([visit.read(f"{lu}_{_START}") for lu in parameters.land_use_types])

    def _demand(self, visit: Visit, parameters: Any) -> Floats:
        """Return the demand of each step, shape (steps, classes)."""
        start, final = [], []
        if isinstance(parameters.demand, TwoDates):
            start = [total(one) * parameters.cell_area for one in self._start(visit, parameters)]
            final = [total(visit.read(name)) * parameters.cell_area for name in parameters.demand.final]
        found: Floats = parameters.demands(start, final)
        return found


def _measures(outcome: Outcome, run: Run, step: int, parameters: Any) -> dict[str, float]:
    """Return what the record has of a step."""
    columns: dict[str, list[float]] = {
        "demand": run.demand[step].tolist(),
        "area": outcome.areas,
        "final": run.areas(),
        "elasticity": outcome.elasticities,
    }
    names = parameters.land_use_types
    of_classes = {
        f"{what}_{lu}": value
        for what, values in columns.items()
        for lu, value in zip(names, values, strict=False)  # classes of cells have no elasticity
    }
    tries = {"iterations": outcome.iterations, "error": outcome.error, "allowed": outcome.allowed}
    return {**of_classes, **tries, **run.measures(outcome)}


def _check_regions(name: str, regions: Floats, count: int) -> None:
    """Raise `InvalidInput` for a cell in none of the regions, or a region without cells."""
    lost = ~np.isin(regions, np.arange(1, count + 1))
    empty = np.setdiff1d(np.arange(1, count + 1), regions)
    if lost.any():
        value = regions[lost.argmax()]
        raise InvalidInput(
            f"{name}: {np.count_nonzero(lost)} cells are in no region; the first has {value:g}.",
            f"The tables of the parameters name the regions 1 to {count}.",
            code="region",
        )
    if empty.size:
        raise InvalidInput(
            f"{name}: no cell is in region {', '.join(map(str, empty))}.",
            "Leave its rows out.",
            code="region",
        )


def _check_order(name: str, order: Floats) -> None:
    """Raise `InvalidInput` if two cells have the same number."""
    values, counts = np.unique(order, return_counts=True)
    if values.size < order.size:
        twice = values[counts > 1]
        raise InvalidInput(
            f"{name} (order_attr): {twice.size} numbers stand in several cells; the first is {twice[0]:g}.",
            "Give every cell its own number.",
            code="order",
        )


def _warn_of_demand(demand: Floats, cells: int, parameters: Any) -> None:
    """Warn of a demand whose sum is not the area of the space."""
    space = cells * parameters.cell_area
    off = np.abs(demand.sum(axis=1) - space)
    far = np.flatnonzero(off > demand.shape[1] * parameters.max_difference)
    if far.size:
        warnings.warn(
            f"The demand of {far.size} steps is not the area of the space, {space:.10g}: in step {far[0]} "
            f"it is {demand[far[0]].sum():.10g}.",
            DissmodelWarning,
            stacklevel=2,
        )

"""A model of cells: its fields, its parameters and its rule."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import ValidationError

from dissmodel import progress
from dissmodel.cells import names
from dissmodel.cells.class_map import mapped
from dissmodel.cells.fields import Classes, Field, State
from dissmodel.cells.layout import Layout, Pixels, Polygons
from dissmodel.cells.mistakes import ModelMistake, Place, author_errors, counted, place_of
from dissmodel.cells.parameters import SEEDS, CellParameters, declared_in, parameters_of
from dissmodel.cells.pictures import InMemory
from dissmodel.cells.reading import PASSO, CellData, Wanted, bytes_per_cell, read_cells
from dissmodel.cells.tiles.plan import free_memory, needed_memory
from dissmodel.cells.writing import (
    RASTERS,
    SERIES,
    VECTORS,
    RasterForm,
    check_savable,
    is_series,
    most_bytes,
    most_bytes_of,
    target_of,
    write_cells,
)
from dissmodel.errors import DissmodelWarning, UsageError, did_you_mean
from dissmodel.executor import ExperimentRecord, ModelExecutor, seeds
from dissmodel.executor.config import settings
from dissmodel.executor.findings import RAISED, Collector, Finding, Problems, look_at_memory, look_at_room
from dissmodel.executor.host import Reach
from dissmodel.executor.seeds import RunSeed
from dissmodel.executor.until import EndingSteps, Until
from dissmodel.executor.utils import default_output_uri
from dissmodel.io import open_dataset
from dissmodel.io.bands import FileBands

if TYPE_CHECKING:
    from dissmodel.cells.space import CellSpace, Written
    from dissmodel.cells.tiles.examine import Examined
    from dissmodel.cells.tiles.run import TiledRun
    from dissmodel.cells.tiles.task import TileRule

# What a file of an empty image takes, with its tags, its style and the record.
_BESIDE_BYTES = 100_000
_IN_TILES = (
    "Run it in tiles on disk: --memory 2GB. Or cut out a part, for example with: gdal_translate -projwin."
)


class CellModel(ModelExecutor):
    """A model whose state is a value of each of its fields in each cell.

    A subclass declares `name`, its fields (`Classes`, `Numbers`) and parameters (`Parameter`) as class
    attributes, and `step`, its rule. In a rule, ``self.NAME`` is a field at the start of the step, read-only,
    and ``self.next.NAME`` the same field at the end of the step, to write and to read what was written. The
    model runs on rasters and on polygons, with the same result.

    A model whose form is published before, or that has compiled kernels of its own, overrides more: see
    `fields_for`, `check`, `prepare`, `check_cells` and `simulate`.

    Attributes
    ----------
    ends_early : bool
        A condition on the measures of a step can end a run: true for every model of the kit.
    fields : Mapping of str to Field
        The fields that the class declares, in the order of the bands.
    first_step : int
        The number of the first step on a dataset without ``passo``.
    counters : Mapping of str to int
        Whole numbers of 0 or more that belong to a whole dataset and that a run has to go on from, and what
        they are at the start: as ``passo``, each is a tag of a raster and a column of polygons.
    raster_form : RasterForm
        How rasters are written.
    substrate : str
        ``"raster"``: the model computes on pixels, and polygons become pixels when they are read; a parameter
        ``resolution`` resamples them. ``"vector"``: it takes polygons only. By default either.

    Raises
    ------
    UsageError
        Where the class is defined: if it declares no field or no rule, or a name that is taken.

    Examples
    --------
    >>> from dissmodel.cells import Classes
    >>> class Spread(CellModel):
    ...     name = "spread"
    ...     wet = Classes({0: "dry", 1: "wet"})
    ...     def step(self, cells, now):
    ...         self.next.wet[cells.neighbors(self.wet == 1).any()] = 1
    >>> list(Spread.fields), list(Spread.Parameters.model_fields)
    (['wet'], ['end_time', 'seed', 'snapshots', 'every', 'crs'])
    >>> from dissmodel.executor import ExecutorRegistry
    >>> _ = ExecutorRegistry._executors.pop("spread")
    """

    ends_early: ClassVar[bool] = True
    fields: ClassVar[Mapping[str, Field]] = {}
    first_step: ClassVar[int] = 1
    counters: ClassVar[Mapping[str, int]] = {}
    raster_form: ClassVar[RasterForm] = RasterForm()
    Parameters: ClassVar[type[Any]] = CellParameters
    output_suffixes: ClassVar[tuple[str, ...]] = (*RASTERS, *VECTORS, *SERIES)
    takes_memory: ClassVar[bool] = True
    needs_whole: ClassVar[str] = "its steps are computed on all cells at once"
    _tiles: TiledRun | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        if own:
            _check_names(cls, own, "field", _taken(cls))
        cls.fields = {**cls.fields, **own}
        cls.legends = {name: field.legend for name, field in cls.fields.items() if isinstance(field, Classes)}
        cls.input_fields = _taken_values(cls.fields)
        parameters = declared_in(cls)
        _check_names(cls, parameters, "parameter", _TAKEN_BY_MODEL)
        if parameters or cls.Parameters is CellParameters:
            cls.Parameters = parameters_of(cls, cls.Parameters)
        if "name" in vars(cls):
            _check_declared(cls)
        super().__init_subclass__(**kwargs)

    def step(self, cells: CellSpace, now: int) -> None:
        """Advance the state by one step: write ``self.next``. `now` is the step's number, from 1."""
        raise NotImplementedError

    def measure(self, cells: CellSpace) -> Mapping[str, float]:  # noqa: ARG002  (a subclass uses it)
        """Return numbers about the state after a step, by name, beside the cells and area of each class."""
        return {}

    # What a model with kernels or with a form of its own overrides.

    def fields_for(self, parameters: Any) -> Mapping[str, Field]:  # noqa: ARG002  (a subclass uses it)
        """Return the fields of a run: those that the class declares, or others that the parameters name."""
        return self.fields

    def prepare(self, layout: Layout) -> None:
        """Find what the run needs of the layout; what is wrong with it is told before the run.

        By default the neighbours of polygons. Where problems are collected, there may be wrong values.
        """
        if isinstance(layout, Polygons) and layout.pixels is None:
            _ = layout.touching

    def check_cells(self, data: CellData, parameters: Any, problems: Problems) -> None:
        """Check what concerns several fields or the whole space, of data whose every value is right.

        Give what is wrong to `problems`, which raises or collects it.
        """

    def simulate(
        self, data: CellData, steps: range, record: ExperimentRecord
    ) -> Iterator[Mapping[str, float]]:
        """Do one step after the other; after each yield its measures, by name.

        A model with kernels of its own overrides it and works on ``data.values`` in place: of polygons arrays
        of one dimension, of pixels those or pictures, as they were read from a raster (see `CellData`).
        What comes after the last ``yield`` is run, too. Iterate over `steps` itself: a condition may end it
        before its last number. The kit writes states and ``passo``.
        """
        from dissmodel.cells.space import CellSpace  # noqa: PLC0415  (kernels of a model's own need none)

        parameters = self.parameters(record)
        values = {name: data.layout.on_cells(array) for name, array in data.values.items()}
        space = CellSpace(data.fields, values, data.layout, lambda: _seed_of(record, parameters))
        self._enter(space, parameters)
        changed = False
        for step in steps:
            written = self._advance(space, step)
            changed = changed or any(not np.array_equal(one.before, one.after) for one in written)
            data.values.update(space.values())
            if record.runtime is not None and space.kernel is not None:
                record.runtime.kernel, record.runtime.threads = space.kernel
            yield self._measures(space)
        if not changed:
            self._warn_of_nothing(steps[0], step)

    def _warn_of_nothing(self, first: int, last: int) -> None:
        warnings.warn(
            f"The rule of {self.name} changed nothing in the steps {first} to {last}.",
            DissmodelWarning,
            stacklevel=3,
        )

    def tile_rule(
        self, parameters: Any, record: ExperimentRecord, steps: range
    ) -> tuple[TileRule | None, Examined]:
        """Return what does the steps on tiles of a raster larger than memory, and what that needs.

        None where it can't be done. A model with kernels of its own overrides it.
        """
        from dissmodel.cells.tiles.examine import Examined, examine  # noqa: PLC0415  (few runs are so large)

        if not self._has_rule():
            return None, Examined(Reach(None, self.needs_whole, whole=True))
        from dissmodel.cells.tiles.rule import CellRule  # noqa: PLC0415  (as above)

        found = examine(type(self), parameters, steps)
        return CellRule(type(self), dict(record.parameters), found.step.cells or 0), found

    @classmethod
    def bytes_per_cell(cls, fields: Mapping[str, Field]) -> int:
        """Return about how many bytes of memory a cell takes in a run in memory."""
        return bytes_per_cell(fields)

    @property
    def next(self) -> Self:
        """The fields at the end of the step, to write and to read what was written."""
        shadow: Self = vars(self).get("_next", self)
        return shadow

    if not TYPE_CHECKING:  # to a type checker a misspelt field is an error

        def __getattr__(self, name: str) -> Any:
            """Say what to type in place of a name that the model does not have."""
            raise AttributeError(f"The model has no field and no parameter {name!r}.", name=name, obj=self)

        def __setattr__(self, name: str, value: Any) -> None:
            """Refuse what is neither a field nor there before the run: it would be no part of the state."""
            if "_state" in vars(self) and not isinstance(getattr(type(self), name, None), Field):
                if name in self.Parameters.model_fields:
                    raise ModelMistake(
                        f"self.{name} is a parameter, which is the same in the whole run.",
                        "Use a local variable.",
                    )
                near = did_you_mean(name, self.fields)
                raise ModelMistake(
                    f"self.{name} was set, and that is no field: a result does not hold it, and a run that "
                    "goes on from the result would lack it.",
                    f"Use a local variable, or declare a field: {name} = Numbers(). "
                    f"{near if near.startswith('Did') else ''}".strip(),
                )
            super().__setattr__(name, value)

    # The executor.

    @classmethod
    def parameters(cls, record: ExperimentRecord) -> Any:
        """Return the record's parameters; raise `pydantic.ValidationError` if the model doesn't take them."""
        return cls.Parameters.model_validate(record.parameters)

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> Any:
        """Validate the record and return its parameters; `problems` raises a problem or collects it."""
        parameters = self.parameters(record)
        fields = tuple(self.fields_for(parameters))
        mapped(self.run_fields(parameters), record.class_map, problems)
        names.check_map("band", fields, record.band_map, problems)
        names.check_map("column", (*fields, *self.counters), record.column_map, problems)
        if not record.source.uri:
            problems.tell(UsageError("There is no input.", "--input FILE"))
        with problems.at():
            _given_seed(record, parameters)
        return parameters

    @classmethod
    def step_reach(cls, parameters: Mapping[str, Any]) -> Reach | None:
        """Return how far a step sees with these values of the parameters; None without a rule."""
        if not cls._has_rule():
            return None
        from dissmodel.cells.reach import find_reach  # noqa: PLC0415  (a run has no use for it)

        try:
            return find_reach(cls, cls.Parameters.model_validate(parameters))
        except ValidationError:
            return Reach(None, "a parameter has no value")

    @classmethod
    def fields_taken(cls, parameters: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what each band or column of the input may hold, with these values of the parameters."""
        try:
            found = cls().fields_for(cls.Parameters.model_validate(parameters))
        except ValidationError:  # a parameter has no value
            return cls.input_fields
        return _taken_values({name: one for name, one in found.items() if not _is_result(one)})

    @classmethod
    def _has_rule(cls) -> bool:
        """Return whether the kit does the steps, by the rule ``step``."""
        return cls.simulate is CellModel.simulate

    def validate(self, record: ExperimentRecord) -> None:
        """Check parameters, maps, the seed, and that there is an input to read.

        Raises UsageError if a map names what the model doesn't read, or there is no input;
        pydantic.ValidationError if a parameter is unknown or out of bounds.
        """
        self.check(record)

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Read the input and return everything that is wrong with it, and whether the result has room."""
        collector = Collector(record.source.uri)
        parameters = None
        with collector.at():
            parameters = self.check(record, collector)
            if not collector.findings:  # what the author of the model checks beside that
                self.validate(record)
        if parameters is None:
            try:
                parameters = self.Parameters()
            except ValidationError:  # some have no default
                return collector.findings
        with collector.at(), _opened(record) as (data, _):
            if isinstance(data, FileBands):
                needed, free = needed_memory(self, data, record, parameters), free_memory()
                if needed > free:
                    self._inspect_large(needed, free, record, parameters, collector)
                    return collector.findings
                data.check_size(_IN_TILES)
            read = None
            with collector.at():
                read = self.read(data, record, parameters, collector)
                if read is not None:
                    steps = f"steps {read.step + 1} to {parameters.end_time}"
                    collector.add("ok", f"{self.said(read)}, {read.layout.cells} cells in the space, {steps}")
                    if self._has_rule():
                        from dissmodel.cells.reach import find_reach  # noqa: PLC0415  (see `step_reach`)

                        look_at_memory(read.memory_bytes, collector)
                        collector.keep(Finding("ok", self.name, find_reach(type(self), parameters).said))
                    self.aim(read, record, collector, losses=True)
            size = self.most_bytes(data, read, parameters)
            if read is not None and is_series(record.output_path):
                from dissmodel.cells import series  # noqa: PLC0415  (few results are a series)

                size = series.most_bytes(read, _keeping(parameters, record).kept_after(read.step))
            look_at_room(size + _BESIDE_BYTES, record.output_path, collector)
        return collector.findings

    def _inspect_large(
        self, needed: int, free: int, record: ExperimentRecord, parameters: Any, collector: Collector
    ) -> None:
        """Find out whether a raster that does not fit into memory can be run in tiles."""
        from dissmodel.cells.tiles.plan import said  # noqa: PLC0415  (few inputs are so large)

        steps = range(self.first_step, self.first_step + 1)
        found = self.tile_rule(parameters, record, steps)[1].step
        what = f"In memory the cells take about {said(needed)}, and {said(free)} are free"
        if found.cells is None:
            collector.add(
                "error", f"{what}; {self.name} can't be run in tiles: {found.said}.", "Cut out a part."
            )
        else:
            hint = f"dissmodel run {self.name} … --memory {said(free // 2)}"
            collector.add("warning", f"{what}: a run is done in tiles, and checks the values.", hint)

    @classmethod
    def code_findings(cls) -> Iterable[Finding]:
        """Return a warning about what the rule uses that differs between machines."""
        from dissmodel.cells import portable  # noqa: PLC0415  (a run needs none of it)

        return portable.findings(cls.step, cls.name)

    def load(self, record: ExperimentRecord) -> Any:
        """Read the input and note its digest; refuse what the output's format can't hold before the run."""
        with _opened(record) as (data, checksum):
            parameters = self.parameters(record)
            self._tiles = self._tiled(data, record, parameters)
            read = self.read(data, record, parameters, RAISED)
        assert read is not None  # where problems are raised there is a result or an error
        record.source.checksum = checksum
        if record.output_path is None and self.output_suffix != "/":
            suffix = RASTERS[0] if isinstance(read.layout, Pixels) else VECTORS[0]
            record.output_path = default_output_uri(record.experiment_id, self.output_suffix or suffix)
        self.aim(read, record, RAISED, losses=False)
        if isinstance(read.target, Pixels):
            record.grid = read.target.grid
        return read

    def _tiled(self, data: Any, record: ExperimentRecord, parameters: Any) -> TiledRun | None:
        """Return what runs a raster in tiles, where that is asked for or it does not fit into memory."""
        if settings.memory is None and not settings.resume:
            if not isinstance(data, FileBands):
                return None
            if needed_memory(self, data, record, parameters) <= free_memory():
                data.check_size(_IN_TILES)
                return None
        from dissmodel.cells.tiles.run import tiles_of  # noqa: PLC0415  (few runs are so large)

        return tiles_of(self, data, record, parameters)

    def run(self, data: Any, record: ExperimentRecord) -> Any:
        """Do the steps up to ``end_time``; note the measures of each, write the states to be kept."""
        parameters = _keeping(self.parameters(record), record)
        steps = range(data.step + 1, parameters.end_time + 1)
        if is_series(record.output_path):
            from dissmodel.cells import series  # noqa: PLC0415  (few results are a series)

            series.begin(data, Path(str(record.output_path)), self.name)
        table: dict[str, list[float | int]] = {}
        until = Until.parse(record.until) if record.until else None
        ending: Any = steps if until is None else EndingSteps(steps)  # to a model it is a range, too
        try:
            # In this order, what `simulate` has to do after the last step is done, too.
            for step, measures in zip(ending, self._simulated(data, ending, record, parameters), strict=True):
                data.counters[PASSO] = step
                row = {"step": step, **measures}
                self._note(table, row)
                progress.current().step(step - steps.start + 1, len(steps), data.layout.cells)
                if until is not None and until.holds(row) and step != steps[-1]:
                    ending.ended = True
                    record.add_log(f"{record.until}: this held after step {step}, which was the last.")
                    parameters = parameters.model_copy(update={"end_time": step})
                if parameters.keeps(step):
                    self._keep(data, record)
        finally:
            record.step_metrics = table
        return data

    def _simulated(
        self, data: CellData, steps: range, record: ExperimentRecord, parameters: Any
    ) -> Iterator[Mapping[str, float]]:
        tiles = self._tiles
        if tiles is None:
            yield from self.simulate(data, steps, record)
            return
        yield from tiles.simulate(data, steps, record, lambda: _seed_of(record, parameters), parameters.keeps)
        if tiles.unchanged:
            self._warn_of_nothing(steps[0], data.step)

    def save(self, result: Any, record: ExperimentRecord) -> ExperimentRecord:
        """Write the result and its style; note their digests, of the result where no run will hash it."""
        digests = self._write(result, Path(str(record.output_path)), hashed=not settings.hashes)
        for name, digest in digests.items():
            record.add_artifact(name, digest)
        record.status = "completed"
        return record

    def read(
        self, data: Any, record: ExperimentRecord, parameters: Any, problems: Problems
    ) -> CellData | None:
        """Return what the model works on from an opened dataset; None if there are collected problems."""
        fields = self.run_fields(parameters)
        read = read_cells(
            data,
            Wanted(
                fields=fields,
                parameters=parameters,
                band_map=record.band_map,
                column_map=record.column_map,
                counters={PASSO: self.first_step - 1, **self.counters},
                class_maps=mapped(fields, record.class_map, problems),
                substrate=self.substrate,
                others=self.raster_form.others,
                prepare=self.prepare,
                arrays=InMemory() if self._tiles is None else self._tiles.arrays,
            ),
            problems,
        )
        if read is not None:
            self.check_cells(read, parameters, problems)
        return None if problems.failed else read

    def most_bytes(self, opened: Any, data: CellData | None, parameters: Any) -> int:
        """Return how many bytes all results take at most; `data` is None if the dataset has problems."""
        if data is None:
            return most_bytes_of(opened, len(self.fields_for(parameters)))
        return most_bytes(data) * (1 + int(parameters.kept_after(data.step)))

    def said(self, data: CellData) -> str:
        """Return what kind of space the data is, for people."""
        return data.layout.said

    def aim(self, data: CellData, record: ExperimentRecord, problems: Problems, *, losses: bool) -> None:
        """Decide how data is written; refuse what the output's format can't hold, or warn of `losses`."""
        if record.output_path is not None:
            with problems.at():
                data.target = target_of(data, record.output_path)
                check_savable(data, record.output_path, losses=losses)

    def run_fields(self, parameters: Any) -> dict[str, Field]:
        """Return the fields of a run, which know their names; those that parameters name don't."""
        named = {name: copy.copy(field) for name, field in self.fields_for(parameters).items()}
        for name, field in named.items():
            field.name = name
        return named

    def _enter(self, space: CellSpace, parameters: Any) -> None:
        shadow = object.__new__(type(self))
        values = {name: getattr(parameters, name) for name in type(parameters).model_fields}
        now, after = State(space.read, _refuse_writing), State(space.writable, space.write)
        for model, state in ((self, now), (shadow, after)):
            vars(model).update(values | {"_state": state, "_next": shadow})

    def _advance(self, space: CellSpace, step: int) -> list[Written]:
        """Do one step and return the fields that it wrote; raise `ModelMistake` if it wrote a wrong value."""
        space.begin(step)
        with author_errors(self.step, self.fields):
            returned: object = self.step(space, step)  # type: ignore[func-returns-value]
        if returned is not None:
            raise ModelMistake(
                f"step returned {type(returned).__name__}, and what it returns is lost.",
                "Write the new state: self.next.NAME[…] = …",
                place_of(self.step),
            )
        written = space.end()
        for one in written:
            if not one.field.is_right(one.after):
                raise _wrong_value(one, space, step)
        return written

    def _measures(self, space: CellSpace) -> dict[str, Any]:
        """Return the measures of the state: the number of cells of each class, and what `measure` returns."""
        row: dict[str, Any] = {}
        for name, field in self.fields.items():
            if isinstance(field, Classes) and field.changes:
                row |= space.measures(name, field.legend)
        return row | self.own_measures(space)

    def own_measures(self, space: Any) -> dict[str, Any]:
        """Return what `measure` returns, checked."""
        with author_errors(self.measure, self.fields):
            measured: object = self.measure(space)
        if not isinstance(measured, Mapping):
            raise ModelMistake(
                f"measure returned {type(measured).__name__}, not numbers by name.",
                'return {"built": cells.count(self.built == 1)}',
                place_of(self.measure),
            )
        return {str(name): _number(name, value, place_of(self.measure)) for name, value in measured.items()}

    def _note(self, table: dict[str, list[float | int]], row: Mapping[str, Any]) -> None:
        """Add a row of measures to the table."""
        if table and row.keys() != table.keys():
            missing = ", ".join(sorted(row.keys() ^ table.keys()))
            raise ModelMistake(
                f"measure did not return the same names in step {row['step']} as before: {missing}.",
                "Return every measure after every step.",
                place_of(self.measure),
            )
        for name, value in row.items():
            table.setdefault(name, []).append(value)

    def _keep(self, data: CellData, record: ExperimentRecord) -> None:
        output = Path(str(record.output_path))
        if is_series(output):
            from dissmodel.cells import series  # noqa: PLC0415  (as above)

            series.add_state(data, output)
            return
        path = output.with_name(f"{output.stem}.step{data.step:04d}{output.suffix}")
        # The bar shows steps, and the result itself warns of what its format loses.
        with progress.reporting(progress.Silent()), warnings.catch_warnings():
            warnings.simplefilter("ignore", DissmodelWarning)
            if self._tiles is None:
                digest = self._write(data, path)["output"]
            else:
                digest = self._tiles.keep(data.step, path, lambda: self._write(data, path)["output"])
            record.add_artifact(f"step_{data.step}", digest)

    def _write(self, data: CellData, path: Path, *, hashed: bool = True) -> dict[str, str]:
        return write_cells(data, path, self.name, self.raster_form, hashed=hashed)


_TAKEN_BY_MODEL = frozenset({*dir(CellModel), *CellParameters.model_fields})


def _taken(cls: type[CellModel]) -> frozenset[str]:
    """Return the names that no field may have."""
    taken = _TAKEN_BY_MODEL | {"geometry", *names.OPTIONAL["band"], *names.OPTIONAL["column"]}
    if not cls._has_rule():  # there is no rule in which a name has two meanings
        return taken
    from dissmodel.cells.space import CellSpace  # noqa: PLC0415  (see `CellModel.simulate`)

    return taken | {"size", "cells", "now", *(one for one in dir(CellSpace) if not one.startswith("_"))}


def _taken_values(fields: Mapping[str, Field]) -> dict[str, str]:
    return {
        name: f"{field.takes}{'' if field.changes else '; does not change'}" for name, field in fields.items()
    }


def _is_result(field: Field) -> bool:
    """Say whether only the result has values of the field."""
    return isinstance(field.default, float) and math.isnan(field.default)


def _check_names(cls: type, declared: Iterable[str], kind: str, taken: Iterable[str]) -> None:
    for name in declared:
        if name in taken or name.startswith("_"):
            why = "begins with _" if name.startswith("_") else "is taken"
            free = f"{name.strip('_')}_{'of_cells' if kind == 'field' else 'given'}"
            raise UsageError(
                f"{cls.__name__} declares a {kind} {name}, and this name {why}.",
                f"Give it another name, such as {free}.",
                code="model_mistake",
            )


def _check_declared(cls: type[CellModel]) -> None:
    """Raise UsageError if a model lacks something that every model has."""
    if not cls.fields and cls.fields_for is CellModel.fields_for:
        raise UsageError(
            f"{cls.__name__} declares no field.",
            'Give it one, such as: built = Classes({0: "open", 1: "built"})',
            code="model_mistake",
        )
    rule = inspect.getattr_static(cls, "step")
    fits = rule is not CellModel.step
    try:
        inspect.signature(rule).bind(0, 1, 2)
    except TypeError:
        fits = False
    if cls._has_rule() and not fits:
        raise UsageError(
            f"{cls.__name__} has no rule: a method step that takes the cells and the number of the step.",
            "def step(self, cells: CellSpace, now: int) -> None:",
            code="model_mistake",
        )
    try:
        cls.Parameters()
    except ValidationError as error:
        problems = (one for one in error.errors(include_url=False) if one["type"] != "missing")
        problem = next(problems, None)
        if problem is None:  # a table that every run gives
            return
        name = ".".join(map(str, problem["loc"]))
        raise UsageError(
            f"{cls.__name__}: the default of the parameter {name} is not right: {problem['msg']}.",
            f"{name} = Parameter(…): the first argument is the default.",
            code="model_mistake",
        ) from error


def _opened(record: ExperimentRecord) -> AbstractContextManager[tuple[Any, str]]:
    source = record.source
    # A run has hashed its input, and does it again at its end.
    known = source.checksum if settings.hashes else None
    return open_dataset(source.uri, fmt=record.input_format, layer=source.layer, any_size=True, known=known)


def _keeping(parameters: Any, record: ExperimentRecord) -> Any:
    """Return the parameters with the steps that are kept: all of a series, unless some are asked for."""
    if is_series(record.output_path) and parameters.every is None and parameters.snapshots is None:
        return parameters.model_copy(update={"every": 1})
    return parameters


def _given_seed(record: ExperimentRecord, parameters: Any) -> int | None:
    """Return the seed that was given, as --seed or as the parameter; raise UsageError if both differ."""
    own = getattr(parameters, "seed", None)  # a model that never draws has no such parameter
    given = {seed for seed in (record.seed, own) if seed is not None}
    if len(given) > 1:
        raise UsageError(
            f"--seed {record.seed} and the parameter seed = {own} are the same thing.",
            f"Give one: --seed {record.seed}",
        )
    seed = next(iter(given), None)
    if seed is not None and seed >= SEEDS:
        raise UsageError(f"The seed {seed} is too large: a seed is below 2**64.", "--seed 1")
    return seed


def _seed_of(record: ExperimentRecord, parameters: Any) -> int:
    """Return the seed of a run that draws; without a given seed draw it, say it and note it in the record."""
    given = _given_seed(record, parameters)
    seed = seeds.current() or RunSeed(given)
    if seed.is_drawn:
        record.parameter_origin["seed"] = "drawn"
    if record.seed is None:
        record.seed = record.parameters["seed"] = seed.value
    return seed.use()


def _wrong_value(one: Written, space: CellSpace, step: int) -> ModelMistake:
    """Return the error of a field that a step gave a value that it does not take."""
    wrong = one.field.wrong(one.after)
    first = int(np.argmax(wrong))
    value = one.after[first]
    what = "NaN" if np.isnan(value) else f"the value {value:g}"
    before = one.before[first]
    return ModelMistake(
        f"In step {step} the rule gave {counted(int(wrong.sum()))} a value of {one.field.name} that "
        f"it does not take; the first got {what} and had {before:g} ({space.place(first)}).",
        f"{one.field.name} takes {one.field.takes}.",
        one.place,
    )


def _refuse_writing(name: str, _values: Any) -> None:
    raise ModelMistake(
        f"self.{name} is the state at the start of the step, which is read-only.", f"self.next.{name} = …"
    )


def _number(name: str, value: Any, place: Place) -> float | int:
    plain = value.item() if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0 else value
    if not isinstance(plain, int | float):
        raise ModelMistake(
            f"measure returned {type(value).__name__} for {name!r}, which is not a number.",
            "cells.count(…), cells.total(…) and cells.mean(…) give a number.",
            place,
        )
    return int(plain) if isinstance(plain, bool) else plain

"""The rows of a plan as its model has them: names, types, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import islice
from typing import Any, TypeAlias

from dissmodel.errors import UsageError
from dissmodel.executor.named_files import NamedFile
from dissmodel.executor.parameters import ParameterLayer, ResolvedParameters, settled
from dissmodel.reproducing.record_toml import put_file
from dissmodel.running.model import ModelRequest, OpenedModel, parameter_layers
from dissmodel.sweeping.designs import Design, FileDesign
from dissmodel.sweeping.plan import Plan, Row
from dissmodel.sweeping.values import Bounds, Varied, is_input

_SHOWN = 20
_MOST_WRONG = 1000
_AT_ONCE = 200

Typed: TypeAlias = tuple[Mapping[str, Any], tuple[NamedFile, ...]]
"""All parameters of a run, and the files that they name."""
Reads: TypeAlias = tuple[tuple[tuple[str, str], ...], tuple[NamedFile, ...]]
"""The varied inputs of a run, and the files that its parameters name."""


class Checking:
    """The check of a plan's rows by its model."""

    def __init__(self, plan: Plan, model: OpenedModel) -> None:
        self._plan, self._model = plan, model
        self._has_seed = any("seed" in layer.values for layer in self._layers({}))

    def typed(self, values: Mapping[str, Any]) -> Typed:
        """Return the parameters of a row.

        Raises
        ------
        UsageError
            If something is wrong with the values.
        """
        found = settled(self._model.host.check(self._layers(values)))
        return found.values, found.files

    def quickly(self, rows: Sequence[Mapping[str, Any]]) -> list[Typed | None]:
        """Return the parameters of each row; None: `typed` knows them, or what is wrong."""
        if not rows:
            return []
        found = self._model.host.recheck(self._layers({}), rows)
        return [None if one is None else (one, found.files) for one in found.rows]

    def rows(self) -> Iterator[tuple[Row, Typed | None]]:
        """Yield all rows, as `quickly` does."""
        rows, typed = self._plan.rows(), None
        while some := list(islice(rows, _AT_ONCE)):
            first = iter(self.quickly([row.values for row in some if row.replicate == 1]))
            for row in some:
                typed = next(first) if row.replicate == 1 else typed
                yield row, typed

    def check(self, note: Callable[[Row, Typed], object]) -> dict[Reads, Row]:
        """Check all rows; return what runs read, each with the first row that reads it.

        `note` is called with each row and its parameters, as long as nothing is wrong.

        Raises
        ------
        UsageError
            With all that is wrong with the values of the rows.
        """
        design = self._plan.design
        lines = design.lines if isinstance(design, FileDesign) else ()
        found: dict[Reads, Row] = {}
        problems: dict[str, str] = {}
        wrong = 0
        typed: Typed | None = None
        for number, (row, quickly) in enumerate(self.rows()):
            if row.replicate == 1:
                typed = quickly
                if typed is None:
                    checked = self._model.host.check(self._layers(row.values))
                    at = f"{design}, line {lines[number // self._plan.replicates]}: " if lines else ""
                    problems |= {f"{at}{one.message}": one.hint for one in checked.problems}
                    wrong += bool(checked.problems)
                    if wrong == _MOST_WRONG:
                        break
                    if checked.resolved is not None:
                        typed = checked.resolved.values, checked.resolved.files
            if typed is not None:
                found.setdefault((tuple(row.inputs.items()), typed[1]), row)
                if not problems:
                    note(row, typed)
        if problems:
            more = f"And {len(problems) - _SHOWN}{' or' * (wrong == _MOST_WRONG)} more."
            said = [*list(problems)[:_SHOWN], *([more] * (len(problems) > _SHOWN))]
            see = ModelRequest(model=self._plan.model, toml=self._plan.toml).see_parameters
            hints = dict.fromkeys([*list(problems.values())[:_SHOWN], see])
            raise UsageError(" ".join(said), " ".join(filter(None, hints)), code="parameter")
        return found

    def gives_seed(self, row: Row) -> bool:
        """Tell whether a row has a seed of its own, as a parameter; a model's default is none."""
        return self._has_seed or "seed" in row.values

    @property
    def files(self) -> tuple[NamedFile, ...]:
        """The files that parameters name which are the same for all runs."""
        return self._model.host.recheck(self._layers({}), ()).files

    def _layers(self, values: Mapping[str, Any]) -> list[ParameterLayer]:
        varied = ParameterLayer("command line", values, str(self._plan.design or "--vary"), ".")
        return [*parameter_layers(self._model.spec, self._plan.parameters), varied]


def resolved(plan: Plan, model: OpenedModel) -> Plan:
    """Return a plan with the parameters' own names, the model's types, and absolute paths of files.

    Bounds of an integer, or of a parameter that takes multiples of a number, get their step. A value that
    the model does not take stays as it is.

    Raises
    ------
    UsageError
        If a parameter varies under two names, or bounds are of a parameter that takes no numbers.
    """
    checking = Checking(plan, model)
    described = model.host.describe(ResolvedParameters({}, {}))
    names = {alias: one.name for one in described for alias in (one.name, *one.aliases)}
    schema = (model.host.schema() or {}).get("properties", {})

    def of_model(name: str, values: Varied) -> Varied:
        if isinstance(values, Bounds):
            return _bounds(name, values, schema.get(name, {}))
        return values if is_input(name) else tuple(_typed_values(checking, name, values))

    def named(grid: Mapping[str, Varied]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for given, values in grid.items():
            name = names.get(given, given)
            if name in found:
                twice = " and ".join(one for one in grid if names.get(one, one) == name)
                raise UsageError(f"{twice} are the same parameter.", "Vary it under one name.")
            found[name] = of_model(name, values)
        return found

    design = plan.design
    if isinstance(design, Design):
        design = replace(design, factors=named(design.factors)).settled()
    elif design is not None:
        columns = named(dict(zip(design.names, zip(*design.cells, strict=True), strict=True)))
        cells = tuple(zip(*columns.values(), strict=True))
        design = replace(design, names=tuple(columns), cells=cells)
    grids = tuple(map(named, plan.grids))
    return replace(plan, design=design, grids=grids, parameters=_parameters(plan, names, checking.files))


def _parameters(plan: Plan, names: Mapping[str, str], files: Iterable[NamedFile]) -> dict[str, Any]:
    """Return the parameters that are the same for all runs, with the absolute paths of files."""
    found: dict[str, Any] = dict(plan.parameters)
    own = {names.get(name, name): name for name in found}
    for name in own.keys() & {names.get(name, name) for name in plan.names}:
        raise UsageError(f"{own[name]} is given as a parameter, and varies.", "Give one of the two.")
    for one in files:
        name, dot, rest = one.parameter.partition(".")
        if name in own:
            found = put_file(found, f"{own[name]}{dot}{rest}", one.path)
    return found


def _typed_values(checking: Checking, name: str, values: Sequence[Any]) -> Iterator[Any]:
    """Yield values as the model has them, with the absolute paths of the files that they name."""
    rows = [{name: value} for value in values]
    for row, quickly in zip(rows, checking.quickly(rows), strict=True):
        try:
            typed, files = quickly or checking.typed(row)
        except UsageError:  # `Checking.check` tells it with all others
            yield row[name]
            continue
        found = {name: typed.get(name, row[name])}
        for one in files:
            found = put_file(found, one.parameter, one.path)
        yield found[name]


def _bounds(name: str, given: Bounds, schema: Mapping[str, Any]) -> Bounds:
    """Return bounds with the type and the step that a parameter's JSON Schema asks for."""
    kinds = {one.get("type"): one for one in (schema, *schema.get("anyOf", ()))}
    number = kinds.get("number", kinds.get("integer"))
    if number is None and schema:
        raise UsageError(f"{name}={given}: bounds are for numbers.", f"--vary {name}=VALUE,VALUE")
    kind = int if number is not None and "number" not in kinds else float
    step = (number or {}).get("multipleOf", 1 if kind is int else None)
    if step is None:
        return replace(given, low=float(given.low), high=float(given.high))
    exact = Decimal(repr(step))
    low = (Decimal(repr(given.low)) / exact).to_integral_value(ROUND_CEILING) * exact
    high = (Decimal(repr(given.high)) / exact).to_integral_value(ROUND_FLOOR) * exact
    return Bounds(kind(low), kind(high), given.log, kind(step))

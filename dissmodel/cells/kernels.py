"""``@kernel``: a function of one cell that is computed for all of them, compiled where there are many."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise, repeat
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.grids import Grid
from dissmodel.cells.kernel_compiler import can_compile
from dissmodel.cells.kernel_near import Neighbors, Value
from dissmodel.cells.kernel_source import NearForm, Rule
from dissmodel.cells.links import Links, addends, identity
from dissmodel.cells.mistakes import ModelMistake
from dissmodel.cells.near import Counts, Near
from dissmodel.errors import DissmodelWarning

if TYPE_CHECKING:
    from dissmodel.cells.kernel_loop import Loop
    from dissmodel.cells.space import CellSpace

__all__ = ["Kernel", "Neighbors", "Value", "kernel"]

P = ParamSpec("P")
W = TypeVar("W", bound=np.generic)
Array = NDArray[Any]

INTERPRETED = 200_000
"""Cells × steps that a rule is interpreted for before it is compiled: numba takes as long to load."""


class Given(NamedTuple):
    """What a call gives for a parameter of the rule.

    `kind` is ``"b"``, ``"i"`` or ``"f"`` for truths, integers and floats of shape (cells,), in `values` as
    uint8, uint8 or int64, and float64; ``"parameter"`` for a number. With a `topology` the values are those
    of neighbours, with `weights` in the order of the links, or None.
    """

    kind: str
    values: Any
    topology: Grid | Links | None = None
    weights: Array | None = None


class Kernel(Generic[P, W]):
    """A rule of one cell that is called for all cells; see `kernel`."""

    def __init__(self, function: Callable[P, Any]) -> None:
        assert isinstance(function, FunctionType)
        functools.update_wrapper(self, function)
        self._rule = Rule(function)
        self._signature = inspect.signature(function)
        self._interpreted = 0
        self._loops: dict[Any, Loop] = {}

    def __call__(self, cells: CellSpace, *args: P.args, **kwargs: P.kwargs) -> NDArray[W]:
        """Return what the rule gives for each cell, shape (cells,); read-only."""
        given = self._given(cells, args, kwargs)
        forms = near_forms(given)
        size = len(cells)  # `size` may be a number that refuses to be compared: see `reach`
        loop = self._loop(size, given, forms)
        result = self._interpret(size, given) if loop is None else self._compute(loop, cells, given)
        cells.kernel = ("python", 1) if loop is None else ("numba", loop.threads)
        if self._rule.returns == "bool":
            result = result.view(np.bool_)
        else:
            result = result.view(Counts if result.dtype == np.uint8 else np.ndarray)
        result.flags.writeable = False
        return cells.result_of(result, args, kwargs)

    def _given(self, cells: CellSpace, args: Any, kwargs: Any) -> dict[str, Given]:
        name, call = self._rule.name, f"{self._rule.name}(cells, {', '.join(self._rule.parameters)})"
        if not hasattr(cells, "lend"):
            raise ModelMistake(f"{name} was called without the cells.", call)
        try:
            bound = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ModelMistake(f"{name}: {error}.", call) from error
        return {parameter: self._one(cells, parameter, value) for parameter, value in bound.items()}

    def _one(self, cells: CellSpace, parameter: str, value: Any) -> Given:
        topology, values, weights = value.parts if isinstance(value, Near) else (None, value, None)
        if isinstance(values, np.ndarray) and values.ndim:
            values = np.asarray(values)
            if values.shape != (cells.size,) or values.dtype.kind not in "biuf":
                raise ModelMistake(
                    f"{parameter} of {self._rule.name} has {values.dtype} values, shape {values.shape}; "
                    f"it takes one number per cell, ({cells.size},).",
                    "An array such as self.NAME, or cells.neighbors(self.NAME).",
                )
            assert topology is None or isinstance(topology, Grid | Links)
            most = 1 if topology is None else topology.most
            if topology is not None and weights is not None:
                topology = topology.as_links()
                weights = topology.in_order(weights)
            return Given(values.dtype.kind.replace("u", "i"), _plain(values, most), topology, weights)
        number = value.item() if isinstance(value, np.generic | np.ndarray) else value
        if not isinstance(number, bool | int | float):
            raise ModelMistake(
                f"{parameter} of {self._rule.name} was given {type(value).__name__}.",
                "A rule takes self.NAME, cells.neighbors(self.NAME), cells.random() and numbers.",
            )
        return Given("parameter", number)

    def _loop(self, size: int, given: Mapping[str, Given], forms: dict[str, NearForm]) -> Loop | None:
        """Return the compiled loop for what is given; None where the rule is interpreted."""
        key = str(
            [
                forms.get(name, (one.kind, getattr(one.values, "dtype", type(one.values))))
                for name, one in given.items()
            ]
        )
        loop = self._loops.get(key)
        if loop is None:
            node = self._rule.rewritten(forms)  # mistakes are found before anything is computed
            self._rule.scope()
            self._interpreted += size
            if self._interpreted <= INTERPRETED or not can_compile(_warn_once):
                return None
            from dissmodel.cells.kernel_loop import Loop  # noqa: PLC0415  (numba takes long to load)

            kinds = {name: one.kind for name, one in given.items()}
            loop = self._loops[key] = Loop(self._rule, node, kinds, forms)
        return loop

    def _compute(self, loop: Loop, cells: CellSpace, given: Mapping[str, Given]) -> Array:
        """Compute the compiled rule."""
        out = cells.lend(np.dtype(np.float64 if self._rule.returns == "float" else np.uint8))
        try:
            if loop.run(given, out):
                return out
            out = np.empty(cells.size, np.int64)
            loop.run(given, out)
        except ArithmeticError:  # a compiled loop knows no line of the author's
            self._interpret(len(cells), given)
            raise
        return out

    def _interpret(self, size: int, given: Mapping[str, Given]) -> Array:
        """Compute the rule in Python, cell by cell."""
        columns = [_column(size, one) for one in given.values()]
        function, returns = self._rule.function, self._rule.returns
        results = [function(*values) for _, *values in zip(range(size), *columns, strict=True)]
        for kind in set(map(type, results)):
            if not issubclass(kind, _FITTING[returns]):
                raise self._rule.wrong_return(kind.__name__)
        try:
            values = np.array(results, np.float64 if returns == "float" else np.int64)
        except OverflowError as error:
            raise self._rule.mistake(f"{self._rule.name}: {error}.", "Integers have 64 bits.") from error
        if returns != "float" and np.array_equal(values, codes := values.astype(np.uint8)):
            return codes
        return values


_FITTING: dict[str, Any] = {"bool": bool | np.bool_}
_FITTING["int"] = _FITTING["bool"] | int | np.integer
_FITTING["float"] = _FITTING["int"] | float | np.floating


def near_forms(given: Mapping[str, Given]) -> dict[str, NearForm]:
    """Return how a loop finds the neighbours of each parameter: in windows if all of them are on one grid."""
    nears = [(name, one.kind, one.values.dtype, one.topology) for name, one in given.items() if one.topology]
    grids = [topology for *_, topology in nears if isinstance(topology, Grid) and topology.row_by_row]
    on_grid = len(grids) == len(nears) and all(
        grid.inside is grids[0].inside or np.array_equal(grid.inside, grids[0].inside) for grid in grids
    )
    return {
        name: NearForm(
            name,
            kind,
            topology.reach if on_grid and isinstance(topology, Grid) else None,
            given[name].weights is not None,
            _limits(dtype),
            tuple(own for own, one in given.items() if _is_same(one, given[name])),
        )
        for name, kind, dtype, topology in nears
    }


def _is_same(own: Given, near: Given) -> bool:
    """Tell whether the values of neighbours are those of which a cell's own value is given."""
    if own.topology is not None or own.kind != near.kind:
        return False
    base = own.values.base
    return base is not None and base is near.values.base and base.nbytes == own.values.nbytes


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    return identity(dtype, largest=True), identity(dtype, largest=False)


def _column(size: int, given: Given) -> Iterable[Any]:
    """Return what the rule gets for each cell."""
    if given.kind == "parameter":
        return repeat(given.values, size)
    values: list[Any] = (given.values.view(np.bool_) if given.kind == "b" else given.values).tolist()
    if given.topology is None:
        return values
    links = given.topology.as_links()
    numbers, offsets = links.neighborhood.neighbors.tolist(), links.neighborhood.offsets.tolist()
    weights, limits = given.weights, _limits(given.values.dtype)
    return (
        Neighbors(
            given.kind,
            [values[number] for number in numbers[start:end]],
            None if weights is None else weights[start:end].tolist(),
            limits,
        )
        for start, end in pairwise(offsets)
    )


def _plain(values: Array, most: int) -> Array:
    """Return values in one of the four types that a loop is made for, read-only."""
    plain = np.ascontiguousarray(values).view(np.ndarray)
    if plain.dtype.kind == "b":
        plain = plain.view(np.uint8)
    elif plain.dtype != np.uint8:  # sums that could overflow are refused
        plain = addends(plain, most)
    plain = plain.view()
    plain.flags.writeable = False
    return plain


@functools.cache
def _warn_once(why: str) -> None:
    warnings.warn(
        f"numba can't be used; Python computes the same results, far more slowly: {why}",
        DissmodelWarning,
        stacklevel=2,
    )


@overload
def kernel(rule: Callable[P, bool]) -> Kernel[P, np.bool_]: ...  # type: ignore[overload-overlap]
@overload
def kernel(rule: Callable[P, int]) -> Kernel[P, np.int64]: ...
@overload
def kernel(rule: Callable[P, float]) -> Kernel[P, np.float64]: ...
def kernel(rule: Callable[P, Any]) -> Any:
    """Make a function of one cell into one that computes all cells: ``rule(cells, …)``.

    A parameter of the rule is, where it is called, one of

    - ``self.NAME`` or any array of one number per cell, such as ``cells.random()``: the cell's own value;
    - ``cells.neighbors(values, …)``: the values of the cell's neighbours, a `Neighbors`;
    - a number: a parameter of the model.

    The rule says what it returns: ``-> bool``, ``-> int`` or ``-> float``. Integers are int64, floats
    float64. Results are those of plain Python to the last bit; after some steps of many cells the rule is
    compiled. With the variable ``NUMBA_DISABLE_JIT=1`` it never is.

    Raises
    ------
    ModelMistake
        If the rule's source shows that it can't be computed.

    Examples
    --------
    >>> @kernel
    ... def next_alive(alive: Value, near: Neighbors) -> bool:
    ...     living = near.count(1)
    ...     return living == 3 or (living == 2 and alive == 1)
    """
    return Kernel(rule)

"""How far a rule sees: how far away the cells are that the next state of a cell depends on.

The rule does one step on a small space with arrays that know their reach: the neighbours of an array reach
one cell farther than the array. What takes all cells together, such as a sum, or cells by their position,
needs the whole space, and so does whatever is not known to work cell by cell. Then the rule does some steps
on the whole space and in tiles, each with as many cells around as the reach says: both have to end in the
same bits.

What a `kernel` returns reaches as far as what it was given. A function that reads neighbours itself says so
by what it returns: ``watch(result, reach_of(values) + radius)``.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.cells import draws
from dissmodel.cells.fields import Classes, Field, Numbers
from dissmodel.cells.layout import Pixels
from dissmodel.cells.mistakes import innermost
from dissmodel.cells.near import GRID_KINDS, Counts, Near
from dissmodel.cells.space import CellSpace
from dissmodel.executor.host import Reach

if TYPE_CHECKING:
    from dissmodel.cells.model import CellModel

_SIDE = 30.0  # of a made-up cell
_TILE, _BEYOND, _BLOCKS = 6, 17, 3
_STEPS = 3
_MOST = 20  # cells; the work grows with the fourth power
_HOLES = 0.05
_SEED = 14

_SAFE_ATTRIBUTES = frozenset(
    "astype clip copy dtype fill flags itemsize nbytes ndim round shape size".split()  # noqa: SIM905  (readable)
)
_CELL_BY_CELL = frozenset(
    {
        *(np.choose, np.clip, np.copy, np.empty_like, np.full_like, np.isclose, np.nan_to_num, np.ndim),
        *(np.ones_like, np.round, np.select, np.shape, np.size, np.where, np.zeros_like),
    }
)
# Cell by cell in one argument, the position of which follows; the others are tables.
_BY_TABLE = {np.isin: 0, np.digitize: 0, np.interp: 0, np.searchsorted: 1, np.take: 1}


class NeedsWhole(BaseException):
    """What a rule did that takes all cells together, or cells by their position.

    It is not an Exception, which a rule might catch.
    """


class _Ends(np.ndarray[Any, np.dtype[np.int64]]):
    """Numbers of cells that are neighbours of each other, as `CellSpace.links` returns them."""


class Watched(np.ndarray[tuple[int], np.dtype[Any]]):
    """Values over the cells that know how far they reach.

    `picked` is the mask where they are values of some cells only: ``values[mask]``.
    """

    reach: int
    picked: NDArray[np.bool_] | None

    def __array_finalize__(self, _made_from: object) -> None:
        self.reach = getattr(_made_from, "reach", 0)
        self.picked = getattr(_made_from, "picked", None)

    def __getattribute__(self, name: str) -> Any:
        if name in _ATTRIBUTES and name not in _SAFE_ATTRIBUTES:
            raise NeedsWhole(f".{name}")
        return super().__getattribute__(name)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "at" and isinstance(inputs[1], _Ends):
            return ufunc.at(*_plain(inputs))
        if method != "__call__" or ufunc.signature is not None:
            raise NeedsWhole(f"np.{ufunc.__name__}{'' if method == '__call__' else f'.{method}'}(…)")
        reach, picked = _together([*inputs, *kwargs.values()])
        result = ufunc(*_plain(inputs), **_plain(kwargs))
        for one in _watched_in(kwargs.get("out", ())):
            one.reach = reach
            return one
        results = result if isinstance(result, tuple) else (result,)
        watched = tuple(watch(one, reach, picked) for one in results)
        return watched if isinstance(result, tuple) else watched[0]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        at = _BY_TABLE.get(func)
        known = func in _CELL_BY_CELL and not (func is np.where and len(args) == 1)
        tables = [*args[:at], *args[at + 1 :], *kwargs.values()] if at is not None else []
        if not (known or at is not None) or any(_watched_in(tables)):
            raise NeedsWhole(f"np.{func.__name__}(…)")
        reach, picked = _together([*args, *kwargs.values()])
        result = func(*_plain(args), **_plain(kwargs))
        return watch(result, reach, picked) if isinstance(result, np.ndarray) else result

    def __getitem__(self, key: Any) -> Any:
        if _is_all(key):
            return self
        if isinstance(key, _Ends):
            return watch(_plain(self)[_plain(key)], self.reach)
        mask = self._mask(key)
        return watch(_plain(self)[_plain(mask)], max(self.reach, reach_of(mask)), _plain(mask))

    def __setitem__(self, key: Any, values: Any) -> None:
        picked = None if _is_all(key) else _plain(self._mask(key))
        fits = isinstance(values, Watched) and _same(values.picked, picked)
        if picked is not None and np.ndim(values) and not fits:
            raise NeedsWhole("values for cells by their position")
        _plain(self)[_plain(key)] = _plain(values)
        self.reach = max(self.reach, reach_of(key), reach_of(values))

    def _mask(self, key: Any) -> NDArray[np.bool_]:
        is_mask = isinstance(key, np.ndarray) and key.dtype == bool and key.shape == self.shape
        if is_mask and self.picked is None:
            return np.asanyarray(key)
        raise NeedsWhole("cells by their position")

    def __bool__(self) -> bool:
        raise NeedsWhole("the truth of all cells")

    def __iter__(self) -> Iterator[Any]:
        raise NeedsWhole("a loop over cells")


_ATTRIBUTES = frozenset(name for name in dir(np.ndarray) if not name.startswith("_"))


def watch(values: NDArray[Any], reach: int, picked: NDArray[np.bool_] | None = None) -> Watched:
    """Return a view of values over the cells that reach so many cells far."""
    watched = np.asarray(values).view(Watched)
    watched.reach, watched.picked = reach, picked
    return watched


def reach_of(*values: Any) -> int:
    """Return how far values reach, in cells: 0 for what is not watched."""
    return max((one.reach for one in _watched_in(values)), default=0)


def _watched_in(given: Any) -> Iterator[Any]:
    if isinstance(given, Watched | _WatchedNear):
        yield given
    elif isinstance(given, (tuple, list)):
        for one in given:
            yield from _watched_in(one)


def _plain(given: Any) -> Any:
    """Return arrays as NumPy's own."""
    if isinstance(given, Watched):
        return np.ndarray.view(given, np.ndarray)
    if isinstance(given, (tuple, list)):
        return type(given)(_plain(one) for one in given)
    return {name: _plain(one) for name, one in given.items()} if isinstance(given, dict) else given


def _together(given: list[Any]) -> tuple[int, NDArray[np.bool_] | None]:
    """Return how far arrays reach together, and the mask that picked their cells."""
    watched = list(_watched_in(given))
    picked = watched[0].picked
    if not all(_same(one.picked, picked) for one in watched):
        raise NeedsWhole("values of other cells together")
    return reach_of(*watched), picked


def _same(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _is_all(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))


class _WatchedNear(Near[Any, Any]):
    """What neighbours have, which reaches farther than their values."""

    def __init__(self, near: Near[Any, Any], reach: int) -> None:
        super().__init__(*near.parts)
        self.reach = reach

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name.startswith("_") or not callable(value):
            return value

        def watched() -> Watched:
            found = value()
            return watch(found.astype(np.int64) if isinstance(found, Counts) else found, self.reach)

        return watched


class _Size(int):
    """The number of cells: arrays may have this shape, but what is computed with it differs between parts."""

    __array_ufunc__ = None  # NumPy hands its arrays to the methods below


def _refuse_size(*_given: Any) -> Any:
    raise NeedsWhole("a number computed with cells.size")


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow"):
    setattr(_Size, f"__{_name}__", _refuse_size)
    setattr(_Size, f"__r{_name}__", _refuse_size)
for _name in ("lt", "le", "gt", "ge", "float"):
    setattr(_Size, f"__{_name}__", _refuse_size)


class _WatchedSpace(CellSpace):
    """Cells whose fields are watched arrays; `farthest` is more than any array can reach in this step.

    What comes from the ends of links (`linked`) is taken to reach farthest.
    """

    def __init__(self, *args: Any) -> None:
        self._written: dict[str, Watched] = {}
        self.farthest = 0
        self.linked = False
        super().__init__(*args)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name == "size":
            return _Size(value)
        if name.startswith("_") or name in _OF_A_RUN:
            return value
        if callable(value):
            raise NeedsWhole(f"cells.{name}(…)")
        return watch(value, 0) if isinstance(value, np.ndarray) else value

    def neighbors(
        self, values: Any, *, kind: str = "moore", radius: float | None = None, **other: Any
    ) -> Any:
        near = super().neighbors(_plain(values), kind=kind, radius=radius, **_plain(other))
        weights = other.pop("weights", None)
        beyond = self._beyond("neighbors", kind, radius, other)
        return _WatchedNear(near, max(reach_of(values) + beyond, reach_of(weights)))

    def links(self, *, kind: str = "moore", radius: float | None = None, **other: Any) -> Any:
        self._beyond("links", kind, radius, other)
        self.linked = True
        return super().links(kind=kind, radius=radius, **other).view(_Ends)

    def way(self, *ends: Any) -> Any:
        if not all(isinstance(one, _Ends) for one in ends):
            raise NeedsWhole("cells.way(…)")
        return super().way(*ends)

    def _beyond(self, asked: str, kind: str, radius: float | None, other: Mapping[str, Any]) -> int:
        """Return how far away neighbours are, which is known of those on a grid."""
        if kind not in GRID_KINDS or any(one is not None for one in other.values()):
            raise NeedsWhole(f"cells.{asked}(…)")
        beyond = 1 if radius is None else int(radius)
        self.farthest += beyond
        return beyond

    def random(self, stream: str | None = None) -> Any:
        return watch(super().random(stream), 0)

    def _drawn(self, stream: int) -> NDArray[np.float64]:
        return draws.uniform(self._seed(), stream, self._step, 0, int(self.size))

    def choice(self, options: Any, weights: Any = None, *, stream: str | None = None) -> Any:
        drawn = draws.choice(_plain(self.random(stream)), options, _plain(weights))
        return watch(drawn, reach_of(weights))

    def result_of(self, result: NDArray[Any], *given: Any) -> Any:
        args, kwargs = given
        return watch(result, reach_of((*args, *kwargs.values())))

    def read(self, name: str) -> Any:
        return watch(super().read(name), 0)

    def writable(self, name: str) -> Any:
        if name not in self._written:
            self._written[name] = watch(super().writable(name), 0)
        return self._written[name]

    def write(self, name: str, values: Any) -> None:
        if values is not self._written.get(name):
            super().write(name, _plain(values))
            self.writable(name).reach = reach_of(values, self.writable(name))

    @property
    def reach(self) -> int:
        """How far what was written reaches."""
        return self.farthest if self.linked else reach_of(*self._written.values())


_OF_A_RUN = {
    *("begin", "end", "kernel", "lend", "read", "size", "writable", "write"),
    *vars(_WatchedSpace),
    "farthest",
    "linked",
}


class _Tile(CellSpace):
    """Some cells of a larger space, whose draws are those of their places there."""

    def __init__(self, ranks: NDArray[np.intp], total: int, *args: Any) -> None:
        super().__init__(*args)
        self._ranks, self._total = ranks, total

    def _drawn(self, stream: int) -> NDArray[np.float64]:
        return draws.uniform(self._seed(), stream, self._step, 0, self._total)[self._ranks]


def watched_space(*args: Any) -> CellSpace:
    """Return a `CellSpace` whose arrays know their reach and refuse what needs the whole."""
    return _WatchedSpace(*args)


class Sample:
    """A made-up space: `pictures` of each field, drawn for each cell or for `blocks` of cells."""

    def __init__(self, model: type[CellModel], parameters: Any, side: int, *, blocks: bool) -> None:
        self._model, self._parameters = model, parameters
        generator = np.random.default_rng(_SEED)
        shape = (side + 4, side)
        places = np.ix_(*(np.arange(size) * _BLOCKS // size for size in shape))
        self.pictures: dict[str, NDArray[Any]] = {}
        self._fields = model().fields_for(parameters)
        for name, field in self._fields.items():
            values = legal_values(field, generator, (_BLOCKS, _BLOCKS) if blocks else shape).astype(
                field.dtype
            )
            self.pictures[name] = values[places] if blocks else values
        self.inside = generator.random(shape) >= _HOLES
        self._ranks = np.cumsum(self.inside).reshape(shape) - 1

    def of_window(self, pictures: Mapping[str, NDArray[Any]], window: tuple[slice, slice]) -> tuple[Any, ...]:
        """Return what a cell space of the cells in a window is made of."""
        corner = Affine.translation(window[1].start or 0, window[0].start or 0)
        layout = Pixels(inside=self.inside[window], transform=Affine.scale(_SIDE, -_SIDE) @ corner)
        values = {name: picture[window][self.inside[window]] for name, picture in pictures.items()}
        return self._fields, values, layout, lambda: _SEED

    def watched(self, seed: Callable[[], int] = lambda: _SEED) -> _WatchedSpace:
        """Return the whole space, with arrays that know their reach."""
        return _WatchedSpace(*self.of_window(self.pictures, np.s_[:, :])[:3], seed)

    def do(self, space: CellSpace, step: int) -> CellModel:
        """Let the rule begin a step; return the model."""
        rule = self._model()
        rule._enter(space, self._parameters)  # noqa: SLF001  (a run of the kit's own)
        space.begin(step)
        rule.step(space, step)
        return rule

    def after(
        self, pictures: Mapping[str, NDArray[Any]], step: int, window: tuple[slice, slice]
    ) -> dict[str, NDArray[Any]]:
        """Return the pictures of a window after a step that sees nothing else."""
        inside = self.inside[window]
        after = {name: picture[window].copy() for name, picture in pictures.items()}
        if inside.any():
            space = _Tile(
                self._ranks[window][inside], self._ranks.max() + 1, *self.of_window(pictures, window)
            )
            self.do(space, step)
            space.end()
            for name, values in space.values().items():
                after[name][inside] = values
        return after

    def after_in_tiles(
        self, pictures: Mapping[str, NDArray[Any]], step: int, reach: int
    ) -> dict[str, NDArray[Any]]:
        """Return the pictures after a step that is done tile by tile, with `reach` cells around each."""
        after = {name: picture.copy() for name, picture in pictures.items()}
        tile = _TILE + reach
        for top, left in itertools.product(*(range(0, size, tile) for size in self.inside.shape)):
            first = max(0, top - reach), max(0, left - reach)
            window = np.s_[first[0] : top + tile + reach, first[1] : left + tile + reach]
            for name, picture in self.after(pictures, step, window).items():
                part = after[name][top : top + tile, left : left + tile]
                part[...] = picture[top - first[0] :, left - first[1] :][: part.shape[0], : part.shape[1]]
        return after


def find_reach(model: type[CellModel], parameters: Any) -> Reach:
    """Return how far the rule of a model sees with these parameters, as far as a made-up space shows it."""
    with set_apart():
        try:
            return _found(model, parameters)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a made-up state may make a rule raise anything)
            return Reach(None, f"the rule failed on a made-up space: {type(error).__name__}: {error}")


def _found(model: type[CellModel], parameters: Any) -> Reach:
    sample = Sample(model, parameters, _BEYOND, blocks=False)
    space = sample.watched()
    try:
        sample.do(space, 1)
    except NeedsWhole as found:
        place = innermost(found.__traceback__, model.step.__code__.co_filename)
        where = "" if place is None else f"{place[1].short}: "
        return Reach(None, f"{where}{found}", whole=True)
    farthest = max(space.reach, space.farthest)
    if farthest > _MOST:
        why = f"the neighbours of a step are {farthest} cells away, and no more than {_MOST} are tried"
        return Reach(None, why)
    # What is looked up in a table loses its reach; all neighbours one after the other reach farthest.
    for reach in sorted({space.reach, farthest}):
        if all(_same_in_tiles(model, parameters, reach, blocks=blocks) for blocks in (False, True)):
            return Reach(reach)
    return Reach(None, "steps on the parts of a made-up space end in other values", whole=True)


def _same_in_tiles(model: type[CellModel], parameters: Any, reach: int, *, blocks: bool) -> bool:
    """Return whether some steps, whole and in tiles, end in the same bits."""
    sample = Sample(model, parameters, 3 * reach + _BEYOND, blocks=blocks)
    whole = tiled = sample.pictures
    for step in range(1, _STEPS + 1):
        whole, tiled = sample.after(whole, step, np.s_[:, :]), sample.after_in_tiles(tiled, step, reach)
    return all(whole[name].tobytes() == tiled[name].tobytes() for name in whole)


def legal_values(field: Field, generator: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return values that a field takes, drawn anew for each place of a picture of this shape."""
    if isinstance(field, Classes):
        return generator.choice([one.code for one in field.legend], size=shape).astype(np.float64)
    assert isinstance(field, Numbers)  # there is no third kind
    low = field.ge if field.ge is not None else 0.0 if field.le is None else field.le - 1
    high = field.le if field.le is not None else low + 1
    return low + (high - low) * generator.random(shape)


@contextmanager
def set_apart() -> Iterator[None]:
    """Let the block warn of nothing, and leave the global generators as they were."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002  (rules may draw from the global generator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002  (as above)

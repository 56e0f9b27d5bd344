"""The cells of a model in a run: their state, the next one, and what rules ask of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.cells import draws, near
from dissmodel.cells.fields import Field
from dissmodel.cells.links import addends, per_cell, read_only, table_topology
from dissmodel.cells.mistakes import ModelMistake, Place, calling_place, counted
from dissmodel.cells.near import Near, Topology
from dissmodel.cells.places import Zones
from dissmodel.cells.sums import exact_sum
from dissmodel.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from dissmodel.cells.layout import Layout
    from dissmodel.geo.legend import Legend

_FULL_BYTE = np.uint8(255)
_TABLES = 4  # whose neighbours are kept

G = TypeVar("G", bound=np.generic)
W = TypeVar("W", bound=np.bool_ | np.integer[Any])

if TYPE_CHECKING:

    class Kind(TypedDict, total=False):
        """Which neighbours."""

        kind: str
        radius: float | None
        k: int | None
        table: ArrayLike | None


class NextArray(np.ndarray[tuple[int], np.dtype[Any]]):
    """A field in the state after the step: what does not fit its type is refused when it is written."""

    declared: Field | None
    step: int

    def __array_finalize__(self, _made_from: object) -> None:
        self.declared, self.step = getattr(_made_from, "declared", None), getattr(_made_from, "step", 0)

    def __setitem__(self, key: Any, values: Any) -> None:
        field = self.declared
        if not self.flags.writeable:
            raise _does_not_change(field)
        if field is not None and self.dtype == np.uint8:
            values = _as_codes(field, values, self.step, lambda: self.view(np.ndarray)[key].size)
        if not (isinstance(key, np.ndarray) and key.dtype == bool and key.shape == self.shape) or np.ndim(
            values
        ):
            try:
                super().__setitem__(key, values)
            except (IndexError, ValueError) as error:
                name = field.name if field is not None else "NAME"
                raise ModelMistake(
                    f"{name} has the shape {self.shape}: {error}.",
                    f"self.next.{name}[where] = values[where], with a truth for each cell in `where`.",
                ) from error
        elif self.dtype == np.uint8:
            # self = value where key: three passes that a compiler vectorises.
            plain = self.view(np.ndarray)
            chosen = np.multiply(key.view(np.uint8), _FULL_BYTE)
            chosen &= plain ^ np.uint8(values)
            plain ^= chosen
        else:
            np.putmask(self, key, values)


class Written(NamedTuple):
    """A field that a step wrote: its array before and after the step, and the line that named it last."""

    field: Field
    before: NDArray[Any]
    after: NDArray[Any]
    place: Place


class CellSpace:
    """The cells that a rule works on, all of one dataset.

    Every array of one value per cell has the shape (cells,), in visiting order: that of a map's rows from
    north to south, that of the features, or that of the band ``order``; whatever the dataset is, pixels or
    polygons.

    Attributes
    ----------
    size : int
        The number of cells.
    kernel : tuple of (str, int), or None
        What computed the last rule that is a `kernel`, and on how many threads.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        values: Mapping[str, NDArray[Any]],
        layout: Layout,
        seed: Callable[[], int],
    ) -> None:
        self.size = layout.cells
        self._layout = layout
        self._fields = fields
        self._seed = seed
        self._now = {name: read_only(array) for name, array in values.items()}
        self._after: dict[str, NextArray] = {}
        self._spare: dict[str, NDArray[Any]] = {}
        self._places: dict[str, Place] = {}
        self._lent: list[NDArray[Any]] = []
        self._adopted: set[str] = set()
        self._topologies: dict[Any, Topology] = {}
        self.kernel: tuple[str, int] | None = None
        self._tables: list[tuple[NDArray[Any], Topology]] = []
        self._zones: dict[str, Zones] = {}
        self._step = self._streams = 0
        self._stepping = False

    if not TYPE_CHECKING:  # to a type checker a misspelt name is an error

        def __getattr__(self, name: str) -> Any:
            """Say what to type in place of a name that a cell space does not have."""
            if name in self.__dict__.get("_fields", {}):
                raise ModelMistake(f"A field belongs to the model, not to its cells: {name}.", f"self.{name}")
            public = [one for one in dir(type(self)) if not one.startswith("_")]
            raise AttributeError(f"The cells have no {name!r}. {did_you_mean(name, public)}")

    def __len__(self) -> int:
        return self.size

    if TYPE_CHECKING:

        @overload
        def neighbors(
            self, values: NDArray[W], *, weights: None = ..., **kind: Unpack[Kind]
        ) -> Near[np.int64, W]: ...
        @overload
        def neighbors(
            self, values: NDArray[W], *, weights: ArrayLike, **kind: Unpack[Kind]
        ) -> Near[np.float64, W]: ...
        @overload
        def neighbors(
            self,
            values: NDArray[np.floating[Any]],
            *,
            weights: ArrayLike | None = ...,
            **kind: Unpack[Kind],
        ) -> Near[np.float64, np.float64]: ...

    def neighbors(
        self,
        values: NDArray[Any],
        *,
        kind: str = "moore",
        radius: float | None = None,
        k: int | None = None,
        table: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> Any:
        """Return the values of the neighbours of each cell: ``.sum() .count() .any() .min() .max() .mean()``.

        Parameters
        ----------
        values : ndarray of shape (cells,)
            Truth values, integers or floats.
        kind : str
            ``"moore"`` (or ``"queen"``: cells that touch), ``"von_neumann"`` (or ``"rook"``: cells that share
            an edge), on a grid ``"circle"``; ``"k_nearest"`` or ``"distance"`` of centres.
        radius : float, optional
            In cells, 1 by default; of ``"distance"`` in units of the CRS.
        k : int, optional
            How many, for ``"k_nearest"``.
        table : array-like of integers, shape (links, 2), optional
            In place of a kind: each row is a cell and a neighbour of it, by their numbers in visiting order,
            from 0. A link has one direction.
        weights : array-like of numbers, shape (links,), optional
            What the neighbours' values are multiplied by in ``sum`` and ``mean``: one for each row of
            `table`, or of `links` of the same kind.
        """
        topology = (
            self._topology(kind, radius, k) if table is None else self._of_table(table, kind, radius, k)
        )
        return near.neighbors(topology, values, weights)

    def links(
        self, *, kind: str = "moore", radius: float | None = None, k: int | None = None
    ) -> NDArray[np.int64]:
        """Return who is whose neighbour, in the way of `neighbors`: a table, shape (links, 2), in order.

        >>> def step(self, cells, now):
        ...     cell, other = cells.links().T
        ...     east, north = cells.way(cell, other)
        ...     weights = 1 / (east * east + north * north)
        ...     self.next.price = cells.neighbors(self.price, weights=weights).mean()
        """
        return self._topology(kind, radius, k).links()

    def _topology(self, *asked: Any) -> Topology:
        topology = self._topologies.get(asked)
        if topology is None:
            topology = self._topologies[asked] = self._layout.topology(*asked)
        return topology

    def _of_table(self, table: ArrayLike, *asked: Any) -> Topology:
        if asked != ("moore", None, None):
            raise UsageError("A table and a kind of neighbours were given.", "Leave out kind, radius and k.")
        given = np.asarray(table)
        for kept, topology in self._tables:
            if np.array_equal(kept, given):
                return topology
        made = table_topology(self.size, given)
        self._tables = [(given.copy(), made), *self._tables[: _TABLES - 1]]
        return made

    @property
    def x(self) -> NDArray[np.float64]:
        """Where the cells' centres are from west to east, in units of the CRS; read-only."""
        return self._layout.places.x

    @property
    def y(self) -> NDArray[np.float64]:
        """Where the cells' centres are from south to north, in units of the CRS; read-only."""
        return self._layout.places.y

    @property
    def area(self) -> NDArray[np.float64]:
        """The cells' areas in m², read-only: in a geographic CRS those on its ellipsoid, of geodesic edges.

        Without a CRS they are in units of the coordinates, squared.
        """
        return self._layout.places.area

    def distance_to(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return how far each cell's centre is from the nearest centre in `mask`, in m.

        It is 0 in `mask`, and infinite if `mask` is empty: see `dissmodel.cells.places.Places.distance_to`.
        """
        return self._layout.places.distance_to(mask)

    def way(
        self, start: NDArray[np.integer[Any]], end: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far each cell in `end` is to the east and to the north of that in `start`, in m.

        Cells are given by their numbers in visiting order, from 0, as `links` has them; see
        `dissmodel.cells.places.Places.way`.
        """
        return self._layout.places.way(start, end)

    def zones(self, codes: NDArray[Any]) -> Zones:
        """Return the cells by a code that several have, such as a district's: ``.sum() .mean() .on_cells()``.

        Of a field that does not change the zones are found once.
        """
        per_cell(codes, self.size, "zones")
        for name, array in self._now.items():
            if array is codes and not self._fields[name].changes:
                if name not in self._zones:
                    self._zones[name] = Zones(codes)
                return self._zones[name]
        return Zones(codes)

    def random(self, stream: str | None = None) -> NDArray[np.float64]:
        """Return a random number from 0 to 1 (without 1) for each cell.

        They depend on the seed, the step and the place in visiting order: the same in every dataset of these
        cells and in any number of threads. A second call in one step gives other numbers; calls with the
        same name `stream` give the same.
        """
        if stream is None:
            number, self._streams = self._streams, self._streams + 1
        else:
            number = draws.stream_number(stream)
        return self._drawn(number)

    def _drawn(self, stream: int) -> NDArray[np.float64]:
        """Return this step's draws of a stream."""
        return draws.uniform(self._seed(), stream, self._step, 0, self.size)

    def choice(
        self, options: ArrayLike, weights: ArrayLike | None = None, *, stream: str | None = None
    ) -> NDArray[Any]:
        """Return one of the options for each cell, drawn as `random` draws.

        `weights` says how often each option is chosen, relative to the others, shape (options,) or (options,
        cells); equal without them.
        """
        return draws.choice(self.random(stream), options, weights)

    def count(self, where: NDArray[np.bool_]) -> int:
        """Return the number of cells where `where` is true."""
        return int(np.count_nonzero(per_cell(where, self.size, "count")))

    def total(self, values: NDArray[Any]) -> float:
        """Return the sum over all cells: exact, of floats rounded once."""
        values = per_cell(values, self.size, "total")
        added = addends(values.astype(np.int64) if values.dtype.kind == "b" else values, self.size)
        return exact_sum(added) if added.dtype.kind == "f" else int(added.sum())

    def mean(self, values: NDArray[Any]) -> float:
        """Return the mean over all cells: the sum, as `total` has it, by their number."""
        return self.total(values) / self.size

    def grid(self, values: NDArray[G], outside: float | None = None) -> NDArray[G]:
        """Return values as a picture: shape (rows, columns), the northernmost row first.

        `outside` is what stands where no cell is: NaN for floats and 0 for the rest by default. Polygons
        that are no cells of a grid have no picture.
        """
        values = per_cell(values, self.size, "grid")
        if outside is None:
            outside = math.nan if values.dtype.kind == "f" else 0
        return self._layout.picture(values, outside)

    # What a run does with it.

    def read(self, name: str) -> NDArray[Any]:
        """Return a field at the start of the step, read-only."""
        return self._now[name]

    def writable(self, name: str) -> NextArray:
        """Return a field at the end of the step."""
        array = self._after.get(name)
        if array is None:
            field = self._field_to_write(name)
            if not field.changes:
                array = self._now[name].view(NextArray)
            else:
                array = self._fresh(name)
                np.copyto(array, self._now[name])
                self._after[name] = array
        elif name in self._adopted:  # what a rule returned stays what it is
            self._adopted.remove(name)
            array = self._after[name] = array.copy()
        self._places[name] = calling_place()
        array.declared, array.step = self._fields[name], self._step
        return array

    def write(self, name: str, values: Any) -> None:
        """Replace a whole field at the end of the step."""
        field = self._field_to_write(name)
        if not field.changes:
            raise _does_not_change(field)
        after = self._after.get(name)
        if values is after:  # the end of self.next.NAME += …
            return
        given = np.asarray(values)
        if given.shape not in {(), (self.size,)}:
            raise ModelMistake(
                f"The values written to {name} have the shape {given.shape}; the field has ({self.size},), "
                "one value per cell.",
                f"self.next.{name} = an array of that shape; in one dimension, not rows and columns.",
            )
        if given.dtype.kind not in "biuf":
            raise ModelMistake(f"{given.dtype} values were written to {name}.", f"It takes {field.takes}.")
        if field.dtype == np.uint8:
            given = np.asarray(_as_codes(field, given, self._step, lambda: self.size))
        self._places[name] = calling_place()
        if self._adopt(name, given):
            return
        if after is None or name in self._adopted:
            self._adopted.discard(name)
            after = self._after[name] = self._fresh(name)
        np.copyto(after, given, casting="unsafe")

    def lend(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array for the result of a `kernel`, shape (cells,), not filled.

        A field to which a read-only view of the whole is written takes the array without a copy.
        """
        spare = next((name for name in self._spare if self._fields[name].dtype == dtype), None)
        array = np.empty(self.size, dtype) if spare is None else _owner(self._fresh(spare))
        self._lent.append(array)
        return array

    def result_of(self, result: NDArray[Any], *_given: Any) -> NDArray[Any]:
        """Return what a rule computed from what it was given."""
        return result

    def begin(self, step: int) -> None:
        """Begin a step."""
        self._step, self._streams, self._stepping = step, 0, True
        self._places.clear()

    def end(self) -> list[Written]:
        """End the step: what was written becomes the state."""
        self._stepping = False
        written = []
        for name, array in self._after.items():
            before, after = self._now[name], array.view(np.ndarray)
            written.append(Written(self._fields[name], before, after, self._places[name]))
            self._now[name] = read_only(after)
            self._spare[name] = before
        self._after.clear()
        self._adopted.clear()
        self._lent.clear()
        return written

    def measures(self, name: str, legend: Legend) -> dict[str, float]:
        """Return how many cells have each class of a field; and their areas, where the CRS tells them."""
        codes, places = self._now[name], self._layout.places
        areas = places.areas_of(codes) if places.has_areas and places.same_area is None else None
        found: dict[str, float] = {}
        for one in legend:
            label = f"{name}_{one.name.replace(' ', '_')}"
            found[label] = cells = int(np.count_nonzero(codes == one.code))
            if places.has_areas:
                same = cells * (places.same_area or 0.0)
                found[f"{label}_area_m2"] = same if areas is None else float(areas[one.code])
        return found

    def values(self) -> dict[str, NDArray[Any]]:
        """Return the state: each field by its name, read-only."""
        return dict(self._now)

    def place(self, cell: int) -> str:
        """Return where a cell is in its dataset, for people."""
        return self._layout.place(cell)

    def _fresh(self, name: str) -> NextArray:
        spare = self._spare.pop(name, None)
        base = None if spare is None else spare.base
        if base is None or base.shape != (self.size,) or not base.flags.writeable:  # such as a picture
            base = np.empty(self.size, self._fields[name].dtype)
        return base.view(NextArray)

    def _adopt(self, name: str, given: NDArray[Any]) -> bool:
        """Take an array that was lent as the field's, if `given` is all of it; tell whether it is."""
        owner = _owner(given)
        is_whole = given.flags.c_contiguous and given.nbytes == owner.nbytes and not given.flags.writeable
        fits = owner.dtype == self._fields[name].dtype and given.dtype in {owner.dtype, np.dtype(np.bool_)}
        if not (is_whole and fits and any(array is owner for array in self._lent)):
            return False
        self._lent = [array for array in self._lent if array is not owner]
        self._after[name] = owner.view(NextArray)
        self._adopted.add(name)
        return True

    def _field_to_write(self, name: str) -> Field:
        if not self._stepping:
            raise ModelMistake(
                f"self.next.{name} was used outside of step.", f"In measure, self.{name} is the new state."
            )
        return self._fields[name]


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _as_codes(field: Field, values: Any, step: int, cells: Callable[[], int]) -> Any:
    """Return values as codes; raise `ModelMistake` if one is no whole number of a byte.

    `cells` returns how many cells a value gets that stands alone.
    """
    given = np.asarray(values)
    if given.dtype.kind in "bu" and given.dtype.itemsize == 1:
        return values
    with np.errstate(invalid="ignore"):
        codes = given.astype(np.uint8) if given.dtype.kind in "biuf" else np.zeros(given.shape, np.uint8)
    lost = codes != given
    if np.any(lost):
        number = int(np.count_nonzero(lost)) if given.ndim else cells()
        shown = given[lost].ravel()[0] if given.ndim else given
        raise ModelMistake(
            f"In step {step} the rule gave {counted(number)} a value of {field.name} that is no code; the "
            f"first is {shown}.",
            f"{field.name} takes {field.takes}.",
        )
    return codes


def _does_not_change(field: Field | None) -> ModelMistake:
    name = field.name if field is not None else "NAME"
    return ModelMistake(
        f"The field {name} is declared with changes=False: the rule can't write it.",
        f"If it changes, declare it without changes=False: {name} = …",
    )

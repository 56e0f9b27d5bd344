"""The values of each cell's neighbours: what ``cells.neighbors(values)`` returns."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.cells.grids import Grid, GridKind, grid_topology
from dissmodel.cells.links import Links, per_cell
from dissmodel.errors import DissmodelWarning, UsageError, WrongType, WrongValue, did_you_mean

if TYPE_CHECKING:
    from dissmodel.cells.kernel_near import Neighbors  # what a kernel gets of them for each cell
    from dissmodel.cells.layout import Pixels
    from dissmodel.geo.vector.polygons import Geometries
    from dissmodel.geo.vector.strategies import Strategy
else:
    Neighbors = object

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
S = TypeVar("S", bound=np.generic)
V = TypeVar("V", bound=np.generic)

# On a grid the first two words of a pair have one meaning, and so a model runs on pixels and polygons alike.
GRID_KINDS: dict[str, GridKind] = {
    "moore": "moore",
    "queen": "moore",
    "von_neumann": "von_neumann",
    "rook": "von_neumann",
    "circle": "circle",
}
LINK_KINDS: dict[str, Strategy] = {
    "moore": "queen",
    "queen": "queen",
    "von_neumann": "rook",
    "rook": "rook",
    "k_nearest": "k_nearest",
    "distance": "distance_band",
}
# A picture of the polygons' grid may have so many places a cell, or so many in all.
_PLACES_PER_CELL = 16
_SMALL_PICTURE = 2**20


Topology: TypeAlias = Grid | Links
"""Who is whose neighbour. All arrays are one-dimensional over the cells in visiting order.

Floats are added as float64 from 0.0 in visiting order of the neighbours, one at a time; integers exactly, as
int64; truths exactly, as uint8 where a cell has at most 255 neighbours. What is outside the space is no
neighbour. Where a cell has none, the largest is the least number of the type, and the other way round.
"""


class Counts(np.ndarray[Any, np.dtype[np.uint8]]):
    """Counts in a byte each: compared as they are, which is fast, and widened to int64 for all else.

    So no arithmetic wraps round at 255 or below 0.

    >>> near = np.array([0, 3], np.uint8).view(Counts)
    >>> (near >= 3).tolist(), (near - 1).tolist(), (near * 100).tolist()
    ([False, True], [-1, 2], [0, 300])
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc in _COMPARISONS and method == "__call__" and not kwargs:
            return ufunc(*(one.view(np.ndarray) if isinstance(one, Counts) else one for one in inputs))
        return getattr(ufunc, method)(*_widened(inputs), **_widened(kwargs))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, np.ndarray) else int(found)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_widened(args), **_widened(kwargs))


_COMPARISONS = {np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal}


def _widened(given: Any) -> Any:
    if isinstance(given, Counts):
        return given.view(np.ndarray).astype(np.int64)
    if isinstance(given, (tuple, list)):
        return type(given)(_widened(one) for one in given)
    return {name: _widened(one) for name, one in given.items()} if isinstance(given, dict) else given


class Near(Generic[S, V], Neighbors):  # noqa: PYI059  (of `object` it could not stand before)
    """The values of each cell's neighbours. All results are one-dimensional, in visiting order.

    A cell is not its own neighbour (a table may say so), and what is outside the space is no neighbour. To a
    type checker sums are of the type `S`, values of `V`, and counts in a byte each are int64.
    """

    def __init__(self, topology: Topology, values: Array, weights: Floats | None) -> None:
        self._topology, self._values, self._weights = topology, values, weights

    @property
    def parts(self) -> tuple[Topology, Array, Floats | None]:
        """Who is whose neighbour, the value of each cell, and the weights as they were given."""
        return self._topology, self._values, self._weights

    def sum(self) -> NDArray[S]:
        """Return the sum: of floats float64, added from 0.0 in visiting order; of integers and truths exact.

        With weights, each value is multiplied by its weight first; the sum is float64.
        """
        return _exact(self._topology.sum(self._values, self._weights))

    def count(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Return how many neighbours are true; of numbers, how many neighbours there are."""
        if self._values.dtype.kind != "b":
            return self._topology.counts
        return _exact(self._topology.sum(self._values))

    def any(self) -> Bools:  # type: ignore[override]
        """Return where a neighbour is true; of numbers, where one is not 0 (NaN is not)."""
        return np.asarray(self._topology.sum(self._values != 0) > 0)

    def min(self) -> NDArray[V]:
        """Return the smallest value, in the type of the values; NaN if a neighbour is NaN.

        Without neighbours it is NaN; of integers, which have no NaN, the largest number of their type, and a
        warning says how many cells have none; of truths True.
        """
        return self._extreme(largest=False)

    def max(self) -> NDArray[V]:
        """Return the largest value, in the type of the values; NaN if a neighbour is NaN.

        Without neighbours it is NaN; of integers, which have no NaN, the least number of their type, and a
        warning says how many cells have none; of truths False.
        """
        return self._extreme(largest=True)

    def mean(self) -> Floats:  # type: ignore[override]
        """Return the sum by the number of neighbours, or by the sum of their weights: float64.

        Without neighbours it is NaN, and a warning says how many cells have none.
        """
        number: Array = self._topology.counts
        if self._weights is not None:
            number = self._topology.sum(np.ones(self._topology.cells), self._weights)
        means = np.full(self._topology.cells, np.nan)
        np.divide(self._topology.sum(self._values, self._weights), number, out=means, where=number != 0)
        self._warn_of(number == 0, "mean", means)
        return means

    def _extreme(self, *, largest: bool) -> Array:
        values, kind = self._values, self._values.dtype.kind
        if kind == "b":
            found = self._topology.extreme(values.view(np.uint8), largest=largest)
            return found.astype(np.bool_)
        alone = self._topology.counts == 0
        # Which zero is larger, 0.0 or -0.0, would depend on the machine.
        found = self._topology.extreme(values + 0.0 if kind == "f" else values, largest=largest)
        if kind == "f":
            found[alone] = np.nan
        self._warn_of(alone, "max" if largest else "min", found)
        return found

    def _warn_of(self, alone: Bools, what: str, found: Array) -> None:
        """Warn once of cells without neighbours, and say what they get."""
        if alone.any() and not self._topology.warned:
            self._topology.warned = True
            weights = "" if self._weights is None else ", or none with a weight"
            warnings.warn(
                f"{np.count_nonzero(alone)} of {len(alone)} cells have no neighbours{weights}: {what}() is "
                f"{found[np.argmax(alone)]} there.",
                DissmodelWarning,
                stacklevel=3,
            )


def neighbors(topology: Topology, values: Array, weights: ArrayLike | None = None) -> Near[Any, Any]:
    """Return the neighbours' values.

    Parameters
    ----------
    topology : Topology
        Who is whose neighbour.
    values : ndarray of bool, integers or floats, shape (topology.cells,)
        One a cell, in visiting order.
    weights : array-like of numbers, shape (links,), optional
        One for each row of the table of neighbours, or of ``topology.links()``.

    Raises
    ------
    WrongValue
        If there is not one value for each cell, and one finite weight for each link.
    WrongType
        If the values are neither truths nor numbers.
    """
    values = per_cell(values, topology.cells, "neighbors")
    if values.dtype.kind not in "biuf":
        raise WrongType(
            f"neighbors() was given values of the type {values.dtype}.", "Give truths, integers or floats."
        )
    if weights is not None:
        links, given = int(topology.counts.sum()), np.asarray(weights)
        if given.shape != (links,) or given.dtype.kind not in "biuf" or not np.isfinite(given).all():
            raise WrongValue(
                f"neighbors() was given weights of the type {given.dtype} and the shape {given.shape}, for "
                f"{links} links, or weights that are not finite.",
                "Give a finite number for each row of the table, or of cells.links() of the same kind.",
            )
        weights = given.astype(np.float64)
    return Near(topology, values, weights)


def _exact(sums: Array) -> Array:
    return sums.view(Counts) if sums.dtype == np.uint8 else sums


def pixel_topology(
    pixels: Pixels, kind: str = "moore", *, radius: float | None = None, k: int | None = None
) -> Topology:
    """Return the topology of pixels, by the kinds that polygons have too: see `polygon_topology`.

    For ``"k_nearest"`` and ``"distance"`` each pixel becomes a polygon, without a transform one unit wide and
    high.
    """
    if kind in GRID_KINDS and k is None:
        return grid_topology(pixels.inside, pixels.order, GRID_KINDS[kind], 1 if radius is None else radius)
    import geopandas as gpd  # noqa: PLC0415  (few models on pixels need polygons)
    import shapely  # noqa: PLC0415  (as above)

    rows, cols = pixels.at
    y, x = rows + np.array([[0], [0], [1], [1]]), cols + np.array([[0], [1], [1], [0]])
    t = pixels.transform_of_picture
    corners = np.stack([t.c + x * t.a + y * t.b, t.f + x * t.d + y * t.e], axis=-1)
    polygons = gpd.GeoSeries(shapely.polygons(corners.swapaxes(0, 1)), crs=pixels.crs)
    return polygon_topology(polygons, kind, radius=radius, k=k)


def polygon_topology(
    polygons: Geometries, kind: str = "queen", *, radius: float | None = None, k: int | None = None
) -> Topology:
    """Return the topology of polygons; that of pixels where the polygons are the cells of a grid.

    Parameters
    ----------
    polygons : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Valid polygons and multipolygons in visiting order.
    kind : str
        ``"queen"`` (they touch; ``"moore"`` too), ``"rook"`` (they share an edge; ``"von_neumann"`` too),
        ``"k_nearest"`` or ``"distance"`` (of centroids), on the cells of a grid ``"circle"``.
    radius : number, optional
        For ``"distance"`` in units of the CRS; for the kinds of a grid in cells, 1 without it.
    k : int, optional
        For ``"k_nearest"`` only: how many.

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon, or two that touch cover the same area.
    UsageError
        If there is no such kind, `k` or `radius` is missing, wrong or not the kind's, or it needs a grid.
    """
    # A raster needs none of what polygons need.
    from dissmodel.geo.vector.strategies import neighborhood_of  # noqa: PLC0415  (as above)

    known = {**GRID_KINDS, **LINK_KINDS}
    if kind not in known:
        raise UsageError(f"There is no neighbourhood {kind!r}.", did_you_mean(kind, known))
    if kind in GRID_KINDS and k is None:
        picture = _picture_of(polygons)
        if picture is not None:
            return grid_topology(*picture, GRID_KINDS[kind], 1 if radius is None else radius)
        if kind not in LINK_KINDS or (radius is not None and radius != 1):
            raise UsageError(
                f"The polygons are not the cells of a grid, so there is no neighbourhood {kind!r} with the "
                f"radius {1 if radius is None else radius}, in cells.",
                'Use kind="distance" with a radius in units of the CRS.',
            )
        radius = None
    return Links(neighborhood_of(polygons, LINK_KINDS[kind], radius=radius, k=k))


def _picture_of(polygons: Geometries) -> tuple[Bools, Array] | None:
    """Return where polygons are on their grid, and their order; None without a grid or with one too empty."""
    from dissmodel.geo.vector.cells import rectangles  # noqa: PLC0415  (a raster needs no shapely)
    from dissmodel.geo.vector.polygons import polygons_of  # noqa: PLC0415  (as above)

    places = rectangles(polygons_of(polygons))
    if places is None:
        return None
    rows, cols = places
    shape = int(rows.max()) + 1, int(cols.max()) + 1
    if shape[0] * shape[1] > max(_PLACES_PER_CELL * len(rows), _SMALL_PICTURE):
        return None
    order = np.full(shape, -1, np.int64)
    order[rows, cols] = np.arange(len(rows))
    inside = order >= 0
    # Of two polygons in one place, `neighborhood_of` tells.
    return (inside, order) if np.count_nonzero(inside) == len(rows) else None

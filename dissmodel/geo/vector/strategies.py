"""The neighbourhoods of polygons, by name."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import shapely

from dissmodel.errors import DissmodelWarning, UsageError, did_you_mean
from dissmodel.geo.vector.cells import grid, rectangles
from dissmodel.geo.vector.contiguity import sharing_edges, touching
from dissmodel.geo.vector.polygons import Geometries, Polygons, check_valid, polygons_of
from dissmodel.geo.vector.proximity import checked_k, checked_radius, nearest, within
from dissmodel.geo.vector.sparse import Neighborhood
from dissmodel.record.digest import new
from dissmodel.warn import keeping_warnings

Strategy = Literal["queen", "rook", "k_nearest", "distance_band"]

_STRATEGIES = get_args(Strategy)
_KEPT = 4


def neighborhood_of(
    cells: Geometries, strategy: Strategy = "queen", *, k: int | None = None, radius: float | None = None
) -> Neighborhood:
    """Return the neighbours of polygons, found once in a process for the same geometry.

    Parameters
    ----------
    cells : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Valid polygons and multipolygons; only their geometry is used.
    strategy : {"queen", "rook", "k_nearest", "distance_band"}
        As the functions of these names.
    k : int
        The number of neighbours, for ``"k_nearest"`` only.
    radius : float
        In units of the CRS, for ``"distance_band"`` only.

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon, or two that touch cover the same area.
    UsageError
        If there is no such strategy, or `k` or `radius` is missing, wrong or not the strategy's.

    Warns
    -----
    DissmodelWarning
        If distances are asked for in a geographic CRS, where a degree is not a length.

    Examples
    --------
    >>> neighborhood_of(shapely.box([0, 1, 2], 0, [1, 2, 3], 1), "rook").count.tolist()
    [1, 2, 1]
    """
    number = _number(strategy, k, radius)
    polygons = polygons_of(cells)
    if strategy in {"queen", "rook"}:
        places = rectangles(polygons)
        if places is not None:
            # Rectangles are valid, and a digest of them would take as long as this.
            return grid(*places, rule="queen" if strategy == "queen" else "rook")
    elif getattr(getattr(cells, "crs", None), "is_geographic", False):
        warnings.warn(
            "The CRS is geographic: distances between centroids are in degrees, not in metres.",
            DissmodelWarning,
            stacklevel=2,
        )
    check_valid(polygons)
    found, told = _kept((strategy, number, _digest(polygons)), lambda: _FIND[strategy](polygons, number))
    for message in told:  # each caller gets the warnings, also of what was found before
        warnings.warn(message, DissmodelWarning, stacklevel=2)
    return found


def _number(strategy: str, k: int | None, radius: float | None) -> float:
    """Return the number that the strategy needs, 0 if none."""
    if strategy not in _STRATEGIES:
        raise UsageError(f"There is no neighbourhood {strategy!r}.", did_you_mean(str(strategy), _STRATEGIES))
    for name, value, needs in (("k", k, "k_nearest"), ("radius", radius, "distance_band")):
        if strategy == needs and value is None:
            raise UsageError(f"The neighbourhood {strategy!r} needs {name}.", f"Pass {name}=….")
        if strategy != needs and value is not None:
            raise UsageError(f"The neighbourhood {strategy!r} has no {name}.", f"Only {needs!r} has it.")
    if k is not None:
        return checked_k(k)
    return 0.0 if radius is None else checked_radius(radius)


def _digest(polygons: Polygons) -> bytes:
    """Return a digest that valid polygons share only if they cover the same areas.

    Coordinates and their number in each feature show where rings end (where they close), and which are holes
    (those that are in another), so nothing else need be read. This takes a quarter of what finding the
    neighbours does; well-known binary would take four times as long. The identity of an array would take
    nothing, but arrays are copied with their frame and can be written to.
    """
    vertices, owners = shapely.get_coordinates(polygons, return_index=True)
    digest = new()
    digest.update(np.bincount(owners, minlength=len(polygons)).data)
    digest.update(vertices.data)
    return digest.digest()


def _kept(key: Any, find: Callable[[], Neighborhood]) -> tuple[Neighborhood, tuple[str, ...]]:
    """Return what `find` finds, with its warnings; recent results are not searched again."""
    with _LOCK:
        kept = _RECENT.pop(key, None)
    if kept is None:
        # Two threads that ask for the same at once both find it, and neither waits for the other thread.
        told: list[str] = []
        with keeping_warnings(told):
            found = find()
        kept = found, tuple(told)
    with _LOCK:
        _RECENT[key] = kept
        while len(_RECENT) > _KEPT:
            _RECENT.popitem(last=False)
    return kept


_FIND: dict[Strategy, Callable[[Polygons, float], Neighborhood]] = {
    "queen": lambda polygons, _: touching(polygons),
    "rook": lambda polygons, _: sharing_edges(polygons),
    "k_nearest": lambda polygons, k: nearest(polygons, int(k)),
    "distance_band": within,
}

# Models of one run meet on the same geometry without knowing each other; bounded, and of results only.
_RECENT: OrderedDict[Any, tuple[Neighborhood, tuple[str, ...]]] = OrderedDict()
_LOCK = threading.Lock()

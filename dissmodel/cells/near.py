"""The values that the neighbours of each cell have."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dissmodel.geo.vector.sparse import Neighborhood

_RING = [(down, right) for down in (0, 1, 2) for right in (0, 1, 2) if (down, right) != (1, 1)]


class Topology(Protocol):
    """Who is whose neighbour."""

    cells: int

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the neighbours' values."""

    def extreme(self, values: NDArray[Any], *, largest: bool) -> NDArray[Any]:
        """Return the largest or the smallest value of the neighbours."""

    def counts(self) -> NDArray[np.int64]:
        """Return the number of neighbours."""


class Near:
    """The values of the neighbours, to be put together."""

    def __init__(self, topology: Topology, values: NDArray[Any]) -> None:
        self._topology, self._values = topology, values

    def sum(self) -> NDArray[Any]:
        """Return their sum."""
        return self._topology.sum(self._values)


def neighbors(topology: Topology, values: NDArray[Any]) -> Near:
    """Return what the neighbours have."""
    return Near(topology, values)


class _Grid:
    def __init__(self, inside: NDArray[np.bool_], order: NDArray[Any] | None) -> None:
        self.cells = int(np.count_nonzero(inside))
        self._shape = inside.shape
        flat = np.flatnonzero(inside)
        if order is not None:
            flat = flat[np.argsort(order[inside])]
        self._flat = flat

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        rows, cols = self._shape
        dtype = np.int64 if values.dtype.kind in "biu" else values.dtype
        pad = np.zeros((rows + 2, cols + 2), dtype)
        core = np.zeros(rows * cols, dtype)
        core[self._flat] = values
        pad[1:-1, 1:-1] = core.reshape(rows, cols)
        found = np.zeros((rows, cols), dtype)
        for down, right in _RING:
            found += pad[down : rows + down, right : cols + right]
        return found.ravel()[self._flat]

    def extreme(self, values: NDArray[Any], *, largest: bool) -> NDArray[Any]:
        raise NotImplementedError

    def counts(self) -> NDArray[np.int64]:
        return np.asarray(self.sum(np.ones(self.cells, np.int64)))


class _Links:
    def __init__(self, links: Neighborhood) -> None:
        self.cells = len(links)
        self._links = links

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        found = np.zeros(self.cells, np.int64 if values.dtype.kind in "biu" else values.dtype)
        owner = np.repeat(np.arange(self.cells), self._links.count)
        np.add.at(found, owner, values[self._links.neighbors])
        return found

    def extreme(self, values: NDArray[Any], *, largest: bool) -> NDArray[Any]:
        raise NotImplementedError

    def counts(self) -> NDArray[np.int64]:
        return self._links.count


def grid_topology(
    inside: NDArray[np.bool_], order: NDArray[Any] | None, kind: str = "moore", radius: float = 1
) -> Topology:
    """Return the neighbours on a grid."""
    del kind, radius
    return _Grid(inside, order)


def link_topology(neighborhood: Neighborhood) -> Topology:
    """Return the neighbours that links say."""
    return _Links(neighborhood)

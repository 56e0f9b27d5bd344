"""The cell space in memory, on a grid of pixels or as a list of cells with neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import NO_USE

if TYPE_CHECKING:
    from dissmodel.geo.vector.sparse import Neighborhood


@dataclass(slots=True)
class CoastalState:
    """A coastal cell space at one moment; a kernel advances it in place.

    Attributes
    ----------
    uso : ndarray of uint8, shape (rows, cols)
        Land use, `classes.NO_USE` outside the space.
    solo : ndarray of uint8, shape (rows, cols)
        Soil, `classes.NO_SOIL` outside the space.
    alt : ndarray of float64, shape (rows, cols)
        Elevation in metres, NaN outside the space.
    step : int
        The step that this state belongs to (``passo``); the next one is ``step + 1``.
    order : ndarray of int32 or int64, shape (rows, cols), or None
        The place of each cell in the visiting order, 0 to cells - 1, -1 outside; None for row-major.

    Notes
    -----
    All arrays are C-contiguous.
    """

    uso: NDArray[np.uint8]
    solo: NDArray[np.uint8]
    alt: NDArray[np.float64]
    step: int = 0
    order: NDArray[np.signedinteger[Any]] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.uso.shape
        return rows, cols

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where the space is: bool, shape (rows, cols)."""
        return np.not_equal(self.uso, NO_USE)

    @property
    def cells(self) -> int:
        """The number of cells in the space."""
        return int(np.count_nonzero(self.uso))


@dataclass(slots=True)
class CellState:
    """A coastal cell space of any cells at one moment, all in the space; a kernel advances it in place.

    Attributes
    ----------
    uso : ndarray of uint8, shape (n,)
        Land use, in visiting order as all arrays.
    solo : ndarray of uint8, shape (n,)
        Soil.
    alt : ndarray of float64, shape (n,)
        Elevation in metres.
    neighborhood : Neighborhood
        Who is whose neighbour, both ways.
    step : int
        The step that this state belongs to (``passo``); the next one is ``step + 1``.
    """

    uso: NDArray[np.uint8]
    solo: NDArray[np.uint8]
    alt: NDArray[np.float64]
    neighborhood: Neighborhood
    step: int = 0

    @property
    def cells(self) -> int:
        """The number of cells."""
        return len(self.uso)

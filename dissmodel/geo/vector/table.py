"""Neighbours from a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput
from dissmodel.geo.vector.sparse import Neighborhood, distinct, from_links

if TYPE_CHECKING:
    import pandas as pd


def from_table(
    ids: Sequence[Any] | NDArray[Any] | pd.Index,
    pairs: Sequence[tuple[Any, Any]] | NDArray[Any] | pd.DataFrame,
    weights: Sequence[float] | NDArray[Any] | None = None,
) -> Neighborhood:
    """Return the neighbourhood that a table holds, link by link, as it is: symmetric if the table is.

    Parameters
    ----------
    ids : sequence, shape (n,)
        The features' ids, in feature order.
    pairs : sequence of pairs, ndarray or DataFrame of two columns, shape (m, 2)
        The ids of a cell and of its neighbour. A cell that is its own neighbour with weight 0 is an island,
        as libpysal writes it.
    weights : sequence of numbers, shape (m,), optional
        The weight of each link, finite.

    Raises
    ------
    InvalidInput
        If ids or pairs repeat, an id in a pair is none of `ids`, a cell is its own neighbour, or a weight is
        no finite number.

    Examples
    --------
    >>> found = from_table(["a", "b", "c"], [("a", "c"), ("c", "a")], [0.5, 0.25])
    >>> found.of(0).tolist(), found.islands.tolist(), found.weights.tolist()
    ([2], [1], [0.5, 0.25])
    """
    import pandas as pd  # noqa: PLC0415  (no raster needs it)

    index = pd.Index(ids)
    if not index.is_unique:
        at = int(np.argmax(index.duplicated()))
        raise InvalidInput(
            f"{np.count_nonzero(index.duplicated())} of {len(index)} ids repeat an earlier one; the first is "
            f"{index[at]!r}, of feature {at} (counted from 0).",
            "Give every feature an id of its own.",
        )
    table = pd.DataFrame(pairs, columns=None if len(pairs) else ["cell", "neighbor"])
    if table.shape[1] != 2:  # noqa: PLR2004  (a pair)
        raise InvalidInput(
            f"The table of neighbours has {table.shape[1]} columns.", "Give two: pairs of ids."
        )
    cell, neighbor = (_numbers(index, table.iloc[:, side]) for side in (0, 1))
    values = None if weights is None else _weights(weights, len(table))
    own = cell == neighbor
    if own.any():
        _check_own(own, values, table)
        cell, neighbor = cell[~own], neighbor[~own]
        values = None if values is None else values[~own]
    links = cell * len(index) + neighbor
    if len(distinct(links)) < len(links):
        at = _first_repeated(links)
        here, there = index[int(cell[at])], index[int(neighbor[at])]
        raise InvalidInput(
            f"{len(links) - len(distinct(links))} pairs of neighbours repeat; one is ({here!r}, {there!r}).",
            "Give every pair once in each direction.",
        )
    return from_links(len(index), links, values)


def _numbers(index: pd.Index, ids: pd.Series) -> NDArray[np.int64]:
    import pandas as pd  # noqa: PLC0415  (no raster needs it)

    numbers = index.get_indexer(pd.Index(ids))
    unknown = numbers < 0
    if unknown.any():
        at = int(np.argmax(unknown))
        raise InvalidInput(
            f"{np.count_nonzero(unknown)} of {len(ids)} pairs of neighbours name no feature; the first is "
            f"pair {at} (counted from 0), with id {ids.iloc[at]!r}.",
            "Check that the ids have the same type (text or numbers) in both, and come from the same layer.",
        )
    return numbers.astype(np.int64, copy=False)


def _weights(weights: Sequence[float] | NDArray[Any], pairs: int) -> NDArray[np.float64]:
    try:
        values = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("A weight of the table of neighbours is not a number.", "Fix the table.") from None
    if values.shape != (pairs,):
        raise InvalidInput(
            f"There are {values.size} weights for {pairs} pairs of neighbours.", "Give one each."
        )
    wrong = ~np.isfinite(values)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InvalidInput(
            f"{np.count_nonzero(wrong)} of {pairs} weights are not finite numbers; "
            f"the first is {values[at]}, of pair {at} (counted from 0).",
            "Fix the table.",
        )
    return values


def _check_own(own: NDArray[np.bool_], values: NDArray[np.float64] | None, table: pd.DataFrame) -> None:
    wrong = own if values is None else own & (values != 0)
    if wrong.any():
        raise InvalidInput(
            f"{np.count_nonzero(wrong)} cells are their own neighbours; the first is "
            f"{table.iloc[int(np.argmax(wrong)), 0]!r}.",
            "Remove these pairs, or give them weight 0.",
        )


def _first_repeated(links: NDArray[np.int64]) -> int:
    order = np.argsort(links, kind="stable")
    return int(order[1:][links[order[1:]] == links[order[:-1]]].min())

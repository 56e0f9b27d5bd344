"""Neighbours by the features' own labels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput, MissingFile, StorageError
from dissmodel.geo.vector.sparse import Neighborhood, distinct, from_links

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

COLUMN = "_neighs"
"""The column that holds each feature's neighbours, as a list of labels."""

# Of libpysal's classes; our own strategies don't warn of islands, and always count by the index.
_ONLY_PYSAL = ("silence_warnings", "use_index")
Links = Mapping[Any, Iterable[Any]]

_MOST_BYTES = 2**30


@dataclass(frozen=True, slots=True, eq=False)
class LabelledNeighborhood:
    """A neighbourhood whose cells are called by the labels of an index, in feature order."""

    index: pd.Index
    cells: Neighborhood
    labels: NDArray[np.object_]  # of the index again

    def positions(self, label: Any) -> NDArray[np.signedinteger[Any]]:
        """Return the positions of a feature's neighbours, ascending; KeyError if there is no such feature."""
        position: Any = self.index.get_loc(label)  # one, for labels are distinct
        return self.cells.of(position)

    def of(self, label: Any) -> list[Any]:
        """Return the labels of a feature's neighbours, in feature order; KeyError if there is none."""
        found: list[Any] = self.labels[self.positions(label)].tolist()
        return found

    def lists(self) -> list[list[Any]]:
        """Return the labels of the neighbours of every feature."""
        flat = self.labels[self.cells.neighbors].tolist()
        starts = self.cells.offsets.tolist()
        return [flat[start:end] for start, end in pairwise(starts)]


def attach_neighbors(
    gdf: gpd.GeoDataFrame,
    strategy: Any = None,
    neighbors_dict: Links | str | os.PathLike[str] | None = None,
    **kwargs: Any,
) -> gpd.GeoDataFrame:
    """Add a column ``_neighs``: for each feature, the labels of its neighbours, in feature order.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        Features with distinct labels; it is changed.
    strategy, neighbors_dict, **kwargs
        As `labelled` takes them.

    Returns
    -------
    geopandas.GeoDataFrame
        The same one.

    Raises
    ------
    ValueError, StorageError
        As `labelled`.

    Examples
    --------
    >>> from dissmodel.geo.vector.vector_grid import vector_grid
    >>> grid = attach_neighbors(vector_grid(dimension=(3, 1), resolution=10.0), "queen")
    >>> grid["_neighs"].to_dict()
    {'0-0': ['0-1'], '0-1': ['0-0', '0-2'], '0-2': ['0-1']}
    """
    keep(gdf, labelled(gdf, strategy, neighbors_dict, **kwargs))
    return gdf


def keep(gdf: gpd.GeoDataFrame, found: LabelledNeighborhood) -> None:
    """Write the neighbours into the column where packages look for them."""
    import pandas as pd  # noqa: PLC0415  (no raster needs it)

    gdf[COLUMN] = pd.Series(found.lists(), index=gdf.index, dtype=object)


def get_neighbors(gdf: gpd.GeoDataFrame, idx: Any) -> list[Any]:
    """Return the labels of a feature's neighbours, as `attach_neighbors` wrote them.

    Raises
    ------
    ValueError
        If there is no column ``_neighs``.
    KeyError
        If there is no feature `idx`.
    """
    return list(_column(gdf).loc[idx])


def get_neighbor_values(gdf: gpd.GeoDataFrame, idx: Any, attr: str) -> list[Any]:
    """Return what a column holds for a feature's neighbours, in the order of `get_neighbors`.

    Raises
    ------
    ValueError
        If there is no column ``_neighs``.
    KeyError
        If there is no feature `idx`, or no column `attr`.
    """
    values: list[Any] = gdf.loc[get_neighbors(gdf, idx), attr].tolist()
    return values


def export_neighbors(gdf: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write the neighbours of all features as JSON, for the `neighbors_dict` of `attach_neighbors`.

    Raises
    ------
    ValueError
        If there is no column ``_neighs``.
    StorageError
        If the file can't be written.
    """
    text = json.dumps(_column(gdf).to_dict(), indent=2)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{os.fspath(path)} could not be written: {error.strerror or error}.",
            "Check the space on the disk and the rights of the folder.",
        ) from error


def _column(gdf: gpd.GeoDataFrame) -> pd.Series[Any]:
    if COLUMN not in gdf.columns:
        raise ValueError(f"There is no column {COLUMN!r}: call attach_neighbors first.")
    column: pd.Series[Any] = gdf[COLUMN]
    return column


def labelled(
    gdf: gpd.GeoDataFrame,
    strategy: Any = None,
    neighbors_dict: Links | str | os.PathLike[str] | None = None,
    **kwargs: Any,
) -> LabelledNeighborhood:
    """Return the neighbours of features, by their labels.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        Features with distinct labels.
    strategy : str or class, optional
        What `neighborhood_of` takes, or a class of libpysal's weights such as ``Queen``, which is asked
        through its ``from_dataframe``.
    neighbors_dict : mapping of label to labels, or path, optional
        The neighbours themselves, or a JSON file that holds them; it overrides `strategy`. Features that
        it doesn't name have none.
    **kwargs
        For the strategy: ``k``, ``radius``; all that libpysal's class takes.

    Raises
    ------
    ValueError
        If there is neither a strategy nor neighbours. As InvalidInput: labels repeat, the file is missing or
        no JSON object, or a neighbour is not a feature.
    StorageError
        If the file can't be read.
    """
    if not gdf.index.is_unique:
        repeated = gdf.index[gdf.index.duplicated()][0]
        raise InvalidInput(
            f"More than one feature has the label {repeated!r}.", "gdf = gdf.reset_index(drop=True)"
        )
    if neighbors_dict is not None:
        cells = from_given(gdf.index, neighbors_dict)
    elif isinstance(strategy, str):
        from dissmodel.geo.vector.strategies import neighborhood_of  # noqa: PLC0415  (neighbours that are given need no geometry)

        own: dict[str, Any] = {name: value for name, value in kwargs.items() if name not in _ONLY_PYSAL}
        cells = neighborhood_of(gdf, strategy, **own)  # type: ignore[arg-type]  # it checks the name itself
    elif hasattr(strategy, "from_dataframe"):
        weights = strategy.from_dataframe(gdf, **{"use_index": True, **kwargs})
        cells = linked(gdf.index, weights.neighbors)
    else:
        raise ValueError(f"Neighbours need a strategy or neighbors_dict; strategy is {strategy!r}.")
    return LabelledNeighborhood(gdf.index, cells, gdf.index.to_numpy(dtype=object))


def from_given(index: pd.Index, given: Links | str | os.PathLike[str]) -> Neighborhood:
    """Return the neighbours that a mapping, or a JSON file of one, holds.

    Raises
    ------
    ValueError
        If it is neither. As InvalidInput: the file is missing or no JSON object of lists, or a neighbour is
        none of the labels.
    StorageError
        If the file can't be read.
    """
    if isinstance(given, Mapping):
        return linked(index, given)
    if not isinstance(given, (str, os.PathLike)):
        raise ValueError(f"neighbors_dict is a {type(given).__name__}, neither a mapping nor a path.")  # noqa: TRY004  (a published error)
    # All labels are text in JSON.
    return linked(index.map(str), _read(Path(given)))


def linked(index: pd.Index, links: Links) -> Neighborhood:
    """Return the neighbours that a mapping holds; a cell may be its own, and none counts twice.

    >>> import pandas as pd
    >>> linked(pd.Index(["a", "b"]), {"a": ["b", "b"]}).count.tolist()
    [1, 0]
    """
    neighbors = [list(links.get(label, ())) for label in index]
    flat = [label for of_one in neighbors for label in of_one]
    there = index.get_indexer_for(flat)  # type: ignore[arg-type]  # it takes any list
    if (there < 0).any():
        unknown = flat[int(np.argmax(there < 0))]
        raise InvalidInput(
            f"{np.count_nonzero(there < 0)} of {len(flat)} neighbours are not features; "
            f"the first is {unknown!r}.",
            "Check that labels have one type (text or numbers) and come from the same layer.",
        )
    here = np.repeat(np.arange(len(index)), [len(of_one) for of_one in neighbors])
    return from_links(len(index), distinct(here * len(index) + there))


def _read(path: Path) -> Links:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput(f"{path} is larger than {_MOST_BYTES} bytes.", "Give a smaller file.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"{path} does not exist.", "Check the path.") from None
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror}.", "Check the rights.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path} is not JSON: {error}.", "Write it with json.dump.") from error
    if not isinstance(found, dict) or not all(isinstance(of_one, list) for of_one in found.values()):
        raise InvalidInput(
            f"{path} holds no neighbours.", 'Write an object of lists: {"0-0": ["0-1"], "0-1": ["0-0"]}.'
        )
    return {cell: [str(label) for label in of_one] for cell, of_one in found.items()}

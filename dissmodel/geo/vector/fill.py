"""Columns filled by a rule."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from dissmodel.errors import DissmodelWarning, did_you_mean

if TYPE_CHECKING:
    import geopandas as gpd
    from affine import Affine

    from dissmodel.geo.raster.backend import Array

__all__ = ["FillStrategy", "fill", "register_strategy"]

Strategy = TypeVar("Strategy", bound=Callable[..., Any])


class FillStrategy(StrEnum):
    """The strategies that are always there.

    >>> FillStrategy("pattern")
    <FillStrategy.PATTERN: 'pattern'>
    """

    ZONAL_STATS = "zonal_stats"
    MIN_DISTANCE = "min_distance"
    RANDOM_SAMPLE = "random_sample"
    PATTERN = "pattern"


# A registry: packages add to it when they are imported.
_STRATEGIES: dict[str, Callable[..., Any]] = {}


def register_strategy(name: str) -> Callable[[Strategy], Strategy]:
    """Return a decorator that makes a function the strategy of this name.

    Examples
    --------
    >>> @register_strategy("constant")
    ... def constant(gdf, attr, value):
    ...     gdf[attr] = value
    """

    def register(function: Strategy) -> Strategy:
        _STRATEGIES[str(name)] = function  # of an enum its value, as errors write it
        return function

    return register


def fill(strategy: str, **kwargs: Any) -> Any:
    """Fill columns of a GeoDataFrame, which is changed.

    Parameters
    ----------
    strategy : FillStrategy or str
        One of the following, or what `register_strategy` added.
    **kwargs
        For the strategy:

        - ``"pattern"``: `gdf` (of `vector_grid`), `attr`, `pattern` (a list of rows, the northernmost first),
          `start_x`, `start_y` (the column and the row of its south-western cell, 0 by default). Cells beyond
          it are left alone.
        - ``"random_sample"``: `gdf`, `attr`, `data`, `seed`. The data are values of the same chance, or
          ``{value: weight}``, or ``{"min": 0, "max": 9}`` for integers with both ends. A seed sets Python's
          own generator, ``random``, from which a model goes on drawing.
        - ``"min_distance"``: `from_gdf`, `to_gdf`, `attr_name` (``"min_distance"``). In units of the CRS,
          from each feature to the nearest of the others; NaN where there is none.
        - ``"zonal_stats"``: `vectors`, `raster_data` (2-D), `affine`, `stats`, `prefix` (``"attr_"``),
          `nodata` (-999). Of the pixels whose centre a feature covers; see
          `dissmodel.geo.vector.zones.zonal` for the names.

    Returns
    -------
    Any
        What the strategy returns, of those above None.

    Raises
    ------
    ValueError
        If there is no such strategy.

    Warns
    -----
    DissmodelWarning
        If distances are asked for between features in different CRS.

    Examples
    --------
    >>> from dissmodel.geo.vector.vector_grid import vector_grid
    >>> grid = vector_grid(dimension=(2, 2), resolution=1.0)
    >>> fill("pattern", gdf=grid, attr="zone", pattern=[["a", "b"], ["c", "d"]])
    >>> grid["zone"].to_dict()
    {'0-0': 'c', '1-0': 'a', '0-1': 'd', '1-1': 'b'}
    """
    if strategy not in _STRATEGIES:
        raise ValueError(f"There is no fill strategy {strategy!r}. {did_you_mean(strategy, _STRATEGIES)}")
    return _STRATEGIES[strategy](**kwargs)


@register_strategy(FillStrategy.PATTERN)
def _fill_pattern(
    gdf: gpd.GeoDataFrame,
    attr: str,
    pattern: Sequence[Sequence[Any]],
    start_x: int = 0,
    start_y: int = 0,
) -> None:
    cells = {
        f"{start_y + row}-{start_x + col}": value
        for row, values in enumerate(reversed(pattern))
        for col, value in enumerate(values)
    }
    there = gdf.index.intersection(list(cells))
    gdf.loc[there, attr] = [cells[label] for label in there]


@register_strategy(FillStrategy.RANDOM_SAMPLE)
def _fill_random_sample(
    gdf: gpd.GeoDataFrame, attr: str, data: Sequence[Any] | Mapping[Any, Any], seed: int | None = None
) -> None:
    if seed is not None:
        random.seed(seed)
    count = len(gdf)
    if not isinstance(data, Mapping):
        gdf[attr] = random.choices(data, k=count)  # noqa: S311  (a sample, no secret)
    elif "min" in data and "max" in data:
        gdf[attr] = [random.randint(data["min"], data["max"]) for _ in range(count)]  # noqa: S311  (the same)
    else:
        gdf[attr] = random.choices(list(data), weights=list(data.values()), k=count)  # noqa: S311  (the same)


@register_strategy(FillStrategy.MIN_DISTANCE)
def _fill_min_distance(
    from_gdf: gpd.GeoDataFrame, to_gdf: gpd.GeoDataFrame, attr_name: str = "min_distance"
) -> None:
    import numpy as np  # noqa: PLC0415  (no other strategy needs it)

    if from_gdf.crs is not None and to_gdf.crs is not None and not from_gdf.crs.equals(to_gdf.crs):
        warnings.warn(
            f"{attr_name}: CRS mismatch: distances from {from_gdf.crs.to_string()} to "
            f"{to_gdf.crs.to_string()} have no meaning. Use to_crs() before.",
            DissmodelWarning,
            stacklevel=3,
        )
    (here, _), found = to_gdf.sindex.nearest(from_gdf.geometry, return_all=False, return_distance=True)
    distances = np.full(len(from_gdf), np.nan)
    distances[here] = found
    from_gdf[attr_name] = distances


@register_strategy(FillStrategy.ZONAL_STATS)
def _fill_zonal_stats(  # noqa: PLR0917  (a published order)
    vectors: gpd.GeoDataFrame,
    raster_data: Array,
    affine: Affine,
    stats: Sequence[str],
    prefix: str = "attr_",
    nodata: float = -999,
) -> None:
    from dissmodel.geo.vector.zones import zonal  # noqa: PLC0415  (no other strategy needs rasterio)

    for name, values in zonal(vectors.geometry, raster_data, affine, stats, nodata).items():
        vectors[f"{prefix}{name}"] = values

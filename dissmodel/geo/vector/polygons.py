"""What a geometry must be before its neighbours are searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput
from dissmodel.geo.vector.sparse import distinct

if TYPE_CHECKING:
    import geopandas as gpd

Polygons: TypeAlias = NDArray[np.object_]
Geometries: TypeAlias = "gpd.GeoDataFrame | gpd.GeoSeries | Sequence[Any] | NDArray[np.object_]"

_AREAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def polygons_of(geometries: Geometries) -> Polygons:
    """Return the geometries as an array, each a polygon or multipolygon with something in it.

    Raises InvalidInput if a geometry is missing, empty or no polygon; the error names the first and counts
    them.
    """
    columns: Any = getattr(geometries, "geometry", geometries)
    polygons: Polygons = np.asarray(columns, dtype=np.object_)
    if polygons.ndim != 1:
        raise InvalidInput("The cells have no geometry.", "Give a layer of polygons.", code="bad_geometry")
    _check(shapely.is_missing(polygons), "have no geometry")
    areal = shapely.is_geometry(polygons)
    areal[areal] = np.isin(shapely.get_type_id(polygons[areal]), _AREAL)
    if not areal.all():
        _check(~areal, "are not polygons", f"a {type(polygons[np.argmin(areal)]).__name__}")
    _check(shapely.is_empty(polygons), "have an empty geometry")
    return polygons


def valid_polygons(geometries: Geometries) -> Polygons:
    """Return what `polygons_of` does; raise InvalidInput for an invalid geometry too."""
    polygons = polygons_of(geometries)
    check_valid(polygons)
    return polygons


def check_valid(polygons: Polygons) -> None:
    """Raise InvalidInput if a polygon is invalid, such as one that intersects itself."""
    invalid = ~shapely.is_valid(polygons)
    if invalid.any():
        _check(invalid, "have an invalid geometry", shapely.is_valid_reason(polygons[np.argmax(invalid)]))


def check_no_duplicates(polygons: Polygons, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
    """Raise InvalidInput if both of a pair of neighbours cover the same area, vertex for vertex or not."""
    bounds = shapely.bounds(polygons)
    alike = np.flatnonzero((bounds[first] == bounds[second]).all(axis=1))
    equal = alike[shapely.equals(polygons[first[alike]], polygons[second[alike]])]
    if len(equal):
        low = np.minimum(first[equal], second[equal])
        high = np.maximum(first[equal], second[equal])
        raise_duplicates(low, high)


def raise_duplicates(kept: NDArray[np.int64], repeated: NDArray[np.int64], what: str = "geometry") -> None:
    """Raise InvalidInput for features that repeat an earlier one's `what`."""
    at = int(np.lexsort((kept, repeated))[0])
    times = len(distinct(repeated))
    raise InvalidInput(
        f"{times} {'feature repeats' if times == 1 else 'features repeat'} the {what} of an earlier one; "
        f"the first is feature {repeated[at]}, like feature {kept[at]} (counted from 0).",
        "Remove the duplicates.",
        code="duplicate_cells",
    )


def _check(wrong: NDArray[np.bool_], what: str, why: str = "") -> None:
    if wrong.any():
        raise InvalidInput(
            f"{np.count_nonzero(wrong)} of {len(wrong)} features {what}; the first is feature "
            f"{np.argmax(wrong)}, counted from 0{': ' if why else ''}{why}.",
            "Fix or remove them.",
            code="bad_geometry",
        )

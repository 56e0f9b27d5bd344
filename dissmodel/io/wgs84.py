"""Features on WGS 84, as GeoJSON stores them: cut in two where they cross longitude 180 (RFC 7946, 3.1.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput

if TYPE_CHECKING:
    import geopandas as gpd

_CODE = 4326
_TURN = 360.0
_ON_MERIDIAN = 1e-9  # degrees, a tenth of a millimetre
_AREAL = 2
_OTHER_FORMAT = "Choose a format that keeps coordinates as they are, such as .gpkg."


def is_on_wgs84(frame: gpd.GeoDataFrame) -> bool:
    """Tell whether coordinates are written as they are: they are on WGS 84, or nobody knows on what."""
    return frame.crs is None or frame.crs.to_epsg() == _CODE


def on_wgs84(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Return features with their coordinates on WGS 84, and how many were cut at longitude 180.

    An edge is a straight line in the frame's own CRS; its middle shows its direction around the earth. Raises
    InvalidInput if the CRS has no transformation to WGS 84, a coordinate is beyond where it has one, or a
    polygon has a pole inside.
    """
    from pyproj.exceptions import ProjError  # noqa: PLC0415  (few results are GeoJSON)

    try:
        moved = frame.to_crs(_CODE)
    except ProjError as error:
        raise InvalidInput(
            f"GeoJSON stores longitude and latitude, and coordinates in {frame.crs.name!r} can't be "
            "transformed to them.",
            _OTHER_FORMAT,
            code="crs_transform",
        ) from error
    geometries = np.array(moved.geometry.array, dtype=object)
    coordinates, owner = shapely.get_coordinates(geometries, return_index=True)
    lost = np.unique(owner[~np.isfinite(coordinates).all(axis=1)])
    if len(lost):
        raise InvalidInput(
            f"{len(lost)} of {len(frame)} features (the first: feature {lost[0]}, counted from 0) are where "
            f"coordinates in {frame.crs.name!r} have no longitude and latitude.",
            "Check the CRS of the input. " + _OTHER_FORMAT,
            code="crs_transform",
        )
    bounds = shapely.bounds(geometries)
    given, cut = np.asarray(frame.geometry.array, dtype=object), 0
    to_lonlat = _transformer(frame.crs)
    for at in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > _TURN / 2):
        pieces = list(_pieces(given[at], geometries[at], to_lonlat, int(at)))
        if any(piece.was_cut for piece in pieces):
            geometries[at] = _collected([piece.geometry for piece in pieces], geometries[at])
            cut += 1
    if cut:
        moved[moved.geometry.name] = type(moved.geometry)(geometries, index=moved.index, crs=moved.crs)
    return moved, cut


class _Piece(NamedTuple):
    """A point, line or polygon, and whether it is new."""

    geometry: Any
    was_cut: bool


def _transformer(crs: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what gives the longitudes of points, shape (n, 2)."""
    from pyproj import Transformer  # noqa: PLC0415  (few results are GeoJSON)

    transform = Transformer.from_crs(crs, _CODE, always_xy=True).transform
    return lambda points: np.asarray(transform(points[:, 0], points[:, 1])[0])


def _pieces(given: Any, moved: Any, to_lonlat: Callable[..., NDArray[Any]], at: int) -> Iterator[_Piece]:
    """Yield the parts of a geometry, those that cross longitude 180 in pieces that don't."""
    if shapely.get_num_geometries(moved) > 1 or moved.geom_type.startswith(("Multi", "Geometry")):
        for part, new in zip(shapely.get_parts(given), shapely.get_parts(moved), strict=True):
            yield from _pieces(part, new, to_lonlat, at)
        return
    if moved.geom_type not in {"Polygon", "LineString"} or moved.is_empty:
        yield _Piece(moved, was_cut=False)
        return
    rings = [
        (one, _turned(shapely.get_coordinates(own), one, to_lonlat))
        for own, one in zip(_lines(given), _lines(moved), strict=True)
    ]
    if not any(turns.any() for _, turns in rings):
        yield _Piece(moved, was_cut=False)
        return
    if moved.geom_type == "Polygon" and any(turns[0] != turns[-1] for _, turns in rings):
        raise InvalidInput(
            f"Feature {at} (counted from 0) has a pole inside, which GeoJSON can't hold.",
            _OTHER_FORMAT,
            code="crs_transform",
        )
    first, *holes = [_continuous(*ring) for ring in rings]
    # A hole may begin one turn away from its shell.
    middle = (first[:, 0].min() + first[:, 0].max()) / 2
    for hole in holes:
        hole[:, 0] += np.rint((middle - hole[:, 0].mean()) / _TURN) * _TURN
    whole = shapely.Polygon(first, holes) if moved.geom_type == "Polygon" else shapely.LineString(first)
    yield from _between_meridians(whole, at)


def _lines(geometry: Any) -> list[Any]:
    """Return the rings of a polygon, the outer one first; a line is its own."""
    return [geometry.exterior, *geometry.interiors] if geometry.geom_type == "Polygon" else [geometry]


def _turned(own: NDArray[Any], moved: Any, to_lonlat: Callable[..., NDArray[Any]]) -> NDArray[np.float64]:
    """Return by which full turns the longitudes of a line have to be moved so that they go on."""
    lon = shapely.get_coordinates(moved)[:, 0]
    middle = to_lonlat((own[1:] + own[:-1]) / 2)
    # Each half of an edge is less than half of the earth wide.
    gone = _nearest(middle - lon[:-1]) + _nearest(lon[1:] - middle)
    return np.concatenate([[0.0], np.cumsum(np.rint((gone - np.diff(lon)) / _TURN) * _TURN)])


def _nearest(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return degrees - np.rint(degrees / _TURN) * _TURN


def _continuous(line: Any, turns: NDArray[np.float64]) -> NDArray[np.float64]:
    coordinates: NDArray[np.float64] = shapely.get_coordinates(line, include_z=bool(line.has_z))
    lon = coordinates[:, 0] + turns
    meridian = np.rint((lon - _TURN / 2) / _TURN) * _TURN + _TURN / 2
    # Else an edge on the meridian itself leaves slivers beyond it.
    coordinates[:, 0] = np.where(np.abs(lon - meridian) < _ON_MERIDIAN, meridian, lon)
    return coordinates


def _between_meridians(whole: Any, at: int) -> Iterator[_Piece]:
    """Yield the part of a geometry in each turn, between longitude -180 and 180."""
    west, _, east, _ = shapely.bounds(whole)
    for turn in range(int(np.floor((west + 180) / _TURN)), int(np.ceil((east + 180) / _TURN))):
        left = turn * _TURN - 180
        try:
            found = shapely.intersection(whole, shapely.box(left, -90, left + _TURN, 90))
        except shapely.errors.GEOSException as error:
            raise InvalidInput(
                f"Feature {at} (counted from 0) crosses longitude 180 and can't be cut there: {error}.",
                f"Fix its geometry. {_OTHER_FORMAT}",
                code="bad_geometry",
            ) from error
        for part in shapely.get_parts(found):
            # A polygon that touches the meridian meets the other side in a line.
            if shapely.get_dimensions(part) == shapely.get_dimensions(whole):
                yield _Piece(_moved(part, -turn * _TURN), was_cut=True)


def _moved(geometry: Any, degrees: float) -> Any:
    coordinates = shapely.get_coordinates(geometry, include_z=bool(geometry.has_z))
    coordinates[:, 0] += degrees
    return shapely.set_coordinates(geometry, coordinates)


def _collected(pieces: list[Any], like: Any) -> Any:
    """Return pieces as one geometry, of several parts where there are several."""
    if like.geom_type == "GeometryCollection":
        return shapely.GeometryCollection(pieces)
    if len(pieces) == 1:
        return pieces[0]
    return (
        shapely.MultiPolygon(pieces)
        if shapely.get_dimensions(like) == _AREAL
        else shapely.MultiLineString(pieces)
    )

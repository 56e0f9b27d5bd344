"""What a vector format can hold: what it refuses, and what it changes and a user should know."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.fields import Field

FORMATS = {
    "GPKG": "a GeoPackage",
    "FlatGeobuf": "a FlatGeobuf",
    "ESRI Shapefile": "a Shapefile",
    "GeoJSON": "GeoJSON",
    "Parquet": "GeoParquet",
}
"""GDAL's driver → what people call the format."""

WITHOUT = {
    "GeoJSON": frozenset({"binary"}),
    "ESRI Shapefile": frozenset({"binary", "datetime"}),
}
"""GDAL's driver → the kinds of fields that become texts in it."""

_MOST_NAMES = 20
_DBF_NAME_LENGTH = 10
_DBF_TEXT_LENGTH = 254
_AS_TEXT = {
    "GPKG": {"list", "time", "other"},
    "FlatGeobuf": {"list", "time", "other"},
    "ESRI Shapefile": {"list", "time", "other", "datetime", "binary"},
    "GeoJSON": {"other", "binary"},
}
_IN_WORDS = {
    "list": "lists",
    "time": "times of day",
    "datetime": "datetimes",
    "binary": "binary values",
    "date": "dates",
    "other": "such values",
}
# SQLite's limit without the id and the geometry; what the length of a .dbf's header leaves room for.
_MOST_FIELDS = {"GPKG": 1998, "ESRI Shapefile": 2046}
_FAMILIES = ({"Point"}, {"MultiPoint"}, {"LineString", "MultiLineString"}, {"Polygon", "MultiPolygon"})
_OTHER_FORMAT = "Choose another format, such as .gpkg."


def refuse_fields(fields: Sequence[Field], driver: str) -> None:
    """Raise `InvalidInput` if a format can't hold these fields."""
    if driver == "GPKG":
        folded: dict[bytes, str] = {}
        for field in fields:
            # SQLite ignores the case of ASCII letters alone, and so do bytes.
            other = folded.setdefault(field.name.encode(errors="surrogatepass").lower(), field.name)
            if other != field.name:
                raise InvalidInput(
                    f"The columns {other!r} and {field.name!r} differ in upper and lower case only, and in a "
                    "GeoPackage they would have one name.",
                    "Rename one of them, or choose another format, such as .fgb.",
                    code="column_repeated",
                )
    most = _MOST_FIELDS.get(driver)
    if most is not None and len(fields) > most:
        raise InvalidInput(
            f"There are {len(fields)} columns, and {FORMATS[driver]} holds at most {most}.",
            "Leave some out, or choose another format, such as .fgb.",
            code="too_many_columns",
        )


def refuse_geometries(geometries: NDArray[Any], driver: str) -> None:
    """Raise `InvalidInput` if a format can't hold these geometries together."""
    there = geometries[~shapely.is_missing(geometries) & ~shapely.is_empty(geometries)]
    if driver == "FlatGeobuf":
        heights, measures = shapely.has_z(there), has_m(there)
        if any(len(np.unique(one)) > 1 for one in (heights, measures)):
            raise InvalidInput(
                f"{np.count_nonzero(heights)} of {len(geometries)} geometries have heights, and a FlatGeobuf "
                "holds them in all or in none.",
                _OTHER_FORMAT,
            )
    if driver == "ESRI Shapefile":
        types = geometry_types(there)
        if types and not any(types <= family for family in _FAMILIES):
            raise InvalidInput(
                f"The geometries are of these types: {', '.join(sorted(types))}. A Shapefile holds points, "
                "lines or polygons, not several of them.",
                _OTHER_FORMAT,
                code="geometry_types",
            )


def geometry_types(geometries: NDArray[Any]) -> set[str]:
    """Return the names of the types that are among geometries, none of which is missing."""
    firsts = np.unique(shapely.get_type_id(geometries), return_index=True)[1]
    return {one.geom_type for one in geometries[firsts]}


def has_m(geometries: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which geometries have measures."""
    # Before 2.1 shapely had no measures.
    found: NDArray[np.bool_] = getattr(shapely, "has_m", shapely.is_missing)(geometries)
    return found


def warn_of_losses(fields: Sequence[Field], driver: str) -> None:
    """Warn of what the format has no place for, as far as the fields tell."""
    name = FORMATS[driver]
    for kind in ("list", "time", "datetime", "binary", "other"):
        of_it = [field.name for field in fields if field.given == kind]
        if of_it and kind in _AS_TEXT[driver]:
            warn(f"{name} has no {_IN_WORDS[kind]}: {listed(of_it)} are written as text.")
    dates = [field.name for field in fields if field.kind == "date"]
    if dates and driver == "FlatGeobuf":
        warn(f"{name} has no dates: {listed(dates)} are written as datetimes at midnight.")
    if driver == "ESRI Shapefile":
        long = [field.name for field in fields if len(field.name.encode()) > _DBF_NAME_LENGTH]
        if long:
            warn(f"{name} holds {_DBF_NAME_LENGTH} letters of a name; cut: {listed(long)}.")
        texts = [field for field in fields if field.kind == "text"]
        cut = [field.name for field in texts if _longest(field) > _DBF_TEXT_LENGTH]
        if cut:
            warn(f"{name} holds {_DBF_TEXT_LENGTH} bytes of a text; some in {listed(cut)} are cut.")
        empty = [field.name for field in texts if (field.values == "").any()]
        if empty:
            warn(f"{name} has no empty text: in {listed(empty)} it is written as nothing (null).")


def _longest(field: Field) -> int:
    return max((len(str(value).encode()) for value in field.values[~field.null]), default=0)


def listed(names: Sequence[str]) -> str:
    """Return names with commas between them, the first where they are many."""
    return ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")


def warn(message: str) -> None:
    """Warn the user of a loss."""
    warnings.warn(message, DissmodelWarning, stacklevel=3)

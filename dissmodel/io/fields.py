"""The columns of a frame as the fields that a vector file can hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

Kind = Literal["boolean", "integer", "real", "text", "binary", "date", "datetime", "time", "list", "other"]

_OF_NUMPY: dict[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "real", "M": "datetime"}
_OF_OBJECTS: dict[str, Kind] = {
    "string": "text",
    "empty": "text",
    "bytes": "binary",
    "boolean": "boolean",
    "integer": "integer",
    "floating": "real",
    "mixed-integer-float": "real",
    "decimal": "real",
    "date": "date",
    "datetime": "datetime",
    "datetime64": "datetime",
    "time": "time",
}
# GDAL has no unsigned integers, none of 8 bits and no floats of 16; these hold all of their values.
_WIDER = {"int8": "i2", "uint8": "i2", "uint16": "i4", "uint32": "i8", "uint64": "i8", "float16": "f4"}
_QUARTER_MS = 15 * 60 * 1000
_UTC = 100


class Field(NamedTuple):
    """A field of a vector file.

    Attributes
    ----------
    given
        What the column holds, where that becomes a text: any other kind than `kind`.
    values : ndarray, shape (n,)
        Numbers, days, milliseconds, or objects, None where null; those of nulls mean nothing.
    offsets : ndarray of int64, shape (n,), or None
        Of a datetime, as GDAL counts: 100 and the quarters of an hour ahead of UTC, 0 for an unknown
        offset; None if all are.
    """

    name: str
    kind: Kind
    given: Kind
    values: NDArray[Any]
    null: NDArray[np.bool_]
    offsets: NDArray[np.int64] | None = None


def fields_of(frame: gpd.GeoDataFrame, *, without: frozenset[str] = frozenset()) -> Iterator[Field]:
    """Yield the fields of a frame: all its columns but the geometry; the kinds `without` become texts.

    Raises InvalidInput if two columns have one name, one is a second geometry, or an integer is beyond 64
    bits with a sign.
    """
    refuse_repeated(frame)
    for at, name in enumerate(map(str, frame.columns)):
        column = frame.iloc[:, at]
        if frame.columns[at] == frame.geometry.name:
            continue
        if column.dtype.name == "geometry":
            raise InvalidInput(
                f"The column {name!r} is a second geometry, which no vector file holds.", "Rename or drop it."
            )
        yield _field(name, column, without)


def refuse_repeated(frame: gpd.GeoDataFrame) -> None:
    """Raise `InvalidInput` if two columns of a frame have one name."""
    for name, count in Counter(map(str, frame.columns)).items():
        if count > 1:
            raise InvalidInput(
                f"The column {name!r} exists twice, which no vector file can hold.", "Rename or drop it."
            )


def _field(name: str, column: pd.Series, without: frozenset[str]) -> Field:
    if column.dtype.name == "category":
        column = column.astype(column.cat.categories.dtype)
    null: NDArray[np.bool_] = column.isna().to_numpy(dtype=bool)
    given = _kind(column, null)
    match given:
        case "boolean" | "integer" | "real":
            return Field(name, given, given, _numbers(name, column, given, null), null)
        case "date":
            return Field(name, given, given, _objects(column).astype("M8[D]"), null)
        case "datetime":
            values, offsets = _datetimes(column, null)
            if given not in without:
                return Field(name, given, given, values, null, offsets)
            return Field(name, "text", given, datetime_texts(values, offsets), null)
        case "binary" if given not in without:
            return Field(name, given, given, _objects(column), null)
        case _:
            return Field(name, "text", given, _texts(_objects(column), given), null)


def _kind(column: pd.Series, null: NDArray[np.bool_]) -> Kind:
    import pandas as pd  # noqa: PLC0415  (slow to load)

    if column.dtype != object:
        if isinstance(column.dtype, pd.StringDtype):
            return "text"
        # Types of Arrow's own and of pandas' extensions are called as the objects that they hold.
        of_numpy = _OF_NUMPY.get(column.dtype.kind, "other") if column.dtype.kind != "O" else None
        if of_numpy is not None:
            return of_numpy
    kind = _OF_OBJECTS.get(pd.api.types.infer_dtype(column, skipna=True), "other")
    if kind == "other" and isinstance(column.to_numpy()[np.argmin(null)], list | tuple | dict | np.ndarray):
        return "list"
    return kind


def _objects(column: Any) -> NDArray[Any]:
    """Return a column as objects, None where it is null."""
    values: NDArray[Any] = column.to_numpy(dtype=object, copy=True)
    values[column.isna()] = None
    return values


def _numbers(name: str, column: Any, kind: Kind, null: NDArray[np.bool_]) -> NDArray[Any]:
    dtype = getattr(column.dtype, "numpy_dtype", column.dtype)
    if dtype.kind == "O":
        dtype = np.dtype({"boolean": "?", "integer": "i8", "real": "f8"}[kind])
    wider = np.dtype(_WIDER.get(str(dtype), dtype))
    values = column.array
    if kind == "real":
        return np.asarray(column.to_numpy(dtype=wider, na_value=np.nan))
    if null.any():
        values = np.where(null, 0, column.to_numpy(dtype=object))
    try:
        if str(dtype) == "uint64" and np.asarray(values, object).max(initial=0) > np.iinfo(np.int64).max:
            raise OverflowError
        return np.asarray(values, dtype=wider)
    except OverflowError:
        raise InvalidInput(
            f"The column {name!r} holds integers beyond 64 bits with a sign, which no vector file holds.",
            "Convert it to floats or to text.",
        ) from None


def _datetimes(
    column: pd.Series, null: NDArray[np.bool_]
) -> tuple[NDArray[np.datetime64], NDArray[np.int64] | None]:
    """Return local times to the millisecond and their offsets, in quarters of an hour, GDAL's finest."""
    import pandas as pd  # noqa: PLC0415  (slow to load)

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        utc = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[ms]")
        local = column.dt.tz_localize(None).to_numpy().astype("M8[ms]")
        ahead = (local - utc).astype(np.int64)
    elif column.dtype == object:
        naive = column.map(lambda when: when.replace(tzinfo=None), na_action="ignore")
        local = _objects(naive).astype("M8[ms]")
        offsets = column.map(lambda when: when.utcoffset(), na_action="ignore")
        ahead = _objects(offsets).astype("m8[ms]")
        unknown = np.isnat(ahead)
        if unknown.all():
            return local, None
        ahead = np.where(unknown, 0, ahead.astype(np.int64))
        quarters = np.where(unknown & ~null, 0, _UTC + ahead // _QUARTER_MS)
        return np.where(unknown, local, local - (ahead % _QUARTER_MS).astype("m8[ms]")), quarters
    else:
        return column.to_numpy().astype("M8[ms]"), None
    ahead = np.where(null, 0, ahead)
    return local - (ahead % _QUARTER_MS).astype("m8[ms]"), _UTC + ahead // _QUARTER_MS


def datetime_texts(values: NDArray[np.datetime64], offsets: NDArray[np.int64] | None) -> NDArray[Any]:
    """Return datetimes as ISO 8601, None for nulls.

    >>> times = np.array(["2026-01-31T12:00:00.5", "NaT"], "M8[ms]")
    >>> datetime_texts(times, np.array([88, 88])).tolist()
    ['2026-01-31T12:00:00.500-03:00', None]
    """
    texts = np.datetime_as_string(values, unit="ms").astype(object)
    if offsets is not None:
        codes, at = np.unique(offsets, return_inverse=True)
        texts += np.array([_offset(int(code)) for code in codes], dtype=object)[at]
    texts[np.isnat(values)] = None
    return texts


def _offset(code: int) -> str:
    if not code:
        return ""
    minutes = (code - _UTC) * 15
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _texts(values: NDArray[Any], given: Kind) -> NDArray[Any]:
    """Return what no format, or not this one, has as text; there is none of pandas' or numpy's own for it."""
    written: dict[str, Any] = {
        "list": lambda value: json.dumps(value, default=_plain, ensure_ascii=False),
        "binary": lambda value: value.hex().upper(),
        "time": lambda value: value.isoformat("milliseconds" if value.microsecond else "seconds"),
        "other": str,
    }
    if given not in written:
        return values
    texts = np.empty(len(values), dtype=object)
    texts[:] = [None if value is None else written[given](value) for value in values]
    return texts


def _plain(value: Any) -> Any:
    """Return what JSON has no name for as something that it has."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)

"""GeoParquet, which takes pyarrow."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.errors import InvalidInput
from dissmodel.io.foreign import again
from dissmodel.io.layer import require_pyarrow
from dissmodel.io.vector_read import known_crs, refuse_repeated_names

if TYPE_CHECKING:
    import geopandas as gpd

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def read_parquet(path: Path, shown: str, options: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """Read a GeoParquet file; integers and booleans with nulls have pandas' nullable types and every bit.

    Raises
    ------
    InvalidInput
        If it is damaged, has no geometry, or two columns with one name.
    UsageError
        If pyarrow isn't installed.
    """
    require_pyarrow(shown)
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    to_pandas = {"types_mapper": _masked_types().get, **options.get("to_pandas_kwargs", {})}
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        refuse_repeated_names(parquet.read_schema(path).names, shown)
        gdf = gpd.read_parquet(path, **{**options, "to_pandas_kwargs": to_pandas})
    except InvalidInput:
        raise
    except (ValueError, OSError, NotImplementedError, LookupError) as error:  # as pyarrow's are
        raise InvalidInput(
            f"{shown} could not be read as GeoParquet: it is damaged, or has no geometry column.",
            f"{again(shown)} geopandas' to_parquet writes such files.",
            code="vector_damaged",
        ) from error
    masked = [name for name in gdf.columns if hasattr(gdf[name].dtype, "numpy_dtype")]
    whole = {
        name: gdf[name].to_numpy(dtype=gdf[name].dtype.numpy_dtype)
        for name in masked
        if not gdf[name].isna().any()
    }
    if gdf.crs is not None and known_crs(gdf.crs.to_wkt()) is None:
        gdf = gdf.set_crs(None, allow_override=True)
    return gdf.assign(**whole)


def _masked_types() -> dict[Any, Any]:
    """Return Arrow's types of integers and booleans, and pandas' that hold nulls, too."""
    import pandas as pd  # noqa: PLC0415  (slow to load)

    arrow: Any = importlib.import_module("pyarrow")
    types = {getattr(arrow, name)(): name.replace("i", "I", 1).replace("uI", "UI") for name in _INTEGERS}
    return {
        kind: pd.api.types.pandas_dtype(name) for kind, name in {**types, arrow.bool_(): "boolean"}.items()
    }

"""Content digests, which show whether two files have the same content.

``docs/content-digest.md`` defines them byte for byte; the definition of a version never changes; a new
definition is a new version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dissmodel.errors import InvalidInput
from dissmodel.io.formats import KINDS, is_series
from dissmodel.io.locate import Located, locate
from dissmodel.record.schema import ContentDigest, Grid

_NO_DATASET = frozenset({"no_dataset", "layer_needed", "no_geometry", "format_unknown"})
# A report may be JSON too; GeoJSON shows early what it is.
_GEOJSON = re.compile(rb'"(Feature|FeatureCollection|features|coordinates)"')
_HEAD_BYTES = 2**16

Result = TypeVar("Result")


def content_digest(path: Path) -> ContentDigest | None:
    """Digest the content of a dataset: its grid, and each band or column; None for other files.

    It doesn't see how the file is written (compression, tiles, interleave, byte order, BigTIFF, container,
    page layout, the layer's name) nor tags. Rasters are read window by window, with bounded memory. Raises
    InvalidInput if it is a dataset and damaged.
    """
    return _of_dataset(path, _digest)


def grid_of(path: Path) -> Grid | None:
    """Return the grid of a raster: shape, transform (a, b, c, d, e, f) and CRS as WKT; None for other files.

    Raises InvalidInput if it is a dataset and damaged.
    """
    return _of_dataset(path, _grid)


def _of_dataset(path: Path, look: Callable[[Located], Result]) -> Result | None:
    if not may_be_dataset(path):
        return None
    try:
        with locate(path) as found:
            return look(found)
    except InvalidInput as error:
        if error.code in _NO_DATASET:
            return None
        raise


def _digest(found: Located) -> ContentDigest:
    if found.kind == "raster":
        from dissmodel.io.content_raster import digest_raster  # noqa: PLC0415  (it loads GDAL)

        return digest_raster(found)
    from dissmodel.io.content_vector import digest_vector  # noqa: PLC0415  (only vectors need it)

    return digest_vector(found)


def _grid(found: Located) -> Grid | None:
    if found.kind != "raster":
        return None
    from dissmodel.io.geotiff import reading  # noqa: PLC0415  (it loads GDAL)

    with reading(found.path, found.shown) as dataset:
        if not getattr(dataset, "is_grid", True):
            return None
        crs = dataset.crs.to_wkt() if dataset.crs else None
        bare = crs is None and dataset.transform.is_identity
        a, b, c, d, e, f = map(float, dataset.transform[:6])
        return Grid(shape=dataset.shape, transform=None if bare else (a, b, c, d, e, f), crs=crs)


def may_be_dataset(path: Path) -> bool:
    """Tell from its name and its first bytes whether a file may hold raster or vector data."""
    suffix = path.suffix.lower()
    if suffix not in {*KINDS, ".zip"} or path.is_dir():
        return is_series(path)
    if suffix not in {".json", ".ndjson"}:
        return True
    with path.open("rb") as stream:
        return _GEOJSON.search(stream.read(_HEAD_BYTES)) is not None

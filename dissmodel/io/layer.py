"""The layer to read in a vector file.

What GDAL would guess is decided here: the driver by the file's first bytes (a JSON file that asks GDAL to
open other files is refused, not obeyed), the layer by its name.
"""

from __future__ import annotations

import importlib.util
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dissmodel.errors import DissmodelWarning, InvalidInput, MissingModule, did_you_mean, extra_hint
from dissmodel.io.locate import companions

DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
    ".parquet": "Parquet",
}
"""Suffix → the name of GDAL's driver."""

_MAGIC = (
    (rb"SQLite format 3\x00", "GPKG"),
    (rb"\x00\x00\x27\x0a", "ESRI Shapefile"),
    (rb"fgb", "FlatGeobuf"),
    (rb"PAR1", "Parquet"),
    (rb"(\xef\xbb\xbf)?\s*\{", "GeoJSON"),
)
_HEAD_BYTES = 512
_SHP_LENGTH = struct.Struct(">24xi")  # of .shp and .shx, in units of two bytes
_DBF_LENGTHS = struct.Struct("<4xIHH")  # how many rows; bytes of the header, and of each row
_MOST_WARNINGS = 5
_MOST_NAMES = 20


class Layer(NamedTuple):
    """A layer that can be read: what GDAL opens, the layer's name in it, GDAL's driver."""

    source: str
    name: str | None
    driver: str


def open_layer(path: Path, layer: str | None = None, shown: str = "") -> Layer:
    """Find the layer to read in a local file, trusting the file's bytes and not its name.

    Parameters
    ----------
    path : pathlib.Path
        A vector file, not an archive.
    layer : str, optional
        The layer's name; by default the only layer that has geometry.
    shown : str, optional
        What an error calls the file.

    Raises
    ------
    InvalidInput
        If the file is incomplete or no vector file, has no geometry, no layer `layer`, or several layers
        and `layer` is None.
    """
    shown = shown or str(path)
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    driver = next((name for magic, name in _MAGIC if re.match(magic, head)), None)
    if driver is None:
        raise InvalidInput(
            f"{shown} is no vector file that can be read.", "Known: " + ", ".join(DRIVERS) + "."
        )
    if driver == "Parquet":
        return Layer(str(path), None, driver)
    if driver == "ESRI Shapefile":
        _check_shapefile(path, shown)
    if "!" in str(path.absolute()) and driver != "GeoJSON":
        raise InvalidInput(f"{path}: GDAL can't open a path with a '!'.", "Rename the file or its folder.")
    # The prefix keeps GDAL from trying other drivers that read JSON: some of them open whatever it names.
    source = f"GeoJSON:{path.absolute()}" if driver == "GeoJSON" else str(path.absolute())
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    with reading(shown):
        layers = pyogrio.list_layers(source).tolist()
        name = _choose(shown, layers, layer)
        found = pyogrio.read_info(source, layer=name).get("driver", driver)
    if found != driver:
        raise InvalidInput(f"{shown} is no {driver} file: GDAL takes it for {found}.", "Check what it is.")
    return Layer(source, name, driver)


@contextmanager
def passing_warnings_on(shown: str) -> Iterator[None]:
    """Repeat what the block warns of as `DissmodelWarning`: each text once, and only the first few."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # A missing CRS is the data's own; whoever uses coordinates has to speak of it.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        # A time with an offset in a GeoPackage, which GDAL reads as well, but not quietly.
        warnings.filterwarnings("ignore", message="Non-conformant content .* successfully parsed")
        if importlib.util.find_spec("pyarrow") is not None:
            # Arrow passes measures on.
            warnings.filterwarnings("ignore", message=r"Measured \(M\) geometry types are not supported")
        yield
    texts = {str(w.message): None for w in caught if issubclass(w.category, (RuntimeWarning, UserWarning))}
    more = len(texts) - _MOST_WARNINGS
    for text in list(texts)[:_MOST_WARNINGS] + [f"{more} more warnings like these."] * (more > 0):
        warnings.warn(f"{shown}: {text}", DissmodelWarning, stacklevel=5)


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Turn what pyogrio raises in the block into `InvalidInput`, and its warnings into `DissmodelWarning`."""
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415  (it loads pandas)

    try:
        with passing_warnings_on(shown):
            yield
    except (DataSourceError, DataLayerError) as error:
        raise InvalidInput(
            f"{shown} could not be read: not all of it is there, or it is damaged.",
            "Make or download it again.",
            code="vector_damaged",
        ) from error


def _check_shapefile(path: Path, shown: str) -> None:
    # GDAL reads a shapefile that was cut off as features without geometry or without attributes.
    parts = {part.suffix.lower(): part for part in companions(path)} | {".shp": path}
    lost = [suffix for suffix in (".shx", ".dbf") if suffix not in parts]
    if lost:
        raise InvalidInput(
            f"{shown} lacks its {' and '.join(lost)}: a shapefile is several files.",
            "Give it with all its files together: .shp, .shx, .dbf and .prj.",
            code="shapefile_part_missing",
        )
    for suffix in (".shp", ".shx", ".dbf"):
        if parts[suffix].stat().st_size < _said_length(parts[suffix]):
            raise InvalidInput(
                f"{shown} is incomplete: its {suffix} is shorter than it says of itself.",
                "Make or download it again.",
                code="vector_damaged",
            )


def _said_length(part: Path) -> int:
    """Return how many bytes a part of a shapefile has, by its own header."""
    layout = _DBF_LENGTHS if part.suffix.lower() == ".dbf" else _SHP_LENGTH
    with part.open("rb") as stream:
        head = stream.read(layout.size)
    if len(head) < layout.size:
        return layout.size
    numbers: tuple[int, ...] = layout.unpack(head)
    if layout is _SHP_LENGTH:
        return 2 * numbers[0]
    rows, header, row = numbers
    return header + rows * row


def _choose(shown: str, layers: list[list[str | None]], layer: str | None) -> str | None:
    spatial = [name for name, geometry in layers if geometry is not None]
    if not layers:
        raise InvalidInput(f"{shown} could not be read: it holds no layer.", "Make or download it again.")
    listing = ", ".join(map(repr, spatial[:_MOST_NAMES])) + ("…" if len(spatial) > _MOST_NAMES else "")
    if not spatial or (layer not in spatial and any(layer == name for name, _ in layers)):
        what = f"Layer {layer!r} of {shown}" if layer else shown
        raise InvalidInput(
            f"{what} has no geometry.",
            f"Layers with geometry: {listing}." if spatial else "Give a file whose features have geometry.",
            code="no_geometry",
        )
    if layer is None:
        if len(spatial) > 1:
            raise InvalidInput(
                f"{shown} has {len(spatial)} layers: {listing}.",
                f"Say which: --layer {spatial[0]}",
                code="layer_needed",
            )
        return spatial[0]
    if layer not in spatial:
        raise InvalidInput(
            f"{shown} has no layer {layer!r}.", did_you_mean(layer, map(str, spatial)), code="layer_unknown"
        )
    return layer


def check_count(layer: Layer, found: int, shown: str) -> None:
    """Raise `InvalidInput` if a file has fewer features than it says of itself."""
    # Where a FlatGeobuf was cut off between two features, GDAL is silent; other formats show their damage.
    if layer.driver != "FlatGeobuf":
        return
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    with reading(shown):
        said = pyogrio.read_info(layer.source, layer=layer.name)["features"]
    if said > found:
        raise InvalidInput(
            f"{shown} is incomplete: {found} of its {said} features are there.",
            "Make or download it again.",
            code="vector_damaged",
        )


def require_pyarrow(name: str) -> None:
    """Raise a `MissingModule` that says what to install, where pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingModule(f"{name}: GeoParquet needs pyarrow.", extra_hint("pyarrow"))

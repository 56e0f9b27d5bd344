"""The layer to read in a vector file.

The choices that GDAL would guess are made here: the driver by the file's first bytes (a JSON file that asks
GDAL to open other files is refused, not obeyed), the layer by its name.
"""

from __future__ import annotations

import importlib.util
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from dissmodel import gdal_settings
from dissmodel.errors import (
    DissmodelWarning,
    InvalidInput,
    MissingModule,
    did_you_mean,
    extra_hint,
)
from dissmodel.io import dbf, geojson, geopackage
from dissmodel.io.foreign import again, damaged
from dissmodel.io.formats import DRIVERS, format_of
from dissmodel.io.locate import companions
from dissmodel.placeholders import HEAD_BYTES, refuse_pointer

_SEQUENCE = "GeoJSONSeq"
_SHP_LENGTH = struct.Struct(">24xi")  # of .shp and .shx, in units of two bytes
_DBF_LENGTHS = struct.Struct("<4xIHH")  # how many rows; bytes of the header, and of each row
_MOST_WARNINGS = 5
_MOST_NAMES = 20


class Layer(NamedTuple):
    """A layer that can be read: what GDAL opens, the layer's name in it, GDAL's driver, the texts' encoding.

    The encoding is None where the file says it.
    """

    source: str
    name: str | None
    driver: str
    encoding: str | None = None

    @property
    def opening(self) -> dict[str, Any]:
        """What GDAL is told when it opens the file, for each function of pyogrio."""
        return {"layer": self.name, **({} if self.encoding is None else {"ENCODING": self.encoding})}


def open_layer(path: Path, layer: str | None = None, shown: str = "") -> Layer:
    """Find the layer to read in a local file, trusting the file's bytes and not its name.

    Without `layer` it is the only layer that has geometry. Raises InvalidInput if the file is incomplete or
    no vector file, has no geometry, no layer `layer`, or several layers and `layer` is None.
    """
    shown = shown or str(path)
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    found = format_of(head)
    if found is None or found.kind != "vector":
        raise InvalidInput(
            f"{shown} is not a vector file that can be read.", "Known: " + ", ".join(DRIVERS) + "."
        )
    driver = found.driver
    if driver == "Parquet":
        return Layer(str(path), None, driver)
    encoding = _check_shapefile(path, shown) if driver == "ESRI Shapefile" else None
    if driver == "GPKG":
        geopackage.check_free(path, shown)
    is_json = driver == "GeoJSON"
    if "!" in str(path.absolute()) and not is_json:
        raise InvalidInput(f"{path}: GDAL can't open a path with a '!'.", "Rename the file or its folder.")
    if is_json and geojson.is_sequence(path):
        driver = _SEQUENCE
    # The prefix keeps GDAL from trying other drivers that read JSON: some of them open whatever it names.
    source = f"{driver}:{path.absolute()}" if is_json else str(path.absolute())
    gdal_settings.ignore()
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    with reading(shown, path if is_json else None):
        layers = pyogrio.list_layers(source).tolist()
        name = _choose(shown, layers, layer)
        taken_for = pyogrio.read_info(source, layer=name).get("driver", driver)
    if taken_for != driver:
        raise InvalidInput(
            f"{shown} is not a {driver} file: GDAL takes it for {taken_for}.", "Check what it is."
        )
    return Layer(source, name, driver, encoding)


@contextmanager
def passing_warnings_on(shown: str) -> Iterator[None]:
    """Repeat what the block warns of as `DissmodelWarning`: each text once, and only the first few."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # A missing CRS is the data's own; whoever uses coordinates has to speak of it.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        # Which columns have texts that are cut is said by name.
        warnings.filterwarnings("ignore", message=r"(?s)Value .* of field .* has been truncated to")
        # A time with an offset in a GeoPackage, which GDAL reads as well, but not quietly.
        warnings.filterwarnings("ignore", message="Non-conformant content .* successfully parsed")
        if has_pyarrow():
            # Arrow passes measures on.
            warnings.filterwarnings("ignore", message=r"Measured \(M\) geometry types are not supported")
        yield
    texts = {str(w.message): None for w in caught if issubclass(w.category, (RuntimeWarning, UserWarning))}
    more = len(texts) - _MOST_WARNINGS
    for text in list(texts)[:_MOST_WARNINGS] + [f"{more} more warnings like these."] * (more > 0):
        warnings.warn(f"{shown}: {text}", DissmodelWarning, stacklevel=5)


@contextmanager
def reading(shown: str, text: Path | None = None) -> Iterator[None]:
    """Turn what pyogrio raises in the block into `InvalidInput`, and its warnings into `DissmodelWarning`.

    `text` is the file where it is GeoJSON: the error says what is wrong with its text.
    """
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415  (it loads pandas)

    try:
        with passing_warnings_on(shown):
            yield
    except (DataSourceError, DataLayerError) as error:
        why, hint = ("the file is incomplete or damaged", again(shown))
        if text is not None:
            why, hint = geojson.why_unreadable(text)
        raise InvalidInput(f"{shown} could not be read: {why}.", hint, code="vector_damaged") from error


def _check_shapefile(path: Path, shown: str) -> str | None:
    """Refuse a shapefile that is not whole; return its encoding, None where it says that itself."""
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
        with parts[suffix].open("rb") as stream:
            refuse_pointer(stream.read(HEAD_BYTES), parts[suffix], f"The {suffix} of {shown}")
        if parts[suffix].stat().st_size < _said_length(parts[suffix]):
            why = f" is incomplete: its {suffix} is shorter than its header says"
            raise damaged(shown, why, "vector_damaged")
    found = dbf.encoding_of(parts[".dbf"]) if ".cpg" not in parts else None
    if found is not None and (found.overrides or found.name != "UTF-8"):
        why = (
            "is UTF-8, though its .dbf declares another encoding"
            if found.overrides
            else "has an unknown encoding"
        )
        warnings.warn(
            f"{shown}: its text {why}; it is read as {found.name}. A file beside it that ends in .cpg can "
            "declare it.",
            DissmodelWarning,
            stacklevel=3,
        )
    return found and found.name


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
        raise InvalidInput(f"{shown} could not be read: it holds no layer.", again(shown))
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
                f"Choose one: --layer {spatial[0]}",
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
    # Of a FlatGeobuf that was cut off between two features and of a sequence with a line that is no feature
    # GDAL returns the rest, silently; other formats show their damage.
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if layer.driver == _SEQUENCE:
        path = Path(layer.source.removeprefix(f"{_SEQUENCE}:"))
        said = geojson.count_records(path)
        if said == found:
            return
        why = geojson.wrong_record(path) or f"GDAL reads {found} of its {said} records"
        raise damaged(shown, f" is a sequence of features, one a line, and {why}", "vector_damaged")
    if layer.driver != "FlatGeobuf":
        return
    with reading(shown):
        said = pyogrio.read_info(layer.source, **layer.opening)["features"]
    if said > found:
        raise damaged(shown, f" is incomplete: {found} of its {said} features are there", "vector_damaged")


def require_pyarrow(name: str) -> None:
    """Raise a `MissingModule` that says what to install, where pyarrow is missing."""
    if not has_pyarrow():
        raise MissingModule(f"{name}: GeoParquet needs pyarrow.", extra_hint("pyarrow"))


def has_pyarrow() -> bool:
    """Tell whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None

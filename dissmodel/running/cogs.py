"""The GeoTIFFs of a result as Cloud Optimized GeoTIFFs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dissmodel import progress
from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError, RunFailed, UsageError
from dissmodel.executor.host import ModelInfo
from dissmodel.experiment.at_hand import AtHand
from dissmodel.io.locate import kind_of
from dissmodel.io.tiff_layout import is_tiff
from dissmodel.record import ExperimentRecord
from dissmodel.record.digest import sha256_file
from dissmodel.running.destination import Destination
from dissmodel.running.model import DataRequest

_SUFFIXES = (".tif", ".tiff")


def wanted(request: DataRequest, info: ModelInfo, source: AtHand, destination: Destination) -> bool:
    """Return whether the GeoTIFFs of a result are to be Cloud Optimized: by request or setting.

    Raises UsageError if the request asks for it and the result is no GeoTIFF.
    """
    if request.cog is False:
        return False
    suffix = "/" if destination.whole_folder else Path(destination.name or "").suffix.lower()
    if not suffix and destination.name is None:  # the model writes what it reads
        suffix = _SUFFIXES[0] if info.substrate == "raster" or _is_raster(request, source) else "polygons"
    if suffix in _SUFFIXES:
        return request.cog or load_settings().value("output.cog") is True
    if not request.cog:
        return False
    written = {"/": "a folder", "polygons": "polygons"}.get(suffix, f"a file with the suffix {suffix!r}")
    raise UsageError(
        f"--cog: only a GeoTIFF can be Cloud Optimized; the result of {info.name} is {written} here.",
        "Leave --cog out, or give a model of rasters --output result.tif",
        code="cog_no_geotiff",
    )


def _is_raster(request: DataRequest, source: AtHand) -> bool:
    try:
        return source.is_word or kind_of(source.path, request.format, request.layer) == "raster"
    except DissmodelError:  # a format that only the model knows, or a file that loading refuses
        return True


def optimize(opening: ExperimentRecord, saved: ExperimentRecord, work: Path, info: ModelInfo) -> None:
    """Make each GeoTIFF that a run left in `work` Cloud Optimized, if its record says so.

    `saved` is the record that the model returned; it gets the digests of the new files.

    Bands have classes where the model has a legend of them, numbers where they are another of its fields;
    else their values decide.

    Raises RunFailed if there is no GeoTIFF; else as `dissmodel.io.cog.make_cog`.
    """
    if not opening.cog:
        return
    from dissmodel.io.cog import is_cog, make_cog  # noqa: PLC0415  (it loads GDAL)

    files = list(_geotiffs(work))
    is_class = {name: name in info.legends for name in (*info.fields, *info.legends)}
    for path in files:
        progress.note(f"making {path.name} a Cloud Optimized GeoTIFF")
        old = sha256_file(path) if saved.artifacts else ""
        make_cog(path, is_class, threads=opening.thread_limit)
        if old in saved.artifacts.values():
            new = sha256_file(path)
            saved.artifacts = {name: new if one == old else one for name, one in saved.artifacts.items()}
    if not files or not all(map(is_cog, files)):
        raise RunFailed(
            f"--cog: {saved.model_name} left no GeoTIFF that can be Cloud Optimized.", "Leave --cog out."
        )


def _geotiffs(work: Path) -> Iterator[Path]:
    for path in sorted(work.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.is_symlink() and is_tiff(path):
            yield path

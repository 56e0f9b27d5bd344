"""GeoTIFFs as files that somebody made: opened safely."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.io.locate import companions

# Every block is read once, so GDAL need not keep many of them beside the arrays.
_READ_CACHE = 16 * 2**20
_LOST_TAG = "IO error during reading of"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_UNREADABLE = (RasterioError, CPLE_BaseError, OSError, ValueError, TypeError, ArithmeticError)


@contextmanager
def opened(path: Path, shown: str = "") -> Iterator[Any]:
    """Open a local GeoTIFF, and nothing but a GeoTIFF, for the time of the block.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    shown : str, optional
        What errors call it; the path by default.

    Yields
    ------
    rasterio.DatasetReader
        The open dataset. GDAL's block cache is kept small: read whole bands, or each block once.

    Raises
    ------
    InvalidInput
        If it is damaged; `naming_damage` is for what only reading it shows.
    """
    shown = shown or str(path)
    with ExitStack() as stack:
        with naming_damage(shown):
            for companion in companions(path):
                # GDAL would open a mask or an overview of any format, and some formats name other files.
                if companion.suffix.lower() in {".msk", ".ovr"} and not _is_tiff(companion):
                    raise InvalidInput(f"{companion} belongs to {shown} and is no TIFF.", "Remove it.")
            stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_READ_CACHE))
            with warnings.catch_warnings(), _refusing_lost_tags():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                dataset = stack.enter_context(rasterio.open(path, driver="GTiff"))
        yield dataset


@contextmanager
def naming_damage(shown: str) -> Iterator[None]:
    """Turn what rasterio raises in the block into `InvalidInput`."""
    try:
        yield
    except DissmodelError:
        raise
    except _UNREADABLE as error:
        raise InvalidInput(
            f"{shown} can't be read as a GeoTIFF: {error.__cause__ or error}",
            "It may be truncated or damaged: make or download it again.",
            code="raster_damaged",
        ) from error


@contextmanager
def reading(path: Path, shown: str = "") -> Iterator[Any]:
    """Open a GeoTIFF as `opened` does and name all damage that shows in the block."""
    with naming_damage(shown or str(path)), opened(path, shown) as dataset:
        yield dataset


class _Complaints(logging.Handler):
    """What GDAL says to this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


@contextmanager
def _refusing_lost_tags() -> Iterator[None]:
    # Names, nodata, CRS and transform often lie at a file's end. Where that was cut off, GDAL goes on without
    # them and only its log says so.
    logger = logging.getLogger("rasterio._env")
    complaints = _Complaints()
    logger.addHandler(complaints)
    try:
        yield
    finally:
        logger.removeHandler(complaints)
    lost = [message for message in complaints.messages if _LOST_TAG in message]
    if lost:
        raise OSError(lost[0].rpartition(":")[2].removesuffix("; tag ignored"))


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in _TIFF_MAGIC

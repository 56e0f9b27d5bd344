"""Whether a TIFF is whole, as far as its directories say."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from dissmodel.io.formats import TIFF_MAGIC

# Field type → bytes of one value (TIFF 6.0, section 2; BigTIFF adds 16 to 18).
_BYTES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1)) | {16: 8, 17: 8, 18: 8}
_MOST_TAGS = 100_000
_FAR = 2**40  # beyond the end of any raster that can be read; not every system seeks farther


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does."""
    with path.open("rb") as stream:
        return stream.read(4) in TIFF_MAGIC


def ends_early(path: Path) -> bool:
    """Whether a directory of a TIFF, or the value of a tag in it, is beyond the file's end.

    Names, nodata, CRS and mask are often at a file's end. Where that was cut off, GDAL goes on without them
    and only its log says so, or nothing reports it.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(4)
        order = "<" if head[:2] == b"II" else ">"
        # An offset, the number of tags and a tag; BigTIFF has longer ones, and says later where they begin.
        first, layouts = (8, ("Q", "Q", "HHQQ")) if b"+" in head else (4, ("I", "H", "HHII"))
        offset, count_of_tags, tag = (struct.Struct(order + layout) for layout in layouts)
        try:
            (at,) = _read(stream, first, offset)
            seen: set[int] = set()
            tags = 0  # a hostile file may have directories that overlap or lead to themselves
            while at and at not in seen:
                seen.add(at)
                (count,) = _read(stream, at, count_of_tags)
                tags += count + 1
                if tags > _MOST_TAGS:
                    return False
                at += count_of_tags.size
                for _ in range(count):
                    _, kind, values, place = _read(stream, at, tag)
                    length = _BYTES.get(kind, 0) * values
                    if length > offset.size and place + length > size:
                        return True
                    at += tag.size
                (at,) = _read(stream, at, offset)
        except struct.error:  # fewer bytes than it takes
            return True
    return False


def _read(stream: BinaryIO, at: int, layout: struct.Struct) -> tuple[int, ...]:
    stream.seek(min(at, _FAR))
    return layout.unpack(stream.read(layout.size))

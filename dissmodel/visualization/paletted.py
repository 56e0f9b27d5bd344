"""Pictures of few colours, a pixel a point of the map: what sheets, reports and animations are made of."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_MOST_COLOURS = 256  # of a PNG or a GIF with a palette


@dataclass(frozen=True)
class Paletted:
    """A picture, north up.

    Attributes
    ----------
    indices : ndarray of unsigned integers, shape (rows, columns)
        The colour of each pixel: its place in `palette`; 0 where there is nothing, which is transparent.
    palette : ndarray of uint8, shape (colours, 3)
        Red, green and blue; the first is white.
    """

    indices: npt.NDArray[Any]
    palette: npt.NDArray[np.uint8]

    def rgba(self) -> npt.NDArray[np.uint8]:
        """Return the picture in full colours, shape (rows, columns, 4)."""
        opaque = np.full((len(self.palette), 1), 255, np.uint8)
        opaque[0] = 0
        return np.take(np.hstack([self.palette, opaque]), self.indices, axis=0)

    def png(self) -> bytes:
        """Return the picture as a PNG; the same picture gives the same bytes with the same libraries."""
        from PIL import Image  # noqa: PLC0415  (only where a file is asked for)

        stream = io.BytesIO()
        if len(self.palette) > _MOST_COLOURS:
            Image.fromarray(self.rgba()).save(stream, "PNG", optimize=True)
        else:
            picture = Image.fromarray(self.indices.astype(np.uint8))
            picture.putpalette(self.palette.tobytes())
            picture.save(stream, "PNG", transparency=0, optimize=True)
        return stream.getvalue()


def palette_of(*colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a palette of white, for nothing, and these colours, each of shape (colours, 3)."""
    return np.vstack([np.full((1, 3), 255, np.uint8), *colours])

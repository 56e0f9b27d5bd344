"""The meaning of the numbers that a raster file stores: scale, offset and nodata value."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_WIDE = frozenset({"int64", "uint64"})


class Stored(NamedTuple):
    """A band as the file stores it; a value is scale * stored number + offset.

    `nodata` is a stored number; exact, an int in a band of 64-bit integers.
    """

    own: np.dtype[Any]
    nodata: float | None
    scale: float
    offset: float

    @property
    def is_scaled(self) -> bool:
        """Whether values are not the stored numbers."""
        return (self.scale, self.offset) != (1.0, 0.0) and self.own.kind in "iuf"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values: float64 where the band is scaled."""
        return np.dtype(np.float64) if self.is_scaled else self.own

    @property
    def absent_value(self) -> float | None:
        """The value that means no data."""
        return math.nan if self.is_scaled and self.nodata is not None else self.nodata

    def absent(self, numbers: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which stored numbers are exactly the nodata value."""
        return np.zeros(numbers.shape, np.bool_) if self.nodata is None else equal(numbers, self.nodata)

    def values(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return the values of stored numbers; NaN for the nodata value where the band is scaled."""
        if not self.is_scaled:
            return numbers
        with np.errstate(all="ignore"):  # what overflows is infinite, and is seen as such
            scaled: NDArray[np.float64] = numbers.astype(np.float64) * self.scale + self.offset
        scaled[self.absent(numbers)] = np.nan
        return scaled


def equal(numbers: NDArray[Any], value: float) -> NDArray[np.bool_]:
    """Return where numbers are exactly `value`, as their dtype holds it; NaN is equal to NaN.

    >>> equal(np.array([2**53, 2**53 + 1]), 2**53 + 1).tolist()
    [False, True]
    """
    nowhere = np.zeros(numbers.shape, np.bool_)
    if not isinstance(value, int) and math.isnan(value):
        return np.isnan(numbers) if numbers.dtype.kind in "fc" else nowhere
    if numbers.dtype.kind in "iu":
        limits = np.iinfo(numbers.dtype)
        if math.isinf(value) or value != int(value) or not limits.min <= value <= limits.max:
            return nowhere
        return np.asarray(numbers == numbers.dtype.type(int(value)))
    with np.errstate(over="ignore"):  # a double may be too large for the dtype
        return np.asarray(numbers == np.asarray(value).astype(numbers.dtype))


def stored_bands(dataset: Any) -> dict[int, Stored]:
    """Return what each band of an open raster stores, by its number.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The open raster.
    """
    wide = _exact_nodata(dataset) if _WIDE.intersection(dataset.dtypes) else {}
    said = (dataset.dtypes, dataset.nodatavals, dataset.scales, dataset.offsets)
    return {
        number: Stored(np.dtype(dtype), wide.get(number) if dtype in _WIDE else nodata, scale, offset)
        for number, dtype, nodata, scale, offset in zip(dataset.indexes, *said, strict=True)
    }


def _exact_nodata(dataset: Any) -> dict[int, int]:
    """Return the nodata values of bands of 64-bit integers, by the band's number.

    rasterio returns them as floats, or does not return them. GDAL writes all digits into a VRT.
    """
    from xml.etree import ElementTree as ET  # noqa: PLC0415  (few rasters have such bands)

    from rasterio.io import MemoryFile  # noqa: PLC0415  (few rasters have such bands)
    from rasterio.shutil import copy  # noqa: PLC0415  (as above)

    with MemoryFile(ext=".vrt") as memory:
        copy(dataset, memory.name, driver="VRT")
        bands = ET.fromstring(memory.read()).iter("VRTRasterBand")  # noqa: S314  (of GDAL's own)
        said = {int(band.get("band", 0)): band.findtext("NoDataValue", "") for band in bands}
    return {number: int(text) for number, text in said.items() if text.removeprefix("-").isdecimal()}

"""What a band is called and how it is stored."""

from __future__ import annotations

from typing import NamedTuple


class BandSpec(NamedTuple):
    """A band of a GeoTIFF, as `dissmodel.io.raster` takes it.

    Attributes
    ----------
    name : str
        The array's name in the backend.
    dtype : str
        The NumPy type of the band.
    nodata : float
        The value of pixels without one.

    Examples
    --------
    >>> name, dtype, nodata = BandSpec("uso", "int32", -9999)
    >>> dtype
    'int32'
    """

    name: str
    dtype: str
    nodata: float

"""Whether PROJ finds its own database, without which a CRS loses its code or is lost."""

from __future__ import annotations

import os
from functools import cache

from dissmodel.errors import DissmodelError

_VARIABLES = ("PROJ_DATA", "PROJ_LIB")
_KNOWN = 4326


@cache
def check_rasterio() -> None:
    """Check, once per process, that the PROJ of rasterio finds EPSG:4326.

    Raises
    ------
    DissmodelError
        If it does not (code ``"proj_data"``).
    """
    from rasterio.crs import CRS  # noqa: PLC0415  (whoever asks has loaded it)
    from rasterio.errors import CRSError  # noqa: PLC0415  (as above)

    try:
        CRS.from_epsg(_KNOWN)
    except CRSError as error:
        raise _not_found("rasterio") from error


@cache
def check_pyproj() -> None:
    """Check, once per process, that pyproj finds EPSG:4326; raises as `check_rasterio`."""
    from pyproj import CRS  # noqa: PLC0415  (whoever asks has loaded it)
    from pyproj.exceptions import CRSError, DataDirError  # noqa: PLC0415  (as above)

    try:
        CRS.from_epsg(_KNOWN)
    except (CRSError, DataDirError) as error:
        raise _not_found("pyproj") from error


def _not_found(library: str) -> DissmodelError:
    named = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    if named:
        places = " and ".join(f"{name}={value}" for name, value in named.items())
        what = f"{places}: the data there is missing, or of another PROJ"
        hint = f"Remove the variable, then run again: unset {' '.join(named)}"
    else:
        what = "its data is missing or damaged (neither PROJ_DATA nor PROJ_LIB is set)"
        hint = f"python -m pip install --force-reinstall --no-deps {library}"
    return DissmodelError(
        f"The PROJ of {library} does not find EPSG:{_KNOWN}; {what}. Every CRS would lose its code.",
        hint,
        code="proj_data",
    )

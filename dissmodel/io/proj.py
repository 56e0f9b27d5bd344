"""Whether PROJ finds its own database, without which a CRS loses its code or is lost."""

from __future__ import annotations

import importlib
import os
from functools import cache
from typing import Any

from dissmodel.errors import DissmodelError

_VARIABLES = ("PROJ_DATA", "PROJ_LIB")
_KNOWN = 4326


@cache
def check_proj(library: str) -> None:
    """Check, once per process, that the PROJ of "rasterio" or "pyproj" finds EPSG:4326.

    Raises DissmodelError if it does not (code ``"proj_data"``).
    """
    crs: Any = importlib.import_module(f"{library}.crs")  # whoever asks has loaded it
    try:
        crs.CRS.from_epsg(_KNOWN)
    except (ValueError, RuntimeError) as error:  # as rasterio's CRSError, and pyproj's, are
        raise _not_found(library) from error


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

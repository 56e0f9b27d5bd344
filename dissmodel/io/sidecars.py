"""The files beside a dataset that are read with it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from dissmodel.errors import DissmodelError
from dissmodel.io.locate import companions
from dissmodel.io.tiff_layout import is_tiff

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_XML = 2**20
_STATISTICS = "STATISTICS_"


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the files in a dataset's own folder that are read with it, sorted.

    For a GeoTIFF they are what GDAL opens with it: a mask, a world file, metadata in ``.aux.xml``, ``.TAB``,
    ``.aux``, ``.IMD`` and so on; without an ``.aux.xml`` that holds statistics and nothing else, for these
    change nothing. For other formats they are the files that belong to the format.

    Parameters
    ----------
    path : pathlib.Path
        A local file of any kind.

    Raises
    ------
    OSError
        If it can't be read.
    """
    if not is_tiff(path):
        return companions(path)
    from dissmodel.io.geotiff import opened  # noqa: PLC0415  (it loads GDAL)

    try:
        with opened(path) as dataset:
            names = {Path(name).name for name in dataset.files if Path(name).parent == path.parent}
    except DissmodelError:  # a model may read what GDAL does not; where it doesn't, loading says why
        return companions(path)
    found = [path.with_name(name) for name in sorted(names - {path.name})]
    return tuple(one for one in found if one.is_file() and not _only_statistics(one))


def unrecorded(path: Path, names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files that would be read with a dataset, change what is read, and have none of these names.

    Overviews (``.ovr``), which a viewer adds, are no part of what is read.

    Parameters
    ----------
    path : pathlib.Path
        The dataset.
    names : iterable of str
        The names of the sidecars that are known.
    """
    known = {path.name.casefold(), *(name.casefold() for name in names)}
    stem = path.stem.casefold()
    with os.scandir(path.parent) as entries:
        beside = [entry.name.casefold() for entry in entries]
    # Asking GDAL takes long where it is not loaded yet.
    if not any(name.startswith(stem) and name not in known for name in beside):
        return ()
    found = (one for one in sidecars(path) if one.name.casefold() not in known)
    return tuple(one for one in found if one.suffix.lower() != ".ovr")


def name_beside(name: str, dataset: str, now: str) -> str:
    """Return the name that a dataset's sidecar has where the dataset has another name.

    Examples
    --------
    >>> name_beside("grid.tif.msk", "grid.tif", "Coast.tif"), name_beside("X_MTL.txt", "X_B1.tif", "Y.tif")
    ('Coast.tif.msk', 'X_MTL.txt')
    """
    stem = PurePath(dataset).stem
    return (
        f"{PurePath(now).stem}{name[len(stem) :]}"
        if stem and name.casefold().startswith(stem.casefold())
        else name
    )


def beside(path: Path, name: str) -> Path:
    """Return the file of this name in a dataset's folder, in whatever case it has there."""
    exact = path.parent / PurePath(name).name  # a record may name anything
    if exact.exists():
        return exact
    with os.scandir(path.parent) as entries:
        alike = sorted(entry.name for entry in entries if entry.name.casefold() == exact.name.casefold())
    return path.parent / alike[0] if alike else exact


def _only_statistics(path: Path) -> bool:
    """Whether it is metadata of GDAL with statistics or histograms, as a viewer leaves them, and no more."""
    if not path.name.lower().endswith(".aux.xml") or path.stat().st_size > _MAX_XML:
        return False
    text = path.read_bytes()
    if b"<!" in text:  # no program writes one, and an entity in it may be made to fill the memory
        return False
    from xml.etree import ElementTree as ET  # noqa: PLC0415  (few datasets have such a file)

    try:
        root = ET.fromstring(text)  # noqa: S314  (small, and nothing is declared in it)
    except ET.ParseError:
        return False
    return root.tag == "PAMDataset" and len(root) > 0 and all(_is_statistics(one, band=False) for one in root)


def _is_statistics(part: Element, *, band: bool) -> bool:
    if part.tag == "PAMRasterBand" and not band:
        return all(_is_statistics(one, band=True) for one in part)
    if part.tag == "Histograms":
        return band
    items = part.tag == "Metadata" and not part.get("domain")
    return items and all(str(item.get("key")).startswith(_STATISTICS) for item in part)

"""The files beside a dataset that are read with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from dissmodel.errors import DissmodelError
from dissmodel.io.locate import companions
from dissmodel.io.tiff_layout import is_tiff
from dissmodel.record.digest import sha256_bytes

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_XML = 2**20
_STATISTICS = "STATISTICS_"
# What GDAL adds to a file of metadata that is there already, in this order: what is inside goes first.
_ADDED = (
    re.compile(rb"^ *<Histograms>.*?</Histograms>\r?\n", re.DOTALL | re.MULTILINE),
    re.compile(rb'^ *<MDI key="STATISTICS_[^"<]*">[^<]*</MDI>\r?\n', re.MULTILINE),
    re.compile(rb"^ *<Metadata>\r?\n *</Metadata>\r?\n", re.MULTILINE),
)
_NO_BAND = re.compile(rb'^ *<PAMRasterBand band="\d+">\r?\n *</PAMRasterBand>\r?\n', re.MULTILINE)
_DESCRIPTION = re.compile(rb"^ *<Description>[^<]*</Description>\r?\n", re.MULTILINE)


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the files in a dataset's own folder that are read with it, sorted.

    For a GeoTIFF they are what GDAL opens with it: a mask, a world file, metadata in ``.aux.xml``, ``.TAB``,
    ``.aux``, ``.IMD`` and so on; without an ``.aux.xml`` that holds statistics and nothing else, for these
    change nothing. For other formats they are the files that belong to the format.
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
    return tuple(one for one in found if one.is_file() and not _only_statistics(one, path))


def unrecorded(path: Path, names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files that would be read with a dataset, change what is read, and have none of these names.

    Overviews (``.ovr``), which a viewer adds, are not part of what is read.
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


def before_statistics(dataset: Path, path: Path, expected: str) -> bytes | None:
    """Return what an ``.aux.xml`` beside a GeoTIFF was before a viewer added statistics to it.

    That has the sha256 `expected`; None where more than statistics was added, or nothing.
    """
    try:
        if not path.name.lower().endswith(".aux.xml") or path.stat().st_size > _MAX_XML:
            return None
        text = now = path.read_bytes()
    except OSError:
        return None
    if b"<!" in text or b"<?" in text:  # in a comment, what looks like the end of an element is none
        return None
    for added in _ADDED:
        text = added.sub(b"", text)
    from xml.sax.saxutils import escape  # noqa: PLC0415  (few datasets have such a file)

    names = {f"<Description>{escape(name)}</Description>".encode() for name in _own_names(dataset).values()}
    bare = _DESCRIPTION.sub(lambda line: b"" if line[0].strip() in names else line[0], text)
    tried = (text, _NO_BAND.sub(b"", text), _NO_BAND.sub(b"", bare))
    return next((one for one in tried if one != now and sha256_bytes(one) == expected.lower()), None)


def _only_statistics(path: Path, dataset: Path) -> bool:
    """Whether it is metadata of GDAL with statistics or histograms, as a viewer leaves them, and no more.

    GDAL repeats the names of the bands in it, which the dataset has itself.
    """
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
    if root.tag != "PAMDataset" or len(root) == 0:
        return False
    names = _own_names(dataset) if root.find("PAMRasterBand/Description") is not None else {}
    return all(
        all(_is_statistics(one, names.get(str(part.get("band")))) for one in part)
        if part.tag == "PAMRasterBand"
        else part.tag != "Histograms" and _is_statistics(part, None)
        for part in root
    )


def _is_statistics(part: Element, name: str | None) -> bool:
    """Whether a part says nothing but statistics, or the name that the band has."""
    if part.tag == "Description":
        return name is not None and part.text == name
    items = part.tag == "Metadata" and not part.get("domain")
    return part.tag == "Histograms" or (
        items and all(str(item.get("key")).startswith(_STATISTICS) for item in part)
    )


def _own_names(dataset: Path) -> dict[str, str]:
    """Return the names of bands that a GeoTIFF has without the files beside it: number → name."""
    import rasterio  # noqa: PLC0415  (it loads GDAL)

    from dissmodel.io.geotiff import opened  # noqa: PLC0415  (as above)

    try:
        with rasterio.Env(GDAL_PAM_ENABLED=False), opened(dataset) as alone:
            return {str(number): name for number, name in enumerate(alone.descriptions, 1) if name}
    except DissmodelError:
        return {}

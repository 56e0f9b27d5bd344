"""The datasets in a zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dissmodel import temporary
from dissmodel.errors import InvalidInput, did_you_mean
from dissmodel.io import unzip
from dissmodel.io.formats import KINDS, Kind

# A file of such a suffix may also describe the data, or be anything else in JSON.
_MAY_DESCRIBE = {".json", ".ndjson"}
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz")
# World files; MapInfo's and Imagine's files with a place, too.
_PLACES = (".tfw", ".tifw", ".tiffw", ".wld", ".tab", ".aux")
_ATTACHED = {
    ".tif": (".aux.xml", ".msk", ".ovr"),
    ".tiff": (".aux.xml", ".msk", ".ovr"),
    ".gpkg": ("-wal", "-journal"),
}
_SIBLINGS = {
    ".tif": _PLACES,
    ".tiff": _PLACES,
    ".shp": (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".qix", ".sbn", ".sbx", ".shp.xml"),
}


@dataclass(frozen=True)
class Dataset:
    """One dataset of an archive: its main file, and each of its files with the end of its name outside."""

    member: str
    kind: Kind
    files: tuple[tuple[str, str], ...]

    @property
    def suffix(self) -> str:
        """The main file's suffix, in lower case."""
        return PurePosixPath(self.member).suffix.lower()

    def is_called(self, name: str) -> bool:
        """Whether `name` is the main file's name, with or without folders, with or without suffix."""
        path = PurePosixPath(self.member)
        return name in {self.member, str(path.with_suffix("")), path.name, path.stem}


def sidecars(name: str) -> dict[str, str]:
    """Return the names, case-folded, that files belonging to a dataset may have, each with its end.

    Examples
    --------
    >>> sidecars("A/Grid.gpkg")
    {'a/grid.gpkg-wal': '.gpkg-wal', 'a/grid.gpkg-journal': '.gpkg-journal'}
    """
    suffix = PurePosixPath(name).suffix.lower()
    base = name[: len(name) - len(suffix)].casefold()
    attached = {base + suffix + end: suffix + end for end in _ATTACHED.get(suffix, ())}
    return attached | {base + end: end for end in _SIBLINGS.get(suffix, ())}


def datasets(path: Path) -> tuple[Dataset, ...]:
    """List the datasets in a zip file, in the order of the archive.

    Files in ``__MACOSX`` and names that begin with a dot are ignored. Raises InvalidInput if the archive is
    damaged, or has a forbidden entry.
    """
    with unzip.opened(path) as archive:
        return _datasets(archive)


def choose(path: Path, layer: str | None = None, kind: Kind | None = None) -> tuple[Dataset, str | None]:
    """Choose the dataset to read: the only one, or the one that `layer` names; return what is left of it.

    `layer` is the name or the stem of a member. If there are only GeoPackages, only the full name means the
    member: any other name is left, because it may be the name of a layer. Raises InvalidInput if there is
    none of this kind, or more than one to choose from; the message lists what is inside.
    """
    with unzip.opened(path) as archive:
        found = _datasets(archive)
        if not found:
            inside = [name for name in archive.namelist() if not _is_ignored(name)]
            what, hint = _instead(inside)
            raise InvalidInput(f"{path} {what}. {_listing('Inside', inside)}", hint, code="no_dataset")
    fitting = [dataset for dataset in found if kind in {None, dataset.kind}]
    if not fitting:
        raise InvalidInput(
            f"{path} holds no {kind} data. {_listing('Inside', [d.member for d in found])}",
            f"Leave --format out, or give a file that holds {kind} data.",
            code="format_mismatch",
        )
    if len(fitting) == 1 and (layer is None or fitting[0].suffix == ".gpkg"):
        only = fitting[0]
        return only, None if layer in {only.member, PurePosixPath(only.member).name} else layer
    names = [dataset.member for dataset in fitting]
    chosen = fitting if layer is None else [d for d in fitting if d.is_called(layer)]
    chosen = [d for d in chosen if d.member == layer] or chosen
    if len(chosen) == 1:
        return chosen[0], None
    if not chosen:
        raise InvalidInput(
            f"{path} holds no dataset called {layer!r}. {_listing('Inside', names)}",
            did_you_mean(str(layer), names),
            code="layer_unknown",
        )
    raise InvalidInput(
        f"{path} holds {len(chosen)} datasets. {_listing('Inside', [d.member for d in chosen])}",
        f"Choose one: --layer {PurePosixPath(chosen[0].member).name}",
        code="layer_needed",
    )


@contextmanager
def extracted(path: Path, dataset: Dataset) -> Iterator[Path]:
    """Take a dataset and the files that belong to it out of an archive, for the time of the block.

    The main file has a name of ours with the right suffix, in a temporary folder. Raises as `unzip.extract`.
    """
    with temporary.new_folder() as folder:
        stem = folder / "dataset"
        unzip.extract(path, {member: stem.with_name(stem.name + end) for member, end in dataset.files})
        yield stem.with_name(stem.name + dataset.suffix)


def _instead(names: Sequence[str]) -> tuple[str, str]:
    """Return what an archive without a dataset is, by its names, and what to do."""
    folded = [name.casefold() for name in names]
    if "[content_types].xml" in folded:
        office = "is a document of Microsoft Office, such as a spreadsheet (.xlsx), and no zip of data"
        return office, "A table has no geometry: save the layer in QGIS as GeoPackage."
    if any(name.endswith(".kml") for name in folded):
        return "holds KML", "Convert it: ogr2ogr NEW.gpkg OLD.kml"
    if any(name.endswith(".gdbtable") for name in folded):
        return "holds an ESRI File Geodatabase", "Unpack it and convert it: ogr2ogr NEW.gpkg OLD.gdb"
    if any(name.endswith((".dbf", ".shx")) for name in folded):
        return "holds parts of a shapefile, but not the .shp with its geometry", "Zip all its files together."
    nested = [name for name, low in zip(names, folded, strict=True) if low.endswith(_ARCHIVES)]
    if nested:
        return "holds no dataset but an archive", f"Unpack it and give the archive inside: {nested[0]}"
    return "holds no dataset", "It must hold one of: " + ", ".join(KINDS) + "."


def _is_ignored(name: str) -> bool:
    return name.endswith("/") or any(
        part == "__MACOSX" or part.startswith(".") for part in PurePosixPath(name).parts
    )


def _datasets(archive: zipfile.ZipFile) -> tuple[Dataset, ...]:
    names = [name for name in archive.namelist() if not _is_ignored(name)]
    by_folded = {name.casefold(): name for name in reversed(names)}
    found = []
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        kind = KINDS.get(suffix)
        if kind is None or (suffix in _MAY_DESCRIBE and not _is_geojson(archive, name)):
            continue
        files = [(by_folded[folded], end) for folded, end in sidecars(name).items() if folded in by_folded]
        found.append(Dataset(name, kind, ((name, suffix), *files)))
    return tuple(found)


def _is_geojson(archive: zipfile.ZipFile, name: str) -> bool:
    # Archives often carry a .json that describes them and is not data.
    try:
        with archive.open(name) as member:
            head = member.read(2**20)
    except unzip.DAMAGED:
        return True
    return b'"Feature' in head or b'"features"' in head


def _listing(title: str, names: Sequence[str], most: int = 10) -> str:
    if not names:
        return "It is empty."
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{title}: " + ", ".join(names[:most]) + more + "."

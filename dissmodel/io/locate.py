"""From what a user named to a real local file, and what kind of data it holds."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from dissmodel.errors import InvalidInput, MissingFile, StorageError, UsageError, did_you_mean
from dissmodel.io import archive, geopackage
from dissmodel.io._storage import local_copy
from dissmodel.io.foreign import PAGE, again, foreign
from dissmodel.io.formats import BY_SUFFIX, Kind, format_of, is_series
from dissmodel.placeholders import HEAD_BYTES, link_to_nothing, not_fetched, refuse_pointer
from dissmodel.storage.uri import parse

_FORMATS: dict[str, Kind | None] = {"auto": None, "raster": "raster", "tiff": "raster", "vector": "vector"}

# A .shx begins as a .shp does, and GDAL would open the .shp for it.
_PARTS = {".shx", ".dbf", ".prj", ".cpg"}
_MOST_NAMES = 10_000


@dataclass(frozen=True)
class Located:
    """A dataset that can be opened: `path`, a temporary file where it came out of the archive `source`.

    `source` is the local file that the user named, `member` the name in it if it is an archive; `layer` is
    what is left to be chosen in `path`. Paths are absolute.
    """

    path: Path
    kind: Kind
    layer: str | None
    source: Path
    member: str | None

    @property
    def shown(self) -> str:
        """What an error calls it: the file, and the member of it where it is an archive."""
        return f"{self.member} of {self.source}" if self.member else str(self.source)


@contextmanager
def locate(
    uri: str | os.PathLike[str], fmt: str = "auto", layer: str | None = None, *, minio_client: Any = None
) -> Iterator[Located]:
    """Find the dataset that a user named, for the time of the block; a remote one is fetched.

    `layer` is a dataset of an archive, or a layer of a file. Raises InvalidInput if there is no such file, or
    it is not what its name or `fmt` says, or not one dataset; StorageError if it can't be read or fetched;
    UsageError if `uri` or `fmt` can't be understood.
    """
    wanted = _wanted(fmt)
    with local_copy(uri, minio_client) as given:
        source = given.absolute()
        dataset, kind, rest = _identify(source, wanted, layer)
        if dataset is None:
            with geopackage.settled(source) as path:
                yield Located(path, kind, rest, source, None)
            return
        with archive.extracted(source, dataset) as path:
            _check_content(path, f"{dataset.member} of {source}")
            yield Located(path, kind, rest, source, dataset.member)


def kind_of(uri: str | os.PathLike[str], fmt: str = "auto", layer: str | None = None) -> Kind:
    """Return what `locate` would find, ``"raster"`` or ``"vector"``, and take nothing out of archives.

    Raises DissmodelError as `locate`.
    """
    wanted = _wanted(fmt)
    with local_copy(uri) as given:
        return _identify(given.absolute(), wanted, layer)[1]


def existing(uri: str | os.PathLike[str]) -> Path:
    """Return the local file that a user named, absolute, if it can be read; raises as `locate`.

    Its content is not read: a model may read formats that dissmodel does not know.
    """
    path = parse(uri).local().absolute()
    refuse_pointer(_head(path), path)
    return path


def companions(path: Path) -> tuple[Path, ...]:
    """Return the other files that belong to a dataset, existing ones only, sorted.

    A shapefile's siblings, a GeoTIFF's metadata, mask, overview and files with its place, what a GeoPackage
    has not merged yet. Upper and lower case of the ends don't matter. They are recognised by their names;
    `dissmodel.io.sidecars.sidecars` returns what is really read.
    """
    names = archive.sidecars(path.name)
    if not names:
        return ()
    try:
        return files_named(path.parent, names)
    except OSError:
        return ()


def files_named(folder: Path, names: Collection[str]) -> tuple[Path, ...]:
    """Return the files in a folder that have one of these case-folded names, sorted."""
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.name.casefold() in names and entry.is_file()]
    return tuple(folder / name for name in sorted(found))


def _wanted(fmt: str) -> Kind | None:
    try:
        return _FORMATS[fmt]
    except KeyError:
        raise UsageError(f"{fmt!r} is not an input format.", did_you_mean(fmt, _FORMATS)) from None


def _identify(
    source: Path, wanted: Kind | None, layer: str | None
) -> tuple[archive.Dataset | None, Kind, str | None]:
    """Return the member of an archive, the kind, and the layer that is left to be chosen."""
    content = _check_content(source, str(source))
    if content == "zip":
        dataset, rest = archive.choose(source, layer, wanted)
        return dataset, dataset.kind, rest
    kind: Kind = "raster" if content in {"GeoTIFF", _SERIES} else "vector"
    if wanted not in {None, kind}:
        raise InvalidInput(
            f"{source} is a {content}, which holds {kind} data, not {wanted} data.",
            f"Leave --format out, or give a file that holds {wanted} data.",
            code="format_mismatch",
        )
    if layer == source.name or (kind == "raster" and layer == source.stem):
        return None, kind, None
    if kind == "raster" and layer is not None:
        raise InvalidInput(
            f"{source} is a raster and has no layer {layer!r}.", "Leave --layer out.", code="layer_unknown"
        )
    return None, kind, layer


def _check_content(path: Path, shown: str) -> str:
    """Return what a file is by its first bytes, if its name says nothing else."""
    head = _head(path)
    if not head:
        raise InvalidInput(f"{shown} is empty (0 bytes).", again(shown), code="input_empty")
    refuse_pointer(head, path, shown)
    if is_series(head):
        return _SERIES
    suffix = path.suffix.lower()
    promised = BY_SUFFIX[suffix].name if suffix in BY_SUFFIX else None
    found = format_of(head)
    content = found.name if found else None
    # A server's error under the name of another format may be JSON too.
    if content == "GeoJSON" and promised not in {None, "GeoJSON"} and b'"type"' not in head:
        content = None
    if suffix in _PARTS and content in {None, "shapefile"}:
        raise InvalidInput(
            f"{shown} is only a part of a shapefile.",
            f"Give the part with the geometry: {path.with_suffix('.shp')}",
            code="shapefile_part",
        )
    # The parts of a shapefile find each other by name.
    if (promised is not None or content == "shapefile") and promised != content:
        seen, hint = f"it does not begin as a {promised} does", _HINT_DAMAGED
        if found is not None and content is not None:
            seen, hint = f"it is a {content}", f"Give it the suffix that fits, such as {found.suffixes[0]}."
        elif (known := foreign(path, head)) is not None:
            seen, hint = (
                (f"it is {known.what}", known.hint) if known.hint else (f"{seen}; it is {known.what}", PAGE)
            )
        raise InvalidInput(f"{shown} is not what its name says: {seen}.", hint, code="not_what_its_name_says")
    if content is None:
        known = foreign(path, head)
        raise InvalidInput(
            f"{shown} is not a dataset that can be read" + (f": it is {known.what}." if known else "."),
            (known.hint if known else "") or f"Give a file with one of these suffixes: {_SUFFIXES}.",
            code="format_unknown",
        )
    return content


_SERIES = "series of states in NetCDF"
_SUFFIXES = ", ".join(BY_SUFFIX)
_HINT_DAMAGED = "Make or download it again; it may be damaged, or another file under this name."


def _head(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if S_ISREG(mode):
            with path.open("rb") as stream:
                return stream.read(HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _missing(path) from None
        raise StorageError(
            f"{path} could not be read: {error.strerror or error}.",
            "Check the rights of the file and of its folders.",
            code="input_unreadable",
        ) from error
    what, hint = "a folder" if S_ISDIR(mode) else "not a regular file", _inside(path)
    if S_ISDIR(mode) and (known := foreign(path, b"")) is not None:
        what, hint = known
    raise InvalidInput(f"{path} is {what}.", hint, code="input_not_a_file")


def _missing(path: Path) -> InvalidInput:
    link = link_to_nothing(path)
    if link is not None:
        return not_fetched(link, path)
    try:
        names = _names(path.parent)
        if f"{path.name}.dvc" in names:
            return InvalidInput(
                f"{path} does not exist; {path.name}.dvc stands for it.",
                f"Fetch it with DVC, in its folder: dvc pull {path.name}.dvc",
                code="input_not_fetched",
            )
        # All names of a folder help nobody: only near ones are shown.
        near = did_you_mean(path.name, names)
        hint = near if near.startswith("Did") else "Check the path."
    except NotADirectoryError:
        hint = f"{path.parent} is not a folder: check the path."
    except PermissionError:
        hint = "Check the path."
    except OSError:
        hint = f"There is no folder {path.parent} either: check the path."
    return MissingFile(f"{path} does not exist.", hint)


def _inside(path: Path) -> str:
    try:
        known = [name for name in _names(path) if Path(name).suffix.lower() in BY_SUFFIX]
        known = [name for name in known if not name.endswith("record.json")]
    except OSError:
        known = []
    return f"Give a file, such as {path / min(known)}." if known else "Give the path of a file with data."


def _names(folder: Path) -> list[str]:
    """Return the names in a folder that are not folders, some of them where there are very many."""
    with os.scandir(folder) as entries:
        return [
            entry.name for entry in islice(entries, _MOST_NAMES) if not entry.is_dir(follow_symlinks=False)
        ]

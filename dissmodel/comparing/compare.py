"""Compare two datasets, and write where they differ."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dissmodel import comparison as comparing
from dissmodel import markup
from dissmodel.errors import DissmodelError, UsageError, shell_word
from dissmodel.experiment.at_hand import at_hand
from dissmodel.io.locate import companions, kind_of
from dissmodel.record import store
from dissmodel.storage.uri import parse, shown
from dissmodel.warn import keeping_warnings

if TYPE_CHECKING:
    from dissmodel.comparing.observed import Measured

_SUFFIXES = (".tif", ".tiff")
_RECORDS = "These are records, compared by their bytes. To compare the runs:"
_NO_MAP = "Leave --diff-map out; the table names what changed."


@dataclass(frozen=True)
class CompareRequest:
    """What to compare.

    Attributes
    ----------
    a, b : str
        Two files, or their URLs.
    tolerance : dissmodel.comparison.Tolerance or None
        What still counts as the same; None: only equal values.
    layers : tuple of str
        No layer, one for both files, or one for each; an empty name means no layer.
    diff_map : str or None
        Where to write B - A.
    overwrite : bool
        Whether an earlier map may be replaced.
    metrics : bool
        Whether to measure how good A, a simulated map, is against B, an observed one.
    initial : str or None
        The map from which the simulation began, for `metrics`.
    band : str or None
        What `metrics` is about.
    landscape : bool
        Whether `metrics` has landscape metrics of both.
    """

    a: str
    b: str
    tolerance: comparing.Tolerance | None = None
    layers: tuple[str, ...] = ()
    diff_map: str | None = None
    overwrite: bool = False
    metrics: bool = False
    initial: str | None = None
    band: str | None = None
    landscape: bool = False


@dataclass(frozen=True)
class Compared:
    """The comparison of two files.

    Attributes
    ----------
    a, b : pathlib.Path or str
        The files, absolute; a text is the URL of a remote file, without credentials.
    comparison : dissmodel.comparison.Comparison
        The verdict and its parts.
    diff_map : pathlib.Path or None
        The map that was written.
    warnings : tuple of str
        What to know about the files.
    metrics : Measured or None
        How good A is against B, where that was asked for and both are on one grid.
    """

    a: Path | str
    b: Path | str
    comparison: comparing.Comparison
    diff_map: Path | None = None
    warnings: tuple[str, ...] = ()
    metrics: Measured | None = None

    def _repr_html_(self) -> str:
        return markup.cell(lambda: markup.paragraph(f"{self.a} and {self.b}") + self.comparison.html())


def compare(request: CompareRequest) -> Compared:
    """Compare two files; write the map if one is asked for and there is a grid to write it on.

    Raises
    ------
    UsageError
        If the map has no place, or the files are not rasters; nothing is compared then. If it is not clear
        which band metrics are about.
    DissmodelError
        As `dissmodel.comparison.compare`, and `dissmodel.experiment.at_hand.at_hand` for remote files.
    """
    layers = _layers(request.layers)
    if not request.metrics and (request.initial or request.band or request.landscape):
        raise UsageError("--initial, --band and --landscape are about metrics.", "Give --metrics too.")
    with ExitStack() as stack:
        a, b = (stack.enter_context(at_hand(one)) for one in (request.a, request.b))
        compared = _compare(request, a.path, b.path, layers)
        if request.metrics and compared.comparison.verdict != "not-comparable":
            from dissmodel.comparing.observed import measure  # noqa: PLC0415  (it loads GDAL)
            from dissmodel.comparing.observed_maps import INITIAL, OBSERVED, SIMULATED  # noqa: PLC0415  (as above)

            maps = {SIMULATED: a.path, OBSERVED: b.path}
            if request.initial is not None:
                maps[INITIAL] = stack.enter_context(at_hand(request.initial)).path
            chosen = dict(zip(maps, (*layers, None), strict=False))
            told = list(compared.warnings)
            with keeping_warnings(told):
                found = measure(maps, chosen, request.band, landscape=request.landscape)
            compared = replace(compared, metrics=found, warnings=tuple(dict.fromkeys(told)))
        return replace(
            compared,
            a=_straight(a.path) if a.fetched is None else a.shown,
            b=_straight(b.path) if b.fetched is None else b.shown,
            warnings=tuple(b.named(a.named(one)) for one in compared.warnings),
        )


def _compare(request: CompareRequest, a: Path, b: Path, layers: tuple[str | None, str | None]) -> Compared:
    path = None
    if request.diff_map is not None:
        for one, layer in zip((a, b), layers, strict=True):
            refuse_other_than_raster(one, layer)
        path = map_place(request.diff_map, (a, b), overwrite=request.overwrite)
    told: list[str] = []
    if _is_record(a) and _is_record(b):
        told.append(
            f"{_RECORDS} dissmodel record diff {shell_word(shown(request.a))} {shell_word(shown(request.b))}"
        )
    with keeping_warnings(told):
        comparison = comparing.compare(a, b, request.tolerance, layers=layers)
        if path is not None and comparison.verdict == "not-comparable":
            told.append(f"{path} was not written: files that can't be compared have no difference.")
            path = None
        if path is not None:
            from dissmodel.comparison.raster import write_difference  # noqa: PLC0415  (it loads GDAL)

            write_difference(a, b, path, layers=layers)
    return Compared(a, b, comparison, path, tuple(dict.fromkeys(told)))


def _is_record(path: Path) -> bool:
    if not f".{path.name}".endswith(store.SUFFIX):
        return False
    try:
        store.read_document(path)
    except DissmodelError:
        return False
    return True


def _straight(path: Path) -> Path:
    """Return a path without ``..``; a link that the user named keeps its name."""
    return path.parent.resolve() / path.name if ".." in path.parts else path


def _layers(given: tuple[str, ...]) -> tuple[str | None, str | None]:
    match given:
        case ():
            return None, None
        case (both,):
            return both or None, both or None
        case (one, other):
            return one or None, other or None
    raise UsageError(
        f"--layer is given {len(given)} times.", "Give it once for both files, or twice: for A, then for B."
    )


def refuse_other_than_raster(path: Path, layer: str | None) -> None:
    """Refuse a file that can have no map of differences.

    Raises UsageError if `path` is not a raster.
    """
    try:
        kind = kind_of(path, layer=layer)
    except DissmodelError as error:
        if error.code not in {"format_unknown", "no_dataset"}:
            raise
        kind = None
    if kind != "raster":
        what = "vector data" if kind else "not a dataset"
        raise UsageError(
            f"--diff-map: {path} is {what}; only rasters have a map of their difference.",
            _NO_MAP,
            code="diff_map_no_raster",
        )


def map_place(given: str, sources: tuple[Path, ...], *, overwrite: bool) -> Path:
    """Return where the map goes, if nothing is lost there.

    Raises UsageError if the file exists, or the name is not that of a GeoTIFF.
    """
    path = Path(os.path.abspath(parse(given).local()))  # noqa: PTH100  (resolve() would follow the user's links)
    if path.suffix.lower() not in _SUFFIXES or path.is_dir():
        what = "a folder" if path.is_dir() else "not the name of a GeoTIFF"
        raise UsageError(f"--diff-map {given}: this is {what}.", "--diff-map difference.tif")
    taken = [one for source in sources for one in (source, *companions(source))]
    if path.exists() and any(path.samefile(one) for one in taken):
        raise UsageError(
            f"--diff-map {given}: this is one of the files to compare.", "--diff-map difference.tif"
        )
    if store.record_path(path).exists():
        raise UsageError(
            f"--diff-map {given}: {store.record_path(path).name} describes the file of this name.",
            "Give the map another name.",
        )
    if os.path.lexists(path) and not overwrite:
        raise UsageError(
            f"--diff-map {given}: it exists already.",
            "Give another name, or --overwrite to replace it.",
            code="output_exists",
        )
    return path

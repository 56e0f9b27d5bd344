"""Write the report of a run, a sweep, or the runs in a folder: one HTML file, no part of a result."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dissmodel.errors import DissmodelError, UsageError
from dissmodel.experiment.files import artifacts_of, located
from dissmodel.experiment.records import record_of
from dissmodel.experiment.source import InBundle, Source, open_source
from dissmodel.progress import Reporter
from dissmodel.record import store
from dissmodel.record.redact import redact
from dissmodel.record.report_file import is_report, report_path
from dissmodel.reporting.folder_page import folder_page
from dissmodel.reporting.result_maps import Agree
from dissmodel.reporting.run_page import run_page
from dissmodel.storage.uri import is_remote, parse
from dissmodel.sweeping.folder import SweepFolder

_FOLDER = "records"
"""What the report of a folder of records is called."""


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What to report.

    - `given`: a record, a file of its result, a bundle, the URL of a record or bundle, the folder of a sweep,
      or a folder of records.
    - `output`: where the report goes; by default beside the record, or in the folder.
    - `overwrite`: whether a file that is not a report may be replaced.
    """

    given: str
    output: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Report:
    """A report that was written: where, how many bytes it has, and what it lacks."""

    path: Path
    size: int
    warnings: tuple[str, ...] = ()


def report(request: ReportRequest) -> Report:
    """Write a report; nothing is run, and no server is asked for an input that the user has not named.

    Raises
    ------
    InvalidInput
        If there is no record, or it can't be read.
    UsageError
        If the report has no place.
    StorageError
        If something can't be read or written.
    """
    return _report(request, None)


def report_of_run(request: ReportRequest, reporter: Reporter) -> Report | None:
    """Write the report of a run that has just ended; the result is kept, so an error becomes a warning."""
    try:
        written = _report(request, lambda _place: None)  # its input was named for the run
    except Exception as error:  # noqa: BLE001  (the run is over and good: no report is worth its failure)
        why = f"{type(error).__name__}: {error}"
        if isinstance(error, DissmodelError):
            why = f"{error.message} {error.hint}".rstrip()
        reporter.warn(redact(f"No report was written: {why}"))
        return None
    for message in written.warnings:
        reporter.warn(redact(message))
    return written


def _report(request: ReportRequest, agree: Agree | None) -> Report:
    given = request.given
    folder = None if is_remote(given) else parse(given).local()
    if folder is not None and folder.is_dir():
        if SweepFolder(folder).plan_path.is_file():
            return _of_sweep(request, SweepFolder(folder))
        given = os.path.abspath(folder)  # noqa: PTH100  (resolve() would follow the user's own links)
        if record_of(given)[0] == given:  # it is not the folder of a result
            place = _place(request, folder / _FOLDER)
            return _written(place, *folder_page(folder))
    with open_source(record_of(given)[0]) as source:
        if source.record.sweep is not None and not source.is_remote and not isinstance(source, InBundle):
            return _of_sweep(request, SweepFolder(source.path.parent))
        place = _place(request, source.beside, *_kept(source))
        return _written(place, *run_page(source, agree))


def _of_sweep(request: ReportRequest, folder: SweepFolder) -> Report:
    from dissmodel.reporting.sweep_page import sweep_page  # noqa: PLC0415  (few reports are of a sweep)

    place = _place(request, folder.record_path, folder.plan_path, folder.table_path)
    return _written(place, *sweep_page(folder))


def _kept(source: Source) -> Iterator[Path]:
    """Yield the files of a result that is not remote."""
    for one in artifacts_of(source.record).values():
        path = None if source.is_remote else located(source.beside, one)
        if path is not None:
            yield path


def _place(request: ReportRequest, beside: Path, *kept: Path) -> Path:
    """Return where the report goes; refuse to replace what is no report, and in any case what is reported."""
    place = request.output or report_path(beside)
    if os.path.realpath(place) in map(os.path.realpath, (beside, *kept)):
        raise UsageError(
            f"{place}: this is the record or a file of its result.",
            "Give another name: --output x.html",
            code="taken",
        )
    if os.path.lexists(place) and not (place.is_file() and (request.overwrite or is_report(place))):
        replace = ", or replace it: --overwrite" if place.is_file() else ""
        raise UsageError(
            f"{place} exists and is not a report that dissmodel wrote.",
            f"Give another name: --output x.html{replace}",
            code="output_exists",
        )
    return place


def _written(place: Path, page: bytes, told: list[str]) -> Report:
    store.write_atomically(place, page)
    return Report(place, len(page), tuple(dict.fromkeys(told)))

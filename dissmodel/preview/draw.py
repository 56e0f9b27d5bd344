"""Draw a result: before, after and what changed, beside its record. The picture is not part of the result."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.consent import Consent
from dissmodel.errors import Differs, DissmodelError, DissmodelWarning, InvalidInput, UsageError, shell_word
from dissmodel.experiment.files import artifacts_of
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.recorded_input import recorded_input
from dissmodel.experiment.source import Source, open_source
from dissmodel.geo.legend import Legend
from dissmodel.progress import Reporter, current
from dissmodel.record import MAIN, ExperimentRecord, store
from dissmodel.record.picture import SUFFIX, is_ours, picture_path
from dissmodel.record.redact import redact
from dissmodel.registry.classes import ExecutorRegistry
from dissmodel.reproducing.recorded_model import find_model
from dissmodel.warn import keeping_warnings

if TYPE_CHECKING:
    from dissmodel.preview.amounts import Amounts


@dataclass(frozen=True, kw_only=True)
class PreviewRequest:
    """What to draw."""

    record: Path  # with its result beside it; or a bundle, beside which the picture goes
    overwrite: bool = False  # replace also a picture that was not drawn here


@dataclass(frozen=True)
class Preview:
    """A picture that was drawn."""

    path: Path  # of the PNG
    band: str  # or column that it shows
    before: bool  # whether it shows the input too
    amounts: tuple[Amounts, ...]  # of each class; empty for measures
    warnings: tuple[str, ...]


def preview(request: PreviewRequest) -> Preview:
    """Draw the result of a record as ``<stem>.preview.png`` beside it, that of a bundle beside the bundle.

    Where the input is not at hand any more, another file now, or on a server that only the record names, the
    result alone is drawn, with a warning.

    Raises
    ------
    InvalidInput
        If the record is of no completed run, or its result is not a map.
    Differs
        If the result is not the recorded file.
    UsageError
        If something else has the picture's name.
    DissmodelError
        As what reads the data.
    """
    typed = str(request.record)
    return _preview(request, asking(Consent(), current().output, typed=typed, record=typed))


def _preview(request: PreviewRequest, agree: Callable[[str], None]) -> Preview:
    told: list[str] = []
    with open_source(request.record) as opened:
        opened.bring()
        path, record = opened.path, opened.record
        with keeping_warnings(told):
            result = result_file(opened)
            is_bundled = path != request.record
            place = request.record.with_suffix(SUFFIX) if is_bundled else picture_path(path, result.stem)
            _check_place(place, request, record)
            # These load what reads the data, and matplotlib.
            from dissmodel.preview.maps import read_maps  # noqa: PLC0415
            from dissmodel.preview.sheet import sheet_of  # noqa: PLC0415
            from dissmodel.visualization.preview import draw, most_pixels  # noqa: PLC0415

            with contextlib.ExitStack() as stack:
                source = _source(opened, stack, agree)
                maps = read_maps(record, result, source, legends_of(path, record), most_pixels)
            store.write_atomically(place, draw(sheet_of(record, maps)))
        if is_bundled:
            told = [opened.shown(one) for one in told]
    return Preview(place, maps.band, maps.before is not None, maps.amounts, tuple(dict.fromkeys(told)))


def preview_of_run(request: PreviewRequest, reporter: Reporter) -> Preview | None:
    """Draw the result of a run that has just ended; the result is kept, so an error becomes a warning."""
    try:
        drawn = _preview(request, lambda _place: None)  # its input was named for the run
    except Exception as error:  # noqa: BLE001  (the run is over and good: no picture is worth its failure)
        why = f"{type(error).__name__}: {error}"
        if isinstance(error, DissmodelError):
            why = f"{error.message} {error.hint}".rstrip()
        reporter.warn(redact(f"No picture was drawn: {why}"))
        return None
    for message in drawn.warnings:
        reporter.warn(redact(message))
    return drawn


def result_file(opened: Source) -> Path:
    """Return the file of the result, if it is the recorded file."""
    path, record = opened.path, opened.record
    if record.status != "completed" and (record.schema_version or not record.artifacts):
        raise InvalidInput(
            f"{path}: this run is {record.status}: there is no result to draw.",
            f"See what happened: dissmodel record show {shell_word(str(path))}",
            code="no_result",
        )
    artifact = artifacts_of(record).get(MAIN)
    file = None if artifact is None else opened.located(artifact)
    if artifact is None or file is None:
        raise InvalidInput(
            f"{path}: this record does not contain the path of its result.",
            "Run the model again with this version, then draw that.",
            code="no_result",
        )
    found, why = opened.digest_of(file)
    if found is None:
        raise InvalidInput(
            f"{file}: the result that {path.name} describes can't be drawn: {why}.",
            "Put the result beside its record.",
            code="no_result",
        )
    if found != artifact.sha256:
        raise Differs(
            f"{file} is not the result that {path.name} describes, so it is not drawn.",
            f"See what differs: dissmodel record verify {shell_word(str(path))}",
        )
    return file


def _check_place(place: Path, request: PreviewRequest, record: ExperimentRecord) -> None:
    """Refuse to replace what is not a picture of ours, and in any case a file of the result."""
    names = {artifact.path for artifact in record.files.values()}
    if place.name in names:
        raise UsageError(
            f"{place}: the result itself has a file of this name.", "Rename it in the model.", code="taken"
        )
    if not os.path.lexists(place):
        return
    if place.is_file() and (request.overwrite or is_ours(place)):
        return
    raise UsageError(
        f"{place} exists and is not a picture that was drawn here.",
        "Move it away" + (" or replace it: --overwrite" if place.is_file() else "."),
        code="output_exists",
    )


def _source(opened: Source, stack: contextlib.ExitStack, agree: Callable[[str], None]) -> Path | None:
    """Return the input's file, kept until `stack` closes, if it is what the run read; else warn."""
    try:
        here = recorded_input(opened, None, offline=False, agree=agree)
        return stack.enter_context(here).path
    except DissmodelError as error:
        _warn(f"The state before can't be drawn: {error.message}")
        return None


def legends_of(path: Path, record: ExperimentRecord) -> Mapping[str, Legend]:
    """Return the classes of the model that ran, if it is known here; no file that a record names is run."""
    known = ExecutorRegistry._executors.get(record.model_name)  # noqa: SLF001  (the published place)
    try:
        legends: Any = (known or find_model(path, record).executor).legends
    except DissmodelError as error:
        _warn(f"The classes of the model are unknown here: {error.message}")
        return {}
    return legends if isinstance(legends, Mapping) else {}


def _warn(message: str) -> None:
    warnings.warn(message, DissmodelWarning, stacklevel=3)

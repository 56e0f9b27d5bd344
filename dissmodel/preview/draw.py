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
from dissmodel.io.formats import is_series
from dissmodel.preview.steps import step_files
from dissmodel.progress import Reporter, current
from dissmodel.record import MAIN, ExperimentRecord, store
from dissmodel.record.picture import SUFFIX, form_of, is_ours, picture_path
from dissmodel.record.redact import redact
from dissmodel.registry.classes import ExecutorRegistry
from dissmodel.reproducing.recorded_model import find_model
from dissmodel.warn import keeping_warnings

KEPT = "-p every=N or -p snapshots=[N,…], which keep states"
"""What keeps the states that an animation shows."""

if TYPE_CHECKING:
    from dissmodel.preview.amounts import Amounts


@dataclass(frozen=True, kw_only=True)
class PreviewRequest:
    """What to draw.

    `record` has its result beside it, or is a bundle. `to` is a .png, .svg or .pdf, by default
    ``<stem>.preview.png`` beside the record or the bundle; with `animated` a .gif. `overwrite` also replaces
    a picture that was not drawn here.
    """

    record: Path
    to: Path | None = None
    animated: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Preview:
    """A picture that was drawn."""

    path: Path
    band: str  # or column that it shows
    before: bool  # whether it shows the input too
    amounts: tuple[Amounts, ...]  # of each class; empty for measures
    warnings: tuple[str, ...]
    steps: tuple[int, ...] = ()  # of an animation: the states that were kept


def check_place(to: Path, *, animated: bool, overwrite: bool) -> None:
    """Refuse a place for a picture, before anything is read or run.

    Raises
    ------
    UsageError
        If the suffix is of no such picture, its folder does not exist, or a file that was not drawn here is
        there.
    """
    option = "--animate" if animated else "--preview"
    if animated and to.suffix.lower() != ".gif":
        raise UsageError(
            f"{to}: an animation is a .gif.",
            f"{option} {shell_word(str(to.with_suffix('.gif')))}",
            code="output_suffix",
        )
    if not animated:
        form_of(to)
    if not to.absolute().parent.is_dir():
        raise UsageError(f"{to}: its folder does not exist.", "Make it, or name another.", code="no_folder")
    if os.path.lexists(to) and not (to.is_file() and (overwrite or is_ours(to))):
        raise UsageError(
            f"{to} exists and is not a picture that was drawn here.",
            "Move it away" + (" or replace it: --overwrite" if to.is_file() else "."),
            code="output_exists",
        )


def preview(request: PreviewRequest) -> Preview:
    """Draw the result of a record, or of a bundle.

    Where the input is not at hand any more, another file now, or on a server that only the record names, the
    result alone is drawn, with a warning.

    Raises
    ------
    InvalidInput
        If the record is of no completed run, its result is not a map, or for an animation it has no states.
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
            beside = request.record.with_suffix(SUFFIX) if is_bundled else picture_path(path, result.stem)
            place = request.to or beside
            check_place(place, animated=request.animated, overwrite=request.overwrite)
            _refuse_result(place, opened)
            if request.animated and not is_series(result) and not step_files(opened.files):
                raise InvalidInput(
                    f"{path}: this run kept no states between its first and its last step.",
                    f"Run it again with {KEPT}.",
                    code="no_steps",
                )
            # These load what reads the data, and matplotlib.
            from dissmodel.preview.animated import animated  # noqa: PLC0415
            from dissmodel.preview.maps import read_maps  # noqa: PLC0415
            from dissmodel.preview.sheet import sheet_of  # noqa: PLC0415
            from dissmodel.visualization import animation  # noqa: PLC0415
            from dissmodel.visualization import preview as sheets  # noqa: PLC0415

            most = animation.most_pixels if request.animated else sheets.most_pixels
            with contextlib.ExitStack() as stack:
                source = _source(opened, stack, agree)
                maps = read_maps(record, result, source, legends_of(path, record), most)
            steps: tuple[int, ...] = ()
            if request.animated:
                picture, steps = animated(opened, result, maps)
            else:
                picture = sheets.draw(sheet_of(record, maps), form_of(place))
            store.write_atomically(place, picture)
        if is_bundled:
            told = [opened.shown(one) for one in told]
    warned = tuple(dict.fromkeys(told))
    return Preview(place, maps.band, maps.before is not None, maps.amounts, warned, steps)


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


def _refuse_result(place: Path, opened: Source) -> None:
    """Refuse to replace the record or a file of the result."""
    ours = [opened.path, *(file.path for file in opened.files.values() if file.path is not None)]
    if place.resolve() in {one.resolve() for one in ours}:
        raise UsageError(
            f"{place}: the result itself has a file of this name.",
            "Name another file for the picture, or rename it in the model.",
            code="taken",
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

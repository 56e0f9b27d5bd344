"""Pull experiments from where they were pushed: every byte checked, whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dissmodel.config import load_settings
from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.layout import (
    FOLDER,
    RECORD,
    Place,
    experiment_name,
    keys_below,
    open_place,
    outputs_place,
    record_in,
)
from dissmodel.experiment.placed import refuse_other_id
from dissmodel.experiment.source import placed
from dissmodel.progress import Reporter
from dissmodel.sharing.arrivals import PulledExperiment, arrive
from dissmodel.sharing.pullable import Pullable, pullable
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool
from dissmodel.storage.uri import parse

__all__ = ["PullRequest", "Pulled", "PulledExperiment", "pull"]

_ID = re.compile(r"[0-9a-fA-F-]{4,}")
# Relative to the given place: a folder of experiments, or a folder somewhere above it.
_EXPERIMENT = re.compile(rf"((?:.*/)?{FOLDER}/|)([^/]+)/{RECORD}")


@dataclass(frozen=True)
class PullRequest:
    """Which experiments to pull, and where to.

    - `experiment`: the id of an experiment in the bucket that is set, or its beginning; the URI of its
      ``record.json``, of its folder, or of a run's ``NAME.record.json``; or a folder with experiments below
      it.
    - `to`: each experiment gets a folder here, named by its id.
    - `with_input`: whether the input comes too, into ``inputs/`` in that folder.
    - `settings`: how storage is reached; None: as the user's settings say.
    - `consent`: which servers may be asked that only a record names.
    """

    experiment: str
    to: Path = Path()
    with_input: bool = False
    settings: StorageSettings | None = None
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Pulled:
    """The result for each experiment; `failures` and `untried` are by the URI of the record."""

    experiments: tuple[PulledExperiment, ...]
    failures: Mapping[str, DissmodelError] = field(default_factory=dict)
    untried: tuple[str, ...] = ()


def pull(request: PullRequest, reporter: Reporter) -> Pulled:
    """Pull experiments, each into a folder of its own, its record last.

    What a place says is not trusted: a record's own digest has to hold, and each file has to be what the
    record says. Files that were received before an interruption are not received again.

    Raises
    ------
    DissmodelError
        If there is no such experiment, or the only one can't be pulled: `Differs` if a record or a file is
        not what it should be, here or there; `StorageError` if the place fails or the disk is full. With
        several experiments the errors are in the result.
    ConsentRequired
        If an input is on a server that only its record names, and the user has not agreed to ask it.
    """
    settings = request.settings or StorageSettings.of(load_settings())
    found = {one.uri: one for one in _find(request.experiment, settings)}
    pool = Pool(reporter)
    outcomes = pool.in_two_passes(
        "pull",
        tuple(found),
        look=lambda uri: _look(found[uri], request, settings, pool),
        move=lambda one: arrive(one, request.to, pool),
    )
    return Pulled(*outcomes)


@dataclass(frozen=True)
class _Found:
    """A record in a folder; the id of its experiment where the folder has to bear it."""

    place: Place
    experiment_id: str | None
    name: str = RECORD

    @property
    def uri(self) -> str:
        return f"{self.place.uri}{self.name}"


def _find(named: str, settings: StorageSettings) -> list[_Found]:
    if _ID.fullmatch(named) and not Path(named).exists():
        return [_by_id(named, settings)]
    path = parse(named).path
    if path is not None and not os.path.lexists(path):
        raise InvalidInput(
            f"{named}: there is no such folder, and it is not the id of an experiment.",
            "Give 4 or more characters of an id, a folder, or s3://BUCKET/PREFIX/experiments/ID/record.json",
            code="record_missing",
        )
    place = open_place(named, settings)
    name = record_in(named)
    if name is not None or place.storage.stat(place.key(RECORD)) is not None:
        return [_Found(place, None, name or RECORD)]
    found = [_EXPERIMENT.fullmatch(key) for key in keys_below(place)]
    folders = [_Found(place.below(one[1] + one[2]), one[2]) for one in found if one is not None]
    if not folders:
        raise InvalidInput(
            f"{place.uri}: there is no experiment.",
            f"Name the record of one: dissmodel pull {place.uri}{FOLDER}/ID/{RECORD}",
            code="record_missing",
        )
    return folders


def _by_id(text: str, settings: StorageSettings) -> _Found:
    experiments = outputs_place(None, settings).below(FOLDER)
    if experiments.storage.stat(experiments.key(f"{text}/{RECORD}")) is not None:
        return _Found(experiments.below(text), text)
    ids = {key.partition("/")[0] for key in keys_below(experiments, text) if key.endswith(f"/{RECORD}")}
    if not ids:
        raise InvalidInput(
            f"{experiments.uri}: no experiment there has an id that begins with {text}.",
            f"List the experiments: dissmodel record list {experiments.uri}",
            code="record_missing",
        )
    if len(ids) > 1:
        raise UsageError(
            f"{text}: {len(ids)} experiments have an id that begins with these characters.",
            f"Give more of it: {', '.join(sorted(ids)[:3])}",
            code="ambiguous_id",
        )
    return _Found(experiments.below(min(ids)), min(ids))


def _look(one: _Found, request: PullRequest, settings: StorageSettings, pool: Pool) -> Pullable:
    agree = asking(request.consent, pool.output, typed=request.experiment, record=one.uri)
    with placed(one.place, one.name) as source:
        source.refuse_changed()
        try:
            name = experiment_name(source.record.experiment_id, one.uri)
        except InvalidInput as error:
            raise StorageError(error.message, "Ask the person who stored it.", code=error.code) from error
        refuse_other_id(one.uri, name, one.experiment_id)
        return pullable(source, settings, agree if request.with_input else None)

"""Put experiments where others can reach them: the files first, the record last."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dissmodel.config import load_settings
from dissmodel.consent import Consent
from dissmodel.errors import Differs, DissmodelError, StorageError, UsageError
from dissmodel.experiment.at_hand import refuse_offline
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.layout import (
    FOLDER,
    RECORD,
    Place,
    inputs_place,
    outputs_place,
    relocated,
    source_entries,
)
from dissmodel.experiment.source import placed
from dissmodel.progress import Reporter
from dissmodel.record import MAIN, digest, store
from dissmodel.sharing.objects import State, other_content, send, state_of, with_file_of
from dissmodel.sharing.pushable import File, Pushable, pushable
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool
from dissmodel.storage.uri import shown

_NO_PLACE = "storage_missing"
_OWN_BUCKET = (
    "Inputs go to a bucket of their own: make it, or name another with"
    " dissmodel config set storage.inputs_bucket NAME, or leave --with-input out."
)
# A record that can't be relied on, by the codes of its errors.
_ROTTEN = frozenset({"not_a_record", "record_changed", "record_newer", "object_too_large"})


@dataclass(frozen=True)
class PushRequest:
    """What to push, and where to.

    - `records`: the records.
    - `to`: ``s3://BUCKET/PREFIX`` or a folder; None: the bucket that is set, else ``dissmodel-outputs``.
    - `with_input`: whether their inputs are pushed too.
    - `dry_run`: send nothing, only look.
    - `settings`: how storage is reached; None: as the user's settings say.
    - `consent`: whether servers may be asked for inputs that only a record names.
    - `aside`: the files go into a folder of their own where a push that was cut has left other files under
      their names.
    """

    records: tuple[Path, ...]
    to: str | None = None
    with_input: bool = False
    dry_run: bool = False
    settings: StorageSettings | None = None
    consent: Consent = field(default_factory=Consent)
    aside: bool = False


@dataclass(frozen=True)
class PushedObject:
    """An object of an experiment: its URI, its bytes, and whether it was sent, is to be, or was there."""

    uri: str
    size: int
    state: Literal["sent", "to send", "there"]


@dataclass(frozen=True)
class PushedExperiment:
    """An experiment that is whole in the place, or would be after a push; `uri` is its record's."""

    record: Path
    experiment_id: str
    uri: str
    objects: tuple[PushedObject, ...]


@dataclass(frozen=True)
class Pushed:
    """The result for each record.

    - `experiments`: those that are in the place, or would be.
    - `failures`: those that are not, and why.
    - `untried`: those that were left, since the place does not work.
    """

    experiments: tuple[PushedExperiment, ...]
    failures: Mapping[Path, DissmodelError] = field(default_factory=dict)
    untried: tuple[Path, ...] = ()


def push(request: PushRequest, reporter: Reporter) -> Pushed:
    """Put experiments into a place, each as ``experiments/<id>/``, its ``record.json`` last.

    An object that is there and whole is not sent again, and an object of other content not overwritten. All
    experiments are verified before the first is sent.

    Raises
    ------
    DissmodelError
        If the place can't be opened, or the only record can't be pushed: `Differs` if it does not hold or
        another experiment has its id there, `UsageError` if it did not complete, `StorageError` if the place
        fails. With several records the errors are in the result.
    ConsentRequired
        If an input is on a server that only its record names, and the user has not agreed to ask it.
    """
    paths = tuple(dict.fromkeys(request.records))
    if not paths:
        raise UsageError("Which records?", "dissmodel push result.record.json")
    settings = request.settings or StorageSettings.of(load_settings())
    to = _To(
        outputs_place(request.to, settings),
        inputs_place(request.to, settings) if request.with_input else None,
        request.dry_run,
        request.aside,
    )
    _refuse_missing(to)
    pool = Pool(reporter)
    with contextlib.ExitStack() as stack:

        def look(path: Path) -> Pushable:
            agree = asking(request.consent, pool.output, typed=str(path), record=str(path))
            return pushable(path, stack, agree if request.with_input else None)

        return Pushed(*pool.in_two_passes("push", paths, look=look, move=lambda one: _push(one, to, pool)))


def _refuse_missing(to: _To) -> None:
    """Look for both places before a file is hashed or sent; the error names each that is missing."""
    missing: list[StorageError] = []
    places = [(to.outputs, "")] + ([(to.inputs, _OWN_BUCKET)] if to.inputs is not None else [])
    for place, hint in places:
        try:
            place.storage.stat(place.key(RECORD))
        except StorageError as error:
            if error.code != _NO_PLACE:
                raise
            said = f"{place.storage.shown}: there is no such bucket or folder."
            missing.append(StorageError(said, hint or error.hint))
    if missing:
        said, hints = (" ".join(getattr(one, name) for one in missing) for name in ("message", "hint"))
        raise StorageError(said, hints, code=_NO_PLACE)


def check_place(to: str | None, *, offline: bool) -> None:
    """Check that experiments can be pushed to a place, before a run.

    Raises UsageError if it is not a place to push to, or a server would have to be asked; StorageError if it
    can't be reached.
    """
    place = outputs_place(to, StorageSettings.of(load_settings()))
    refuse_offline(place.uri, offline=offline)
    place.storage.stat(place.key(RECORD))


def push_of_run(record: Path, to: str | None, reporter: Reporter) -> PushedExperiment:
    """Put the experiment of a run that has just ended into a place; the result stays here in any case.

    Raises
    ------
    DissmodelError
        As `push`; its ``record_path`` is that of the record, and its hint says how to push it again.
    """
    try:
        return push(PushRequest((record,), to), reporter).experiments[0]
    except (DissmodelError, KeyboardInterrupt) as error:
        error.record_path = record  # type: ignore[union-attr]  # an exception takes any attribute
        if isinstance(error, DissmodelError):
            where = "" if to is None else f' --to "{shown(to)}"'
            again = f'The result is kept. To push it again: dissmodel push "{record}"{where}'
            error.hint = f"{error.hint} {again}".strip()
        raise


@dataclass(frozen=True)
class _To:
    outputs: Place
    inputs: Place | None
    dry_run: bool
    aside: bool
    lock: threading.Lock = field(default_factory=threading.Lock)
    shared: dict[str, Future[PushedObject]] = field(default_factory=dict)


def _push(one: Pushable, to: _To, pool: Pool) -> PushedExperiment:
    """Check every object before the first is sent: a refusal leaves nothing behind."""
    place = to.outputs.below(FOLDER).below(one.source.record.experiment_id)
    if to.aside:
        one = _aside(one, place)
    wanted: list[tuple[Place, File]] = []
    sources: list[str] = []
    if to.inputs is not None:
        for files in one.inputs:
            folder = to.inputs.below(files[0].sha256)
            wanted += [(folder, file) for file in files]
            sources.append(f"{folder.uri}{files[0].name}")
    wanted += [(place, file) for file in (*one.files, *one.signatures)]
    document = _document(one, place, sources)
    states = [state_of(folder, file) for folder, file in wanted]
    objects = [
        _sent(folder, file, state, to, pool)
        if folder is place or state == "there"
        else _sent_once(folder, file, state, to, pool)
        for (folder, file), state in zip(wanted, states, strict=True)
    ]
    try:
        record = _sent_record(document, place, to, pool)
    except DissmodelError as error:
        if error.code != "object_exists":
            raise
        # Another push was faster; the record that is there now is the same, or refused.
        record = _sent_record(_document(one, place, sources), place, to, pool)
    return PushedExperiment(one.path, one.source.record.experiment_id, record.uri, (*objects, record))


def _aside(one: Pushable, place: Place) -> Pushable:
    """Return an experiment with all its files in a folder, if another file has the name of one.

    Nothing is overwritten: whoever left that file may go on, and write the record first.
    """
    if place.storage.stat(place.key(RECORD)) is not None:
        return one
    try:
        for file in one.files:
            state_of(place, file)
    except Differs as error:
        if error.code != "object_exists":
            raise
        folder = one.source.digest.rpartition(":")[2][:8]
        return replace(
            one,
            names={name: f"{folder}/{path}" for name, path in one.names.items()},
            files=tuple(replace(file, name=f"{folder}/{file.name}") for file in one.files),
        )
    return one


def _sent_record(document: tuple[dict[str, Any], State], place: Place, to: _To, pool: Pool) -> PushedObject:
    return with_file_of(RECORD, document[0], lambda file: _sent(place, file, document[1], to, pool))


def _sent_once(place: Place, file: File, state: State, to: _To, pool: Pool) -> PushedObject:
    """Send what several experiments of a push share: the first that comes to it sends it, the others wait."""
    uri = f"{place.uri}{file.name}"
    with to.lock:
        is_first = uri not in to.shared
        sent = to.shared.setdefault(uri, Future())
    if not is_first:
        with pool.moving(file.size):
            return replace(sent.result(), state="there")
    try:
        sent.set_result(_sent(place, file, state, to, pool))
    except BaseException as error:  # the others would meet the same
        sent.set_exception(error)
        raise
    return sent.result()


def _sent(place: Place, file: File, state: State, to: _To, pool: Pool) -> PushedObject:
    uri = f"{place.uri}{file.name}"
    if to.dry_run:
        return PushedObject(uri, file.size, "there" if state == "there" else "to send")
    with pool.moving(0 if file.name == RECORD else file.size) as progress:
        is_sent = state != "there" and send(place, file, state, progress)
    return PushedObject(uri, file.size, "sent" if is_sent else "there")


def _document(one: Pushable, place: Place, sources: Sequence[str]) -> tuple[dict[str, Any], State]:
    """Return the record to be stored in the place, and whether it is stored there already.

    Raises Differs if another experiment has its id there.
    """
    main = one.names.get(MAIN, "")
    mine = relocated(one.source.document, one.names, output=f"{place.uri}{main}", sources=sources)
    uri = f"{place.uri}{RECORD}"
    stat = place.storage.stat(place.key(RECORD))
    if stat is None:
        return mine, "missing"
    with placed(place, RECORD) as there:
        try:
            there.refuse_changed()
        except DissmodelError as error:
            if error.code not in _ROTTEN:
                raise
            if stat.sha256 == digest.sha256_bytes(store.dumps(mine)):  # it was to be ours
                return mine, "damaged"
            raise other_content(uri) from error
        if there.digest != one.source.digest:
            raise Differs(
                f"{uri}: another experiment has this id: its digest is {there.digest}, "
                f"not {one.source.digest}. It is not overwritten.",
                f'Fetch that experiment: dissmodel pull "{place.uri}"',
                code="experiment_exists",
            )
        if not sources:
            # A path of this machine is of no use to others; the record there may name the pushed input.
            for entry, stored in zip(source_entries(mine), source_entries(there.document), strict=False):
                if "uri" in stored:
                    entry["uri"] = stored["uri"]
        return mine, "there" if mine == there.document else "damaged"

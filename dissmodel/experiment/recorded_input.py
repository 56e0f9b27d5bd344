"""The inputs that a record names: found by their sha256 only."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from dissmodel.config import load_settings
from dissmodel.errors import Differs, DissmodelError, InvalidInput, UsageError, did_you_mean, shell_word
from dissmodel.experiment.at_hand import AtHand, at_hand
from dissmodel.experiment.explain import why_differs, why_log_counts
from dissmodel.experiment.files import name_of
from dissmodel.experiment.layout import inputs_place
from dissmodel.experiment.source import Source
from dissmodel.io.locate import existing
from dissmodel.io.sidecars import before_statistics, beside, name_beside, unrecorded
from dissmodel.record import DataSource, ExperimentRecord
from dissmodel.record.digest import sha256_file
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import is_remote, parse

_LONGEST = 200
_HIDDEN = "***"
# Codes that say: this user gets no file from the place. Then the file itself is to be looked for.
_NOT_THERE = frozenset({"input_missing", "credentials_missing", "storage_endpoint"})
NOT_FOUND = frozenset({"input_missing", "input_changed"})
"""The codes of the errors whose hint is to look for the input."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@contextlib.contextmanager
def recorded_input(
    source: Source,
    given: str | None,
    *,
    offline: bool,
    agree: Callable[[str], None],
    data: DataSource | None = None,
) -> Iterator[AtHand]:
    """Give what `find_input` finds, for the block, and fetch it where it is not on this machine.

    `data` is which of the record's inputs; None: the first.

    `agree` is called with each URL that only the record names, before it is asked for; what it raises is
    raised.

    Raises
    ------
    DissmodelError
        As `find_input` and `dissmodel.experiment.at_hand.at_hand`.
    """
    with contextlib.ExitStack() as stack:
        where = _Where(source, source.record.source if data is None else data, stack)
        yield _found(where, given, offline=offline, agree=agree)


@contextlib.contextmanager
def other_inputs(
    source: Source, given: Mapping[str, str], *, offline: bool, agree: Callable[[str], None]
) -> Iterator[dict[str, AtHand]]:
    """Give all inputs of a record but the first, for the block, by their names; see `recorded_input`.

    `given` has those that were moved, by name.

    Raises
    ------
    UsageError
        If the record has no input of a given name.
    DissmodelError
        As `recorded_input`.
    """
    known = [one.name for one in source.record.sources]
    for name in given:
        if name not in known:
            raise UsageError(
                f"--input {name}=…: the record has no input {name!r}.",
                did_you_mean(name, known) or "It has one input: --input FILE",
            )
    with contextlib.ExitStack() as stack:
        yield {
            one.name: stack.enter_context(
                recorded_input(source, given.get(one.name), offline=offline, agree=agree, data=one)
            )
            for one in source.record.sources
        }


class _Where(NamedTuple):
    """An input of an experiment, and what keeps it once it is found."""

    source: Source
    data: DataSource
    stack: contextlib.ExitStack


def _found(where: _Where, given: str | None, *, offline: bool, agree: Callable[[str], None]) -> AtHand:
    source, data, stack = where
    local: DissmodelError | None = None
    if given is None or not is_remote(given):
        try:
            return AtHand(find_input(source, given, data))
        except (InvalidInput, Differs) as error:
            local = error
    places = [given] if given is not None else remote_places(source, data)
    if local is not None and (given is not None or not places or local.code == "input_unknown" or offline):
        raise local
    wrong: DissmodelError | None = None
    for place in places:
        if given is None:
            agree(place)
        try:
            with contextlib.ExitStack() as trying:
                there = at_hand(place, offline=offline, sidecars=sidecars_at(place, data), limit=data.size)
                here = trying.enter_context(there)
                find_input(source, str(here.path), data)
                stack.push(trying.pop_all())
                return here
        except DissmodelError as error:
            wrong = wrong or _as_changed(place, data, error)
    assert wrong is not None  # there was at least one place
    if local is None or wrong.code not in _NOT_THERE:
        raise wrong
    raise type(local)(f"{local.message} {wrong.message}", local.hint, code=local.code)


def recorded_url(uri: str) -> str | None:
    """Return the recorded URI of an input if it is a URL that can be asked for."""
    with contextlib.suppress(DissmodelError):
        # What was hidden in it is needed to fetch it, and one that hides nothing is not what a run recorded.
        if uri and parse(uri).path is None and _HIDDEN not in uri and parse(uri).recorded == uri:
            return uri
    return None


def remote_places(source: Source, data: DataSource) -> list[str]:
    """Return the URLs that an input may have: the recorded URL; for a record in a bucket, a copy there."""
    url, name = recorded_url(data.uri), name_of(data.uri)
    places = [url] if url is not None else []
    if source.in_bucket and name and _SHA256.fullmatch(data.checksum):
        folder = inputs_place(None, StorageSettings.of(load_settings())).below(data.checksum)
        places.append(f"{folder.uri}{name}")
    return list(dict.fromkeys(places))


def local_input(record_path: Path, uri: str) -> Path | None:
    """Return where an input of this machine was, as seen from the record; None for a URL or no path."""
    try:
        path = parse(uri).path if uri else None
    except DissmodelError:
        return None
    return record_path.parent / path if path is not None else None


def sidecars_at(place: str, source: DataSource) -> list[str]:
    """Return the names that the recorded sidecars have beside a file that may have another name."""
    now, was = (name_of(one) for one in (parse(place).shown, source.uri))
    return [name_beside(PurePath(name).name, was, now) for name in source.sidecars]


def _as_changed(place: str, data: DataSource, error: DissmodelError) -> DissmodelError:
    if error.code != "object_too_large" or data.size is None:
        return error
    return Differs(
        f"{parse(place).shown} is not the recorded {data.called}: it has more than {data.size} bytes.",
        _give(data),
        code="input_changed",
    )


def look_for(data: DataSource) -> str:
    """Return what to do about an input that is not the recorded one, or was not found (see `NOT_FOUND`)."""
    return f"Look for the file with the sha256 {data.checksum[:_LONGEST]}"


def _give(data: DataSource) -> str:
    name = data.folder.replace("/", "=")
    return f"{look_for(data)} and give it: --input {shell_word(f'{name[:_LONGEST]}FILE')}"


def run_again(record: ExperimentRecord) -> str:
    """Return the command that runs a record's model on its input, so far as the record names them."""
    uri, name = record.source.uri, record.model_name
    source = parse(uri).shown if is_remote(uri) else uri
    code = record.code
    if code is not None and code.package is None and code.module:  # it was in a file of its own
        name = f"{code.module.removeprefix('dissmodel_file_')}.py"
    model, given = (shell_word(one[:_LONGEST]) if one else "" for one in (name, source))
    return f"dissmodel run {model or 'MODEL'} --input {given or 'FILE'}"


def find_input(source: Source, given: str | None, data: DataSource) -> Path:
    """Return a file of the recorded bytes, with sidecars of the recorded bytes, and no others.

    It is looked for at `given`; or where it was, absolute or as seen from the record, or beside the record.

    Raises
    ------
    InvalidInput
        If the input was not found, or the record does not identify it.
    Differs
        If a file of that name has other bytes.
    """
    record = source.record
    if not data.checksum:
        raise InvalidInput(
            f"{source.path}: the record does not identify its {data.called}: it has no sha256 of it.",
            f"Run the model again: {run_again(record)}",
            code="input_unknown",
        )
    places = [existing(given)] if given is not None else list(_there(source.path, data))
    wrong = [(place, _difference(place, data, complete=record.schema_version > 0)) for place in places]
    for place, what in wrong:
        if not what:
            return place
    if wrong:
        place, what = wrong[0]
        raise Differs(
            f"{place} is not the recorded {data.called}: {what}.", _give(data), code="input_changed"
        )
    raise InvalidInput(
        f"{source.path}: its {data.called} is {_where(data.uri)}.",
        _give(data),
        code="input_missing",
    )


def _there(record_path: Path, data: DataSource) -> Iterator[Path]:
    """Yield the files that may be it; what a record names may also be a pipe, a share or no name at all."""
    path = local_input(record_path, data.uri)
    if path is None or (parse(data.uri).path or path).drive.startswith("\\\\"):
        return
    for place in dict.fromkeys([path, record_path.parent / path.name]):
        with contextlib.suppress(DissmodelError):
            yield existing(place)


def _difference(path: Path, source: DataSource, *, complete: bool) -> str:
    """Return how a file and its sidecars differ from what was recorded; empty if they don't."""
    what, size = "", path.stat().st_size
    if source.size is not None and size != source.size:
        what = f"it has {size} bytes, not {source.size}"
    elif (found := sha256_file(path)) != source.checksum.lower():
        what = f"its sha256 is {found}"
    if what:
        why = why_differs(path, source.checksum) or why_log_counts(path, source.sidecars)
        return f"{what} ({why})" if why else what
    if not complete:  # the public DisSModel does not note sidecars
        return ""
    files = sidecars_of(path, source)
    for _, file, digest in files:
        if not file.is_file():
            return f"{file.name[:_LONGEST]} is missing; it was read with the input"
        if sha256_file(file) != digest and before_statistics(path, file, digest) is None:
            return f"{file.name[:_LONGEST]} beside it has changed"
    more = unrecorded(path, [file.name for _, file, _ in files])
    return f"{more[0].name[:_LONGEST]} is beside it now and would be read with it" if more else ""


def sidecars_of(path: Path, source: DataSource) -> list[tuple[str, Path, str]]:
    """Return each recorded sidecar: its name, which file beside a dataset it is, and its recorded sha256.

    The dataset may have another name than the recorded one; then its sidecars have, too.
    """
    was = name_of(source.uri)
    return [
        (PurePath(name).name, beside(path, name_beside(PurePath(name).name, was, path.name)), digest)
        for name, digest in source.sidecars.items()
    ]


def _where(uri: str) -> str:
    try:
        place = parse(uri)
    except DissmodelError:
        return f"no longer known: {uri[:_LONGEST]!r}"
    return f"{'gone' if place.path is not None else 'not on this machine'}: {place.shown[:_LONGEST]}"

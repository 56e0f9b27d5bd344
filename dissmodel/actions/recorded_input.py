"""The input that a record names: found by its sha256, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath

from dissmodel.errors import Differs, DissmodelError, InvalidInput
from dissmodel.io.locate import companions, existing
from dissmodel.io.uri import parse
from dissmodel.record import DataSource, ExperimentRecord
from dissmodel.record.digest import sha256_file

_LONGEST = 200


def find_input(record_path: Path, record: ExperimentRecord, given: str | None) -> Path:
    """Return a file of the recorded bytes, with sidecars of the recorded bytes, and no others.

    Parameters
    ----------
    record_path : Path
        Where the record lies.
    record : ExperimentRecord
        What it says of its input.
    given : str or None
        Where the user has it; None: where it was, absolute or as seen from the record, or beside the record.

    Raises
    ------
    InvalidInput
        If it is nowhere, or the record does not say what it was.
    Differs
        If what is there is something else.
    """
    source = record.source
    if not source.checksum:
        raise InvalidInput(
            f"{record_path}: it does not say which input was read: there is no sha256 of it.",
            "Run the model again: dissmodel run MODEL --input FILE",
            code="input_unknown",
        )
    places = [existing(given)] if given is not None else list(_there(record_path, source))
    wrong = [(place, _difference(place, source, complete=record.schema_version > 0)) for place in places]
    for place, what in wrong:
        if not what:
            return place
    look_for = f"Look for the file with the sha256 {source.checksum[:_LONGEST]} and give it: --input FILE"
    if wrong:
        place, what = wrong[0]
        raise Differs(f"{place} is not the recorded input: {what}.", look_for, code="input_changed")
    raise InvalidInput(
        f"{record_path}: its input is {_where(source.uri)}.",
        look_for,
        code="input_missing",
    )


def _there(record_path: Path, source: DataSource) -> Iterator[Path]:
    """Yield the files that may be it; what a record names may also be a pipe, a share or no name at all."""
    try:
        path = parse(source.uri).path if source.uri else None
    except DissmodelError:
        path = None
    if path is None or path.drive.startswith("\\\\"):
        return
    for place in dict.fromkeys([record_path.parent / path, record_path.parent / path.name]):
        try:
            yield existing(place)
        except DissmodelError:
            continue


def _difference(path: Path, source: DataSource, *, complete: bool) -> str:
    """Return how a file and its sidecars differ from what was recorded; empty if they don't."""
    size = path.stat().st_size
    if source.size is not None and size != source.size:
        return f"it has {size} bytes, not {source.size}"
    found = sha256_file(path)
    if found != source.checksum.lower():
        return f"its sha256 is {found}"
    if not complete:  # the public DisSModel does not note sidecars
        return ""
    # A renamed dataset has renamed sidecars: what follows the stem that they share says which is which.
    old_stem = len(PurePath(_name(source.uri)).stem) if source.uri else 0
    expected = {name[old_stem:].lower(): digest for name, digest in source.sidecars.items()}
    there = {one.name[len(path.stem) :].lower(): one for one in companions(path)}
    for end in sorted(expected.keys() | there.keys()):
        name = f"{path.stem}{end[:_LONGEST]}"
        if end not in there:
            return f"{name} is missing, which was read with it"
        if end not in expected:
            return f"{name} lies beside it and would be read with it"
        if sha256_file(there[end]) != expected[end]:
            return f"{name} beside it has changed"
    return ""


def _name(uri: str) -> str:
    return PurePosixPath(uri.replace("\\", "/")).name


def _where(uri: str) -> str:
    try:
        place = parse(uri)
    except DissmodelError:
        return f"no longer known: {uri[:_LONGEST]!r}"
    return f"{'gone' if place.path is not None else 'not on this machine'}: {place.shown[:_LONGEST]}"

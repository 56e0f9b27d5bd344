"""What a job may read as its input, and that input on this machine."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from dissmodel.errors import DissmodelError, UsageError
from dissmodel.experiment.at_hand import AtHand, at_hand
from dissmodel.experiment.layout import FOLDER
from dissmodel.experiment.recorded_input import NOT_FOUND, recorded_input
from dissmodel.experiment.source import Source
from dissmodel.record import DataSource
from dissmodel.service.settings import ServiceSettings
from dissmodel.storage.names import check_key
from dissmodel.storage.uri import parse

_BARE = re.compile(r"[\w.() +=,@-]{1,200}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST = 2000
_SHOWN = 200


def admit(uri: str, settings: ServiceSettings) -> str:
    """Return the URI of an input that a job may read; nothing is asked for, and no file is opened.

    A job may read what is in the place of inputs (a bare name means that), results of other experiments, what
    is in the buckets and on the servers that the settings list, and what is below ``service.inputs_folder``.

    Raises
    ------
    UsageError
        If a job may not read it (code ``"input_refused"``).
    """
    if len(uri) > _LONGEST or not uri.isprintable():
        raise _refused(uri[:_SHOWN])
    if _BARE.fullmatch(uri) and not uri.startswith("."):
        inputs = settings.inputs.rstrip("/")
        return f"{inputs}/{uri}" if parse(inputs).path is None else (Path(inputs) / uri).as_uri()
    try:
        place = parse(uri)
    except UsageError:
        raise _refused(uri[:_SHOWN]) from None
    own = [settings.inputs, f"{settings.place.rstrip('/')}/{FOLDER}"]
    if place.path is not None:
        local = [Path(one) for one in own if parse(one).path is not None]
        local += [settings.inputs_folder] if settings.inputs_folder is not None else []
        real = place.path.resolve()
        is_admitted = place.path.is_absolute() and any(real.is_relative_to(one.resolve()) for one in local)
    elif place.scheme == "s3":
        listed = [one if one.startswith("s3://") else f"s3://{one}" for one in settings.buckets]
        below = [f"{one.rstrip('/')}/" for one in (*own, *listed) if parse(one).scheme == "s3"]
        keys = [uri.removeprefix(one) for one in below if uri.startswith(one)]
        is_admitted = any(map(_is_key, keys))
    else:
        parts = urlsplit(uri)
        origins = {one if "://" in one else f"https://{one}" for one in settings.hosts}
        is_admitted = f"{parts.scheme}://{parts.netloc}" in {one.rstrip("/") for one in origins}
    if not is_admitted:
        raise _refused(place.shown[:_SHOWN])
    return uri


@contextlib.contextmanager
def fetched(uri: str, settings: ServiceSettings) -> Iterator[AtHand]:
    """Give an input as a file, for the block, as `dissmodel run` has it; what no job may read is refused.

    Raises
    ------
    DissmodelError
        As `admit`, and as `dissmodel.experiment.at_hand.at_hand`.
    """
    with at_hand(admit(uri, settings)) as found:
        yield found


@contextlib.contextmanager
def recorded(source: Source, settings: ServiceSettings, data: DataSource) -> Iterator[AtHand]:
    """Give one of the inputs that a record names, with the recorded bytes, for the block.

    It is looked for where it was, and in the place of inputs, where ``push --with-input`` puts it.

    Raises
    ------
    DissmodelError
        If a job may not read it, or it was not found or has changed.
    """
    name = Path(data.uri).name
    places = [data.uri]
    if _SHA256.fullmatch(data.checksum) and _BARE.fullmatch(name):
        places.append(f"{settings.inputs.rstrip('/')}/{data.checksum}/{name}")
    first: DissmodelError | None = None
    with contextlib.ExitStack() as stack:
        for place in places:
            try:
                found = stack.enter_context(
                    recorded_input(source, admit(place, settings), offline=False, agree=_refuse, data=data)
                )
            except DissmodelError as error:
                if error.code not in {*NOT_FOUND, "input_refused", "usage"}:
                    raise
                first = first or error
            else:
                yield found
                return
    assert first is not None  # there was at least one place
    raise first


def shared(found: AtHand, folder: Path) -> AtHand:
    """Return an input as other machines can read it: what was fetched into the cache is copied into a folder.

    What was not fetched stays: its path is in the record, and a record beside it is looked for.

    Raises
    ------
    OSError
        If it can't be copied.
    """
    if found.fetched is None:
        return found
    shutil.copytree(found.path.parent, folder)  # only the input is there, and what belongs to it
    path = folder / found.path.name
    return replace(found, path=path, fetched=replace(found.fetched, path=path))


def _is_key(key: str) -> bool:
    try:
        return bool(check_key(key, ""))
    except DissmodelError:
        return False


def _refuse(place: str) -> None:
    raise _refused(place)


def _refused(place: str) -> UsageError:
    return UsageError(
        f"{place}: a job may not read this.",
        "Upload it: POST /data/upload, and give the uri of the answer. An administrator may list its place "
        "in service.buckets, service.hosts or service.inputs_folder.",
        code="input_refused",
    )

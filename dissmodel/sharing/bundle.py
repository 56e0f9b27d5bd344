"""Make a bundle: a record and everything that belongs to it in one zip, to be published or sent."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from dissmodel.consent import Consent
from dissmodel.errors import Differs, DissmodelError, InvalidInput, UsageError, shell_word
from dissmodel.experiment.attest import attestations
from dissmodel.experiment.drawn import is_drawn
from dissmodel.experiment.files import recorded_files
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.recorded_input import recorded_input, sidecars_of
from dissmodel.experiment.records import is_interrupted, open_record
from dissmodel.experiment.remote_record import fetch_signatures, open_remote
from dissmodel.experiment.unbundle import ATTESTATION, INPUT, RECORD, is_bundle
from dissmodel.experiment.verify import verify
from dissmodel.io.sidecars import before_statistics, name_beside, sidecars
from dissmodel.progress import current
from dissmodel.record import MAIN, ExperimentRecord, digest, sign, store
from dissmodel.sharing.bundle_archive import EXTERNAL, LOCK, README, SPEC, Member, ordered, write
from dissmodel.sharing.bundle_texts import lock_of, readme, spec_as_toml
from dissmodel.storage.uri import is_remote, parse, shown


@dataclass(frozen=True, kw_only=True)
class BundleRequest:
    """What to bundle.

    Attributes
    ----------
    record : Path or str
        The record; its result lies beside it. A text may be an ``s3://`` or ``https://`` URL too.
    output : str
        The zip.
    input : str or None
        Where the input is now; None: where it was, or beside the record.
    with_input : bool
        Whether the input goes in.
    overwrite : bool
        Whether an earlier bundle may be replaced.
    consent : Consent
        Whether a server may be asked for the input that only the record names.
    """

    record: Path | str
    output: str
    input: str | None = None
    with_input: bool = True
    overwrite: bool = False
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Bundle:
    """A bundle that was made: where it lies, its bytes, and the names in it.

    Attributes
    ----------
    path : Path
        The zip.
    size : int
        In bytes.
    sha256 : str
        64 hex digits; the same content has the same.
    files : tuple of str
        What is in it, in order.
    warnings : tuple of str
        What is not in it and why.
    """

    path: Path
    size: int
    sha256: str
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def bundle(request: BundleRequest) -> Bundle:
    """Put a record, its result, its input and what was said about it into one zip.

    The bytes are a function of the content: the same experiment gives the same sha256, wherever and whenever
    it is bundled. The record in it keeps its digest and its signature.

    Raises
    ------
    InvalidInput
        If the record is none of a completed run, its input is nowhere, or it is all too much for a bundle.
    Differs
        If the record, a file of the result or the input is not what the record vouches for.
    UsageError
        If the bundle has no place.
    StorageError
        If something can't be read or written.
    ConsentRequired
        If the input is on a server that only the record names, and the user has not agreed to ask it.
    """
    if request.input is not None and not request.with_input:
        raise UsageError("--no-input leaves the input out, so --input means nothing.", "Give one of the two.")
    with ExitStack() as stack:
        path = _record_path(request.record, stack)
        record, document = open_record(path)
        _refuse_unfit(path, record)
        told: list[str] = []
        results = list(_results(path, record, told))
        inputs = list(_inputs(path, record, request, stack)) if request.with_input else []
        output = _place(request, [path, *_paths([*results, *inputs]), *_original_input(path, record)])
        texts = _texts(path, record, document, inputs[0].name if inputs else None, told)
        members = ordered([*texts, *results, *inputs])
        write(output, members)
    return Bundle(
        output,
        output.stat().st_size,
        digest.sha256_file(output),
        tuple(one.name for one in members),
        tuple(told),
    )


def _record_path(given: Path | str, stack: ExitStack) -> Path:
    if is_remote(given):
        remote = stack.enter_context(open_remote(str(given), whole=True))
        fetch_signatures(remote)
        return remote.path
    path = Path(os.path.abspath(parse(given).local()))  # noqa: PTH100  (resolve() would follow the user's links)
    if is_bundle(path):
        raise UsageError(f"{path}: this is a bundle already.", "Give the record of a run.")
    return path


def _refuse_unfit(path: Path, record: ExperimentRecord) -> None:
    if record.status != "completed":
        raise InvalidInput(
            f"{path}: there is nothing to bundle: the run is {record.status[:40]}, not completed.",
            f'See what settles it: dissmodel record show "{path}"'
            if is_interrupted(path, record)
            else "Give the record of a run that completed.",
            code="nothing_to_bundle",
        )
    # The input is looked for by its sha256, or is of no matter.
    wrong = [
        one for one in verify((path,)).checks if one.verdict in {"differs", "missing"} and one.name != "input"
    ]
    if wrong:
        what = "is missing" if wrong[0].verdict == "missing" else "is not as it should be"
        raise Differs(
            f"{path}: its {wrong[0].name} {what}; what isn't true isn't bundled.",
            f"See what differs: dissmodel record verify {shell_word(str(path))}",
            code="record_changed",
        )


def _results(path: Path, record: ExperimentRecord, told: list[str]) -> Iterator[Member]:
    """Yield the files of the result under the names that they have beside the record."""
    for name, one in recorded_files(path, record).items():
        if one.artifact.external:
            place = path.parent / one.artifact.path  # an absolute path stays what it is
            yield Member(f"{EXTERNAL}/{place.name}", place, one.artifact.sha256)
        elif one.path is None:
            told.append(f"{name} is not in the bundle: the record does not say where it lies.")
        elif is_drawn(name, one.artifact.path) and not os.path.lexists(one.path):
            told.append(f"{name} is not in the bundle: {one.path.name} is not beside the record.")
        else:
            inside = PurePosixPath(one.artifact.path).as_posix()
            yield Member(inside, one.path, one.artifact.sha256, from_result=True)


def _inputs(
    path: Path, record: ExperimentRecord, request: BundleRequest, stack: ExitStack
) -> Iterator[Member]:
    """Yield the input and its sidecars under the names that the record has for them."""
    try:
        is_s3 = is_remote(request.record) and parse(request.record).scheme == "s3"
        typed = str(request.record)
        agree = asking(request.consent, current().output, typed=typed, record=shown(typed))
        here = recorded_input(path, record, request.input, is_s3=is_s3, offline=False, agree=agree)
        found = stack.enter_context(here).path
    except DissmodelError as error:
        error.hint += ", or leave it out: --no-input"
        raise
    source = record.source
    old_name = _name_in(source.uri)
    is_like = PurePath(old_name).suffix.lower() == found.suffix.lower()  # the end of a URL may say nothing
    name = old_name if is_like else found.name
    yield Member(f"{INPUT}/{name}", found, source.checksum.lower())
    noted = sidecars_of(found, source)
    if not record.schema_version:  # the public DisSModel does not note sidecars
        noted = [(name_beside(one.name, found.name, name), one, "") for one in sidecars(found)]
    for old, sidecar, expected in noted:
        yield Member(f"{INPUT}/{old}", before_statistics(found, sidecar, expected) or sidecar, expected)


def _texts(
    path: Path, record: ExperimentRecord, document: Mapping[str, Any], source: str | None, told: list[str]
) -> Iterator[Member]:
    """Yield what is made for the bundle, and what was said about the record; `source` is the input in it."""
    has_input = source is not None
    yield Member(README, readme(record, digest.record_digest(document), has_input=has_input).encode())
    yield Member(RECORD, store.dumps(_moved(record, document, source)))
    spec = spec_as_toml(record, told)
    if spec:
        yield Member(SPEC, spec.encode())
    lock = lock_of(document)
    if lock:
        yield Member(LOCK, lock.encode())
    said = [(path, RECORD)]
    for statement in attestations(path):
        name = PurePath(RECORD).stem + ATTESTATION + statement.name.rpartition(ATTESTATION)[2]
        yield Member(name, sign.read(statement) or b"")
        said.append((statement, name))
    for one, name in said:
        signature = sign.read(sign.signature_path(one))
        if signature is not None:
            yield Member(sign.signature_path(PurePath(name)).name, signature)  # type: ignore[arg-type]


def _moved(record: ExperimentRecord, document: Mapping[str, Any], source: str | None) -> dict[str, Any]:
    """Return the record as it stands in the bundle: where things lie is said as seen from it."""
    moved = copy.deepcopy(dict(document))
    for entry in moved.get("files", {}).values():
        external = entry.get("external") is True
        name = PurePath(entry["path"]).name if external else PurePosixPath(entry["path"]).as_posix()
        entry["path"] = f"{EXTERNAL}/{name}" if external else name
    if "output_path" in moved and moved["output_path"] is not None:
        main = moved.get("files", {}).get(MAIN)
        moved["output_path"] = main["path"] if main else _name_in(moved["output_path"])
    uri = record.source.uri
    if source is None and uri and _is_local(uri):  # where it is to be put; a URL stays one
        source = f"{INPUT}/{_name_in(uri)}"
    if source is not None:
        moved["source"]["uri"] = source
    return moved


def _name_in(place: str) -> str:
    return PurePosixPath(place.replace("\\", "/")).name


def _is_local(uri: str) -> bool:
    try:
        return parse(uri).path is not None
    except DissmodelError:
        return True


def _original_input(path: Path, record: ExperimentRecord) -> list[Path]:
    with suppress(DissmodelError):
        place = parse(record.source.uri).path
        if place is not None:
            return [path.parent / place]
    return []


def _paths(members: Iterable[Member]) -> list[Path]:
    return [one.content for one in members if isinstance(one.content, Path)]


def _place(request: BundleRequest, taken: Iterable[Path]) -> Path:
    """Return where the bundle goes, if nothing is lost there."""
    given = request.output
    place = parse(given).path
    if place is None:
        raise UsageError(f"--output {given}: a bundle is written to a local file.", "--output result.zip")
    path = Path(os.path.abspath(place))  # noqa: PTH100  (as above)
    if path.suffix.lower() != ".zip" or path.is_dir():
        what = "a folder" if path.is_dir() else "no name of a zip"
        raise UsageError(f"--output {given}: this is {what}.", "--output result.zip")
    if not os.path.lexists(path):
        return path
    for one in taken:
        with suppress(OSError, ValueError):
            if path.samefile(one):
                raise UsageError(
                    f"--output {given}: this is one of the files to bundle.",
                    "Give another name: --output bundle.zip",
                    code="output_is_input",
                )
    if not (request.overwrite and path.is_file()):
        hint = "Give another name" + (", or --overwrite to replace it." if path.is_file() else ".")
        raise UsageError(f"--output {given}: it exists already.", hint, code="output_exists")
    return path

"""Make a bundle: a record with its result and its input in one zip, to be published or sent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.experiment import statements
from dissmodel.experiment.files import clash, is_drawn, main_name, name_of
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.layout import RECORD, relocated
from dissmodel.experiment.recorded_input import local_input, other_inputs, recorded_input, sidecars_of
from dissmodel.experiment.source import INPUT, InBundle, Source, open_source
from dissmodel.experiment.verify import checks
from dissmodel.io.sidecars import before_statistics, name_beside, sidecars
from dissmodel.progress import current
from dissmodel.record import MAIN, DataSource, ExperimentRecord, digest, store
from dissmodel.registry.spec import plain_spec, without_null
from dissmodel.sharing.bundle_archive import EXTERNAL, LOCK, README, SPEC, Member, ordered, write
from dissmodel.sharing.bundle_readme import readme
from dissmodel.sharing.crate import crate_file, drawn, folder_of, model_file, runs_of
from dissmodel.storage.uri import is_remote, parse, shown


@dataclass(frozen=True, kw_only=True)
class BundleRequest:
    """What to bundle.

    - `record`: the record; its result is beside it. A text may be an ``s3://`` or ``https://`` URL too.
    - `output`: the zip.
    - `input`: where the input is now; None: where it was, or beside the record.
    - `others`: where other inputs are now, by name.
    - `with_input`: whether the input goes in.
    - `license`: that of the result, where the record names none, as SPDX names it.
    - `overwrite`: whether an earlier bundle may be replaced.
    - `consent`: whether a server may be asked for the input that only the record names.
    """

    record: Path | str
    output: str
    input: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    with_input: bool = True
    license: str = ""
    overwrite: bool = False
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Bundle:
    """A bundle that was made: where it is, its bytes, and the names in it.

    - `path`: the zip.
    - `size`: in bytes.
    - `sha256`: 64 hex digits; the same content has the same.
    - `files`: what is in it, in order.
    - `warnings`: what is not in it and why.
    """

    path: Path
    size: int
    sha256: str
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def bundle(request: BundleRequest) -> Bundle:
    """Put a record, its result, its input and the statements about it into one zip.

    The bytes are a function of the content: the same experiment gives the same sha256, wherever and whenever
    it is bundled. The record in it keeps its digest and its signature.

    Raises
    ------
    InvalidInput
        If the record is none of a completed run, its input is nowhere, or it is all too much for a bundle.
    Differs
        If the record, a file of the result or the input is not as recorded.
    UsageError
        If the bundle has no place.
    StorageError
        If something can't be read or written.
    ConsentRequired
        If the input is on a server that only the record names, and the user has not agreed to ask it.
    """
    if (request.input is not None or request.others) and not request.with_input:
        raise UsageError("--input and --no-input contradict each other.", "Give one of the two.")
    with ExitStack() as stack:
        source = stack.enter_context(open_source(given_record(request.record)))
        if isinstance(source, InBundle):
            raise UsageError(f"{source.given}: this is a bundle already.", "Give the record of a run.")
        source.refuse_unfinished("to bundle", "nothing_to_bundle")
        told: list[str] = []
        members = contents(source, request, stack, told)
        output = place_of(request.output, taken(source, members), overwrite=request.overwrite)
        write(output, members)
    return Bundle(
        output,
        output.stat().st_size,
        digest.sha256_file(output),
        tuple(one.name for one in members),
        tuple(told),
    )


def contents(source: Source, request: BundleRequest, stack: ExitStack, told: list[str]) -> list[Member]:
    """Return what is in a bundle, in order; `stack` keeps fetched inputs, `told` hears what is left out.

    Raises
    ------
    DissmodelError
        As `bundle`.
    """
    source.bring()
    source.bring_signed()
    refuse_unfit(source)
    results = list(_results(source, told))
    inputs = list(_inputs(source, request, stack)) if request.with_input else []
    recorded = [*results, *(member for group in inputs for member in group)]
    names = [one.name for one in recorded]
    others = [one for one in (*model_file(source), *drawn(source)) if clash([*names, one.name]) is None]
    input_names = [group[0].name for group in inputs]
    runs = runs_of(source, told)
    texts = _texts(source, input_names, others, told, runs=bool(runs))
    read = {group[0].sha256: group[0].name for group in inputs}
    members = [*texts, *recorded, *others, *(one for run in runs for one in _of_run(run, read))]
    return ordered([*members, crate_file(source, ordered(members), request.license, runs)])


def _of_run(run: Source, read: Mapping[str, str]) -> Iterator[Member]:
    """Yield the record of a run of a sweep, and its files as far as they were kept.

    `read` has the name of each input in the bundle, by its sha256.
    """
    folder = folder_of(run)
    up = "../" * (folder.count("/") + 1)
    names = [read.get(one.checksum.lower()) or _input_name(one) for one in run.record.inputs]
    moved = store.dumps(_moved(run.record, run.document, [name and f"{up}{name}" for name in names]))
    yield Member(f"{folder}/{run.path.name}", moved, role="record", label="Record of a run of the sweep")
    for name, one in run.files.items():
        if one.path is not None and one.path.is_file() and not one.artifact.external:
            place = f"{folder}/{PurePosixPath(one.artifact.path).as_posix()}"
            yield Member(place, one.path, one.artifact.sha256, role="result", label=name)


def taken(source: Source, members: Iterable[Member]) -> list[Path]:
    """Return the files that a bundle is made of, and the inputs where the record has them."""
    files = [one.content for one in members if isinstance(one.content, Path)]
    originals = [local_input(source.path, one.uri) for one in source.record.inputs]
    return [source.path, *files, *(one for one in originals if one is not None)]


def given_record(record: Path | str) -> Path | str:
    """Return a record as `open_source` takes it."""
    if is_remote(record):
        return record
    return Path(os.path.abspath(parse(record).local()))  # noqa: PTH100  (resolve() would follow the user's links)


def refuse_unfit(source: Source) -> None:
    """Refuse a record that was changed, or whose result was changed or is missing."""
    for one in checks(source, with_input=False):  # an input is found by its sha256 later, or isn't bundled
        if one.verdict in {"differs", "missing"}:
            raise source.not_as_recorded(one.name, "bundled", is_missing=one.verdict == "missing")


def _results(source: Source, told: list[str]) -> Iterator[Member]:
    """Yield the files of the result under the names that they have beside the record."""
    for name, one in source.files.items():
        path = one.artifact.path
        said: dict[str, Any] = {"role": "result", "media_type": one.artifact.media_type or "", "label": name}
        if one.path is None:
            told.append(f"{name} is not in the bundle: the record does not contain its path.")
        elif one.artifact.external:
            yield Member(_external(path), one.path, one.artifact.sha256, **said)
        elif is_drawn(name, path) and not os.path.lexists(one.path):
            told.append(f"{name} is not in the bundle: {one.path.name} is not beside the record.")
        else:
            at = PurePosixPath(path).as_posix()
            yield Member(at, one.path, one.artifact.sha256, from_result=True, **said)


def _external(path: str) -> str:
    """Return what a file that the model wrote elsewhere is called in the bundle."""
    return f"{EXTERNAL}/{PurePath(path).name}"


def _inputs(source: Source, request: BundleRequest, stack: ExitStack) -> Iterator[list[Member]]:
    """Yield each input and its sidecars, under the names that the record has for them."""
    try:
        agree = asking(
            request.consent, current().output, typed=str(request.record), record=shown(str(request.record))
        )
        first = recorded_input(source, request.input, offline=False, agree=agree)
        found = [stack.enter_context(first).path]
        others = other_inputs(source, request.others, offline=False, agree=agree)
        found += [one.path for one in stack.enter_context(others).values()]
    except DissmodelError as error:
        error.hint += ", or leave it out: --no-input"
        raise
    for data, path in zip(source.record.inputs, found, strict=True):
        yield list(_of_input(source, data, path))


def _of_input(source: Source, data: DataSource, found: Path) -> Iterator[Member]:
    folder = f"{INPUT}/{data.folder}"
    old_name = name_of(data.uri)
    is_like = PurePath(old_name).suffix.lower() == found.suffix.lower()  # a URL may end in anything
    name = old_name if is_like else found.name
    said: dict[str, Any] = {"role": "input", "label": data.called}
    yield Member(f"{folder}{name}", found, data.checksum.lower(), **said)
    noted = sidecars_of(found, data)
    if not source.record.schema_version:  # the public DisSModel does not note sidecars
        noted = [(name_beside(one.name, found.name, name), one, "") for one in sidecars(found)]
    for old, sidecar, expected in noted:
        yield Member(
            f"{folder}{old}", before_statistics(found, sidecar, expected) or sidecar, expected, **said
        )


def _texts(
    source: Source,
    input_names: Sequence[str],
    others: Sequence[Member],
    told: list[str],
    *,
    runs: bool = False,
) -> Iterator[Member]:
    """Yield the texts that are made for the bundle, and the signed statements about the record."""
    record, document = source.record, source.document
    model = next((one.name for one in others if one.name.endswith(".py")), "")
    text = readme(record, source.digest, has_input=bool(input_names), model=model, runs=runs)
    yield Member(README, text.encode(), label="What this is, and how to check and reproduce it")
    moved = store.dumps(_moved(record, document, input_names))
    yield Member(RECORD, moved, role="record", label="Record of the run")
    spec = spec_as_toml(record, told)
    if spec:
        yield Member(SPEC, spec.encode(), media_type="application/toml", label="The model's TOML")
    if record.runtime is not None and record.runtime.lock:
        lock, label = record.runtime.lock.encode(), "Packages of the model's environment"
        yield Member(LOCK, lock, media_type="text/plain", label=label)
    for path, data in statements.signed(source.path):
        name = statements.beside(path.name, source.path.name, RECORD)
        assert name is not None  # a signed file has a name beside any record
        yield Member(name, data, label="What somebody signed about the record")


def _moved(
    record: ExperimentRecord, document: Mapping[str, Any], input_names: Sequence[str | None]
) -> dict[str, Any]:
    """Return the record as it is in the bundle: paths are relative to it."""
    names = {
        name: _external(one.path) if one.external else PurePosixPath(one.path).as_posix()
        for name, one in record.files.items()
    }
    sources = input_names or [_input_name(one) for one in record.inputs]
    output = names.get(MAIN, main_name(record)) if record.output_path is not None else None
    return relocated(document, names, output=output, sources=sources)


def _input_name(data: DataSource) -> str | None:
    """Return where an input that is not in the bundle is to be put; None: a URL stays one."""
    return f"{INPUT}/{data.folder}{name_of(data.uri)}" if data.uri and not is_remote(data.uri) else None


def place_of(given: str, taken: Iterable[Path], *, overwrite: bool, suffix: str = ".zip") -> Path:
    """Return where a bundle or an export goes; refuse to replace a file that is not to be replaced.

    Raises
    ------
    UsageError
        If it has no such place.
    """
    place = parse(given).path
    example = f"--output result{suffix}"
    if place is None:
        raise UsageError(f"--output {given}: it is written to a local file.", example)
    path = Path(os.path.abspath(place))  # noqa: PTH100  (as above)
    if path.suffix.lower() != suffix or path.is_dir():
        what = "a folder" if path.is_dir() else f"not the name of a {suffix[1:]}"
        raise UsageError(f"--output {given}: this is {what}.", example)
    if not os.path.lexists(path):
        return path
    for one in taken:
        with suppress(OSError, ValueError):
            if path.samefile(one):
                raise UsageError(
                    f"--output {given}: this is one of the files to bundle.",
                    f"Give another name: --output bundle{suffix}",
                    code="output_is_input",
                )
    if not (overwrite and path.is_file()):
        hint = "Give another name" + (", or --overwrite to replace it." if path.is_file() else ".")
        raise UsageError(f"--output {given}: it exists already.", hint, code="output_exists")
    return path


def spec_as_toml(record: ExperimentRecord, told: list[str]) -> str:
    """Return the spec that the record has as TOML, empty if there is none; add to `told` why it can't be."""
    model = record.resolved_spec.get("model")
    maps = record.band_map, record.column_map
    plain = plain_spec(record.model_name, record.parameters, *maps, class_map=record.class_map)
    if not isinstance(model, dict) or not model or record.resolved_spec == plain:
        return ""  # what the record says of a run without a spec, it says elsewhere too
    import tomlkit  # noqa: PLC0415  (few records have a spec)
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415  (as above)

    try:
        return tomlkit.dumps(without_null(record.resolved_spec))
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        told.append(f"model.toml is not in the bundle: the spec in the record is not TOML: {error}")
        return ""

"""A result that is brought from a server to where `dissmodel run` would have put it, every byte checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dissmodel import materialize
from dissmodel.client.place import experiment_place
from dissmodel.client.server import Server
from dissmodel.errors import Differs, DissmodelError, StorageError
from dissmodel.executor.host import ModelInfo
from dissmodel.experiment.layout import OUTPUT, RECORD, relocated
from dissmodel.experiment.placed import refuse_other_id
from dissmodel.experiment.source import InPlace, placed
from dissmodel.outcome import Run
from dissmodel.progress import Reporter
from dissmodel.record import MAIN, ExperimentRecord, store
from dissmodel.running.destination import Destination, check, choose, replaced
from dissmodel.running.others import INPUT
from dissmodel.running.profiling import SHORT_ID
from dissmodel.running.results import LATEST, is_taken, unhidden, untaken
from dissmodel.running.run import note_latest
from dissmodel.sharing.arrivals import fetch
from dissmodel.sharing.pullable import Pullable, pullable
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool

_LONGEST = 100
_ASK = "Submit the job again; if the error stays, ask who runs the server."


@dataclass(frozen=True)
class Sent:
    """An input of a job: its sha256, and the file, None where the server read it from elsewhere."""

    sha256: str | None = None
    path: Path | None = None


def refuse_output(output: str | None, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse an output where something would be lost; errors as `dissmodel run` raises them."""
    if output is not None:
        check(choose(output, ModelInfo("result"), ""), inputs, overwrite=overwrite)


def bring(
    server: Server, job: str, output: str | None, sent: Sequence[Sent], reporter: Reporter, *, overwrite: bool
) -> Run:
    """Bring the result of a job that completed; its record is written last.

    `sent` are the inputs in the order of the record; empty where they are not known.

    Raises
    ------
    Differs
        If the record or a file is not what it says, or the record is of another job or of other inputs (code
        ``"other_input"``); nothing is written then.
    DissmodelError
        If the result can't be fetched or written; earlier results stay as they were.
    """
    with _opened(server, job) as source:
        one = pullable(source, StorageSettings(), None)
        if MAIN not in one.paths:
            raise Differs(f"{source.given}: it names no result.", _ASK, code="no_output")
        places = _places(source, sent)
        destination = _destination(output, source.record)
        with materialize.claim(destination.record_path) as scratch:
            inputs = [given.path for given in sent if given.path is not None]
            check(destination, inputs, overwrite=overwrite)
            old = frozenset(replaced(destination, keep=inputs))
            finals = _finals(one, destination, old)
            pool = Pool(reporter)
            pool.expect("pull", one.size)
            for wanted in one.wanted:
                with pool.moving(wanted.size) as progress:
                    fetch(wanted, scratch, progress)
            names = {
                name: finals[path].relative_to(destination.folder).as_posix()
                for name, path in one.paths.items()
            }
            document = relocated(source.document, names, output=names[MAIN], sources=places)
            if destination.named and not destination.whole_folder and names[MAIN] != destination.name:
                reporter.warn(f"The model wrote {names[MAIN]}, not {destination.name}.")
            with materialize.undisturbed():
                _deliver(one, document, destination.record_path, scratch, finals=finals, old=old)
            if not destination.named:
                note_latest(document, destination.folder / LATEST, scratch, inputs, reporter)
    record = store.of_document(document, destination.record_path)
    return Run(record, destination.record_path, {name: finals[path] for name, path in one.paths.items()})


def bring_failed(server: Server, job: str, output: str | None) -> Path | None:
    """Bring the record of a run that did not complete; return where it is, None if there is none."""
    try:
        with _opened(server, job) as source:
            destination = _destination(output, source.record)
            path = store.failed_record_path(destination.folder / f"{destination.stem}.x", job)
            destination.folder.mkdir(parents=True, exist_ok=True)
            store.write_atomically(path, store.dumps(source.document))
    except (DissmodelError, OSError):  # why the run failed is known without it
        return None
    return path


@contextmanager
def _opened(server: Server, job: str) -> Iterator[InPlace]:
    with placed(experiment_place(server, job), RECORD) as source:
        refuse_other_id(source.given, source.record.experiment_id, job)
        yield source


def _places(source: InPlace, sent: Sequence[Sent]) -> list[str | None]:
    """Return where each input of a record is on this machine, if known; it has to be what was sent."""
    places: list[str | None] = []
    inputs = [one for one in source.record.inputs if getattr(one, "role", INPUT) == INPUT]
    for given, found in zip(sent, inputs, strict=False):
        if given.sha256 not in {None, found.checksum}:
            what = f"it is not of {given.path}, which was sent, as its {found.called}"
            raise Differs(f"{source.given}: {what}.", _ASK, code="other_input")
        places.append(str(given.path) if given.path is not None else None)
    if len(inputs) < len(sent):
        what = f"it has {len(inputs)} inputs, and {len(sent)} were sent"
        raise Differs(f"{source.given}: {what}.", _ASK, code="other_input")
    return places


def _destination(output: str | None, record: ExperimentRecord) -> Destination:
    main = PurePosixPath(record.files[MAIN].path if MAIN in record.files else "")
    suffix = "/" if len(main.parts) > 1 else main.suffix
    name = re.sub(r"[^\w-]", "_", record.model_name)[:_LONGEST]  # it becomes that of a file
    return choose(output, ModelInfo(name, output_suffix=suffix), record.experiment_id)


def _finals(one: Pullable, destination: Destination, free: frozenset[Path]) -> dict[str, Path]:
    """Return the final path of each file, by its path in the place; as a run's own results have them."""
    found: dict[str, Path] = {}
    given: dict[Path, object] = {}
    reserved = materialize.reserved(destination.record_path)
    for path in (wanted.path for wanted in one.wanted):
        final = _final(PurePosixPath(path), destination)
        if is_taken(final, destination, free) or final in given or final in reserved:
            final = untaken(final, f"{destination.stem}.{one.source.record.experiment_id[:SHORT_ID]}", given)
        found[path] = final
        given[final] = path
    return found


def _final(path: PurePosixPath, destination: Destination) -> Path:
    if destination.whole_folder:
        inside = path.parts[1:] if path.parts[0] == OUTPUT else path.parts
        return destination.folder.joinpath(destination.stem, *map(unhidden, inside))
    rest = path.name.removeprefix(OUTPUT)
    is_ours = rest != path.name and rest[:1] in {"", "."}
    return destination.folder / (f"{destination.stem}{rest}" if is_ours else unhidden(path.name))


def _deliver(
    one: Pullable,
    document: Mapping[str, object],
    record_path: Path,
    scratch: Path,
    *,
    finals: Mapping[str, Path],
    old: frozenset[Path],
) -> None:
    """Promote the files and write the record; if that fails, everything is as it was."""
    work = materialize.work(scratch)
    new = {finals[wanted.path]: wanted.sha256 or "" for wanted in one.wanted}
    try:
        materialize.begin(one.source.record, record_path, scratch, sorted(old), new)
        missing = materialize.promote(work, finals).missing
        if missing:
            raise StorageError(f"These files disappeared: {', '.join(missing)}.", "Type the command again.")
        store.write(document, record_path, staging=scratch)
    except BaseException:
        materialize.abandon(record_path, work, finals)
        raise

"""Everything about a run that can be known, or refused, before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from dissmodel import materialize
from dissmodel.actions.at_hand import AtHand, at_hand
from dissmodel.actions.destination import Destination, check, choose
from dissmodel.actions.hosts import remember_named
from dissmodel.actions.input_watch import InputWatch
from dissmodel.actions.model import DataRequest, Found, parameter_layers
from dissmodel.actions.repeat import Repeat
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.executor import parameters
from dissmodel.executor.host import Host
from dissmodel.io.locate import companions, kind_of
from dissmodel.io.sidecars import sidecars, unrecorded
from dissmodel.io.uri import is_remote
from dissmodel.progress import Heard, Reporter, reporting
from dissmodel.record import ExperimentRecord, capture, identity
from dissmodel.record.digest import sha256_file
from dissmodel.record.lineage import find_origin


@dataclass(frozen=True, kw_only=True)
class RunRequest(DataRequest):
    """What a user asked for.

    Attributes
    ----------
    input : str
        The dataset; a URL is fetched.
    seed : int or None
        For the random numbers of Python and NumPy.
    threads : int or None
        How many threads the model may use; None: all there are.
    command : tuple of str
        What was typed, for the record.
    records : tuple of Path
        Folders where the record of the run that made the input may lie; its own is looked into anyway.
    experiment_id : str
        The run's id, 32 hex digits.
    repeats : Repeat or None
        The run that this one repeats: it has the model and the parameters.
    at_hand : AtHand or None
        The input, where the caller has fetched it already and keeps it.
    as_public : bool
        Whether the run is one as the public package's command line does it: the model sees the output's path
        as it was typed, the times of the phases are a file, and a word may stand for the input.
    """

    input: str
    seed: int | None = None
    threads: int | None = None
    command: tuple[str, ...] = ()
    records: tuple[Path, ...] = ()
    experiment_id: str = field(default_factory=lambda: uuid4().hex)
    repeats: Repeat | None = None
    at_hand: AtHand | None = None
    as_public: bool = False

    def __post_init__(self) -> None:
        """Refuse a seed that NumPy would not take.

        Raises
        ------
        UsageError
            If it is below 0.
        """
        if self.seed is not None and self.seed < 0:
            raise UsageError(f"seed={self.seed}: a seed is a whole number of 0 or more.", "--seed 1")


@dataclass(frozen=True)
class Prepared:
    """A run that may begin.

    Attributes
    ----------
    model : Found
        What runs, and where it is from.
    inputs : Mapping of Path to str
        Each file of the input → its sha256; the one that was named comes first.
    watch : InputWatch
        Watches these files.
    destination : Destination
        Where the result goes.
    record : ExperimentRecord
        The run's, with all that is known so far.
    request : RunRequest
        What it was asked for.
    source : AtHand
        The input.
    """

    model: Found
    inputs: Mapping[Path, str]
    watch: InputWatch
    destination: Destination
    record: ExperimentRecord
    request: RunRequest
    source: AtHand

    def for_model(self, record: ExperimentRecord) -> ExperimentRecord:
        """Return a copy of the record for a model, which finds the input here wherever it is from."""
        given = record.model_copy(deep=True)
        if self.source.fetched is not None:
            given.source.uri, given.source.type = str(self.source.path), "local"
        return given

    def check(self) -> None:
        """Look at the destination again, now that nobody else may write there."""
        check(self.destination, tuple(self.inputs), overwrite=self.request.overwrite)

    def changed_input(self) -> str | None:
        """Look at the input again; say which file of it changed and how, None if all stayed as they were."""
        for path, digest in self.inputs.items():
            if not path.is_file() or sha256_file(path) != digest:
                return f"{path} changed while the model ran."
            what = self.watch.change(path)
            if what:
                return f"{path} changed while the model ran: {what}, though its bytes are the recorded ones."
        return None

    def appeared(self) -> tuple[Path, ...]:
        """Return the files that belong to the input by their names and were not there when it was hashed."""
        names = [path.name for path in self.inputs]
        return unrecorded(self.source.path, names) if names else ()


def prepare(request: RunRequest, model: Found, reporter: Reporter, stack: ExitStack) -> Prepared:
    """Resolve parameters, input and destination; write nothing but what is fetched, into the cache.

    Parameters
    ----------
    request : RunRequest
        What to run.
    model : Found
        What runs.
    reporter : Reporter
        Is warned.
    stack : ExitStack
        Keeps an input that was fetched until it closes.

    Raises
    ------
    DissmodelError
        If the run can't begin.
    """
    host, repeats = model.host, request.repeats
    spec = model.spec if repeats is None else None  # what a record says, it says whole
    layers = repeats.layers() if repeats is not None else parameter_layers(spec, request.parameters)
    resolved = parameters.settled(host.check(layers), request.see_parameters)
    if spec is not None:
        for section in spec.ignored:
            reporter.warn(f"{spec.path}: the section [{section}] means nothing here.")
    if is_remote(request.input):  # before it is waited for
        _check_early(request, host)
        remember_named(request.input)
    here = request.at_hand or stack.enter_context(
        at_hand(request.input, offline=request.consent.offline, words=request.as_public)
    )
    source = here.path
    for message in _unused(request, source) if repeats is None else ():
        reporter.warn(message)
    record = request.record(host.face.name, spec, resolved)
    record.thread_limit = request.threads
    if repeats is not None:
        repeats.note(record)
    record.experiment_id = request.experiment_id
    _note_code(model, record, reporter)
    record.seed = request.seed
    record.command = capture.command(request.command)
    record.source.uri = str(source)
    destination = choose(request.output, host.face, record.experiment_id)
    beside = () if here.is_word else sidecars(source)
    files = () if here.is_word else (source, *companions(source), *beside)
    materialize.settle(destination.record_path)
    check(destination, files, overwrite=request.overwrite)
    read = () if here.is_word else (source, *beside)
    watch = stack.enter_context(InputWatch(read))  # before they are hashed
    inputs = _observe(record, here, read) if read else {}
    if inputs and not _note_origin(record, source, request.records) and request.records:
        reporter.warn("--records: no record there is of a run that made the input.")
    return Prepared(model, inputs, watch, destination, record, request, here)


def _observe(record: ExperimentRecord, here: AtHand, files: Sequence[Path]) -> dict[Path, str]:
    """Note in the record what the input is; return the sha256 of each of its files, the named one first."""
    source, *beside = files
    inputs = {source: here.sha256 or sha256_file(source)}
    inputs |= {path: sha256_file(path) for path in beside}
    record.source.size = source.stat().st_size
    record.source.checksum = inputs[source]
    record.source.sidecars = {path.name: inputs[path] for path in beside}
    if here.fetched is not None:
        record.source.uri, record.source.type = here.fetched.uri, here.fetched.type
        record.source.version = here.fetched.version
    return inputs


def _note_origin(record: ExperimentRecord, source: Path, records: tuple[Path, ...]) -> bool:
    """Note which run made the input; return whether one is known."""
    origin = find_origin(record.source.checksum, source, records, record.add_log)
    if origin is not None:
        record.derived_from = origin.experiment_id
    return origin is not None


def _note_code(model: Found, record: ExperimentRecord, reporter: Reporter) -> None:
    """Note which code runs; what is unknown of it is told, and stands in the record's log."""
    with reporting(Heard()) as heard:
        record.code = model.host.code()
    record.model_commit = model.commit or identity.commit_name(record.code)
    for message in heard.warnings:
        reporter.warn(message)
        record.add_log(f"warning: {message}")


def _check_early(request: RunRequest, host: Host) -> None:
    destination = choose(request.output, host.face, request.experiment_id)
    materialize.settle(destination.record_path)
    check(destination, (), overwrite=request.overwrite)


def _unused(request: RunRequest, source: Path) -> list[str]:
    """Return what was typed and says nothing about an input of this kind."""
    try:
        kind = kind_of(source, request.format, request.layer)
    except DissmodelError:  # a format that only the model knows, or one that loading will refuse
        return []
    typed, option = (
        (request.column_map, "--column-map") if kind == "raster" else (request.band_map, "--band-map")
    )
    return [f"The input holds {kind} data: {option} says nothing about it."] if typed else []

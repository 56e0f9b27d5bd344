"""What is checked before a run begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dissmodel import materialize
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.executor import parameters
from dissmodel.executor.host import ModelInfo
from dissmodel.experiment.at_hand import AtHand, at_hand
from dissmodel.experiment.hosts import remember_named
from dissmodel.io.locate import companions, existing, kind_of
from dissmodel.io.sidecars import sidecars, unrecorded
from dissmodel.progress import Heard, Reporter, current, reporting, reporting_warnings
from dissmodel.record import DataSource, ExperimentRecord, OtherSource, identity
from dissmodel.record.digest import sha256_file
from dissmodel.record.lineage import find_origin
from dissmodel.record.redact import redact_argv
from dissmodel.running import cogs
from dissmodel.running.destination import Destination, check, choose
from dissmodel.running.input_watch import InputWatch
from dissmodel.running.model import DataRequest, OpenedModel, class_map_files, parameter_layers
from dissmodel.running.others import INPUT, names_in_a_record
from dissmodel.running.repeat import Repeat
from dissmodel.running.several import check_names, joined
from dissmodel.storage.uri import is_remote

if TYPE_CHECKING:
    from dissmodel.running.joined import Joined


@dataclass(frozen=True, kw_only=True)
class RunRequest(DataRequest):
    """What a user asked for.

    `input` is a dataset; a URL is fetched. `seed` is for the random numbers of Python and NumPy. `threads`:
    as many may the model use; None: all there are. `command` is what was typed, for the record. `records` are
    folders where the record of the run that made the input may be; the input's own folder is looked into
    anyway. `repeats` has the model and the parameters of the run that this run repeats. `at_hand` is the
    input, where the caller has fetched it and keeps it. `until` is a condition that ends the run early, as
    `dissmodel.executor.until.Until` reads it. `keeps_states`: a run that keeps no
    states is refused, for they are to be drawn. `memory`: so many bytes may the process take; a raster that
    needs more is run in tiles; None: all there are. `resume`: the run goes on from what such a run that was
    killed left. `not_kept`: the caller removes the result once its record
    describes it. `as_public`: the run is as the public package's
    command line does it: the model sees the output's path as it was typed, the times of the phases are a
    file, and a word may stand for the input.
    """

    input: str
    seed: int | None = None
    threads: int | None = None
    command: tuple[str, ...] = ()
    records: tuple[Path, ...] = ()
    experiment_id: str = field(default_factory=lambda: uuid4().hex)
    repeats: Repeat | None = None
    at_hand: AtHand | None = None
    until: str = ""
    not_kept: bool = False
    keeps_states: bool = False
    memory: int | None = None
    resume: bool = False
    as_public: bool = False

    def __post_init__(self) -> None:
        """Refuse a seed that NumPy would not take."""
        if self.seed is not None and self.seed < 0:
            raise UsageError(f"seed={self.seed}: a seed is a whole number of 0 or more.", "--seed 1")


@dataclass(frozen=True)
class Prepared:
    """A run that may begin.

    `inputs` has each file of the inputs → its sha256, the dataset first; `record` has all that is known so
    far. `located` has the parameters that name files, with the places of these on this machine, `class_map`
    the class maps that are files, by field; `others` are the places of the other inputs by name; `joined`
    is the dataset that was made of several inputs.
    """

    model: OpenedModel
    inputs: Mapping[Path, str]
    watch: InputWatch
    destination: Destination
    record: ExperimentRecord
    request: RunRequest
    source: AtHand
    located: Mapping[str, Any]
    class_map: Mapping[str, str]
    others: Mapping[str, AtHand]
    joined: Joined | None = None

    @property
    def shown_as(self) -> dict[str, str]:
        """Paths of this machine, with the names that a user knows instead."""
        paths = {str(self.source.path): self.source.shown}
        paths |= {str(one.path): one.shown for one in self.others.values()}
        return paths if self.joined is None else paths | {str(self.joined.path): self.source.shown}

    def for_model(self, record: ExperimentRecord) -> ExperimentRecord:
        """Return a copy of the record for a model, with the place of the input on this machine."""
        given = record.model_copy(deep=True)
        if self.source.fetched is not None:
            given.source.uri, given.source.type = str(self.source.path), "local"
        given.parameters |= self.located
        given.class_map |= self.class_map
        for other in given.sources:
            if other.name in self.others:
                other.uri, other.type = str(self.others[other.name].path), "local"
        if self.joined is not None:
            given.source.uri, given.source.type = str(self.joined.path), "local"
            given.source.layer, given.input_format = None, self.joined.format
        return given

    def check(self) -> None:
        """Look at the destination again, now that nobody else may write there."""
        check(self.destination, tuple(self.inputs), overwrite=self.request.overwrite)

    def changed_input(self) -> str | None:
        """Look at the input again; return which file of it changed and how, None if no file did."""
        for path, digest in self.inputs.items():
            if not path.is_file() or sha256_file(path) != digest:
                return f"{path} changed while the model ran."
            what = self.watch.change(path)
            if what:
                return f"{path} changed while the model ran: {what}, though its bytes are the recorded ones."
        sidecar = self.watch.transient_sidecar(self.inputs)
        if sidecar:
            return (
                f"{self.source.path} changed while the model ran: {sidecar}, which is read with it, "
                "existed only for a time."
            )
        return None

    def unrecorded(self) -> Iterator[str]:
        """Yield sentences about files beside the input which the record has no digest of."""
        known = self.watch.files
        ending = "while the model ran; the record has no digest of it."
        for path in unrecorded(self.source.path, [path.name for path in known]) if known else ():
            yield f"{path.name} appeared beside the input {ending}"
        for path in known:
            if path not in self.inputs and path.suffix.lower() != ".ovr" and self.watch.change(path):
                yield f"{path.name} beside the input changed {ending}"
        if self.watch.events_lost:
            yield (
                f"More events in {self.source.path.parent} than the system keeps: a file that is read "
                "with the input may have appeared and disappeared while the model ran."
            )


def prepare(request: RunRequest, model: OpenedModel, reporter: Reporter, stack: ExitStack) -> Prepared:
    """Resolve parameters, input and destination; write nothing but what is fetched, into the cache.

    `stack` keeps an input that was fetched until it closes.
    """
    host, repeats = model.host, request.repeats
    spec = model.spec if repeats is None else None  # what a record says, it says whole
    given = parameter_layers(spec, request.parameters, request.parameters_from)
    layers = given if repeats is None else repeats.layers()
    resolved = parameters.settled(host.check(layers), request.see_parameters)
    class_files = class_map_files(request, spec, layers)
    if spec is not None:
        for section in spec.ignored:
            reporter.warn(f"{spec.path}: the section [{section}] is not used here.")
    _check_asked(request, host.info)
    if is_remote(request.input):  # before it is waited for
        _free_destination(request, host.info, ())
        remember_named(request.input)
    here = request.at_hand or stack.enter_context(
        at_hand(request.input, offline=request.consent.offline, words=request.as_public)
    )
    source = here.path
    for message in _unused(request, source) if repeats is None else ():
        reporter.warn(message)
    record = request.record(host.info.name, spec, resolved)
    _check_states(request, record)
    record.thread_limit = request.threads
    if repeats is not None:
        repeats.note(record)
    _note_code(model, record, reporter)
    record.seed, record.until, record.not_kept = request.seed, request.until, request.not_kept
    record.experiment_id, record.command = request.experiment_id, redact_argv(request.command)
    record.source.uri = str(source)
    beside = () if here.is_word else sidecars(source)
    files = () if here.is_word else (source, *companions(source), *beside)
    known = repeats.others if repeats is not None else {}
    named = {
        one.parameter: known.get(one.parameter) or AtHand(existing(one.path))
        for one in (*resolved.files, *class_files)
    }
    others = {
        name: one.at_hand or stack.enter_context(at_hand(one.place, offline=request.consent.offline))
        for name, one in zip(names_in_a_record(request.others, named), request.others, strict=True)
    }
    paths = [one.path for one in (*named.values(), *others.values())]
    files += tuple(file for path in paths for file in (path, *companions(path), *sidecars(path)))
    destination = _free_destination(request, host.info, files)
    record.cog, read = (
        cogs.wanted(request, host.info, here, destination),
        () if here.is_word else (source, *beside),
    )
    watch = InputWatch(tuple(dict.fromkeys(files)))  # before they are hashed
    stack.callback(watch.close)
    inputs = observe(record.source, here, read) if read else {}
    for name, found in {**named, **others}.items():
        role = "parameter" if name in named else INPUT
        other = OtherSource(uri=str(found.path), role=role, name=name)
        inputs |= observe(other, found, (found.path, *sidecars(found.path)))
        record.sources.append(other)
    made = _joined(request, host.info, record, [here, *others.values()], stack)
    origin = None
    if inputs:
        origin = find_origin(record.source.checksum, source, request.records, record.add_log)
    if origin is not None:
        record.derived_from = origin.experiment_id
    elif inputs and request.records:
        reporter.warn("--records: no record in these folders is of a run that made the input.")
    class_map = {one.parameter.partition(".")[2]: str(named[one.parameter].path) for one in class_files}
    return Prepared(
        model, inputs, watch, destination, record, request, here, resolved.located, class_map, others, made
    )


def _joined(
    request: RunRequest, info: ModelInfo, record: ExperimentRecord, found: list[AtHand], stack: ExitStack
) -> Joined | None:
    """Return the dataset that is made of several inputs; its warnings are in the record's log, too."""
    with reporting(Heard()) as heard, reporting_warnings(heard):
        made = None if found[0].is_word else joined(request, info, record, found, stack)
    for message in heard.warnings:
        current().warn(message)
        record.add_log(f"warning: {message}")
    return made


def observe(data: DataSource, here: AtHand, files: Sequence[Path]) -> dict[Path, str]:
    """Note for the record what an input is; return the sha256 of each of its files, the named one first."""
    source, *beside = files
    inputs = {source: here.sha256 or sha256_file(source)}
    inputs |= {path: sha256_file(path) for path in beside}
    data.size = source.stat().st_size
    data.checksum = inputs[source]
    data.sidecars = {path.name: inputs[path] for path in beside}
    if here.fetched is not None:
        data.uri, data.type = here.fetched.uri, here.fetched.type
        data.version = here.fetched.version
    return inputs


def _note_code(model: OpenedModel, record: ExperimentRecord, reporter: Reporter) -> None:
    """Note which code runs; warn of what is unknown, in the record's log too."""
    with reporting(Heard()) as heard:
        record.code = model.host.code()
    record.model_commit = model.commit or identity.commit_name(record.code)
    for message in heard.warnings:
        reporter.warn(message)
        record.add_log(f"warning: {message}")


def _check_states(request: RunRequest, record: ExperimentRecord) -> None:
    """Refuse a run whose states are to be drawn and that keeps none."""
    parameters, is_series = record.parameters, (request.output or "").lower().endswith(".nc")
    if not request.keeps_states or is_series or parameters.get("every") or parameters.get("snapshots"):
        return
    if {"every", "snapshots"} & parameters.keys():
        raise UsageError(
            "--animate draws the states that a run keeps, and this run keeps none.",
            "Keep some: -p every=10 or -p snapshots=[10,20]",
            code="no_steps",
        )
    raise UsageError(
        "--animate draws the states that a run keeps; "
        f"{record.model_name} has no parameter every or snapshots.",
        "Leave --animate out; --preview draws the state before, after and the change.",
        code="no_steps",
    )


def _check_asked(request: RunRequest, info: ModelInfo) -> None:
    """Refuse names of inputs, or a condition, that the model does not know."""
    check_names(request, info)
    if (request.memory is not None or request.resume) and not info.takes_memory:
        raise UsageError(
            f"--memory is for models of cells, and {info.name} is none.",
            "Leave --memory out, or write the model with dissmodel.cells.CellModel.",
            code="memory",
        )
    if request.resume and request.output is None:
        raise UsageError(
            "Which run is to be resumed?", "Give its output: --output NAME --resume", code="resume"
        )
    check_until(request.until, info)


def check_until(until: str, info: ModelInfo) -> None:
    """Refuse a condition that can't end a run of the model; an empty one is none.

    Raises
    ------
    UsageError
        With code ``"until"``.
    """
    if not until:
        return
    from dissmodel.executor.until import Until  # noqa: PLC0415  (few runs have such a condition)

    Until.parse(until)
    if not info.ends_early:
        raise UsageError(
            f"until = {until!r}: {info.name} measures nothing at its steps, so no condition ends it.",
            "Leave until out, or write the model with dissmodel.cells.CellModel.",
            code="until",
        )


def _free_destination(request: RunRequest, info: ModelInfo, files: Sequence[Path]) -> Destination:
    """Return where the result goes, once an earlier run there is settled and nothing would be lost."""
    destination = choose(request.output, info, request.experiment_id)
    materialize.settle(destination.record_path)
    check(destination, files, overwrite=request.overwrite)
    return destination


def _unused(request: RunRequest, source: Path) -> list[str]:
    """Return warnings of options that have no effect on an input of this kind."""
    try:
        kind = kind_of(source, request.format, request.layer)
    except DissmodelError:  # a format that only the model knows, or one that loading will refuse
        return []
    typed, option = (
        (request.column_map, "--column-map") if kind == "raster" else (request.band_map, "--band-map")
    )
    return [f"The input holds {kind} data: {option} has no effect on such data."] if typed else []

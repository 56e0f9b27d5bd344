"""Everything that can be known about a run without running it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from dissmodel.errors import StorageError, UsageError
from dissmodel.executor import ModelExecutor
from dissmodel.executor.findings import Collector, Finding, nearest_folder
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.experiment.at_hand import AtHand, at_hand
from dissmodel.experiment.naming import renamed
from dissmodel.io.locate import companions
from dissmodel.record import ExperimentRecord, OtherSource
from dissmodel.record.digest import sha256_file
from dissmodel.record.redact import redact
from dissmodel.running.destination import check, choose
from dissmodel.running.model import DataRequest, OpenedModel, class_map_files, open_model, parameter_layers
from dissmodel.running.others import INPUT, names_in_a_record
from dissmodel.running.several import check_names, joined
from dissmodel.running.target import goes_elsewhere, named_there, target_of
from dissmodel.storage.uri import shown

_MOST_PAIRS = 5


@dataclass(frozen=True, kw_only=True)
class ValidateRequest(DataRequest):
    """What to look at.

    Each of `inputs` is looked at for itself, together with the `others`; without inputs only the model is.
    `trial`: run the model on each input too, where nothing is wrong; the result is thrown away.
    """

    inputs: tuple[str, ...] = ()
    trial: bool = False


@dataclass(frozen=True)
class Validation:
    """Every finding: on the model, its parameters, the inputs and the output, in this order."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return all(finding.severity != "error" for finding in self.findings)


def validate(request: ValidateRequest) -> Validation:
    """Look at a model and, where there are any, at inputs for it; write nothing but what is fetched.

    Raises
    ------
    UsageError
        If the request names no model. Everything else that is wrong is a finding.
    """
    if all(one is None for one in (request.model, request.toml, request.spec, request.executor)):
        raise UsageError("Which model?", "Name a model, or a TOML that does. List them: dissmodel show")
    with _no_bytecode():
        return Validation(tuple(_texts(_look(request), redact)))


def _look(request: ValidateRequest) -> Iterator[Finding]:
    executor, model, record = request.executor, None, None
    origin = request.spec.origin if request.spec is not None else request.model or str(request.toml)
    found = Collector(executor.name if executor is not None else origin)
    with contextlib.ExitStack() as stack:
        with found.at():
            model = stack.enter_context(open_model(request))
            for section in model.spec.ignored if model.spec is not None else ():
                found.add("warning", f"{request.toml}: the section [{section}] is not used here.")
        yield from found.findings
        if model is not None:
            contract = model.host.contract()
            told = [finding for finding in contract if finding.severity != "ok"]
            yield from told
            if all(finding.severity != "error" for finding in told):
                checks = len(contract) - len(told)
                yield Finding("ok", found.subject, f"keeps the executor contract ({checks} checks)")
                yield from _alike(found.subject, model)
                found = Collector("parameters")
                record = _record(request, model, found)
                yield from found.findings
                found = Collector("inputs")
                with found.at():
                    check_names(request, model.host.info)
                record = None if found.failed else record
                yield from found.findings
        sources: list[Path] = []
        others: list[AtHand] = []
        yield from _find_others(request, others, stack)
        for given in request.inputs:
            found, names = Collector(shown(given)), dict[str, str]()
            with found.at():
                words = request.trial and executor is not None
                here = stack.enter_context(at_hand(given, offline=request.consent.offline, words=words))
                names = here.names
                if here.is_word and executor is not None and record is not None:
                    whole = record.model_copy(deep=True)
                    whole.source.uri = given
                    _try(executor, whole, found)
                elif model is not None and record is not None:
                    sources += [one.path for one in (here, *others)]
                    if len(others) == len(request.others):
                        whole, names = _joined(request, model, record, [here, *others], stack)
                        _look_at_input(model, whole, found)
                    if request.trial and executor is not None and not found.failed:
                        _try(executor, _with_input(record, here.path), found)
            yield from _texts(found.findings, partial(renamed, names=names))
        if model is not None and (request.output is not None or request.inputs):
            found = Collector(shown(request.output or "the current folder"))
            _look_at_output(request, model, sources, found)
            yield from found.findings


def _alike(subject: str, model: OpenedModel) -> Iterator[Finding]:
    """Yield the pairs of classes of a model whose colours some people do not tell apart."""
    legends = {name: legend for name, legend in model.host.info.legends.items() if legend}
    if not legends:
        return
    from dissmodel.visualization.sight import LEAST, alike  # noqa: PLC0415  (it loads NumPy)

    for name, legend in legends.items():
        found = sorted(alike(legend), key=lambda pair: pair.difference)
        for pair in found[:_MOST_PAIRS]:
            first, second = (f"{one.name} ({one.colour})" for one in (pair.first, pair.second))
            message = (
                f"{name}: {first} and {second} look alike in {pair.sight} sight: "
                f"ΔE₀₀ {pair.difference:.1f}, less than {LEAST:g}."
            )
            yield Finding("warning", subject, message, "Give one a colour that is lighter or darker.")
        if len(found) > _MOST_PAIRS:
            more = f"{name}: {len(found) - _MOST_PAIRS} more pairs of classes look alike."
            yield Finding("warning", subject, more)


def _texts(findings: Iterable[Finding], change: Callable[[str], str]) -> Iterator[Finding]:
    """Yield the findings with each of their texts changed."""
    for one in findings:
        yield Finding(one.severity, change(one.subject), change(one.message), change(one.hint))


def _record(request: ValidateRequest, model: OpenedModel, told: Collector) -> ExperimentRecord | None:
    """Return a run's record without its input; None if the parameters that are right make none."""
    layers = parameter_layers(model.spec, request.parameters, request.parameters_from)
    checked = model.host.check(layers)
    for problem in checked.problems:
        if problem in checked.values:
            problem.hint = f"{problem.hint} {request.see_parameters}".strip()
        told.tell(problem)
    if checked.resolved is None:
        if request.inputs:
            told.add("warning", "The inputs are checked once these parameters are right.")
        return None
    for message in checked.resolved.warnings:
        told.add("warning", message)
    if not checked.problems and not checked.resolved.warnings and checked.resolved.values:
        told.add("ok", f"the values of these parameters are valid: {', '.join(checked.resolved.values)}")
    record = request.record(model.host.info.name, model.spec, checked.resolved)
    record.parameters = {**record.parameters, **checked.resolved.located}
    with told.at():
        for one in class_map_files(request, model.spec, layers):
            record.class_map[one.parameter.partition(".")[2]] = one.path
    # What is wrong with the destination is told at its own place.
    with Collector("").at():
        if goes_elsewhere(request.output):
            record.output_path = str(Path(tempfile.gettempdir()) / "output")
            return record
        destination = choose(request.output, model.host.info, record.experiment_id)
        if destination.name is not None:
            record.output_path = str(destination.folder / destination.name)
    return record


def _find_others(
    request: ValidateRequest, others: list[AtHand], stack: contextlib.ExitStack
) -> Iterator[Finding]:
    """Add the inputs beside the first one to a list, as far as they can be read; yield what is wrong."""
    for other in request.others:
        found = Collector(shown(other.place))
        with found.at():
            others.append(stack.enter_context(at_hand(other.place, offline=request.consent.offline)))
        yield from found.findings


def _joined(
    request: ValidateRequest,
    model: OpenedModel,
    record: ExperimentRecord,
    found: Sequence[AtHand],
    stack: contextlib.ExitStack,
) -> tuple[ExperimentRecord, dict[str, str]]:
    """Return a copy of the record with the inputs, the first one first, and what a user calls their paths."""
    first, *others = found
    whole = _with_input(record, first.path)
    for name, one in zip(names_in_a_record(request.others, ()), others, strict=True):
        whole.sources.append(OtherSource(uri=str(one.path), role=INPUT, name=name))
    made = joined(request, model.host.info, whole, found, stack)
    names = {path: shown_as for one in found for path, shown_as in one.names.items()}
    if made is not None:
        whole.source.uri, whole.source.layer, whole.input_format = str(made.path), None, made.format
        names[str(made.path)] = first.shown
    return whole, names


def _with_input(record: ExperimentRecord, source: Path) -> ExperimentRecord:
    """Return a copy of the record, which the model may change as it likes."""
    whole = record.model_copy(deep=True)
    try:
        size, checksum = source.stat().st_size, sha256_file(source)
    except OSError as error:
        raise StorageError(
            f"{source} could not be read: {error.strerror or error}.",
            "Check the rights of the file and of its folders.",
        ) from error
    whole.source.uri, whole.source.size, whole.source.checksum = str(source), size, checksum
    return whole


def _look_at_input(model: OpenedModel, record: ExperimentRecord, told: Collector) -> None:
    """Keep what the model itself finds, and whatever it raises."""
    uri = record.source.uri
    try:
        with told.at():
            for finding in model.host.inspect(record):
                subject = told.subject if finding.subject == uri else finding.subject
                told.keep(Finding(finding.severity, subject, finding.message, finding.hint))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a model is foreign code: whatever it raises is a finding)
        said = str(error) or "without a message"
        told.add("error", f"{model.host.info.name} can't check it: {type(error).__name__}: {said}")


def _try(executor: type[ModelExecutor], record: ExperimentRecord, told: Collector) -> None:
    record.output_path = None
    with contextlib.redirect_stdout(sys.stderr):
        runs = ExecutorTestHarness(executor).run_with_sample_data(record)
    if runs:
        told.add("ok", f"{executor.name} runs on it")
    else:
        told.add("error", f"{executor.name} does not run on it.", "The log has the traceback.")


def _look_at_output(
    request: ValidateRequest, model: OpenedModel, sources: Sequence[Path], told: Collector
) -> None:
    with told.at():
        if request.output is not None and goes_elsewhere(request.output):
            target = target_of(request.output)
            folder = Path(tempfile.gettempdir())
            with named_there(target, folder):
                choose(target.here(folder), model.host.info, uuid4().hex)
            told.add("ok", "the result would be made here and uploaded there; the name is free")
            return
        destination = choose(request.output, model.host.info, uuid4().hex)
        files = [file for source in sources for file in (source, *companions(source))]
        with told.at():
            check(destination, files, overwrite=request.overwrite)
        with told.at():
            _refuse_unwritable(destination.folder, f"--output FOLDER/{destination.name or 'NAME'}")
        if not told.failed:
            told.add("ok", f"the result and {destination.record_path.name} can be written there")


def _refuse_unwritable(folder: Path, instead: str) -> None:
    place = nearest_folder(folder)
    effective = os.access in os.supports_effective_ids
    if not place.is_dir():
        raise StorageError(f"{place} is a file, no folder.", f"Give another place: {instead}")
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=effective):
        raise StorageError(
            f"{place} can't be written.",
            f"Give an output in a folder that you may write to: {instead}",
        )


@contextlib.contextmanager
def _no_bytecode() -> Iterator[None]:
    """Import without leaving compiled files beside a user's own."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before

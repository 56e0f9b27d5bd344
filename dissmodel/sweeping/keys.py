"""The keys of runs: what determines a run, and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError
from dissmodel.executor.seeds import given_seed
from dissmodel.progress import Reporter, reporting
from dissmodel.record import store
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.plain import plain
from dissmodel.reproducing.record_toml import put_file
from dissmodel.running.model import OpenedModel
from dissmodel.running.prepare import prepare
from dissmodel.sweeping.checking import Checking, Reads, Typed, resolved
from dissmodel.sweeping.plan import Plan, Row
from dissmodel.sweeping.runs import PlannedRun

_SHOWN = 20
_SEED_BYTES = 4
_FEW = 20_000  # rows, whose runs are kept
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def key_of_record(document: Mapping[str, Any]) -> str:
    """Return the key of the run that a record is of.

    It is the sha256 of the canonical JSON of what determines the run: model, the model's own code, all
    parameters (``1`` and ``1.0`` are one number), seed, the digests of the inputs and their sidecars, what
    bands, columns and classes are called, layer, the condition that ends it early, and whether GeoTIFFs are
    Cloud Optimized. Where files are, and what the run found, is no part of it.

    `document` is a record as parsed from JSON.
    """
    return _digest([key_without_code(document), _code_of(document)])


def key_without_code(document: Mapping[str, Any]) -> str:
    """Return the key of all that determines a run but the code of its model."""
    parameters = document.get("parameters") or {}
    own = _digest(_own(parameters, _files(document)))
    return _digest([_digest(_common(document)), own, given_seed(document.get("seed"), parameters)])


def seed_of(sweep_seed: int, values: Mapping[str, Any], replicate: int) -> int:
    """Return the seed of a run, below 2**32: it depends on its own values, and on no other run.

    `values` are all parameters of the run but the seed.

    >>> seed_of(0, {"rate": 1}, 1) == seed_of(0, {"rate": 1.0}, 1) != seed_of(0, {"rate": 1}, 2)
    True
    """
    return _seed(sweep_seed, _digest(_canonical(values)), replicate)


def _seed(sweep_seed: int, digest: str, replicate: int) -> int:
    return int(_digest([sweep_seed, digest, replicate])[: 2 * _SEED_BYTES], 16)


class _Read(NamedTuple):
    """What runs have in common that read the same: its digest, and the code's."""

    common: str
    code: str


class _Row(NamedTuple):
    """A row of the plan: what it reads, the digest of its parameters, and its seed where they have one."""

    row: Row
    reads: Reads
    digest: str
    seed: int | None


@dataclass(frozen=True)
class PlannedRuns:
    """The runs of a plan, as often as they are iterated over; of a large plan none is kept.

    `plan` is the plan as `dissmodel.sweeping.checking.resolved` returns it.
    """

    plan: Plan
    _made: Callable[[], Iterator[PlannedRun]]

    def __iter__(self) -> Iterator[PlannedRun]:
        return self._made()


def planned_runs(
    plan: Plan, model: OpenedModel, reporter: Reporter, consent: Consent | None = None
) -> PlannedRuns:
    """Return the runs of a plan, once all rows were checked, and what the runs read was looked at.

    `consent` is for what is fetched.

    Raises
    ------
    UsageError
        With all that is wrong with the values of all rows.
    DissmodelError
        If inputs can't be read.
    """

    def look(resolved: Plan, rows: Mapping[Reads, Row]) -> dict[Reads, _Read]:
        return _looked_at(rows, resolved, model, reporter, consent or Consent())

    return _runs(plan, model, look)


def named_runs(plan: Plan, model: OpenedModel) -> PlannedRuns:
    """Return the runs of a plan, once all rows were checked; no input is looked at.

    Seeds and values are those of `planned_runs`. A key says which inputs a run has by their names alone, and
    nothing of the model: it tells the runs of one plan apart.

    Raises
    ------
    UsageError
        With all that is wrong with the values of all rows.
    """
    return _runs(plan, model, lambda _plan, rows: {one: _Read(_digest(one[0]), "") for one in rows})


def _runs(
    plan: Plan, model: OpenedModel, look: Callable[[Plan, Mapping[Reads, Row]], Mapping[Reads, _Read]]
) -> PlannedRuns:
    plan = resolved(plan, model)
    checking, is_small = Checking(plan, model), len(plan) <= _FEW
    rows: list[_Row] = []

    def of(row: Row, typed: Typed) -> _Row:
        values, files = typed
        seed = given_seed(None, values) if checking.gives_seed(row) else None
        digest = _digest(_own(values, [one.parameter for one in files]))
        return _Row(row, (tuple(row.inputs.items()), files), digest, seed)

    def note(row: Row, typed: Typed) -> None:
        if is_small:
            again = rows[-1] if row.replicate > 1 else of(row, typed)
            rows.append(again._replace(row=row))

    def checked() -> Iterator[_Row]:
        for row, quickly in checking.rows():
            if row.replicate == 1:
                first = of(row, quickly or checking.typed(row.values))
            yield first._replace(row=row)

    reads = look(plan, checking.check(note))
    if not is_small:
        return PlannedRuns(plan, lambda: _planned(plan, checked(), reads))
    runs = list(_planned(plan, rows, reads))
    return PlannedRuns(plan, lambda: iter(runs))


def _looked_at(
    rows: Mapping[Reads, Row], plan: Plan, model: OpenedModel, reporter: Reporter, consent: Consent
) -> dict[Reads, _Read]:
    """Return what runs have in common that read the same."""
    quiet = replace(model, spec=replace(model.spec, ignored=())) if model.spec is not None else model
    found: dict[Reads, _Read] = {}
    problems: dict[str, DissmodelError] = {}
    for reads, row in rows.items():
        request = plan.request(row.values, row.inputs, None, consent=consent)
        try:
            with ExitStack() as stack, reporting(reporter):
                record = prepare(request, quiet, reporter, stack).record
        except ConsentRequired:
            raise
        except DissmodelError as error:
            problems.setdefault(error.message, error)
            continue
        document = store.to_document(record)
        found[reads] = _Read(_digest(_common(document)), _code_of(document))
    if problems:
        first = next(iter(problems.values()))
        first.message = " ".join(list(problems)[:_SHOWN])
        raise first
    return found


def _planned(plan: Plan, rows: Iterable[_Row], reads: Mapping[Reads, _Read]) -> Iterator[PlannedRun]:
    for number, (row, reading, digest, given) in enumerate(rows, start=1):
        common, code = reads[reading]
        seed = _seed(plan.seed, digest, row.replicate) if given is None else None
        without = _digest([common, digest, given if seed is None else seed])
        yield PlannedRun(
            number=number,
            key=_digest([without, code]),
            key_without_code=without,
            values=row.values,
            inputs=row.inputs,
            replicate=row.replicate,
            seed=seed,
        )


def _common(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what determines a run beside its parameters, its seed and the code of its model."""
    inputs = [
        {name: one.get(name) for name in ("name", "checksum", "sidecars", "layer", "fields") if one.get(name)}
        for one in (document.get("source") or {}, *(document.get("sources") or []))
    ]
    names = ("model_name", "input_format", "band_map", "column_map", "until", "cog")
    found = {name: document.get(name) for name in names if document.get(name)} | {"inputs": inputs}
    classes: dict[str, Any] = _canonical({"class_map": document.get("class_map") or {}})
    return found | _without_files(classes, _files(document))


def _files(document: Mapping[str, Any]) -> list[str]:
    """Return the places in parameters and class maps that name a file."""
    return [one.get("name", "") for one in document.get("sources") or [] if one.get("role") == "parameter"]


def _own(parameters: Mapping[str, Any], files: list[str]) -> dict[str, Any]:
    """Return the parameters but the seed, without the names of files."""
    own = {name: _canonical(one) for name, one in parameters.items() if name != "seed"}
    return _without_files(own, files)


def _without_files(values: dict[str, Any], files: list[str]) -> dict[str, Any]:
    for name in files:
        values = put_file(values, name, "")
    return values


def _code_of(document: Mapping[str, Any]) -> str:
    code = document.get("code") or {}
    return str(code.get("model_digest") or code.get("source_digest") or "")


def _canonical(value: Any) -> Any:
    """Return a value as a record has it, but equal numbers are the same."""
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {name: _canonical(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(one) for one in value]
    return plain(value)


def _digest(value: Any) -> str:
    """Return the sha256 of the JSON of a value."""
    return sha256_bytes(_JSON.encode(value).encode())

"""The keys of runs: what determines a run, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from dissmodel.errors import UsageError
from dissmodel.executor.seeds import given_seed
from dissmodel.progress import Reporter, reporting
from dissmodel.record import store
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.plain import plain
from dissmodel.reproducing.record_toml import put_file
from dissmodel.running.model import OpenedModel, parameter_layers
from dissmodel.running.prepare import prepare
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.runs import PlannedRun

_SHOWN = 20
_SEED_BYTES = 4


def key_of_record(document: Mapping[str, Any]) -> str:
    """Return the key of the run that a record is of.

    It is the sha256 of the canonical JSON of what determines the run: model, the model's own code, all
    parameters (``1`` and ``1.0`` are one number), seed, the digests of the inputs and their sidecars, what
    bands, columns and classes are called, layer, and the condition that ends it early. Where files are, and
    what the run found, is no part of it.

    `document` is a record as parsed from JSON.
    """
    return _with_code(key_without_code(document), _code_of(document))


def key_without_code(document: Mapping[str, Any]) -> str:
    """Return the key of all that determines a run but the code of its model."""
    common = _common(document)
    parameters, seed = _own(document.get("parameters") or {}, document.get("seed"), common["files"])
    return _key(common, parameters, seed)


def seed_of(sweep_seed: int, values: Mapping[str, Any], replicate: int) -> int:
    """Return the seed of a run, below 2**32: it depends on its own values, and on no other run.

    `values` are all parameters of the run but the seed.

    >>> seed_of(0, {"rate": 1}, 1) == seed_of(0, {"rate": 1.0}, 1) != seed_of(0, {"rate": 1}, 2)
    True
    """
    return int(sha256_bytes(_json([sweep_seed, _canonical(values), replicate]))[: 2 * _SEED_BYTES], 16)


def planned_runs(plan: Plan, model: OpenedModel, reporter: Reporter) -> Iterator[PlannedRun]:
    """Yield the runs of a plan; first check all rows, and what the runs are to read.

    Raises
    ------
    UsageError
        With all that is wrong with the values of all rows.
    DissmodelError
        If an input can't be read.
    """
    commons: dict[Any, tuple[dict[str, Any], str]] = {}
    for number, row in enumerate(plan.rows(), start=1):
        checked = model.host.check(parameter_layers(model.spec, {**plan.parameters, **row.values}))
        if checked.resolved is None or checked.problems:
            raise UsageError(" ".join(one.message for one in checked.problems[:_SHOWN]))
        resolved = checked.resolved
        group = (tuple(row.inputs.items()), resolved.files)
        if group not in commons:
            request = plan.request(row.values, row.inputs, None)
            with ExitStack() as stack, reporting(reporter):
                record = prepare(request, model, reporter, stack).record
            document = store.to_document(record) | {"until": plan.until}
            commons[group] = _common(document), _code_of(document)
        common, code = commons[group]
        own, given = _own(plain(resolved.values), None, common["files"])
        seed = None if given is not None else seed_of(plan.seed, own, row.replicate)
        without = _key(common, own, given if seed is None else seed)
        yield PlannedRun(
            number=number,
            key=_with_code(without, code),
            key_without_code=without,
            values={name: resolved.values[name] for name in row.values},
            inputs=row.inputs,
            replicate=row.replicate,
            seed=seed,
        )


def _common(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what determines a run beside its parameters and its seed."""
    source, others = document.get("source") or {}, document.get("sources") or []
    inputs = [
        [
            one.get("name", ""),
            one.get("checksum"),
            one.get("sidecars") or {},
            one.get("layer"),
            one.get("fields") or {},
        ]
        for one in (source, *others)
    ]
    files = [str(one.get("name", "")) for one in others if one.get("role") == "parameter"]
    return {
        "model": document.get("model_name"),
        "inputs": inputs,
        "files": files,
        "format": document.get("input_format"),
        "bands": document.get("band_map") or {},
        "columns": document.get("column_map") or {},
        "classes": document.get("class_map") or {},
        "until": document.get("until") or "",
    }


def _own(
    parameters: Mapping[str, Any], seed: int | None, files: list[str]
) -> tuple[dict[str, Any], int | None]:
    """Return the parameters without the seed and the names of files, and the seed."""
    own = {name: value for name, value in parameters.items() if name != "seed"}
    for name in files:
        own = put_file(own, name, "")
    return own, given_seed(seed, parameters)


def _key(common: Mapping[str, Any], parameters: Mapping[str, Any], seed: int | None) -> str:
    return sha256_bytes(_json(_canonical({**common, "parameters": parameters, "seed": seed})))


def _with_code(without: str, code: str) -> str:
    return sha256_bytes(_json({"run": without, "code": code}))


def _code_of(document: Mapping[str, Any]) -> str:
    code = document.get("code") or {}
    return str(code.get("model_digest") or code.get("source_digest") or "")


def _canonical(value: Any) -> Any:
    """Return a value in which equal numbers are the same."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _canonical(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(one) for one in value]
    return value


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

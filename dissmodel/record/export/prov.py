"""Provenance as W3C PROV-JSON (https://www.w3.org/submissions/prov-json/)."""

from __future__ import annotations

import re
from typing import Any

from dissmodel.record.export.described import Described, File, Software, as_value

_PREFIXES = {"dissmodel": "urn:dissmodel:", "sha256": "urn:dissmodel:sha256:", "orcid": "https://orcid.org/"}
_INT = 2**31


def prov(run: Described) -> dict[str, Any]:
    """Return who and what made which file from which, with which software.

    A file is called by its sha256, so that two documents that name one file can be joined. A run is
    ``dissmodel:run-ID``; one that it repeats, or whose result was its input, is named only. The records
    of the runs of a sweep are named by their digests, as in the documents of the runs.
    """
    record, activity = run.record, _run(run.record.experiment_id)
    document = _Document()
    values = {f"dissmodel:parameter-{_word(name)}": _value(one) for name, one in record.parameters.items()}
    document.add(
        "activity",
        activity,
        {
            "prov:startTime": run.began.isoformat(),
            "prov:endTime": run.ended.isoformat(),
            "prov:label": run.title,
            "dissmodel:status": record.status,
            **({"dissmodel:seed": _value(record.seed)} if record.seed is not None else {}),
            **values,
        },
    )
    inputs, results = (_entities(document, run.of_role(role)) for role in ("input", "result"))
    _entities(document, run.of_role("record", "other"))
    kept = f"dissmodel:record-{run.digest.removeprefix('sha256:')}"
    document.add("entity", kept, {"prov:type": "dissmodel:Record", "prov:label": f"Record of {run.title}"})
    sweep, of_runs = record.sweep, []
    for digest in (*sweep.completed.values(), *sweep.failed.values()) if sweep is not None else ():
        of_runs.append(f"dissmodel:record-{_word(digest.removeprefix('sha256:'))}")
        document.add("entity", of_runs[-1], {"prov:type": "dissmodel:Record"})
    for entity in inputs:
        document.relate("used", activity=activity, entity=entity)
    for entity in [*results, kept, *of_runs]:
        document.relate("wasGeneratedBy", entity=entity, activity=activity)
    for result in results:
        for entity in inputs:
            document.relate("wasDerivedFrom", generatedEntity=result, usedEntity=entity, activity=activity)
    model, ours = (_software(document, one) for one in (run.model, run.dissmodel))
    document.add("entity", f"{model}-code", {"prov:type": _name("prov:Plan"), "prov:label": run.model.name})
    document.relate("wasAssociatedWith", activity=activity, agent=ours, plan=f"{model}-code")
    for number, creator in enumerate(run.about.creators, start=1):
        agent = f"orcid:{creator.orcid}" if creator.orcid else f"dissmodel:person-{number}"
        said = {"prov:type": _name("prov:Person"), "prov:label": creator.name}
        document.add("agent", agent, said)
        for result in results:
            document.relate("wasAttributedTo", entity=result, agent=agent)
    for other in (record.reproduces, record.derived_from):
        if other is not None:
            document.add("activity", _run(other), {})
            document.relate("wasInformedBy", informed=activity, informant=_run(other))
    return document.parts


class _Document:
    """Collects the parts of a document; relations are numbered."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Any]] = {"prefix": dict(_PREFIXES)}
        self._relations = 0

    def add(self, kind: str, name: str, said: dict[str, Any]) -> None:
        self.parts.setdefault(kind, {}).setdefault(name, said)

    def relate(self, kind: str, **ends: str) -> None:
        self._relations += 1
        self.parts.setdefault(kind, {})[f"_:id{self._relations}"] = {
            f"prov:{name}": end for name, end in ends.items()
        }


def _entities(document: _Document, files: list[File]) -> list[str]:
    """Add files, and return their names, each once: two files of the same bytes are one entity."""
    found = {}
    for one in files:
        if not one.sha256:
            continue
        said = {"prov:label": one.name, "dissmodel:mediaType": one.encoding}
        size = {"dissmodel:size": str(one.size)} if one.size is not None else {}
        found[f"sha256:{one.sha256.lower()}"] = said | size
    for name, said in found.items():
        document.add("entity", name, said)
    return list(found)


def _software(document: _Document, one: Software) -> str:
    name = f"dissmodel:software-{_word(one.name)}"
    kind = _name("prov:SoftwareAgent")
    said = {"prov:type": kind, "prov:label": f"{one.name} {one.version}".rstrip(), "dissmodel:url": one.url}
    document.add("agent", name, said)
    return name


def _run(experiment_id: str) -> str:
    return f"dissmodel:run-{_word(experiment_id)}"


def _word(text: str) -> str:
    """Return a text as a part of a name; a record is not trusted."""
    return re.sub(r"[^0-9A-Za-z_-]", "_", text[:200]) or "_"


def _name(text: str) -> dict[str, str]:
    return {"$": text, "type": "xsd:QName"}


def _value(given: Any) -> Any:
    value = as_value(given)
    if isinstance(value, (str, bool)):
        return value
    kind = "xsd:double" if isinstance(value, float) else "xsd:int" if abs(value) < _INT else "xsd:integer"
    return {"$": repr(value), "type": kind}

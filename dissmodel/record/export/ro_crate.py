"""A run as RO-Crate 1.1 with the profile Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from dissmodel.record.about import Creator, Organization
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.export.described import Described, File, Software, as_value, dois_and_urls, filled

NAME = "ro-crate-metadata.json"
NO_LICENSE = "The record names no licence: ask the people who made the result."
_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_STATUS = "http://schema.org/{}ActionStatus"


def crate(run: Described, swept: Sequence[Described] = ()) -> bytes:
    """Return the file that makes a folder with `run.files` a crate; its bytes depend on the content alone.

    The file holds a digest of itself, see `is_edited`.

    A crate of a reproduction has a second action: the comparison with the run that was repeated. A crate of a
    sweep has one for each of its runs in `swept`, whose results and records are in `run.files` too.
    """
    graph = _Graph()
    of_runs = {one.name for each in swept for one in each.of_role("result", "record")}
    own = replace(run, files=tuple(one for one in run.files if one.name not in of_runs))
    known = _values(run)
    actions = [_run(graph, own, known), *_comparison(graph, run), *(_run(graph, one, known) for one in swept)]
    about = run.about
    root = graph.add(
        "./",
        "Dataset",
        name=run.title,
        description=run.description,
        datePublished=run.ended.date().isoformat(),
        license=_license(graph, about.license) if about.license else NO_LICENSE,
        author=[_person(graph, one, number) for number, one in enumerate(about.creators)],
        publisher=_organization(graph, about.publisher) if about.publisher else None,
        funder=[_organization(graph, one.funder) for one in about.funding],
        funding=[_grant(graph, one.award) for one in about.funding if one.award],
        keywords=", ".join(about.keywords),
        citation=[_reference(graph, text, url) for text, url in dois_and_urls(about.references)],
        identifier=run.digest,
        conformsTo=graph.add(_PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"),
        mentions=actions,
        hasPart=[_file(graph, one) for one in run.files],
    )
    head = {"about": root, "conformsTo": {"@id": _SPECIFICATION}}
    graph.add(NAME, "CreativeWork", **head, description="Written by dissmodel from the record of a run.")
    document = {"@context": _CONTEXT, "@graph": list(reversed(graph.entities.values()))}
    graph.entities[NAME]["identifier"] = _digest(document)
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def is_edited(data: bytes) -> bool:
    """Tell whether the file of a crate that dissmodel wrote was changed since; False for other crates.

    What is no crate at all was changed.
    """
    try:
        document = json.loads(data)
        noted = [one.pop("identifier", "") for one in document["@graph"] if one["@id"] == NAME]
        ours = [one for one in noted if str(one).startswith("sha256:")]
        return ours not in ([], [_digest(document)])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return True


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{sha256_bytes(text.encode())}"


class _Graph:
    """Collects entities by their @id; what is added again is the same entity."""

    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Any]] = {}

    def add(self, name: str, kind: str, /, **said: Any) -> dict[str, str]:
        """Add an entity, and return the reference to it; the first description of a name stands."""
        self.entities.setdefault(name, {"@id": name, "@type": kind, **filled(**said)})
        return {"@id": name}


def _values(run: Described) -> dict[str, Any]:
    """Return the parameters that have a value, and the seed."""
    values = {name: value for name, value in run.record.parameters.items() if value is not None}
    return {"seed": run.record.seed, **values} if run.record.seed is not None else values


def _run(graph: _Graph, run: Described, known: Mapping[str, Any]) -> dict[str, str]:
    """Add the action of a run; a parameter that has not its value in `known` is the run's own."""
    record = run.record
    ours = _software(graph, run.dissmodel)
    model = _software(graph, run.model, softwareRequirements=ours)
    parameters = [
        graph.add(
            f"#parameter-{quote(name, safe='')}"
            + ("" if known.get(name) == value else f"-{run.digest[7:23]}"),
            "PropertyValue",
            name=name,
            value=as_value(value),
        )
        for name, value in _values(run).items()
    ]
    error = record.error
    return graph.add(
        f"#run-{quote(record.experiment_id, safe='')}",
        "CreateAction",
        name=f"{'Sweep' if record.sweep is not None else 'Run'} of {run.model.name}",
        description=run.statement,
        startTime=run.began.isoformat(timespec="seconds"),
        endTime=run.ended.isoformat(timespec="seconds"),
        actionStatus=_STATUS.format("Completed" if record.status == "completed" else "Failed"),
        error=f"{error.type}: {error.message}" if error is not None else None,
        agent=[_person(graph, one, number) for number, one in enumerate(run.about.creators)],
        instrument=model,
        object=[*map(_reference_to, run.of_role("input")), *parameters],
        result=[_reference_to(one) for one in run.of_role("result", "record")],
    )


def _comparison(graph: _Graph, run: Described) -> list[dict[str, str]]:
    """Return the action that compared the result with that of the run which it repeats, if it repeats one."""
    record = run.record
    if record.reproduces is None or record.reproduction is None:
        return []
    verdict, digest = record.reproduction.verdict, record.reproduction.record_digest or "unknown"
    other = graph.add(
        f"#original-{quote(record.reproduces, safe='')}",
        "CreativeWork",
        name=f"Result of the run {record.reproduces}",
        description="The result that was reproduced; it is not in this crate.",
        identifier=digest,
    )
    return [
        graph.add(
            f"#comparison-{quote(record.experiment_id, safe='')}",
            "CreateAction",
            name=f"Comparison with the run {record.reproduces}: {verdict}",
            description=f"The new result was compared with that of the record {digest}: {verdict}.",
            endTime=run.ended.isoformat(timespec="seconds"),
            actionStatus=_STATUS.format("Completed"),
            agent=[_person(graph, one, number) for number, one in enumerate(run.about.creators)],
            instrument=_software(graph, run.dissmodel),
            object=[other, *(_reference_to(one) for one in run.of_role("result"))],
            result=[_reference_to(one) for one in run.of_role("record")],
        )
    ]


def _software(graph: _Graph, one: Software, **more: Any) -> dict[str, str]:
    said = {"name": one.name, "softwareVersion": one.version or "unknown", "url": one.url}
    return graph.add(one.iri, "SoftwareApplication", **said, **more)


def _reference_to(one: File) -> dict[str, str]:
    return {"@id": quote(one.name)}


def _file(graph: _Graph, one: File) -> dict[str, str]:
    return graph.add(
        quote(one.name),
        "File",
        name=one.name.rpartition("/")[2],
        description=one.label,
        encodingFormat=one.encoding,
        contentSize=str(one.size) if one.size is not None else None,
        sha256=one.sha256,
    )


def _license(graph: _Graph, identifier: str) -> dict[str, str]:
    url = f"https://spdx.org/licenses/{identifier}"
    return graph.add(
        url, "CreativeWork", name=identifier, identifier=identifier, description=f"The licence {identifier}"
    )


def _person(graph: _Graph, one: Creator, number: int) -> dict[str, str]:
    name = f"https://orcid.org/{one.orcid}" if one.orcid else f"#person-{number}"
    family, given = one.family_and_given or ("", "")
    place = _organization(graph, one.affiliation) if one.affiliation else None
    return graph.add(name, "Person", name=one.name, familyName=family, givenName=given, affiliation=place)


def _organization(graph: _Graph, one: Organization) -> dict[str, str]:
    name = one.url or f"#organization-{quote(one.name, safe='')}"
    return graph.add(name, "Organization", name=one.name, url=one.url)


def _grant(graph: _Graph, award: str) -> dict[str, str]:
    return graph.add(f"#grant-{quote(award, safe='')}", "Grant", name=award, identifier=award)


def _reference(graph: _Graph, text: str, url: str) -> dict[str, str]:
    return graph.add(url or f"#reference-{quote(text[:80], safe='')}", "CreativeWork", name=text)

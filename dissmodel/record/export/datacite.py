"""The metadata with which a result gets a DOI, as JSON of DataCite's schema 4.6 (https://schema.datacite.org)."""

from __future__ import annotations

from typing import Any

from dissmodel.record.about import Creator, Organization
from dissmodel.record.export.described import Described, dois_and_urls, filled

UNAVAILABLE = ":unav"
"""What the schema has for a value that must be given and is not known."""
LATER = ":tba"
_ROR = "https://ror.org/"


def datacite(run: Described) -> dict[str, Any]:
    """Return the metadata; creators that are not known are ``:unav``, a publisher is ``:tba``.

    The year of publication is that of the run until there is a publication.
    """
    about = run.about
    publisher = about.publisher or Organization(name=LATER)
    document: dict[str, Any] = {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Result of a simulation"},
        "creators": [_creator(one) for one in about.creators] or [{"name": UNAVAILABLE}],
        "titles": [{"title": run.title}],
        "publisher": filled(name=publisher.name, **_ror(publisher, "publisherIdentifier")),
        "publicationYear": str(run.ended.year),
        "dates": [{"date": run.ended.isoformat(timespec="seconds"), "dateType": "Created"}],
        "alternateIdentifiers": [
            {"alternateIdentifier": run.digest, "alternateIdentifierType": "digest of the dissmodel record"}
        ],
        "descriptions": [
            {"description": run.description, "descriptionType": "Abstract"},
            {"description": _methods(run), "descriptionType": "Methods"},
        ],
        "formats": sorted({one.encoding for one in run.of_role("result")}),
        "sizes": [f"{one.size} bytes" for one in run.of_role("result") if one.size is not None],
        "subjects": [{"subject": one} for one in about.keywords],
        "rightsList": [_rights(about.license)] if about.license else [],
        "fundingReferences": [
            filled(
                funderName=one.funder.name,
                **_ror(one.funder, "funderIdentifier", "funderIdentifierType"),
                awardNumber=one.award,
            )
            for one in about.funding
        ],
        "relatedIdentifiers": [
            _related(url, "References") for _, url in dois_and_urls(about.references) if url
        ]
        + [_related(one.uri, "IsDerivedFrom") for one in run.record.inputs if one.uri.startswith("http")],
        "relatedItems": [
            {"relatedItemType": "Other", "relationType": "References", "titles": [{"title": text}]}
            for text, url in dois_and_urls(about.references)
            if not url
        ],
    }
    return {name: value for name, value in document.items() if value != []}


def _methods(run: Described) -> str:
    given = ", ".join(f"{name} = {value}" for name, value in run.record.parameters.items())
    return f"{run.statement} Parameters: {given}."[:5000] if given else run.statement


def _creator(creator: Creator) -> dict[str, Any]:
    found: dict[str, Any] = {"name": creator.name, "nameType": "Personal"}
    if creator.family_and_given:
        found["familyName"], found["givenName"] = creator.family_and_given
    if creator.orcid:
        orcid = {"nameIdentifier": f"https://orcid.org/{creator.orcid}", "nameIdentifierScheme": "ORCID"}
        found["nameIdentifiers"] = [orcid | {"schemeUri": "https://orcid.org"}]
    if creator.affiliation:
        place = creator.affiliation
        found["affiliation"] = [filled(name=place.name, **_ror(place, "affiliationIdentifier"))]
    return found


def _ror(place: Organization, name: str, scheme: str = "") -> dict[str, str]:
    if not place.url.startswith(_ROR):
        return {}
    return {name: place.url, scheme or f"{name}Scheme": "ROR"}


def _rights(identifier: str) -> dict[str, str]:
    return {
        "rights": identifier,
        "rightsUri": f"https://spdx.org/licenses/{identifier}",
        "rightsIdentifier": identifier,
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": "https://spdx.org/licenses/",
    }


def _related(url: str, relation: str) -> dict[str, str]:
    doi = url.removeprefix("https://doi.org/")
    kind = "DOI" if doi != url else "URL"
    return {"relatedIdentifier": doi, "relatedIdentifierType": kind, "relationType": relation}

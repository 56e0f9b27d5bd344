"""A result as an item of STAC 1.1 (SpatioTemporal Asset Catalog, https://stacspec.org), and a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dissmodel.record.export.described import Described, File, filled

VERSION = "1.1.0"
_EXTENSIONS = "https://stac-extensions.github.io"
PROJECTION = f"{_EXTENSIONS}/projection/v2.0.0/schema.json"
RASTER = f"{_EXTENSIONS}/raster/v2.0.0/schema.json"
FILE = f"{_EXTENSIONS}/file/v2.1.0/schema.json"
PROCESSING = f"{_EXTENSIONS}/processing/v1.2.0/schema.json"
# The code of sha2-256 and the number of bytes, as a multihash begins.
_SHA256 = "1220"


@dataclass(frozen=True)
class Footprint:
    """Where a result is.

    `geometry` is GeoJSON in longitude and latitude (WGS 84), `box` west, south, east, north; None where that
    is not known. `code` is the CRS as ``EPSG:…``, `wkt` its WKT. `bands` has each file's bands: name, data
    type, no data, and the size of a pixel in the unit of the CRS.
    """

    geometry: Mapping[str, Any] | None = None
    box: Sequence[float] | None = None
    code: str | None = None
    wkt: str | None = None
    bands: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def item(run: Described, place: Footprint, links: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """Return an item; the names of `run.files` are the places of its assets, relative to the item."""
    record, about = run.record, run.about
    known = filled(**{"proj:code": place.code, "proj:wkt2": None if place.code else place.wkt})
    if record.grid is not None and record.grid.transform is not None and known:
        known |= {"proj:shape": list(record.grid.shape), "proj:transform": list(record.grid.transform)}
    properties = {
        **filled(
            title=run.title,
            description=run.description,
            license=about.license,
            **{"processing:lineage": run.statement},
        ),
        "datetime": _time(run),
        "created": _time(run),
        "processing:datetime": _time(run),
        "processing:software": {one.name: one.version or "unknown" for one in (run.dissmodel, run.model)},
        "dissmodel:record_digest": run.digest,
        "dissmodel:parameters": record.parameters,
        **known,
    }
    if about.keywords:
        properties["keywords"] = list(about.keywords)
    if about.creators:
        properties["providers"] = [{"name": one.name, "roles": ["producer"]} for one in about.creators]
    uses = {PROJECTION: bool(known), RASTER: bool(place.bands), FILE: True, PROCESSING: True}
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [name for name, is_used in uses.items() if is_used],
        "id": record.experiment_id,
        "geometry": place.geometry,
        **({"bbox": list(place.box)} if place.box is not None else {}),
        "properties": properties,
        "links": [*links, *_license_link(about.license)],
        "assets": {one.label or one.name: _asset(one, place) for one in run.files},
    }


def catalogue(title: str, items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the root of a static catalogue; `items` are the place of each, relative to it, and its title."""
    root = {"rel": "root", "href": "./catalog.json", "type": "application/json"}
    links = [
        {"rel": "item", "href": place, "type": "application/geo+json", "title": name} for place, name in items
    ]
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "dissmodel-results",
        "title": title,
        "description": f"{len(links)} results of dissmodel, each with its record.",
        "links": [root, *links],
    }


def _time(run: Described) -> str:
    return run.ended.isoformat(timespec="seconds").replace("+00:00", "Z")


def _license_link(identifier: str) -> list[dict[str, str]]:
    return [{"rel": "license", "href": f"https://spdx.org/licenses/{identifier}.html"}] if identifier else []


def _asset(one: File, place: Footprint) -> dict[str, Any]:
    role = {"input": "source", "record": "metadata", "result": "data"}.get(one.role, "metadata")
    return {
        "href": one.name,
        "type": one.media_type,
        "roles": ["overview" if one.media_type == "image/png" else role],
        **filled(**{"file:size": one.size, "file:checksum": one.sha256 and f"{_SHA256}{one.sha256.lower()}"}),
        **({"bands": list(place.bands[one.name])} if one.name in place.bands else {}),
    }

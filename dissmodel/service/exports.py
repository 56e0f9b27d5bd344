"""What is made of an experiment for readers and archives: reports, bundles, metadata, citations."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

from dissmodel import api
from dissmodel.api import Citation
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.naming import naming
from dissmodel.experiment.source import InPlace, placed
from dissmodel.service import foreign
from dissmodel.service.pictures import keep
from dissmodel.service.refusals import refused
from dissmodel.service.service import Service

Kind = Literal["bundle", "ro-crate", "prov", "stac", "datacite", "text", "bibtex", "csl"]

KINDS: Mapping[Kind, tuple[str, str]] = {
    "bundle": ("zip", "application/zip"),
    "ro-crate": ("crate.zip", "application/zip"),
    "prov": ("prov.json", "application/json"),
    "stac": ("stac.json", "application/geo+json"),
    "datacite": ("datacite.json", "application/vnd.datacite.datacite+json"),
    "text": ("txt", "text/plain"),
    "bibtex": ("bib", "application/x-bibtex"),
    "csl": ("csl.json", "application/vnd.citationstyles.csl+json"),
}
"""How the file of each export ends, and its media type."""

_MOST_BYTES = 1 << 30
_ONE = threading.Lock()  # maps take a processor and much memory, archives the disk
_WITHOUT_FILES: tuple[str, ...] = ("prov", *get_args(Citation))


def report(service: Service, experiment: str) -> bytes:
    """Return the report of an experiment as one HTML file; it is made once.

    Raises
    ------
    DissmodelError
        If there is no such experiment, it did not complete, or it is too large (code ``"export_too_large"``).
    """
    file = service.settings.data_dir / "reports" / f"{experiment}.html"
    if not file.exists():
        with _ONE, _brought(service, experiment) as source:
            made = source.path.with_name("report.html")
            foreign.run("dissmodel", "report", str(source.path), "--output", str(made), "--quiet")
            keep(file, made.read_bytes())
    return file.read_bytes()


def export(service: Service, experiment: str, kind: Kind, license_: str | None, folder: Path) -> Path:
    """Make an export of an experiment as a file in a folder; an archive is without the input.

    Raises
    ------
    DissmodelError
        As `report`, and as `dissmodel.api.bundle`, `dissmodel.api.export` and `dissmodel.api.cite`.
    """
    path = folder / f"{experiment[:8]}.{KINDS[kind][0]}"
    bring = kind not in _WITHOUT_FILES
    with (
        _ONE if bring else contextlib.nullcontext(),
        _brought(service, experiment, bring=bring) as source,
        naming({str(folder): ""}),
    ):
        record = source.path
        if kind == "bundle":
            api.bundle(record, output=path, with_input=False, license=license_)
        elif kind == "ro-crate":
            api.export(record, format=kind, output=path, with_input=False, license=license_)
        elif kind == "prov" or kind == "stac":  # noqa: PLR1714  (mypy tells the types apart so)
            document = api.export(record, format=kind, license=license_).document
            path.write_text(json.dumps(document, indent=2), encoding="utf-8")
        else:
            path.write_text(api.cite(record, format=kind, license=license_), encoding="utf-8")
    return path


@contextlib.contextmanager
def _brought(service: Service, experiment: str, *, bring: bool = True) -> Iterator[InPlace]:
    record = service.completed(experiment)
    size = sum(one.size or 0 for one in record.files.values())
    if bring and size > _MOST_BYTES:
        raise refused(
            "export_too_large", f"The result of {experiment} is too large for this: {size:,} bytes."
        )
    with placed(service.truth.experiment(experiment), RECORD) as source:
        _ = source.document  # it is fetched
        source.refuse_changed()
        if bring:
            source.bring()
        yield source

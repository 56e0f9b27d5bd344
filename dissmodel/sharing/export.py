"""Export a record: as a crate, as provenance, as a catalogue's item, as metadata for a DOI, as a citation."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissmodel.consent import Consent
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.experiment.source import InBundle, Source, open_source
from dissmodel.record import store
from dissmodel.record.export import cite as citing
from dissmodel.record.export.datacite import datacite
from dissmodel.record.export.prov import prov
from dissmodel.sharing.bundle import BundleRequest, contents, given_record, place_of, taken
from dissmodel.sharing.bundle_archive import write
from dissmodel.sharing.crate import of_record
from dissmodel.sharing.folder import as_json, new_folder_at, write_folder
from dissmodel.sharing.stac import catalogue_of, item_of


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export.

    - `record`: the record, its URL, a bundle, or for ``stac`` a folder of records.
    - `format`: ``ro-crate``, ``prov``, ``stac`` or ``datacite``.
    - `output`: the file; for ``ro-crate`` a zip or a new folder, for a folder of records a new folder; None:
      the document is only returned.
    - `license`: that of the result, where the record names none.
    - `input`, `others`, `with_input`, `consent`: for ``ro-crate``, as `BundleRequest` has them.
    - `overwrite`: whether an earlier file may be replaced.
    """

    record: Path | str
    format: str
    output: str | None = None
    license: str = ""
    input: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    with_input: bool = True
    overwrite: bool = False
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Exported:
    """An export.

    - `path`: where it is, None if it was not written.
    - `document`: the JSON document; None for a crate or a catalogue.
    - `files`: the names in it, of a crate or a catalogue.
    - `warnings`: what is not in it and why.
    """

    path: Path | None
    document: Mapping[str, Any] | None = None
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def export(request: ExportRequest) -> Exported:
    """Export a record.

    A crate and PROV also tell of a run that failed; STAC and DataCite are about results.

    Raises
    ------
    InvalidInput
        If the record can't be read, there is nothing to export, or no licence is known for a crate.
    Differs
        If the record or a file of the result is not as recorded.
    UsageError
        If the export has no place.
    DissmodelError
        If something can't be read or written.
    """
    given = given_record(request.record)
    if request.format != "ro-crate" and (request.input or request.others or not request.with_input):
        raise UsageError("--input and --no-input are for a crate.", "--format ro-crate, or leave them out.")
    if request.format == "stac" and isinstance(given, Path) and given.is_dir():
        return _catalogue(request, given)
    with ExitStack() as stack:
        source = stack.enter_context(open_source(given))
        if request.format == "ro-crate":
            return _crate(request, source, stack)
        document = _document(request, source)
        if request.output is None:
            return Exported(None, document)
        known = [source.path, *(one.path for one in source.files.values() if one.path is not None)]
        path = place_of(request.output, known, overwrite=request.overwrite, suffix=".json")
        store.write_atomically(path, as_json(document))
        return Exported(path, document)


def _document(request: ExportRequest, source: Source) -> dict[str, Any]:
    if request.format == "stac":
        folder = Path(os.path.abspath(request.output)).parent if request.output is not None else None  # noqa: PTH100  (resolve() would follow the user's links)
        return item_of(source, request.license, folder)
    if request.format == "datacite":
        source.refuse_unfinished("to publish", "nothing_to_export")
    _refuse_changed(source)
    run = of_record(source, request.license)
    return prov(run) if request.format == "prov" else datacite(run)


def cite(record: Path | str, form: str, given_license: str = "") -> str:
    """Return a citation of a result, as text that ends with a line break.

    `form` is ``text``, ``bibtex``, ``csl`` or ``datacite``.

    Raises
    ------
    InvalidInput
        If the record can't be read, or its run did not complete.
    Differs
        If the record was changed.
    """
    with open_source(given_record(record)) as source:
        source.refuse_unfinished("to cite", "nothing_to_export")
        _refuse_changed(source)
        run = of_record(source, given_license)
        if form == "text":
            return f"{citing.text(run)}\n"
        if form == "bibtex":
            return citing.bibtex(run)
        document = citing.csl(run) if form == "csl" else datacite(run)
        return f"{json.dumps(document, indent=2)}\n"  # in ASCII, as a terminal can show it


def _refuse_changed(source: Source) -> None:
    if source.is_changed:
        raise source.not_as_recorded("record", "exported")


def _crate(request: ExportRequest, source: Source, stack: ExitStack) -> Exported:
    if isinstance(source, InBundle):
        raise UsageError(
            f"{source.given}: this is a crate already.", "Unpack it, or give the record of a run."
        )
    output = request.output
    if output is None:
        raise UsageError("Where is the crate to be?", "--output crate.zip, or --output FOLDER")
    run = of_record(source, request.license)
    if not run.about.license:
        raise InvalidInput(
            f"{source.given}: a crate has to name a licence, and the record names none.",
            "Give the one under which you publish it: --license CC-BY-4.0. For later runs: dissmodel config"
            ' set about.license CC-BY-4.0, or license = "CC-BY-4.0" below [about] in the TOML.',
            code="license_needed",
        )
    told: list[str] = []
    words = BundleRequest(
        record=request.record,
        output=output,
        input=request.input,
        others=request.others,
        with_input=request.with_input,
        license=request.license,
        overwrite=request.overwrite,
        consent=request.consent,
    )
    members = contents(source, words, stack, told)
    if output.lower().endswith(".zip"):
        path = place_of(output, taken(source, members), overwrite=request.overwrite)
        write(path, members)
    else:
        path = new_folder_at(output)
        write_folder(path, members)
    return Exported(path, None, tuple(one.name for one in members), tuple(told))


def _catalogue(request: ExportRequest, folder: Path) -> Exported:
    if request.output is None:
        raise UsageError("Where is the catalogue to be?", "--output FOLDER")
    root, told = new_folder_at(request.output), list[str]()
    members = catalogue_of(folder, root, request.license, told)
    write_folder(root, members)
    return Exported(root, None, tuple(one.name for one in members), tuple(told))

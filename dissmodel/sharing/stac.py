"""The STAC item of a result, and the catalogue of those in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dissmodel.errors import DissmodelError, InvalidInput, shell_word
from dissmodel.experiment.files import name_of
from dissmodel.experiment.layout import experiment_name
from dissmodel.experiment.listing import ListRequest, list_records
from dissmodel.experiment.source import InBundle, Source, open_source
from dissmodel.progress import current
from dissmodel.record import MAIN
from dissmodel.record.export.described import File
from dissmodel.record.export.stac import Footprint, catalogue, item
from dissmodel.sharing.bundle import refuse_unfit
from dissmodel.sharing.bundle_archive import Member
from dissmodel.sharing.crate import of_record
from dissmodel.sharing.folder import as_json
from dissmodel.sharing.footprint import footprint
from dissmodel.storage.uri import beside

_ROOT = "catalog.json"
_UP = [{"rel": rel, "href": f"../{_ROOT}", "type": "application/json"} for rel in ("root", "parent")]


def item_of(
    source: Source, given_license: str, folder: Path | None, links: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Return the STAC item of a result.

    Its assets are relative to `folder`, without one to the record; those of a remote record are URLs.

    Raises
    ------
    InvalidInput
        If the run did not complete, or a file can't be read.
    Differs
        If the record or a file of the result is not as recorded.
    """
    source.refuse_unfinished("to catalogue", "nothing_to_export")
    source.bring()
    refuse_unfit(source)
    run = of_record(source, given_license)

    def place(name: str, found: Path | str) -> str:
        if source.is_remote:
            return beside(str(source.given), name)
        if folder is None or isinstance(source, InBundle):
            return name
        try:
            return Path(os.path.relpath(found, folder)).as_posix()
        except ValueError:  # Windows has no way from one drive to another
            return Path(found).absolute().as_uri()

    found = {one.label: source.files[one.label].path for one in run.of_role("result")}
    here = {
        place(one.name, path): (one, path)
        for one in run.of_role("result")
        if (path := found[one.label]) is not None and path.is_file()
    }
    name = name_of(str(source.given))
    record = File(place(name, source.given), "record", media_type="application/json", label="record")
    assets = (*(replace(one, name=at) for at, (one, _) in here.items()), record)
    main = found.get(MAIN)
    rasters = {at: path for at, (_, path) in here.items()}
    where = footprint(main, source.record.grid, rasters) if main is not None else Footprint()
    return item(replace(run, files=assets), where, links)


def catalogue_of(folder: Path, root: Path, given_license: str, told: list[str]) -> list[Member]:
    """Return the files of a static catalogue of all results in a folder and below it, to be put into `root`.

    Each result is in it once; `told` hears which are left out and why.

    Raises
    ------
    InvalidInput
        If there is no result.
    """
    items: dict[str, dict[str, Any]] = {}
    for row in list_records(ListRequest(str(folder), status="completed", sort="when"), current()):
        try:
            with open_source(row.path) as source:
                name = experiment_name(source.record.experiment_id, str(row.path))
                if name not in items:
                    items[name] = item_of(source, given_license, root / name, _UP)
        except DissmodelError as error:
            told.append(f"{row.path} is not in the catalogue: {error.message}")
    if not items:
        raise InvalidInput(
            f"{folder}: there is no result in it with a record.",
            f"See what there is: dissmodel record list {shell_word(str(folder))}",
            code="nothing_to_export",
        )
    places = [(f"./{name}/{name}.json", one["properties"]["title"]) for name, one in items.items()]
    members = [Member(f"{name}/{name}.json", as_json(one)) for name, one in items.items()]
    return [Member(_ROOT, as_json(catalogue(f"Results in {folder.name}", places))), *members]

"""The file that makes a bundle a crate, and what comes along that the record does not name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dissmodel.experiment.files import Recorded, name_of
from dissmodel.experiment.source import InFolder, Source
from dissmodel.inherited import current_folder
from dissmodel.io import unzip
from dissmodel.record import Artifact, digest
from dissmodel.record.export import ro_crate
from dissmodel.record.export.described import OCTETS, Described, File
from dissmodel.record.media import media_type
from dissmodel.record.picture import is_ours, picture_path
from dissmodel.record.report_file import report_path
from dissmodel.sharing.bundle_archive import Member

MODEL = "model"
"""The folder of a model that is a file."""
MOST_RUNS = 100
"""Of a sweep, so that programs can read what the crate says of each."""
MOST_BYTES = unzip.MAX_BYTES // 2
"""Of the results of the runs of a sweep, so that there is room for the rest."""


def of_record(source: Source, given_license: str) -> Described:
    """Return what an export says of a record; files are named as they are beside it."""
    record = source.record
    files = [
        File(
            name_of(one.uri) or one.called,
            "input",
            one.checksum.lower(),
            one.size,
            media_type(name_of(one.uri)) or OCTETS,
        )
        for one in record.inputs
    ]
    for name, one in source.files.items():
        path = name_of(one.artifact.path) if one.artifact.external else one.artifact.path
        kind = one.artifact.media_type or media_type(path) or OCTETS
        files.append(File(path or name, "result", one.artifact.sha256.lower(), one.size, kind, name))
    return Described(record, source.digest, tuple(files), given_license, str(source.given))


def crate_file(
    source: Source, members: Sequence[Member], given_license: str = "", runs: Iterable[Source] = ()
) -> Member:
    """Return the file with which a folder of `members` is a crate; `runs` are those of a sweep in it."""
    files = tuple(_file(one) for one in members)
    run = Described(source.record, source.digest, files, given_license, str(source.given))
    swept = []
    for one in runs:
        inputs = {data.checksum.lower() for data in one.record.inputs}
        read = [file for file in run.of_role("input") if file.sha256 in inputs]
        its = [file for file in files if file.name.startswith(f"{folder_of(one)}/")]
        swept.append(Described(one.record, one.digest, (*read, *its), run.about.license, str(one.given)))
    return Member(ro_crate.NAME, ro_crate.crate(run, swept))


def folder_of(run: Source) -> str:
    """Return the folder of a run of a sweep, in the folder of the sweep."""
    return f"{run.path.parent.parent.name}/{run.path.parent.name}"


def runs_of(source: Source, told: list[str]) -> list[Source]:
    """Return the runs of a sweep that completed; none, and `told` hears it, where they are too many.

    They are as recorded: the record of the sweep was verified.
    """
    sweep = source.record.sweep
    if sweep is None:
        return []
    found: list[Source] = [
        InFolder(source.path.parent / sweep.place_of(key)) for key in sorted(sweep.completed)
    ]
    size = 0
    is_few = not source.is_remote and 0 < len(found) <= MOST_RUNS
    if is_few:
        size = sum(one.artifact.size or 0 for run in found for one in run.files.values())
    if not is_few or size > MOST_BYTES:
        told.append(
            f"The {sweep.runs} runs of the sweep are not in it, only their table: at most {MOST_RUNS} that "
            f"completed are, with results of {MOST_BYTES // 2**30} GiB, of a sweep on this machine."
        )
        return []
    if sweep.failed:
        told.append(f"{len(sweep.failed)} runs that failed are not in it.")
    return found


def _file(one: Member) -> File:
    bytes_or_file = one.content
    sha256 = one.sha256 or (
        digest.sha256_bytes(bytes_or_file)
        if isinstance(bytes_or_file, bytes)
        else digest.sha256_file(bytes_or_file)
    )
    kind = one.media_type or media_type(one.name) or OCTETS
    return File(one.name, one.role, sha256, one.size, kind, one.label)


def drawn(source: Source) -> Iterator[Member]:
    """Yield the preview and the report beside the record, where there are any."""
    picture = picture_path(source.path, Path(source.record.main_path or "output").stem)
    report = report_path(source.path)
    if is_ours(picture):
        yield Member(picture.name, picture, label="Preview: before, after, change")
    if report.is_file() and not report.is_symlink():
        yield Member(report.name, report, label="Report of the run")


def model_file(source: Source) -> Iterator[Member]:
    """Yield the file of a model that is a file, if it is found.

    It is looked for where the command of the run named it, from the current folder and from that of the
    record; only a file with the bytes that ran counts.
    """
    code = source.record.code
    if source.is_remote or code is None or code.package is not None or not code.source_digest:
        return
    named = [f"{word.partition('.py')[0]}.py" for word in source.record.command if ".py" in word]
    named.append(f"{(code.module or '').removeprefix('dissmodel_file_')}.py")
    for folder in (current_folder() or source.path.parent, source.path.parent):
        for name in named:
            file = Recorded(Artifact(path=name, size=0, sha256=code.source_digest), folder / name).intact()
            if file is not None and re.fullmatch(r"[\w.+-]+", file.name):
                yield Member(f"{MODEL}/{file.name}", file, code.source_digest, label="The model")
                return

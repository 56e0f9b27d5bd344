"""The file that makes a bundle a crate, and what comes along that the record does not name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dissmodel.experiment.files import Recorded, name_of
from dissmodel.experiment.source import Source
from dissmodel.inherited import current_folder
from dissmodel.record import Artifact, digest
from dissmodel.record.export import ro_crate
from dissmodel.record.export.described import OCTETS, Described, File
from dissmodel.record.media import media_type
from dissmodel.record.picture import is_ours, picture_path
from dissmodel.record.report_file import report_path
from dissmodel.sharing.bundle_archive import Member

MODEL = "model"
"""The folder of a model that is a file."""


def described(source: Source, members: Sequence[Member], given_license: str = "") -> Described:
    """Return what an export says of an experiment, with the files of a bundle."""
    files = tuple(_file(one) for one in members)
    return Described(source.record, source.digest, files, given_license, str(source.given))


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


def crate_file(source: Source, members: Sequence[Member], given_license: str = "") -> Member:
    """Return the file with which a folder of `members` is a crate."""
    return Member(ro_crate.NAME, ro_crate.crate(described(source, members, given_license)))


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

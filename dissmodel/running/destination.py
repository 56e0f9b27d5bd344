"""Where a run's result goes, and what must not be lost there."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dissmodel import materialize
from dissmodel.errors import DissmodelError, InvalidInput, UsageError, shell_word
from dissmodel.executor.host import ModelInfo
from dissmodel.record import store
from dissmodel.record.digest import sha256_file
from dissmodel.record.picture import is_ours, picture_path
from dissmodel.record.report_file import is_report, report_path
from dissmodel.storage.uri import parse

_FOLDER = "/"
_LONGEST_NAME = 255
_LONGEST_PATH = 3500
_MOST_NAMES = 100
_LONGEST = 200  # the names of the record, of its failed runs and of the scratch folder are longer


@dataclass(frozen=True)
class Destination:
    """The place of a result and its record.

    The result is in `folder` under `name` (None: the model decides its suffix); its name and its record's
    begin with `stem`. `named`: the user gave the name.
    """

    folder: Path
    name: str | None
    stem: str
    whole_folder: bool
    named: bool

    @property
    def record_path(self) -> Path:
        """Where the record of a completed run is."""
        return self.folder / f"{self.stem}.record.json"


def choose(output: str | None, model: ModelInfo, experiment_id: str) -> Destination:
    """Return where the result goes."""
    writes_folder = model.output_suffix == _FOLDER
    if output is None:
        stem = f"{model.name}_{experiment_id[:8]}"
        name = stem + model.output_suffix.removesuffix(_FOLDER) if model.output_suffix else None
        return Destination(Path.cwd(), name, stem, whole_folder=writes_folder, named=False)
    uri = parse(output)
    if uri.path is None:
        raise UsageError(f"{output}: results are written to local files.", "Give a path: --output result.tif")
    path = Path(os.path.abspath(uri.path))  # noqa: PTH100  (resolve() would follow the user's own links)
    _check_name(output, path)
    suffixes = model.output_suffixes
    ends_as_folder = output.endswith(("/", os.sep)) or path.is_dir()
    if suffixes and (ends_as_folder or path.suffix.lower() not in suffixes):
        example = path / f"result{suffixes[0]}" if ends_as_folder else path.with_suffix(suffixes[0])
        suffix = f"has the suffix {path.suffix!r}" if path.suffix else "has no suffix"
        what = "is a folder" if ends_as_folder else suffix
        raise UsageError(
            f"{output}: {model.name} writes {' or '.join(suffixes)}; this {what}.",
            f"--output {example}",
            code="output_suffix",
        )
    if writes_folder and path.suffix and not ends_as_folder:
        raise UsageError(
            f"{output}: {model.name} writes a folder; this looks like a file.",
            f"The name of a folder ends in a slash: --output {output}/",
            code="output_suffix",
        )
    whole_folder = ends_as_folder or writes_folder or not (path.suffix or model.output_suffix)
    stem = path.name if whole_folder else path.stem
    return Destination(path.parent, path.name, stem, whole_folder, named=True)


def _check_name(output: str, path: Path) -> None:
    """Refuse a name that a record can't hold, or that leaves no room for the names made of it."""
    if path.name:
        try:
            store.artifact_path(path, path.name)
        except DissmodelError as error:
            raise UsageError(
                f"{output!r}: a record can't hold the name {path.name!r}.",
                "Give a plain name: --output result.tif",
            ) from error
    longest = max(len(os.fsencode(part)) for part in path.parts)
    if (
        longest > _LONGEST_NAME
        or len(os.fsencode(path.name)) > _LONGEST
        or len(os.fsencode(path)) > _LONGEST_PATH
    ):
        raise UsageError(
            f"{output[:_LONGEST]}…: the name is too long, or its path; a name may have {_LONGEST} bytes.",
            "Give a shorter name: --output result.tif",
        )


def check(destination: Destination, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse a destination where something would be lost."""
    if destination.name is None:
        return
    output = destination.folder / destination.name
    for source in sources:
        inside = destination.whole_folder and source.resolve().is_relative_to(output.resolve())
        for place in (output, destination.record_path):
            if _same(source, place) or inside:
                raise UsageError(
                    f"{place}: this is the input.", _another_name(destination), code="output_is_input"
                )
    _check_record(destination)
    found = "folder" if output.is_dir() else "file" if output.is_file() else "device or pipe"
    if output.exists() and found != ("folder" if destination.whole_folder else "file"):
        raise UsageError(f"{output}: there is a {found} of that name.", _another_name(destination))
    if destination.whole_folder:
        _check_folder(output)
    _check_mounts(output)
    if output.is_dir() and any(output.iterdir()) and not destination.record_path.exists():
        raise UsageError(
            f"{output}: the folder is not empty and no record describes it.", "Give the name of a new folder."
        )
    for taken in (output, destination.record_path):
        if os.path.lexists(taken) and not overwrite:  # a link that leads nowhere is someone's too
            raise UsageError(
                f"{taken} exists.", "Give another name, or replace it: --overwrite", code="output_exists"
            )


def replaced(destination: Destination, keep: Collection[Path] = ()) -> tuple[Path, ...]:
    """Return the files that are replaced, but not `keep`.

    These are the old result, what its record lists, its picture and its report.
    """
    files: list[Path] = []
    if destination.name is not None and not destination.whole_folder:
        files.append(destination.folder / destination.name)
    if destination.record_path.exists():
        record = store.read(destination.record_path)
        for artifact in record.files.values():
            if artifact.external:
                continue
            # A record is only text: a file that no result has, or that is not the one it describes, belongs
            # to someone else.
            try:
                path = materialize.pair_path(destination.record_path, artifact.path)
            except InvalidInput:
                continue
            if path.is_file() and sha256_file(path) == artifact.sha256:
                files.append(path)
        # What someone signed is the old pair; it would be a wrong word about the new one.
        from dissmodel.experiment.statements import attestations  # noqa: PLC0415  (a first result is unsigned)
        from dissmodel.record.sign import signature_path  # noqa: PLC0415  (as above)

        signed = (destination.record_path, *attestations(destination.record_path))
        files += [*signed[1:], *map(signature_path, signed)]
    there = [path for path in files if os.path.lexists(path)]
    if there or destination.record_path.exists():
        # A picture or a report of the old result would be taken for that of the new result.
        picture, report = picture_path(destination.record_path), report_path(destination.record_path)
        there += [picture] * is_ours(picture) + [report] * is_report(report)
    kept = [path for path in there if not any(_same(path, one) for one in keep)]
    return tuple(dict.fromkeys(kept))


def _check_folder(output: Path) -> None:
    """Refuse a folder to which no files could be moved, or from which none could be brought back."""
    if output.name.startswith("."):
        raise UsageError(
            f"{output}: the name of a result's folder can't begin with a dot.",
            f"--output {output.with_name(output.name.lstrip('.') or 'result')}/",
            code="output_hidden",
        )
    if output.is_symlink():
        raise UsageError(
            f"{output}: this is a link; the folder of a result can't be a link.",
            f"Give the folder itself: --output {os.path.realpath(output)}/",
            code="output_link",
        )


def _check_mounts(output: Path) -> None:
    """Refuse an output that no file can be renamed to: it, or a part of it, is mounted there."""
    if not output.exists() or output.is_symlink():  # a link to a file is replaced, not followed
        return
    mounted = _mount_points(output)
    if output.stat().st_dev != output.parent.stat().st_dev:
        mounted = (output, *mounted)
    if mounted:
        raise UsageError(
            f"{mounted[0]}: this is another file system than {output.parent}; "
            "a finished result can't be moved there in one step.",
            f"Give a name in it: --output {output / 'result'}/"
            if output.is_dir()
            else "Give another name: --output NAME",
            code="output_mounted",
        )


def _mount_points(path: Path) -> tuple[Path, ...]:
    """Return `path` if something is mounted there, and the places below it where something is.

    Only Linux tells; elsewhere there is none.
    """
    real = os.path.realpath(path)
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return ()
    escaped = (line.split(b" ")[4] for line in lines)
    named = (re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), name) for name in escaped)
    names = map(os.fsdecode, named)
    return tuple(Path(name) for name in names if name == real or name.startswith(f"{real}{os.sep}"))


def _check_record(destination: Destination) -> None:
    path = destination.record_path
    if not os.path.lexists(path):
        return
    try:
        record = store.read(path)
    except InvalidInput as error:
        if error.code == "record_newer":
            raise
        raise UsageError(
            f"{path}: another file, not a record, already has the name of the record.",
            _another_name(destination),
            code="record_taken",
        ) from error
    said = Path(record.main_path or "")
    # The main file of a folder is in it.
    owner = said.parts[0] if destination.whole_folder and said.parts else said.name
    if owner != destination.name:
        raise UsageError(
            f"{path} is the record of {owner or 'another output'}.",
            _another_name(destination, "Give a name with another stem"),
            code="record_taken",
        )


def _another_name(destination: Destination, what: str = "Give another name") -> str:
    """Return a hint with a name like the destination's that nothing has, nor a record."""
    output = destination.folder / (destination.name or destination.stem)
    for number in range(2, _MOST_NAMES):
        other = output.with_name(f"{output.stem}-{number}{output.suffix}")
        if not any(os.path.lexists(one) for one in (other, store.record_path(other))):
            end = os.sep if destination.whole_folder else ""
            return f"{what}: --output {shell_word(f'{other}{end}')}"
    return f"{what}."


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)  # resolve() fails on a link to itself

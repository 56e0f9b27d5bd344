"""What a run left in its scratch folder: found, measured and given its final name."""

from __future__ import annotations

import itertools
import mimetypes
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from dissmodel import materialize
from dissmodel.errors import DissmodelError, DissmodelWarning, RunFailed
from dissmodel.io import content
from dissmodel.record import MAIN, Artifact, ExperimentRecord
from dissmodel.record.digest import sha256_file
from dissmodel.record.media import media_type
from dissmodel.running.destination import Destination
from dissmodel.running.open_files import name_of, still_open, wait_for_writers
from dissmodel.running.profiling import profiling_name

_LONGEST_NAME = 255  # bytes
_PATIENCE = 1.0  # seconds, for who still has a file open
_QUIET = 0.1  # seconds without a change, before a file that somebody has open is copied

Stamp = tuple[int, int, int, int] | None

LET_END = "Let its threads and processes end before its save returns."
LATEST = "experiment_record.json"
"""The copy of the latest record, beside results that were given no name."""


@dataclass(frozen=True)
class Results:
    """The files of a result.

    `files` is name → what was measured, paths relative to the record. `finals` and `sources` are without
    external files: name within the working folder → final path, and name → name within the working folder.
    `main_file` is where the file named `MAIN` is now (None: the model left nothing). `stamps` is final path
    → stamp when it was measured. `aliases` are other names that the model gave to these files → sha256.
    """

    files: Mapping[str, Artifact]
    finals: Mapping[str, Path]
    main_file: Path | None
    stamps: Mapping[Path, Stamp]
    sources: Mapping[str, str]
    aliases: Mapping[str, str]

    def here(self, work: Path) -> dict[str, Path]:
        """Return where each file is as long as it is in the working folder, by its name."""
        return {name: work / self.sources.get(name, artifact.path) for name, artifact in self.files.items()}

    def changed(self, work: Path) -> Path | None:
        """Return a file that was written to since it was measured; none has its final name yet."""
        now = {final: work / name for name, final in self.finals.items()}
        for final, stamp in self.stamps.items():
            if _stamp(now.get(final, final)) != stamp:
                return final
        return None

    def changed_since(self) -> Path | None:
        """Return a file that was written to as it got its final name, or that somebody may yet write to.

        A new name is a change of the file too, so that only its size and the time of its content tell.
        """
        for final, stamp in self.stamps.items():
            now = _stamp(final)
            if now is None or stamp is None or now[:3] != stamp[:3]:
                return final
        held = still_open(self.finals.values())
        return next((final for final, process in held.items() if process is not None), None)


def take_over(work: Path, model: str, alone: Callable[[], bool]) -> None:
    """Let nobody but the run write to the files that a model left in `work`.

    A file that somebody still has open for writing, or that has another name elsewhere, gives way to a copy:
    what is written to the old file later doesn't reach the result. Who has it open is waited for first, for a
    second, and then named.

    `alone` returns whether the model left no thread in this process.
    """
    files = list(_regular_files(work))
    held = wait_for_writers(files, _PATIENCE, alone=alone)
    before = {path: _stamp(path) for path in held}
    if set(held.values()) - {os.getpid(), None} or (held and not alone()):
        time.sleep(_QUIET)
    for path in files:
        if path not in held and path.stat().st_nlink == 1:
            continue
        copy = work.parent / uuid4().hex
        shutil.copy2(path, copy)
        who = name_of(held.get(path))
        if path in held and _stamp(path) != before[path]:
            by = f", by {who}" if who else ""
            raise RunFailed(
                f"{path.name} changed after {model} had returned it{by}.", LET_END, code="output_changed"
            )
        copy.replace(path)
        if who:
            warnings.warn(
                f"{path.name} was still open for writing when {model} had returned it, by {who}: its "
                "content at that time is the result, and anything written to it later is lost.",
                DissmodelWarning,
                stacklevel=2,
            )


def collect(
    work: Path,
    saved: ExperimentRecord,
    destination: Destination,
    *,
    tag: str,
    free: frozenset[Path],
    as_laid_out: bool = False,
) -> Results:
    """Measure what the run left in `work` and choose the final names.

    The ``output_path`` of `saved` says which file is the main one, its ``artifacts`` name the others by their
    digest. `tag` makes a name unique that is taken; files in `free` may be replaced; `as_laid_out`: `work` is
    laid out as the destination's folder is to be.
    """
    claimed = {digest: name for name, digest in saved.artifacts.items() if name != MAIN}
    main = _main(work, saved)
    files: dict[str, Artifact] = {}
    finals: dict[str, Path] = {}
    stamps: dict[Path, Stamp] = {}
    sources: dict[str, str] = {}
    left = list(_regular_files(work))
    elsewhere = materialize.reserved(destination.record_path)
    if main is not None and main not in left:
        stamps[main] = _stamp(main)
        files[MAIN] = _measure(main, str(main), external=True)
    elif main is not None and not as_laid_out:
        _tell_misnamed(main, work, destination)
    for path in left:
        final = _final(path, main, work, destination, as_laid_out=as_laid_out)
        if is_taken(final, destination, free) or final in stamps or final in elsewhere:
            final = untaken(final, f"{destination.stem}.{tag}", stamps)
        stamps[final] = _stamp(path)
        artifact = _measure(path, final.relative_to(destination.folder).as_posix())
        name = MAIN if path == main else claimed.get(artifact.sha256, final.name)
        if name in files:
            name = artifact.path
        files[name] = artifact
        sources[name] = path.relative_to(work).as_posix()
        finals[sources[name]] = final
    if as_laid_out:
        for name, path in _written_beside(saved, destination, {one.sha256 for one in files.values()}):
            stamps[path] = _stamp(path)
            files[name] = _measure(path, path.name)
    measured = {artifact.sha256 for artifact in files.values()}
    for name, digest in saved.artifacts.items():
        if digest not in measured:
            saved.add_log(
                f"warning: the model noted an artifact {name!r} ({digest[:16]}…) that was not found"
            )
    ordered = dict(sorted(files.items(), key=lambda item: (item[0] != MAIN, item[0])))
    aliases = {
        name: digest for name, digest in saved.artifacts.items() if digest in measured and name not in files
    }
    return Results(ordered, finals, main, stamps, sources, aliases)


def _written_beside(
    saved: ExperimentRecord, destination: Destination, known: set[str]
) -> Iterator[tuple[str, Path]]:
    """Yield what a model wrote into the destination's own folder: files with a digest that it noted."""
    wanted = {digest: name for name, digest in saved.artifacts.items() if digest not in known}
    since = int(saved.created_at.timestamp())
    for path in sorted(destination.folder.iterdir()) if wanted else ():
        regular = path.is_file() and not path.is_symlink() and not path.name.startswith(".")
        name = wanted.pop(sha256_file(path), "") if regular and path.stat().st_mtime >= since else ""
        if name:
            yield name, path


def _main(work: Path, saved: ExperimentRecord) -> Path | None:
    """Return the main file: the one the record names, by path or by digest, else the only one."""
    said = os.fspath(saved.output_path or work)
    path = work if "://" in said else Path(said).absolute()
    if path.is_file():
        return next((one for one in _regular_files(work) if one.samefile(path)), path.resolve())
    within = path.is_dir() and path != work and path.resolve().is_relative_to(work.resolve())
    times = work / profiling_name(saved)  # ours, not the model's
    there = [one for one in _regular_files(path if within else work) if one != times]
    named = [one for one in there if sha256_file(one) == saved.output_sha256]
    if named or len(there) == 1 or (there and within):
        return (named or there)[0]
    return None


def _regular_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _final(
    path: Path, main: Path | None, work: Path, destination: Destination, *, as_laid_out: bool = False
) -> Path:
    relative = path.relative_to(work)
    if as_laid_out:
        return destination.folder.joinpath(*map(_plain, relative.parts))
    if destination.whole_folder:
        inside = relative.parts[1:] if relative.parts[0] == destination.name else relative.parts
        inner = [*map(unhidden, inside[:-1]), *inside[-1:]]
        return destination.folder.joinpath(destination.stem, *map(_plain, inner))
    if path == main:
        return destination.folder / (destination.stem + _plain(path.suffix))
    return destination.folder / unhidden(_plain(path.name))


def unhidden(name: str) -> str:
    """Return a name without a dot at its start: git and shells run what they find under such names."""
    return re.sub(r"^\.", "_", name)


def _plain(name: str) -> str:
    """Return a file's name as a record can hold it and any system can have it."""
    return re.sub(r"[\\:\x00-\x1f\x7f\ud800-\udfff]", "_", name)


def is_taken(path: Path, destination: Destination, free: frozenset[Path]) -> bool:
    """Return whether a name has another use, or is that of a file which is not in `free`."""
    ours = path.name.startswith(materialize.PREFIX) or path.name == LATEST
    return ours or path == destination.record_path or (path.exists() and path not in free)


def untaken(path: Path, prefix: str, given: Mapping[Path, object]) -> Path:
    """Return a path beside `path` that nothing has, its name not too long for a file's."""
    kept = path.name
    while len(os.fsencode(f"{prefix}.999999.{kept}")) > _LONGEST_NAME:
        kept = kept[1:]
    names = itertools.chain(
        [f"{prefix}.{kept}"], (f"{prefix}.{number}.{kept}" for number in itertools.count(2))
    )
    return next(one for name in names if (one := path.with_name(name)) not in given and not one.exists())


def _stamp(path: Path) -> Stamp:
    """Return a file's number, its size and the times of its last changes; None where it is gone.

    The times are that of its content, and that of anything of it, also of its name: nobody can set this one.
    """
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _tell_misnamed(main: Path, work: Path, destination: Destination) -> None:
    expected = destination.named and not destination.whole_folder
    if expected and _final(main, main, work, destination).name != destination.name:
        wrote = f"The model wrote {main.name}, not {destination.name}."
        warnings.warn(wrote, DissmodelWarning, stacklevel=3)


def _measure(path: Path, name: str, *, external: bool = False) -> Artifact:
    try:
        digest = content.content_digest(path)
    except DissmodelError as error:
        # A GeoPackage of ours was not read back when it was written: here it is read for the first time.
        if error.code == "vector_damaged" and path.suffix.lower() == ".gpkg" and not external:
            raise RunFailed(
                f"The result {path.name} can't be read: {error}",
                "Check the disk, then run it again.",
                code="result_damaged",
            ) from error
        warnings.warn(f"{path.name}: no content digest: {error}", DissmodelWarning, stacklevel=2)
        digest = None
    return Artifact(
        path=name,
        size=path.stat().st_size,
        sha256=sha256_file(path),
        media_type=media_type(path.name) or mimetypes.guess_type(path.name)[0],
        content_digest=digest,
        external=external,
    )

"""What a run left in its scratch folder: found, measured and given its final name."""

from __future__ import annotations

import mimetypes
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dissmodel.actions.destination import Destination
from dissmodel.errors import DissmodelError, DissmodelWarning
from dissmodel.io import content
from dissmodel.record import Artifact, ExperimentRecord
from dissmodel.record.digest import sha256_file

_MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff",
    ".tiff": "image/tiff; application=geotiff",
    ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json",
    ".fgb": "application/flatgeobuf",
    ".parquet": "application/vnd.apache.parquet",
    ".shp": "application/vnd.shp",
    ".md": "text/markdown",
    ".qml": "application/xml",
}


@dataclass(frozen=True)
class Results:
    """The files of a result.

    Attributes
    ----------
    files : Mapping of str to Artifact
        Name → what was measured; paths relative to the record.
    finals : Mapping of str to Path
        Name within the working folder → final path; external files are not in it.
    main_file : Path or None
        Where the main one, named `MAIN`, lies now; None if the model left nothing.
    """

    MAIN = "output"

    files: Mapping[str, Artifact]
    finals: Mapping[str, Path]
    main_file: Path | None


def collect(
    work: Path, saved: ExperimentRecord, destination: Destination, *, tag: str, free: frozenset[Path]
) -> Results:
    """Measure what the run left in `work` and choose the final names.

    Parameters
    ----------
    work : Path
        The folder that the run worked in.
    saved : ExperimentRecord
        What the executor returned: its ``output_path`` says which file is the main one, its ``artifacts``
        name the others by their digest.
    destination : Destination
        Where they go.
    tag : str
        What makes a name unique that is taken by a file of someone else's.
    free : frozenset of Path
        Existing files that may be replaced.
    """
    claimed = {digest: name for name, digest in saved.artifacts.items() if name != Results.MAIN}
    main = _main(work, saved)
    files: dict[str, Artifact] = {}
    finals: dict[str, Path] = {}
    if main is not None and not main.is_relative_to(work):
        files[Results.MAIN] = _measure(main, str(main), external=True)
    elif main is not None and _misnamed(main, work, destination):
        wrote = f"The model wrote {main.name}, not {destination.name}."
        warnings.warn(wrote, DissmodelWarning, stacklevel=2)
    for path in _regular_files(work):
        relative = path.relative_to(work).as_posix()
        final = _final(path, main, work, destination)
        if final.exists() and final not in free:
            final = final.with_name(f"{destination.stem}.{tag}.{path.name}")
        artifact = _measure(path, final.relative_to(destination.folder).as_posix())
        name = Results.MAIN if path == main else claimed.get(artifact.sha256, final.name)
        if name in files:
            name = artifact.path
        files[name] = artifact
        finals[relative] = final
    measured = {artifact.sha256 for artifact in files.values()}
    for name, digest in saved.artifacts.items():
        if digest not in measured:
            saved.add_log(
                f"warning: the model noted an artifact {name!r} ({digest[:16]}…) that was not found"
            )
    ordered = dict(sorted(files.items(), key=lambda item: (item[0] != Results.MAIN, item[0])))
    return Results(ordered, finals, main)


def _main(work: Path, saved: ExperimentRecord) -> Path | None:
    """Return the main file: the one the record names, by path or by digest, else the only one."""
    local = saved.output_path is not None and "://" not in saved.output_path
    said = Path(saved.output_path or "").absolute() if local else work
    if said.is_file():
        return said
    there = list(_regular_files(said if said.is_dir() else work))
    named = [path for path in there if sha256_file(path) == saved.output_sha256]
    if named or len(there) == 1 or (there and said.is_dir() and said != work):
        return (named or there)[0]
    return None


def _regular_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _final(path: Path, main: Path | None, work: Path, destination: Destination) -> Path:
    relative = path.relative_to(work)
    if destination.whole_folder:
        inside = relative.parts[1:] if relative.parts[0] == destination.name else relative.parts
        return destination.folder.joinpath(destination.stem, *inside)
    if path == main:
        return destination.folder / (destination.stem + path.suffix)
    return destination.folder / path.name


def _misnamed(main: Path, work: Path, destination: Destination) -> bool:
    expected = destination.named and not destination.whole_folder
    return expected and _final(main, main, work, destination).name != destination.name


def _measure(path: Path, name: str, *, external: bool = False) -> Artifact:
    try:
        digest = content.content_digest(path)
    except DissmodelError as error:
        warnings.warn(f"{path.name}: no content digest: {error}", DissmodelWarning, stacklevel=2)
        digest = None
    return Artifact(
        path=name,
        size=path.stat().st_size,
        sha256=sha256_file(path),
        media_type=_MEDIA_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0],
        content_digest=digest,
        external=external,
    )

"""The files of a run as its record has them."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dissmodel.errors import InvalidInput
from dissmodel.record import MAIN, Artifact, ContentDigest, ExperimentRecord, store
from dissmodel.record.digest import sha256_file

_DRAWN = frozenset({".qml", ".sld", ".png", ".jpg", ".jpeg", ".svg", ".pdf"})


class Unplaced(Artifact):
    """A file of which the record notes the sha256 alone; its path is empty if unknown."""

    size: int = 0
    content_digest: ContentDigest | None = None  # again: pydantic looks its type up in this module


@dataclass(frozen=True)
class Recorded:
    """A file of a run as its record has it, and where it is; None: the record doesn't say it."""

    artifact: Artifact
    path: Path | None

    @property
    def size(self) -> int | None:
        """The recorded bytes; the public DisSModel notes none."""
        return None if isinstance(self.artifact, Unplaced) else self.artifact.size

    def intact(self) -> Path | None:
        """Return the file if it is beside the record and its bytes are the recorded ones."""
        if self.path is None or self.artifact.external:
            return None
        try:
            regular = stat.S_ISREG(self.path.stat().st_mode)
            return self.path if regular and sha256_file(self.path) == self.artifact.sha256 else None
        except (OSError, ValueError):
            return None


def artifacts_of(record: ExperimentRecord) -> dict[str, Artifact]:
    """Return every file that a record describes, by name."""
    return record.files | {
        name: Unplaced(path=main_name(record) if name == MAIN else "", sha256=sha256)
        for name, sha256 in record.unplaced.items()
    }


def main_name(record: ExperimentRecord) -> str:
    """Return the name of the main file in ``output_path``; empty if there is none.

    Of a record of the public DisSModel the name alone counts: the path may be of another machine.
    """
    return name_of(record.output_path or "")


def name_of(path: str) -> str:
    r"""Return the last part of a path of any system, or of a URL without a query.

    >>> name_of(r"C:\data\grid.tif"), name_of("s3://bucket/grid.tif")
    ('grid.tif', 'grid.tif')
    """
    return PurePosixPath(path.replace("\\", "/")).name


def located(record_path: Path, artifact: Artifact, *, all_beside: bool = False) -> Path | None:
    """Return where a file is, None if its record doesn't say it.

    `all_beside`: an external file is in the record's folder too, as in a bundle.

    Raises
    ------
    InvalidInput
        If the path leads out of the record's folder.
    """
    if artifact.external and not all_beside:
        return record_path.parent / artifact.path  # an absolute path stays what it is
    if isinstance(artifact, Unplaced) and not artifact.path:
        return None
    return store.artifact_path(record_path, artifact.path)


def contradicted(record: ExperimentRecord) -> dict[str, str]:
    """Return the sha256 of each file in ``artifacts`` that contradicts ``files``, by name."""
    return {
        name: sha256
        for name, sha256 in record.artifacts.items()
        if name in record.files and record.files[name].sha256 != sha256
    }


def paths_of(files: Mapping[str, Recorded], where: str) -> dict[str, str]:
    """Return the path of each file relative to the record.

    Raises
    ------
    InvalidInput
        If the record doesn't say where a file is; `where` is what the error calls the record.
    """
    for name, one in files.items():
        if one.path is None:
            raise InvalidInput(
                f"{where}: it does not contain the path of its {name[:80]!r}.",
                "Run the model again with this version, then push that.",
                code="artifact_path",
            )
    return {name: one.artifact.path for name, one in files.items()}


def clash(names: Iterable[str]) -> str | None:
    """Return a name that two files have where case doesn't count, or that is a file and a folder.

    >>> clash(["a.tif", "A.tif"]), clash(["a", "a/b"]), clash(["a", "b/a"])
    ('A.tif', 'a', None)
    """
    taken: dict[str, str] = {}
    for name in names:
        if name.casefold() in taken:
            return name
        taken[name.casefold()] = name
    folders = {parent.as_posix() for name in taken for parent in PurePosixPath(name).parents}
    return next((name for folded, name in taken.items() if folded in folders), None)


def is_drawn(name: str, path: str) -> bool:
    """Tell whether a recorded file only says how the result is drawn: a style or a picture.

    The main file is neither, whatever its suffix.

    >>> is_drawn("style", "flood.qml"), is_drawn("output", "map.png")
    (True, False)
    """
    return name != MAIN and PurePosixPath(path).suffix.lower() in _DRAWN

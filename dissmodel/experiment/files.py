"""The files of a run as its record has them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dissmodel.record import MAIN, Artifact, ExperimentRecord, store
from dissmodel.record.digest import sha256_file


@dataclass(frozen=True)
class Recorded:
    """A file of a run, as its record has it.

    Attributes
    ----------
    artifact : Artifact
        What the record says; of a record of the public DisSModel only the sha256 means something.
    path : Path or None
        Where it lies beside the record; None: it is not said, or elsewhere.
    """

    artifact: Artifact
    path: Path | None

    def intact(self) -> Path | None:
        """Return the file if it is there and its bytes are the recorded ones."""
        if self.path is None:
            return None
        try:
            regular = stat.S_ISREG(self.path.stat().st_mode)
            return self.path if regular and sha256_file(self.path) == self.artifact.sha256 else None
        except (OSError, ValueError):
            return None


def recorded_files(record_path: Path, record: ExperimentRecord) -> dict[str, Recorded]:
    """Return the files of a run by name; nothing is looked for outside the record's folder.

    Raises
    ------
    InvalidInput
        If the record names one outside.
    """
    found = {
        name: Recorded(
            artifact, None if artifact.external else store.artifact_path(record_path, artifact.path)
        )
        for name, artifact in record.files.items()
    }
    for name, digest in record.unplaced.items():
        path = ""
        if name == MAIN and record.output_path:  # of the public DisSModel, of another machine
            path = PurePosixPath(record.output_path.replace("\\", "/")).name
        here = store.artifact_path(record_path, path) if path else None
        found[name] = Recorded(Artifact(path=path, size=0, sha256=digest), here)
    return found

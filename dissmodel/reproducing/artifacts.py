"""The files of a run and of its reproduction, matched by their names and compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from dissmodel.comparison import Comparison, Tolerance, Verdict, compare
from dissmodel.comparison.digests import compare_digests
from dissmodel.errors import DissmodelError
from dissmodel.experiment.files import Recorded, is_drawn
from dissmodel.record import MAIN, Artifact, ExperimentRecord
from dissmodel.running.profiling import PROFILING

_ORDER: tuple[Verdict, ...] = (
    "identical-file",
    "identical-content",
    "within-tolerance",
    "different",
    "not-comparable",
)


def compare_artifacts(
    old: Mapping[str, Recorded],
    old_record: ExperimentRecord,
    new_record: ExperimentRecord,
    files: Mapping[str, Path],
    tolerance: Tolerance | None,
) -> dict[str, Comparison]:
    """Compare the files of a run with those of the recorded run that it repeats.

    Returns
    -------
    dict of str to Comparison
        By the recorded name; what the recorded run did not leave, by the new one.
    """
    found = {}
    public = old_record.schema_version == 0
    for name, before, after in _matched(old, old_record, new_record):
        if before is not None and after is not None:
            found[name] = _compared(before, new_record.files[after], files[after], tolerance)
        elif name == PROFILING or (public and name != MAIN):  # the public one left other files than we do
            continue
        else:
            whose = "new" if after is None else "recorded"
            found[name] = Comparison("different", why=(f"The {whose} run has no such file.",))
    return found


def drawn(old: Mapping[str, Recorded]) -> frozenset[str]:
    """Return the recorded files that only say how the result is drawn: styles and pictures.

    With another version of a library or of the model the same map may look different.
    """
    return frozenset(name for name, one in old.items() if is_drawn(name, one.artifact.path))


def worst(verdicts: Mapping[str, Comparison], without: Collection[str] = ()) -> Verdict:
    """Return the verdict on a whole: that of the file that came least near, of those that count.

    >>> verdicts = {"output": Comparison("identical-file"), "style": Comparison("different")}
    >>> worst(verdicts), worst(verdicts, {"style"})
    ('different', 'identical-file')
    """
    return max((one.verdict for name, one in verdicts.items() if name not in without), key=_ORDER.index)


def _compared(before: Recorded, after: Artifact, after_path: Path, tolerance: Tolerance | None) -> Comparison:
    if before.artifact.sha256 == after.sha256:
        return Comparison("identical-file", tolerance=tolerance)
    path = before.intact()
    if path is None:
        return compare_digests(before.artifact.content_digest, after.content_digest, tolerance)
    try:
        return compare(path, after_path, tolerance)
    except DissmodelError as error:  # several layers, or a model's own idea of a format
        return Comparison("different", why=(f"The bytes differ. {error.message}",), tolerance=tolerance)


def _matched(
    old: Mapping[str, Recorded], old_record: ExperimentRecord, new_record: ExperimentRecord
) -> Iterator[tuple[str, Recorded | None, str | None]]:
    """Yield a name, the recorded file and the new one's name; one of the two may be missing."""
    old_main = old[MAIN].artifact if MAIN in old else None
    renamed = {
        _key(name, one, new_record.files[MAIN], new_record.experiment_id): name
        for name, one in new_record.files.items()
        if name not in old
    }
    for name, one in old.items():
        if name in new_record.files:
            yield name, one, name
        else:
            yield name, one, renamed.pop(_key(name, one.artifact, old_main, old_record.experiment_id), None)
    for name in renamed.values():
        yield name, None, name


def _key(name: str, file: Artifact, main: Artifact | None, experiment_id: str) -> str:
    """Return what a file is called whatever its run's output is called.

    Where it is says it, for a record that was pushed keeps the names of a run and has other places.
    """
    if main is None or main.external or not main.path:
        return name
    name = file.path if file.path and not file.external else name
    parts = PurePosixPath(main.path).parts
    stem = parts[0] if len(parts) > 1 else PurePosixPath(main.path).stem
    moved_aside = f"{stem}.{experiment_id[:8]}."
    if name.startswith(moved_aside):
        return name.removeprefix(moved_aside)
    return f"*{name.removeprefix(stem)}" if name.startswith(stem) else name

"""A run whose result goes to a bucket: made here, uploaded once it is whole, its record last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from dissmodel.errors import DissmodelError, UsageError
from dissmodel.experiment.at_hand import refuse_offline
from dissmodel.experiment.layout import relocated
from dissmodel.progress import Reporter
from dissmodel.record import MAIN, ExperimentRecord, store
from dissmodel.running.run import RunRequest, RunResult, run
from dissmodel.running.target import Target, named_there, target_of
from dissmodel.sharing.objects import send, state_of, with_file_of
from dissmodel.sharing.pushable import File
from dissmodel.storage.transfer import Pool


@dataclass(frozen=True)
class Uploaded:
    """A run that completed and whose result is in a bucket: its record, the URIs of that and of the files."""

    record: ExperimentRecord
    record_path: str
    files: Mapping[str, str]


def run_to(request: RunRequest, reporter: Reporter) -> Uploaded:
    """Run a model as `dissmodel.running.run.run` does, then put the result where `request.output` says.

    Raises
    ------
    DissmodelError
        As `run`. If the upload fails, the error says where the result is on this machine; in the bucket
        there is no record then.
    """
    if request.overwrite:
        raise UsageError(
            "--overwrite: objects in a bucket are never replaced, because two objects can't change at once.",
            "Leave --overwrite out. If the name is taken, give another.",
        )
    refuse_offline(request.output or "", offline=request.consent.offline)
    target = target_of(request.output or "")
    folder = Path(tempfile.mkdtemp(prefix="dissmodel-"))
    made: RunResult | None = None
    try:
        with named_there(target, folder):
            made = run(replace(request, output=target.here(folder)), reporter)
        uploaded = _upload(made, target, reporter)
    except (DissmodelError, KeyboardInterrupt) as error:
        if made is not None:
            error.record_path = made.record_path  # type: ignore[union-attr]  # an exception takes any attribute
            if isinstance(error, DissmodelError):
                error.hint = f"{error.hint} The result is complete, beside its record:".strip()
        elif getattr(error, "record_path", None) is None:
            _remove(folder)
        raise
    _remove(folder)
    return uploaded


def _upload(made: RunResult, target: Target, reporter: Reporter) -> Uploaded:
    files = dict(_files(made))
    pool = Pool(reporter)
    pool.expect("push", sum(file.size for file in files.values()))
    for file in files.values():
        with pool.moving(file.size) as progress:
            send(target.place, file, state_of(target.place, file), progress)
    names = {name: file.name for name, file in files.items()}
    document = store.read_document(made.record_path)
    record = relocated(document, names, output=f"{target.place.uri}{names[MAIN]}")

    def put(file: File) -> bool:
        return send(target.place, file, state_of(target.place, file), lambda _: None)

    with_file_of(made.record_path.name, record, put)
    return Uploaded(
        ExperimentRecord.model_validate(record),
        f"{target.place.uri}{made.record_path.name}",
        {name: f"{target.place.uri}{each}" for name, each in names.items()},
    )


def _files(made: RunResult) -> Iterator[tuple[str, File]]:
    stem = made.record_path.name.removesuffix(store.SUFFIX)
    for name, artifact in made.record.files.items():
        # What the model put elsewhere comes along, in a folder of its own.
        path = f"{stem}.external/{PurePath(artifact.path).name}" if artifact.external else artifact.path
        media_type = artifact.media_type or "application/octet-stream"
        yield name, File(made.files[name], path, artifact.size, artifact.sha256, media_type)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

"""A run whose result goes to a bucket: made here, uploaded once it is whole, its record last."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.experiment.at_hand import refuse_offline
from dissmodel.experiment.layout import Place, relocated
from dissmodel.progress import Reporter
from dissmodel.record import ExperimentRecord, digest, store
from dissmodel.running.results import Results
from dissmodel.running.run import RunRequest, RunResult, run
from dissmodel.sharing.objects import send, state_of
from dissmodel.sharing.pushable import File
from dissmodel.storage.fetch import file_name
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool
from dissmodel.storage.uri import is_remote, parse


@dataclass(frozen=True)
class Uploaded:
    """A run that completed and whose result is in a bucket: its record, the URIs of that and of the files."""

    record: ExperimentRecord
    record_path: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """Where a result goes.

    Attributes
    ----------
    place : Place
        The folder.
    name : str
        The result's name in it; a folder's ends in a slash.
    """

    place: Place
    name: str

    @property
    def uri(self) -> str:
        """The result's."""
        return f"{self.place.uri}{self.name}"

    def here(self, folder: Path) -> str:
        """Return where it is made."""
        end = os.sep if self.name.endswith("/") else ""
        return f"{folder / self.name.rstrip('/')}{end}"


def goes_elsewhere(output: str | None) -> bool:
    """Tell whether a result is to be uploaded."""
    return output is not None and is_remote(output)


def target_of(output: str) -> Target:
    """Return where a result goes, after a look that nothing is there already.

    Raises
    ------
    UsageError
        If it names no object, or one that is there.
    StorageError
        If the bucket can't be reached.
    """
    uri = parse(output)
    shown = uri.shown
    if uri.scheme != "s3":
        raise UsageError(
            f"{shown}: a web server is only read.",
            f"--output s3://BUCKET/{file_name(shown)}",
        )
    storage, key = open_storage(output, StorageSettings.of(load_settings()))
    end = "/" if key.endswith("/") else ""
    above, _, name = key.rstrip("/").rpartition("/")
    if not name:
        raise UsageError(f"{shown} names no object.", f"--output {shown.rstrip('/')}/result.tif")
    if name != file_name(name):
        raise UsageError(f"{shown}: no file can be called {name!r}.", "Give a plain name: result.tif")
    base = shown.rstrip("/").rpartition("/")[0]
    target = Target(Place(storage, f"{above}/" if above else "", f"{base}/"), name + end)
    for taken in (store.record_path(Path(name)).name, name) if not end else (f"{name}{store.SUFFIX}",):
        if storage.stat(target.place.key(taken)) is not None:
            raise UsageError(
                f"{target.place.uri}{taken} exists; what is in a bucket is not replaced.",
                f"Give another name, such as: --output {target.place.uri}{_like(name)}{end}",
                code="output_exists",
            )
    return target


def _like(name: str) -> str:
    path = Path(name)
    return path.with_name(f"{path.stem}-2{path.suffix}").name


def run_to(request: RunRequest, reporter: Reporter) -> Uploaded:
    """Run a model as `dissmodel.running.run.run` does, then put the result where `request.output` says.

    Raises
    ------
    DissmodelError
        As `run`. If the upload fails, the error says where the result lies on this machine; in the bucket
        there is no record then.
    """
    if request.overwrite:
        raise UsageError(
            "--overwrite: what is in a bucket is not replaced, for no two objects change at once.",
            "Leave --overwrite out. Where the name is taken, give another.",
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
                error.hint = f"{error.hint} The result is whole, beside its record:".strip()
        elif getattr(error, "record_path", None) is None:
            _remove(folder)
        raise
    _remove(folder)
    return uploaded


@contextlib.contextmanager
def named_there(target: Target, folder: Path) -> Iterator[None]:
    """Let errors of the block call things in `folder` what they are to be called in the bucket."""
    try:
        yield
    except DissmodelError as error:
        base = target.place.uri.rstrip("/")
        error.message, error.hint = (text.replace(str(folder), base) for text in (error.message, error.hint))
        error.args = (error.message,)
        raise


def _upload(made: RunResult, target: Target, reporter: Reporter) -> Uploaded:
    files = dict(_files(made))
    pool = Pool(reporter)
    pool.expect("push", sum(file.size for file in files.values()))
    for file in files.values():
        with pool.moving(file.size) as progress:
            send(target.place, file, state_of(target.place, file), progress)
    names = {name: file.name for name, file in files.items()}
    record = _placed(made, target, names)
    with temporary.new_folder() as folder:
        path = folder / made.record_path.name
        path.write_bytes(store.dumps(record))
        size, sha256 = path.stat().st_size, digest.sha256_file(path)
        whole = File(path, path.name, size, sha256, "application/json")
        send(target.place, whole, state_of(target.place, whole), lambda _: None)
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


def _placed(made: RunResult, target: Target, names: Mapping[str, str]) -> dict[str, Any]:
    document = store.read_document(made.record_path)
    main = f"{target.place.uri}{names[Results.MAIN]}"
    return relocated(document, names, output=main, source=None)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

"""Where a result goes that is to be in a bucket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dissmodel.config import load_settings
from dissmodel.errors import UsageError
from dissmodel.experiment.layout import Place
from dissmodel.experiment.naming import naming
from dissmodel.record import store
from dissmodel.storage.fetch import file_name
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import is_remote, parse


@dataclass(frozen=True)
class Target:
    """Where a result goes.

    `name` is the result's in the folder `place`; a folder's ends in a slash.
    """

    place: Place
    name: str

    @property
    def uri(self) -> str:
        """The URI of the result."""
        return f"{self.place.uri}{self.name}"

    def here(self, folder: Path) -> str:
        """Return where the result is made, in `folder`."""
        end = os.sep if self.name.endswith("/") else ""
        return f"{folder / self.name.rstrip('/')}{end}"


def goes_elsewhere(output: str | None) -> bool:
    """Return whether a result is to be uploaded."""
    return output is not None and is_remote(output)


def target_of(output: str) -> Target:
    """Return where a result goes, if nothing is there already."""
    uri = parse(output)
    shown = uri.shown
    if uri.scheme != "s3":
        raise UsageError(
            f"{shown}: dissmodel only reads from a web server.",
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
                f"{target.place.uri}{taken} exists; objects in a bucket are never replaced.",
                f"Give another name, such as: --output {target.place.uri}{_like(name)}{end}",
                code="output_exists",
            )
    return target


def _like(name: str) -> str:
    path = Path(name)
    return path.with_name(f"{path.stem}-2{path.suffix}").name


@contextlib.contextmanager
def named_there(target: Target, folder: Path) -> Iterator[None]:
    """Let errors of the block name files in `folder` as they will be named in the bucket."""
    with naming({str(folder): target.place.uri.rstrip("/")}):
        yield

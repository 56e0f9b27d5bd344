"""A sweep in a bucket: the pairs of its runs, its table and its record are objects.

The folder of such a sweep on this machine has copies of what is not a run's, and the journal.
"""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from dissmodel.config import load_settings
from dissmodel.errors import UsageError
from dissmodel.experiment.layout import Place, open_place, relocated
from dissmodel.record import store
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import parse
from dissmodel.sweeping.folder import RECORD, SweepFolder
from dissmodel.sweeping.runs import SHORT_KEY

_MOST_PLAN_BYTES = 64 << 20


@dataclass(frozen=True)
class Bucket:
    """The folder of a sweep in a bucket."""

    place: Place

    @classmethod
    def open(cls, uri: str) -> Bucket:
        """Return the folder of a sweep in a bucket; nothing is asked of the server yet.

        Raises
        ------
        UsageError
            If this is no folder in a bucket.
        StorageError
            If there are no credentials for it.
        """
        if parse(uri).scheme != "s3":
            raise UsageError(
                f"--output {parse(uri).shown}: a sweep goes into a folder or a bucket.", "s3://BUCKET/PREFIX"
            )
        return cls(open_place(f"{uri.rstrip('/')}/", StorageSettings.of(load_settings())))

    @property
    def folder(self) -> Path:
        """The folder on this machine."""
        return load_settings().cache_dir / "sweeps" / sha256_bytes(self.place.uri.encode())[:SHORT_KEY]

    def run(self, key: str) -> str:
        """Return the URI of the folder of a run."""
        return f"{self.place.uri}runs/{key[:SHORT_KEY]}/"

    def there(self) -> set[str]:
        """Return the folders of runs whose record is there, by the beginning of the key."""
        pattern = re.compile(rf"runs/([0-9a-f]{{{SHORT_KEY}}})/{re.escape(RECORD)}")
        objects = self.place.storage.list(self.place.key("runs/"))
        found = (pattern.fullmatch(one.key.removeprefix(self.place.prefix)) for one in objects)
        return {one[1] for one in found if one is not None}

    def read(self, name: str) -> bytes:
        """Return the record in the folder of a run."""
        return self.place.storage.read(self.place.key(f"runs/{name}/{RECORD}"), limit=store.MAX_BYTES)

    def bring_plan(self, folder: SweepFolder) -> None:
        """Bring the plan of a sweep that another machine began."""
        key = self.place.key(folder.plan_path.name)
        if not folder.plan_path.exists() and self.place.storage.stat(key) is not None:
            self.place.storage.get(key, folder.plan_path, limit=_MOST_PLAN_BYTES)

    def put(self, folder: SweepFolder) -> None:
        """Put plan, table and, last, the record of the whole."""
        table = folder.table_path
        for path in (folder.plan_path, table, table.with_suffix(".parquet"), folder.record_path):
            if path.exists():
                _send(self.place, path.name, path.read_bytes())


def send_run(folder: Path, uri: str) -> None:
    """Put what a run left in a folder where its URI is, the record last.

    The name is the run's own, by its key: an earlier try that was cut gives way.
    """
    place = open_place(uri, StorageSettings.of(load_settings()))
    files = [one for one in sorted(folder.rglob("*")) if one.is_file() and not one.name.startswith(".")]
    records = [one for one in files if one.name.endswith(store.SUFFIX)]
    for path in files:
        if path not in records:
            _send(place, path.relative_to(folder).as_posix(), path)
    for path in records:
        document = store.read_document(path)
        names = {name: one["path"] for name, one in (document.get("files") or {}).items()}
        output = f"{place.uri}{names['output']}" if "output" in names else None
        _send(place, path.name, store.dumps(relocated(document, names, output=output)))


def _send(place: Place, name: str, content: Path | bytes) -> None:
    sha256 = sha256_bytes(content) if isinstance(content, bytes) else sha256_file(content)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    place.storage.put(content, place.key(name), sha256=sha256, media_type=media_type)

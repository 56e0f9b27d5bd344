"""What lies in a folder, and what a record's file holds."""

import hashlib
import json
from pathlib import Path

from dissmodel.record import store
from dissmodel.record.digest import record_digest


def names(folder="."):
    """Return the names in a folder, hidden ones too."""
    return sorted(path.name for path in Path(folder).iterdir())


def contents(folder="."):
    """Return what each file below a folder holds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def tree(folder="."):
    """Return every path below a folder: what a file holds, where a link leads, None for a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        for path in Path(folder).rglob("*")
    }


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def document(path):
    """Return a record as its file holds it."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def edit(path, change, *, seal=False):
    """Change a record's document; sealed, its digest is made to fit, as a forger would."""
    changed = document(path)
    change(changed)
    if seal:
        changed["record_digest"] = record_digest(changed)
    Path(path).write_bytes(store.dumps(changed))


def only(pattern):
    """Return the only path that fits a pattern, and the record in it."""
    (path,) = Path().glob(pattern)
    return path, document(path)

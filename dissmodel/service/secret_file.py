"""A key that signs what this service gave out: links, sessions."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dissmodel.errors import disk_errors

_BYTES = 32


def secret_of(file: Path) -> bytes:
    """Return the key in a file, which only its owner may read; it is made where there is none.

    Raises
    ------
    StorageError
        If it can't be read or made.
    """
    with disk_errors(f"{file}: the key can't be used", "Check its rights."):
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            new = file.with_name(f"{file.stem}.{secrets.token_hex(8)}")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(_BYTES))
            try:
                new.rename(file) if os.name == "nt" else file.hardlink_to(new)
            except FileExistsError:  # another process was faster
                pass
            finally:
                new.unlink(missing_ok=True)
        return file.read_bytes()

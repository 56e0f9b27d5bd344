"""What of this process's environment a process with a model's code gets: no credential."""

from __future__ import annotations

import os
from collections.abc import Mapping

_ALLOWED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
        *("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE"),
        *("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
        *("DISSMODEL_CONFIG", "DISSMODEL_DATA", "DISSMODEL_CACHE"),
    )
)


def without_credentials(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a model's process gets.

    >>> without_credentials({"PATH": "/bin", "MINIO_SECRET_KEY": "s3cret", "LC_ALL": "C"})
    {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    given = os.environ if environ is None else environ
    return {name: value for name, value in given.items() if name in _ALLOWED or name.startswith("LC_")}

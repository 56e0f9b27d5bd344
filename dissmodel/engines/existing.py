"""A Dask cluster that runs: where its scheduler is, and the certificates that it takes."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dissmodel.bounded import contents
from dissmodel.config import UserSettings
from dissmodel.engines.cluster import LONGEST, Cluster, text_of
from dissmodel.errors import MissingModule, UsageError, extra_hint
from dissmodel.printable import printable

if TYPE_CHECKING:
    from distributed import Security

_LARGEST_FILE = 16 << 20  # it lists the workers too
_SCHEMES = ("tcp://", "tls://")
_CERTIFICATES = {"tls_ca_file": "tls_ca", "tls_client_cert": "tls_cert", "tls_client_key": "tls_key"}


def existing_cluster(where: str, workers: int | None, threads: int, settings: UserSettings) -> Cluster:
    """Return the engine of a Dask cluster that runs.

    `where` is the address of its scheduler, or the path of the file that the scheduler wrote.

    Raises UsageError if there is no such file, or certificates are missing or wrong; EngineLost if the
    scheduler can't be reached or has no workers.
    """
    address = where if "://" in where else _address_in(Path(where).expanduser())
    if not address.startswith(_SCHEMES):
        raise UsageError(
            f"{printable(address[:LONGEST])} is not the address of a Dask scheduler.",
            "Write it as tcp://HOST:8786 or tls://HOST:8786.",
            code="cluster_address",
        )
    return Cluster(address, _security(address, settings), workers, threads)


def load_distributed() -> None:
    """Import distributed, and let it write no log unless the user loaded it.

    Raises MissingModule if it is not installed.
    """
    if "distributed" in sys.modules:
        return
    try:
        import distributed  # noqa: F401, PLC0415  (an extra)
    except ImportError as error:
        raise MissingModule("A cluster needs the package distributed.", extra_hint(error)) from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _address_in(path: Path) -> str:
    """Return the address in a scheduler file."""
    try:
        address = json.loads(contents(path, _LARGEST_FILE))["address"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(
            f"{path} is no file of a Dask scheduler: {text_of(error)}.",
            "Give tcp://HOST:PORT, tls://HOST:PORT, the file of dask scheduler --scheduler-file, or slurm.",
            code="scheduler_file",
        ) from error
    return str(address)


def _security(address: str, settings: UserSettings) -> Security:
    """Return the certificates of the settings, or else of Dask's own configuration."""
    from distributed import Security  # noqa: PLC0415  (an extra)

    given = {name: settings.text(f"cluster.{key}") for name, key in _CERTIFICATES.items()}
    paths = {name: str(Path(path).expanduser()) for name, path in given.items() if path}
    hint = " ".join(f"dissmodel config set cluster.{key} FILE" for key in _CERTIFICATES.values())
    try:
        security = Security(**paths)
        has_certificates = security.get_connection_args("client")["ssl_context"] is not None
    except (OSError, ValueError) as error:  # what ssl raises is an OSError
        raise UsageError(
            f"The certificates {', '.join(paths.values())} can't be used: {text_of(error)}.",
            hint,
            code="certificates",
        ) from error
    if address.startswith("tls://") and not has_certificates:
        raise UsageError(f"{address} needs certificates.", hint, code="certificates")
    return security

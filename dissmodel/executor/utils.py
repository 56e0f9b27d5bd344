"""A small helper that executor packages import."""

from __future__ import annotations

from dissmodel.executor.config import settings


def default_output_uri(experiment_id: str, ext: str) -> str:
    """Return where to write an output that was given no path.

    Parameters
    ----------
    experiment_id : str
        The run's id; it names the folder.
    ext : str
        The suffix, with or without its dot.

    >>> default_output_uri("1a2b", "tif")
    './outputs/1a2b/output.tif'
    """
    return f"{settings.default_output_base}/{experiment_id}/output.{ext.removeprefix('.')}"

"""A small helper that executor packages import."""

from __future__ import annotations

from dissmodel.executor.config import settings


def default_output_uri(experiment_id: str, ext: str) -> str:
    """Return where to write an output that was given no path.

    Within a run that is the run's own folder. Outside of one it is an object of the bucket
    ``dissmodel-outputs`` where a storage client was set (`dissmodel.io._storage.set_default_client`), else a
    file below `settings.default_output_base`.

    Parameters
    ----------
    experiment_id : str
        The run's id; it names the folder.
    ext : str
        The suffix, with or without its dot.

    >>> default_output_uri("1a2b", "tif")
    './outputs/1a2b/output.tif'
    """
    if not settings.in_run:
        from dissmodel.io._storage import has_default_client  # noqa: PLC0415  (a run needs none of it)

        if has_default_client():
            return f"s3://dissmodel-outputs/experiments/{experiment_id}/output.{ext.removeprefix('.')}"
    return f"{settings.default_output_base}/{experiment_id}/output.{ext.removeprefix('.')}"

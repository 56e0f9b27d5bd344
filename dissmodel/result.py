"""A result whose files can be read as data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dissmodel import arguments
from dissmodel.errors import Differs, UsageError, did_you_mean
from dissmodel.watching import call_reporter

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from dissmodel.geo.raster.backend import RasterBackend
    from dissmodel.record import ExperimentRecord

Data: TypeAlias = "GeoDataFrame | tuple[RasterBackend, Mapping[str, object]]"
"""Polygons, or the bands of a raster and a mapping about it (``crs``, ``transform`` …)."""


class Result:
    """The record of a run and the files of its result.

    Attributes
    ----------
    record : ExperimentRecord
        What ran, on what, with what, and what came out.
    files : Mapping of str to Path or str
        The files of the result by name, the main one as ``output``. A text is a URL, or the name of a file in
        a bundle.
    """

    if TYPE_CHECKING:

        @property
        def record(self) -> ExperimentRecord: ...  # noqa: D102  (as above)
        @property
        def files(self) -> Mapping[str, Path | str]: ...  # noqa: D102  (as above)

    def open(self, name: str = "output") -> Data:
        """Read a file of the result, if its bytes are the recorded bytes.

        Parameters
        ----------
        name : str
            Which file; by default the main one.

        Returns
        -------
        geopandas.GeoDataFrame, or tuple of (RasterBackend, Mapping)
            As `dissmodel.load_dataset` returns the data; a NetCDF file or Zarr folder with an empty mapping.

        Raises
        ------
        UsageError
            If there is no such file, or nothing was kept.
        Differs
            If the file changed since the run.
        InvalidInput
            If the file is not a dataset.
        """
        from dissmodel.geo.raster.backend import RasterBackend  # noqa: PLC0415  (it loads NumPy, and records do without)
        from dissmodel.io import load_dataset  # noqa: PLC0415  (as above)

        with call_reporter() as reporter:
            if arguments.word(name, "name", "output") not in self.files:
                raise UsageError(
                    f"The result has no file {name!r}.", did_you_mean(name, self.files) or "No file was kept."
                )
            with self._file(name) as (path, expected):
                reporter.phase("load")
                data, found = load_dataset(path)
                if found != expected:
                    raise Differs(
                        f"{self.files[name]}: this is not the recorded file: its sha256 is "
                        f"{found}, not {expected}.",
                        "See what differs: dissmodel record verify RECORD",
                    )
        return (data, {}) if isinstance(data, RasterBackend) else data

    @contextlib.contextmanager
    def _file(self, name: str) -> Iterator[tuple[Path, str]]:
        """Give a file on this machine for the block, and its recorded sha256."""
        from dissmodel.experiment.at_hand import at_hand  # noqa: PLC0415  (it loads what fetches)

        with at_hand(str(self.files[name])) as here:
            yield here.path, self.record.files[name].sha256

"""A result whose files can be read as data."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from dissmodel import arguments
from dissmodel.errors import Differs, DissmodelError, MissingModule, UsageError, did_you_mean
from dissmodel.watching import call_reporter

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from xarray import Dataset

    from dissmodel.geo.legend import Legend
    from dissmodel.geo.raster.backend import RasterBackend
    from dissmodel.record import ExperimentRecord

Data: TypeAlias = "GeoDataFrame | tuple[RasterBackend, Mapping[str, object]]"
"""Polygons, or the bands of a raster and a mapping about it (``crs``, ``transform`` …)."""


_NO_WORD = re.compile(r"[^\w.+@-]+")  # what a word of flag_meanings may not have


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
        def record_path(self) -> Path | str | None: ...  # noqa: D102  (as above)
        @property
        def files(self) -> Mapping[str, Path | str]: ...  # noqa: D102  (as above)

    def __repr__(self) -> str:
        """Say what ran and how it ended; a notebook shows more."""
        return f"{type(self).__name__}({self.record.model_name} {self.record.status}: {self.record_path})"

    @overload
    def open(self, name: str = "output", *, arrays: Literal[False] = False) -> GeoDataFrame | Dataset: ...
    @overload
    def open(self, name: str = "output", *, arrays: bool) -> Data | Dataset: ...
    def open(self, name: str = "output", *, arrays: bool = False) -> Data | Dataset:
        """Read a file of the result, if its bytes are the recorded bytes.

        Parameters
        ----------
        name : str
            Which file; by default the main one.
        arrays : bool
            Return bands as NumPy arrays and what else is known of them; xarray is not needed then.

        Returns
        -------
        geopandas.GeoDataFrame, xarray.Dataset, or tuple of (RasterBackend, Mapping)
            Of polygons, of a raster, and of a raster as `arrays`: as `dissmodel.load_dataset` returns it, the
            mapping of a NetCDF file or Zarr folder being empty. A band is a variable ``(y, x)`` or
            ``(time, y, x)`` with the dtype of the file. By the CF conventions ``x`` and ``y`` are the centres
            of the cells, ``spatial_ref`` has the CRS, ``_FillValue`` is what a cell without a value has, and
            ``flag_values`` and ``flag_meanings`` are codes and names of classes, if the model is known here.

        Raises
        ------
        UsageError
            If there is no such file, or nothing was kept.
        MissingModule
            If xarray is needed and not installed.
        Differs
            If the file changed since the run.
        InvalidInput
            If the file is not a dataset.
        """
        from dissmodel.geo.raster.backend import RasterBackend  # noqa: PLC0415  (it loads NumPy, and records do without)
        from dissmodel.io import load_dataset  # noqa: PLC0415  (as above)

        is_arrays = arguments.flag(arrays, "arrays")
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
            if isinstance(data, RasterBackend):
                data = data, {}
            return data if is_arrays or not isinstance(data, tuple) else self._dataset(*data)

    def _dataset(self, backend: RasterBackend, about: Mapping[str, Any]) -> Dataset:
        """Return a raster as a dataset of xarray with its classes."""
        import numpy as np  # noqa: PLC0415  (records do without)

        from dissmodel.io.geotiff_writer import fits  # noqa: PLC0415  (as above)

        try:
            dataset: Dataset = backend.to_xarray()
        except MissingModule as error:
            error.hint = f"open(arrays=True) gives NumPy arrays without it. To install it: {error.hint}"
            raise
        legends, bands = _legends(self.record.model_name), about.get("bands", {})
        for name, variable in dataset.data_vars.items():
            band, dtype = bands.get(name, {}), variable.dtype
            if band.get("nodata") is not None and fits(band["nodata"], dtype):
                variable.attrs["_FillValue"] = dtype.type(band["nodata"])
            named = {one.code: one.name for one in legends.get(str(name), ())} or band.get("legend", {})
            named = {dtype.type(code): text for code, text in named.items() if fits(code, dtype)}
            if named:
                variable.attrs["flag_values"] = np.array([*named])
                variable.attrs["flag_meanings"] = " ".join(_NO_WORD.sub("_", text) for text in named.values())
        return dataset

    @contextlib.contextmanager
    def _file(self, name: str) -> Iterator[tuple[Path, str]]:
        """Give a file on this machine for the block, and its recorded sha256."""
        from dissmodel.experiment.at_hand import at_hand  # noqa: PLC0415  (it loads what fetches)

        with at_hand(str(self.files[name])) as here:
            yield here.path, self.record.files[name].sha256


def _legends(model: str) -> Mapping[str, Legend]:
    """Return the classes of a model that ran here, or that an installed package offers."""
    from dissmodel.registry import plugins  # noqa: PLC0415  (records do without)
    from dissmodel.registry.classes import ExecutorRegistry  # noqa: PLC0415  (as above)

    known: Any = ExecutorRegistry._executors.get(model)  # noqa: SLF001  (the published place)
    with contextlib.suppress(DissmodelError):  # a package that can't be imported
        known = known or next(
            (offer.load().executor for offer in plugins.offers() if offer.name == model), None
        )
    legends = getattr(known, "legends", {})
    return legends if isinstance(legends, Mapping) else {}

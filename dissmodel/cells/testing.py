"""What the kit promises of every model, as tests that a package runs on a model of its own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from dissmodel.cells.fields import Field, Numbers
from dissmodel.cells.model import CellModel
from dissmodel.cells.reach import legal_values
from dissmodel.cells.writing import VECTORS
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExecutorTestHarness, ExperimentRecord, execute_lifecycle
from dissmodel.io import load_dataset, save_dataset
from dissmodel.io.raster import write_geotiff
from dissmodel.record import DataSource
from dissmodel.record.digest import sha256_file

_NODATA = -9999.0
_SIDE = 30.0  # of a cell, m
_WEST, _NORTH = 600_000.0, 9_700_000.0
_CRS = "EPSG:31984"
_EXTRA = "untouched"

Pictures = Mapping[str, NDArray[np.float64]]


class CellModelContract:
    """The tests of a model of cells; pytest runs those of a subclass.

    Attributes
    ----------
    model : type[CellModel]
        The model.
    steps : int
        How many steps are run, 2 or more.
    parameters : Mapping
        Values of parameters that the model needs to do something in so few steps.

    Examples
    --------
    In a package's own tests::

        class TestGrowth(CellModelContract):
            model = Growth
    """

    model: ClassVar[type[CellModel]]
    steps: ClassVar[int] = 4
    parameters: ClassVar[Mapping[str, Any]] = {}

    def pictures(self) -> Pictures:
        """Return a value of each field for each cell, shape (rows, cols); NaN where no cell is."""
        draws = np.random.default_rng(14)
        made = {name: legal_values(field, draws, (17, 13)) for name, field in self.model.fields.items()}
        hole = draws.random((17, 13)) < 0.1  # noqa: PLR2004  (a tenth of the pixels)
        return {name: np.where(hole, np.nan, picture) for name, picture in made.items()}

    def test_it_keeps_the_executor_contract(self) -> None:
        """The class declares what a run needs."""
        broken = [one for one in ExecutorTestHarness(self.model).findings() if one.severity == "error"]

        assert broken == []

    def test_pixels_and_polygons_have_the_same_bits(self, tmp_path: Path) -> None:
        """A raster and the polygons of its pixels end in the same state."""
        raster = self._run(self._raster(tmp_path / "in.tif"), tmp_path / "out.tif")
        polygons = self._run(self._polygons(tmp_path / "in.gpkg"), tmp_path / "out_cells.gpkg")

        assert _bits(self._state(tmp_path / "out.tif")) == _bits(self._state(tmp_path / "out_cells.gpkg"))
        assert raster.step_metrics == polygons.step_metrics

    def test_polygons_are_written_as_the_same_raster(self, tmp_path: Path) -> None:
        """Polygons on a grid can be written as a raster, with the bits of the polygons."""
        self._run(self._polygons(tmp_path / "in.gpkg"), tmp_path / "out.gpkg")
        self._run(tmp_path / "in.gpkg", tmp_path / "out_raster.tif")

        assert _bits(self._state(tmp_path / "out_raster.tif")) == _bits(self._state(tmp_path / "out.gpkg"))

    def test_a_run_goes_on_from_a_result(self, tmp_path: Path) -> None:
        """Some steps and then the rest give the bytes of all steps."""
        half = self.steps // 2
        for suffix, source in {
            ".tif": self._raster(tmp_path / "in.tif"),
            ".gpkg": self._polygons(tmp_path / "in.gpkg"),
        }.items():
            self._run(source, tmp_path / f"whole{suffix}")
            self._run(source, tmp_path / f"half{suffix}", end_time=half)
            self._run(tmp_path / f"half{suffix}", tmp_path / f"rest{suffix}")

            assert _bits(self._state(tmp_path / f"whole{suffix}")) == _bits(
                self._state(tmp_path / f"rest{suffix}")
            )

    def test_the_same_run_has_the_same_bytes(self, tmp_path: Path) -> None:
        """Every format is written with the same bytes each time, and holds the same state."""
        polygons = self._polygons(tmp_path / "in.gpkg")
        self._run(self._raster(tmp_path / "in.tif"), tmp_path / "out.tif")
        expected = _bits(self._state(tmp_path / "out.tif"))
        for suffix in (".tif", *VECTORS):
            source = tmp_path / "in.tif" if suffix == ".tif" else polygons
            first, second = tmp_path / "first" / f"out{suffix}", tmp_path / "second" / f"out{suffix}"
            for path in (first, second):
                path.parent.mkdir(exist_ok=True)
                self._run(source, path)

            assert sha256_file(first) == sha256_file(second), suffix
            if suffix != ".shp":  # which keeps 15 digits of a number
                assert _bits(self._state(first)) == expected, suffix

    def test_snapshots_are_the_states_of_their_steps(self, tmp_path: Path) -> None:
        """A state that is kept on the way is the result of a shorter run."""
        source = self._raster(tmp_path / "in.tif")
        self._run(source, tmp_path / "long.tif", snapshots=[1])
        self._run(source, tmp_path / "short.tif", end_time=1)

        assert sha256_file(tmp_path / "short.tif") == sha256_file(tmp_path / "long.step0001.tif")

    def test_bands_of_no_field_pass_through(self, tmp_path: Path) -> None:
        """A band that the model does not declare is in the result as it was."""
        self._run(self._raster(tmp_path / "in.tif"), tmp_path / "out.tif")

        before, after = (load_dataset(tmp_path / name)[0][0].get(_EXTRA) for name in ("in.tif", "out.tif"))
        assert np.array_equal(np.where(before == _NODATA, np.nan, before), after, equal_nan=True)

    def test_files_may_store_a_map_the_other_way_round(self, tmp_path: Path) -> None:
        """Rows from south to north and columns from east to west change nothing."""
        self._run(self._raster(tmp_path / "in.tif"), tmp_path / "out.tif")
        self._run(self._raster(tmp_path / "turned.tif", turned=True), tmp_path / "out_turned.tif")

        expected = {name: picture[::-1, ::-1] for name, picture in self._state(tmp_path / "out.tif").items()}
        assert _bits(expected) == _bits(self._state(tmp_path / "out_turned.tif"))

    def test_a_value_that_a_field_does_not_take_is_refused(self, tmp_path: Path) -> None:
        """The error names the field, the value, the number of cells and the first of them."""
        for name, field in self.model.fields.items():
            pictures = {key: picture.copy() for key, picture in self.pictures().items()}
            wrong = _illegal(field)
            if wrong is None:
                continue
            row, col = np.argwhere(~np.isnan(pictures[name]))[3]
            pictures[name][row, col] = wrong
            path = self._raster(tmp_path / "wrong.tif", pictures)
            try:
                self._run(path, tmp_path / "out.tif")
            except InvalidInput as error:
                said = f"{error.message} {error.hint}"
            else:
                raise AssertionError(f"{name} took {wrong:g}")

            for part in (name, f"{wrong:g} (1 cell)", f"row {row}, column {col}"):
                assert part in said

    def _run(self, source: Path, output: Path, **parameters: Any) -> ExperimentRecord:
        given = {"end_time": self.steps, "seed": 14, **self.parameters, **parameters}
        record = ExperimentRecord(
            model_name=self.model.name,
            source=DataSource(uri=str(source)),
            parameters=given,
            output_path=str(output),
        )
        with warnings.catch_warnings():  # of what a format loses, and of a rule that changes nothing
            warnings.simplefilter("ignore", DissmodelWarning)
            return execute_lifecycle(self.model(), record)[0]

    def _raster(self, path: Path, pictures: Pictures | None = None, *, turned: bool = False) -> Path:
        bands = {**(pictures or self.pictures())}
        rows, cols = next(iter(bands.values())).shape
        bands[_EXTRA] = np.arange(rows * cols, dtype=np.float64).reshape(rows, cols)
        transform = Affine(_SIDE, 0, _WEST, 0, -_SIDE, _NORTH)
        if turned:
            bands = {name: picture[::-1, ::-1] for name, picture in bands.items()}
            transform = Affine(-_SIDE, 0, _WEST + _SIDE * cols, 0, _SIDE, _NORTH - _SIDE * rows)
        write_geotiff(
            path,
            {name: np.where(np.isnan(band), _NODATA, band).__getitem__ for name, band in bands.items()},
            shape=(rows, cols),
            dtype="float64",
            nodata=_NODATA,
            transform=transform,
            crs=_CRS,
        )
        return path

    def _polygons(self, path: Path) -> Path:
        from geopandas import GeoDataFrame  # noqa: PLC0415  (rasters need no pandas)

        pictures = self.pictures()
        inside = ~np.isnan(next(iter(pictures.values())))
        row, col = np.nonzero(inside)
        west, north = _WEST + _SIDE * col, _NORTH - _SIDE * row
        columns = {"row": row, "col": col, "label": [f"cell {number}" for number in range(len(row))]}
        columns |= {
            name: picture[inside].astype(np.int64 if field.dtype == np.uint8 else np.float64)
            for (name, picture), field in zip(pictures.items(), self.model.fields.values(), strict=True)
        }
        boxes = shapely.box(west, north - _SIDE, west + _SIDE, north)
        save_dataset(GeoDataFrame(columns, geometry=boxes, crs=_CRS), path)
        return path

    def _state(self, path: Path) -> dict[str, NDArray[np.float64]]:
        """Return a value of each field for each cell of a result, shape (cells,) or (rows, cols)."""
        data, _ = load_dataset(path)
        if not isinstance(data, tuple):
            return {name: data[name].to_numpy(dtype=np.float64) for name in self.model.fields}
        backend, meta = data
        state = {}
        for name in self.model.fields:
            band = backend.get(name).astype(np.float64)
            nodata = meta["bands"][name]["nodata"]
            state[name] = band if nodata is None else np.where(band == nodata, np.nan, band)
        return state


def _bits(state: Pictures) -> dict[str, bytes]:
    """Return the bits of the cells' values, in visiting order."""
    return {name: values[~np.isnan(values)].tobytes() for name, values in state.items()}


def _illegal(field: Field) -> float | None:
    candidates = np.arange(256.0)
    if isinstance(field, Numbers):
        bounds = [bound for bound in (field.ge, field.le) if bound is not None]
        candidates = np.array([bounds[-1] + (1 if field.le is not None else -1)]) if bounds else np.empty(0)
    wrong = candidates[field.wrong(candidates)]
    return float(wrong[0]) if wrong.size else None

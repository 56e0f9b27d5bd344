"""What the kit promises of every model, as tests that a package runs on a model of its own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from zipfile import ZipFile

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from dissmodel import progress
from dissmodel.cells.fields import Field, Numbers
from dissmodel.cells.model import CellModel
from dissmodel.cells.reach import legal_values
from dissmodel.cells.writing import VECTORS
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExecutorTestHarness, ExperimentRecord, execute_lifecycle
from dissmodel.executor.config import RunContext, within
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

    def test_every_input_format_ends_in_the_same_state(self, tmp_path: Path) -> None:
        """Polygons of each format, and zips, end as the raster does."""
        raster, polygons = self._raster(tmp_path / "in.tif"), self._polygons(tmp_path / "in.gpkg")
        frame, _ = load_dataset(polygons)
        sources = [tmp_path / f"in{suffix}" for suffix in VECTORS if suffix != ".shp"]  # it rounds numbers
        for source in sources:
            with warnings.catch_warnings():  # of what a format changes
                warnings.simplefilter("ignore", DissmodelWarning)
                save_dataset(frame, source)
        for source in (raster, polygons):
            sources.append(source.with_suffix(f"{source.suffix}.zip"))
            with ZipFile(sources[-1], "w") as packed:
                packed.write(source, source.name)
        self._run(raster, tmp_path / "out.tif")
        expected = _bits(self._state(tmp_path / "out.tif"))
        for source in sources:
            output = tmp_path / f"{source.name}_out{'.tif' if source.name == 'in.tif.zip' else '.gpkg'}"
            self._run(source, output)

            assert _bits(self._state(output)) == expected, source.name

    def test_maps_and_a_layer_say_what_is_read(self, tmp_path: Path) -> None:
        """Bands and columns may have other names, and a file more than one layer."""
        others = {name: f"other_{name}" for name in self.model.fields}
        pictures = self.pictures()
        self._run(self._raster(tmp_path / "in.tif"), tmp_path / "out.tif")
        renamed = self._raster(
            tmp_path / "renamed.tif", {others[name]: one for name, one in pictures.items()}
        )
        self._run(renamed, tmp_path / "bands.tif", band_map=others)
        frame, _ = load_dataset(self._polygons(tmp_path / "in.gpkg"))
        path = tmp_path / "layers.gpkg"
        for layer, one in (("cells", frame.rename(columns=others)), ("none", frame[["label", "geometry"]])):
            one.to_file(path, layer=layer, mode="a" if path.exists() else "w")
        self._run(path, tmp_path / "columns.tif", column_map=others, layer="cells")

        for result in ("bands.tif", "columns.tif"):
            assert _bits(self._state(tmp_path / result)) == _bits(self._state(tmp_path / "out.tif"))

    def test_a_mask_and_the_order_of_the_rows_change_nothing(self, tmp_path: Path) -> None:
        """Pixels are left out by a mask as by nodata, and numbered cells are visited by their numbers."""
        pictures = self.pictures()
        hole = np.isnan(next(iter(pictures.values())))
        filled = {name: np.where(hole, one[~hole][0], one) for name, one in pictures.items()}
        filled["order"] = np.arange(hole.size, dtype=np.float64).reshape(hole.shape) * 7 - 3
        masked = self._raster(tmp_path / "masked.tif", filled)
        with rasterio.open(masked, "r+") as dataset:
            dataset.nodata = None
            dataset.write_mask(~hole)
        self._run(self._raster(tmp_path / "in.tif"), tmp_path / "out.tif")
        self._run(masked, tmp_path / "out_masked.tif")

        assert _bits(self._state(tmp_path / "out_masked.tif")) == _bits(self._state(tmp_path / "out.tif"))

    def test_a_series_has_every_state(self, tmp_path: Path) -> None:
        """A NetCDF file has the states of shorter runs, on pixels and polygons, and a run goes on from it."""
        import pytest  # noqa: PLC0415  (what runs these tests)

        pytest.importorskip("netCDF4")
        source, polygons = self._raster(tmp_path / "in.tif"), self._polygons(tmp_path / "in.gpkg")
        half = self.steps // 2
        for name, of, parameters in (
            ("one", source, {}),
            ("two", source, {}),
            ("polygons", polygons, {}),
            ("half", source, {"end_time": half}),
        ):
            self._run(of, tmp_path / f"{name}.nc", **parameters)
        self._run(tmp_path / "half.nc", tmp_path / "rest.tif")
        self._run(source, tmp_path / "half.tif", end_time=half)
        self._run(source, tmp_path / "out.tif")

        assert sha256_file(tmp_path / "one.nc") == sha256_file(tmp_path / "two.nc")
        for result, expected in (("one", "out"), ("polygons", "out"), ("half", "half")):
            state = _bits(self._state(tmp_path / f"{expected}.tif"))
            assert _bits(self._state(tmp_path / f"{result}.nc")) == state, result
        assert _bits(self._state(tmp_path / "rest.tif")) == _bits(self._state(tmp_path / "out.tif"))

    def test_steps_are_told_measured_and_drawn(self, tmp_path: Path) -> None:
        """Each step is reported and has its measures; the style has the classes; threads change nothing."""
        source = self._raster(tmp_path / "in.tif")
        told = _Steps()
        with progress.reporting(told), within(RunContext(tmp_path, threads=1)):
            record = self._run(source, tmp_path / "out.tif")
        with within(RunContext(tmp_path, threads=2)):
            self._run(source, tmp_path / "threads.tif")

        steps = list(range(1, self.steps + 1))
        cells = int(np.count_nonzero(~np.isnan(next(iter(self.pictures().values())))))
        assert [(done, self.steps, cells) for done in steps] == told.steps
        assert steps == record.step_metrics["step"]
        assert sha256_file(tmp_path / "out.tif") == sha256_file(tmp_path / "threads.tif")
        for name, legend in self.model.legends.items():
            if self.model.fields[name].changes:
                counts = [record.step_metrics[f"{name}_{one.name.replace(' ', '_')}"] for one in legend]
                assert [cells] * self.steps == [sum(row) for row in zip(*counts, strict=True)]
        for legend in [*self.model.legends.values()][:1]:
            style = (tmp_path / "out.qml").read_text(encoding="utf-8")
            assert all(one.colour in style and one.name in style for one in legend)

    def test_validate_reads_and_writes_nothing(self, tmp_path: Path) -> None:
        """What a run on pixels and polygons needs is said before it."""
        for source, name in (
            (self._raster(tmp_path / "in.tif"), "out.tif"),
            (self._polygons(tmp_path / "in.gpkg"), "out.gpkg"),
        ):
            before = sorted(tmp_path.iterdir())
            record = self._record(source, tmp_path / name)
            found = list(self.model().inspect(record))

            assert [one for one in found if one.severity == "error"] == []
            assert sorted(tmp_path.iterdir()) == before
            assert "takes at most" in " ".join(one.message for one in found)

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

    def _record(self, source: Path, output: Path, layer: str | None = None, **given: Any) -> ExperimentRecord:
        maps = {name: given.pop(name, {}) for name in ("band_map", "column_map")}
        return ExperimentRecord(
            model_name=self.model.name,
            source=DataSource(uri=str(source), layer=layer),
            parameters={"end_time": self.steps, "seed": 14, **self.parameters, **given},
            output_path=str(output),
            **maps,
        )

    def _run(self, source: Path, output: Path, **given: Any) -> ExperimentRecord:
        with warnings.catch_warnings():  # of what a format loses, and of a rule that changes nothing
            warnings.simplefilter("ignore", DissmodelWarning)
            return execute_lifecycle(self.model(), self._record(source, output, **given))[0]

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
        data, _ = load_dataset(path, format="raster" if path.suffix == ".nc" else None)
        if not isinstance(data, tuple):
            return {name: data[name].to_numpy(dtype=np.float64) for name in self.model.fields}
        backend, meta = data
        state = {}
        for name in self.model.fields:
            band = backend.get(name).astype(np.float64)
            nodata = meta["bands"][name]["nodata"]
            state[name] = band if nodata is None else np.where(band == nodata, np.nan, band)
        return state


class _Steps(progress.Silent):
    """A reporter that keeps the steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []

    def step(self, done: int, total: int, cells: int = 0) -> None:
        self.steps.append((done, total, cells))


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

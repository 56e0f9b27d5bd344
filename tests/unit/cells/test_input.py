"""What is read of a file, what is refused, and what the result has of it."""

import geopandas
import numpy as np
import pytest
import shapely

from dissmodel.cells import CellModel, CellSpace, Classes, Numbers
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.executor import ExecutorRegistry, ExperimentRecord
from dissmodel.io import load_dataset, save_dataset
from support.growth import Growth

BUILT = np.array([[0.0, 1, 0], [1, 1, 0], [0, 0, 0]])
SLOPE = np.full((3, 3), 5.0)
NAN = float("nan")

pytestmark = pytest.mark.filterwarnings("ignore:The rule of growth changed nothing")


class Heat(CellModel):
    """Heat flows; the band of the visiting order shows in the field order_of."""

    name = "heat_of_a_test"
    heat = Numbers(unit="K")

    def step(self, cells: CellSpace, now: int) -> None:
        self.next.heat = self.heat + cells.random() * now


ExecutorRegistry._executors.pop("heat_of_a_test")


class Kinds(CellModel):
    """Codes with gaps."""

    kind = Classes({3: "a", 7: "b"})

    def step(self, cells: CellSpace, now: int) -> None:
        self.next.kind = np.where(self.kind == 3, 7, 3)


Kinds.name = "kinds"


def boxes(**columns):
    """Polygons of a grid of 3 by 3 cells of 30 m, row by row from the top."""
    row, col = np.divmod(np.arange(9), 3)
    geometry = shapely.box(30 * col, 60 - 30 * row, 30 * col + 30, 90 - 30 * row)
    return geopandas.GeoDataFrame(
        {name: np.ravel(values) for name, values in columns.items()}, geometry=geometry, crs="EPSG:31984"
    )


def test_a_pixel_without_a_value_is_no_cell(raster, run):
    built, slope = BUILT.copy(), SLOPE.copy()
    built[0, 0] = slope[0, 0] = -9999
    slope[2, 2] = NAN
    source = raster(built=built, slope=slope)

    with pytest.warns(
        DissmodelWarning, match=r"1 pixels have values of some fields but lack others: slope \(1\)"
    ):
        result = run(Growth, source, seed=1, end_time=1)

    assert 7 == result.record.grid.cells
    assert np.argwhere(np.isnan(result.bands["built"])).tolist() == [[0, 0], [2, 2]]


def test_no_cell_at_all(raster, run):
    with pytest.raises(InvalidInput, match="No cell is in the space"):
        run(Growth, raster(built=BUILT * NAN, slope=SLOPE * NAN), seed=1)


def test_a_nodata_value_that_is_a_class_marks_nothing(raster, run):
    source = raster(built=BUILT, slope=SLOPE + BUILT, nodata=0)

    with pytest.warns(DissmodelWarning, match=r"The band of \w+ declares nodata = 0, which is a value"):
        result = run(Growth, source, seed=1, end_time=1)

    assert 9 == result.record.grid.cells


def test_codes_with_gaps(raster, run):
    result = run(Kinds, raster(kind=np.where(BUILT == 1, 7, 3)), end_time=1)

    assert np.array_equal(result.bands["kind"], np.where(BUILT == 1, 3, 7))
    areas = {"kind_a_area_m2": [3 * 900.0], "kind_b_area_m2": [6 * 900.0]}
    assert {"step": [1], "kind_a": [3], "kind_b": [6]} | areas == result.record.step_metrics


def test_wrong_codes_are_counted(raster, run):
    built = BUILT.copy()
    built[1] = (7, 7, 9)

    with pytest.raises(InvalidInput) as error:
        run(Growth, raster(built=built, slope=SLOPE), seed=1)

    assert "built holds values that it does not take: 7 (2 cells), 9 (1 cell)." == error.value.message
    assert (
        "The first is row 1, column 0, counted from 0. built takes one of 0 (open), 1 (built)."
        == error.value.hint
    )


def test_nulls_of_polygons_are_counted(tmp_path, run):
    slope = SLOPE.copy()
    slope[1, 1:] = NAN
    save_dataset(boxes(built=BUILT, slope=slope), tmp_path / "in.gpkg")

    with pytest.raises(InvalidInput) as error:
        run(Growth, tmp_path / "in.gpkg", "out.gpkg", seed=1)

    assert "slope holds values that it does not take: none (NaN) (2 cells)." == error.value.message
    assert "The first is feature 4, counted from 0." in error.value.hint


def test_texts_are_no_numbers(tmp_path, run):
    save_dataset(boxes(built=BUILT, slope=["steep"] * 9), tmp_path / "in.gpkg")

    with pytest.raises(InvalidInput, match=r"The column 'slope' holds .* values, not numbers, in 9 of 9"):
        run(Growth, tmp_path / "in.gpkg", "out.gpkg", seed=1)


def test_a_missing_band_is_named_with_what_to_type(raster, run):
    with pytest.raises(InvalidInput) as error:
        run(Growth, raster(built=BUILT, SLOPE_=SLOPE), seed=1)

    assert "There is no band 'slope'; the file has 'built', 'SLOPE_'." == error.value.message
    assert "Did you mean 'SLOPE_'? --band-map slope=SLOPE_" == error.value.hint


def test_a_raster_without_a_band_of_any_field_has_no_cells(raster, run):
    class Rising(Heat):
        heat = Numbers(default=0.0)

    with pytest.raises(InvalidInput) as error:
        run(Rising, raster(built=BUILT))

    assert "The file has no band of a field; it has built, and the fields are heat." == error.value.message
    assert "--band-map heat=built" == error.value.hint


def test_maps_of_names(raster, run, tmp_path):
    source = raster(urban=BUILT, slope=SLOPE)
    pixels = run(Growth, source, seed=1, end_time=2, band_map={"built": "urban"})
    save_dataset(boxes(urban=BUILT, slope=SLOPE), tmp_path / "in.gpkg")
    polygons = run(
        Growth, tmp_path / "in.gpkg", "out.gpkg", seed=1, end_time=2, column_map={"built": "urban"}
    )

    assert np.array_equal(pixels.bands["built"].ravel(), polygons.bands["urban"])
    with pytest.raises(UsageError, match="can't be built and slope at once"):
        run(Growth, source, seed=1, band_map={"built": "slope"})
    with pytest.raises(UsageError, match="reads no band 'bild'"):
        run(Growth, source, seed=1, band_map={"bild": "slope"})


def test_units_are_compared(raster, run):
    source = raster(built=BUILT, slope=SLOPE, band_tags={"slope": {"unit": "percent"}})

    with pytest.warns(DissmodelWarning, match="'slope' is in 'percent', by its tag unit; .* takes 'degree'"):
        run(Growth, source, seed=1, end_time=1)


def test_the_band_order_is_the_visiting_order(raster, run):
    heat = np.zeros((3, 3))
    order = np.arange(9.0)[::-1].reshape(3, 3)
    plain = run(Heat, raster("plain.tif", heat=heat), "plain_out.tif", seed=1, end_time=1)
    turned = run(Heat, raster(heat=heat, order=order), seed=1, end_time=1)

    assert np.array_equal(plain.bands["heat"][::-1, ::-1], turned.bands["heat"])
    assert np.array_equal(order, turned.bands["order"])
    assert "given by the input" == turned.record.grid.order
    with pytest.raises(InvalidInput, match=r"order holds values that more than one cell has: 1 \(9 cells\)"):
        run(Heat, raster("twice.tif", heat=heat, order=heat + 1), seed=1)


def test_polygons_without_rows_and_columns_have_the_bits_of_pixels(raster, run, tmp_path):
    shuffled = boxes(built=BUILT, slope=SLOPE).iloc[[4, 0, 8, 2, 6, 1, 3, 5, 7]]
    save_dataset(shuffled, tmp_path / "in.gpkg")
    polygons = run(Growth, tmp_path / "in.gpkg", "out.gpkg", seed=1, end_time=3, rate=1.0)
    pixels = run(Growth, raster(built=BUILT, slope=SLOPE), seed=1, end_time=3, rate=1.0)

    assert np.array_equal(pixels.bands["built"].ravel()[[4, 0, 8, 2, 6, 1, 3, 5, 7]], polygons.bands["built"])


def test_polygons_of_any_shape_are_neighbours_by_touch(run, tmp_path):
    frame = boxes(built=BUILT, slope=SLOPE)
    frame.geometry = frame.geometry.rotate(10, origin=(0, 0))
    save_dataset(frame, tmp_path / "in.gpkg")

    result = run(Growth, tmp_path / "in.gpkg", "out.gpkg", seed=1, end_time=1, rate=1.0)

    # Three built neighbours or more: the corner, the cell between two arms, and no other.
    assert [1, 1, 0, 1, 1, 0, 0, 0, 0] == result.bands["built"].tolist()
    with pytest.raises(InvalidInput, match="not the cells of a grid"):
        run(Growth, tmp_path / "in.gpkg", "out.tif", seed=1)


def test_a_raster_is_not_written_as_polygons(raster, run):
    with pytest.raises(UsageError) as error:
        run(Growth, raster(built=BUILT, slope=SLOPE), "out.gpkg", seed=1)

    assert "--output out.tif" == error.value.hint


def test_the_type_of_the_result_holds_every_band(raster, run, tmp_path):
    codes = np.where(BUILT == 1, 7, 3)
    run(Kinds, raster("codes.tif", kind=codes, dtype="uint8", nodata=None), "codes_out.tif", end_time=1)
    used = np.full((3, 3), 255)
    run(
        Kinds,
        raster("used.tif", kind=codes, used=used, dtype="uint8", nodata=None),
        "used_out.tif",
        end_time=1,
    )

    (bands, meta), _ = load_dataset(tmp_path / "codes_out.tif")
    assert ("uint8", 255) == (bands.get("kind").dtype, meta["bands"]["kind"]["nodata"])
    (bands, meta), _ = load_dataset(tmp_path / "used_out.tif")
    assert bands.get("kind").dtype == np.float64
    assert np.isnan(meta["bands"]["kind"]["nodata"])
    assert np.array_equal(bands.get("used"), used)


def test_steps_are_counted_from_the_first_run(raster, run):
    first = run(Growth, raster(built=BUILT, slope=SLOPE), "first.tif", seed=1, end_time=3)

    assert "3" == first.tags["passo"]
    assert [4, 5] == run(Growth, first.path, seed=1, end_time=5).record.step_metrics["step"]
    with pytest.raises(InvalidInput, match="end_time = 3 comes before the first step, 4"):
        run(Growth, first.path, seed=1, end_time=3)
    with pytest.raises(InvalidInput, match="snapshots = 2: 2 come before the first step, 4"):
        run(Growth, first.path, seed=1, end_time=5, snapshots=[2])


def test_every_and_snapshots(raster, run, tmp_path):
    result = run(Growth, raster(built=BUILT, slope=SLOPE), seed=1, end_time=4, every=2, snapshots=[1])

    assert {"output", "style", "step_1", "step_2"} == result.record.artifacts.keys()
    assert (tmp_path / "out.step0001.tif").is_file()
    assert (tmp_path / "out.step0002.qml").is_file()


def test_the_style_has_the_classes(raster, run, tmp_path):
    run(Growth, raster(built=BUILT, slope=SLOPE), seed=1, end_time=1)

    text = (tmp_path / "out.qml").read_text()
    assert '<paletteEntry value="1" color="#b2182b" label="1 built" alpha="255" />' in text


def test_everything_that_is_wrong_is_found_at_once(raster):
    built, slope = BUILT.copy(), SLOPE.copy()
    built[0, 0], slope[1, 1] = 5, 91
    record = ExperimentRecord(
        source={"uri": str(raster(built=built, slope=slope, tags={"passo": "2.5"}))},
        parameters={"end_time": 2},
    )

    found = [one.message for one in Growth().inspect(record) if one.severity == "error"]

    assert 3 == len(found)
    assert "built holds values that it does not take: 5 (1 cell)." in found
    assert "slope holds values that it does not take: 91 (1 cell)." in found
    assert "The tag passo is 2.5, which is not a step." in found


def test_an_input_that_is_right_is_described(raster):
    record = ExperimentRecord(source={"uri": str(raster(built=BUILT, slope=SLOPE))}, parameters={})

    found = list(Growth().inspect(record))

    assert {"ok"} == {one.severity for one in found}
    assert "3 rows × 3 columns, 9 cells in the space, steps 1 to 10" == found[0].message

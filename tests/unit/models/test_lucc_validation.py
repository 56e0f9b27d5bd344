"""Maps of land use that are compared: what is read, what is refused, what is measured and drawn."""

import json
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from matplotlib.figure import Figure
from matplotlib.text import Text
from pydantic import ValidationError

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import DataSource, ExperimentRecord
from dissmodel.models.lucc.validation import LuccValidation, ValidationParameters
from dissmodel.models.lucc.validation_measures import document
from dissmodel.visualization import map_sheet

PLACE = Affine(100, 0, 500_000, 0, -100, 7_500_000)
# Of 12 cells: 3 change in the reference. A hit, a miss, a change to a wrong class, a false alarm, 8 persist.
START = np.array([[1, 1, 1, 1], [1, 1, 2, 2], [2, 2, 2, 2]])
REFERENCE = np.array([[2, 2, 3, 1], [1, 1, 2, 2], [2, 2, 2, 2]])
RESULT = np.array([[2, 1, 2, 1], [1, 1, 2, 2], [2, 2, 2, 1]])


def write(name, *bands, names=("use",), nodata=None, transform=PLACE, crs="EPSG:31983"):
    rows, cols = np.shape(bands[0])
    dtype = np.asarray(bands[0]).dtype
    if dtype == np.int64:
        dtype = np.dtype(np.int16)
    with rasterio.open(
        name,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=len(bands),
        dtype=dtype,
        nodata=nodata,
        crs=crs,
        transform=transform,
    ) as file:
        for number, (band, called) in enumerate(zip(bands, names, strict=True), start=1):
            file.write(np.asarray(band).astype(dtype), number)
            file.set_band_description(number, called)
    return name


def write_polygons(name, order=None, **columns):
    rows, cols = np.shape(next(iter(columns.values())))
    row, col = np.divmod(np.arange(rows * cols), cols)
    x, y = 500_000 + 100 * col, 7_500_000 - 100 * (row + 1)
    cells = gpd.GeoDataFrame(
        {"row": row, "col": col, **{key: np.ravel(one) for key, one in columns.items()}},
        geometry=shapely.box(x, y, x + 100, y + 100),
        crs="EPSG:31983",
    )
    (cells if order is None else cells.iloc[order]).to_file(name)
    return name


def prepared(result, reference, start=None, **parameters):
    """Return the record of a comparison."""
    maps = parameters.pop("maps", {})
    given = {"reference": reference, **({"start": start} if start else {}), **parameters}
    return ExperimentRecord(
        model_name="lucc_validation",
        source=DataSource(uri=result),
        parameters=given,
        output_path="val",
        **maps,
    )


def compared(*files, **parameters):
    """Compare maps without drawing them; return the record, and the numbers of the file."""
    record, model = prepared(*files, **parameters), LuccValidation()
    found = model.run(model.load(record), record)
    return record, document(found, parameters.get("tolerance", 0.01))


def saved(*files, **parameters):
    """Compare maps and write all; return the record."""
    record, model = prepared(*files, **parameters), LuccValidation()
    return model.save(model.run(model.load(record), record), record)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_classes_by_hand():
    record, found = compared(
        write("result.tif", RESULT),
        write("reference.tif", REFERENCE),
        write("start.tif", START),
        land_use_types=["forest", "pasture", "crop"],
    )

    found_of = found["class_map"]
    assert {"hits": 1, "misses": 1, "false_alarms": 1, "wrong_class": 1, "persistence": 8} == found_of[
        "change"
    ]
    assert 0.25 == found_of["figure_of_merit"] == record.metrics["figure_of_merit"]
    assert [[3, 2, 0], [0, 6, 1], [0, 0, 0]] == found_of["matrix"]["cells"]
    # Rows 5, 7, 0; columns 3, 8, 1.
    assert (2 / 12, 1 / 12) == (found_of["quantity"], found_of["allocation"])
    assert (12 * 9 - 71) / (144 - 71) == found_of["kappa"]
    assert {"quantity": 1 / 12, "allocation": 2 / 12, "exchange": 0, "shift": 2 / 12} == found_of["by_class"][
        "pasture"
    ]
    # Windows of 2: 1 of 4 wrong; 1 of 4; in the lower half, of two cells each, 0 and 1 of 2.
    assert [1, 2, 4] == list(found_of["multiresolution"]["fits"])
    assert [0.75, (0.75 + 0.75 + 1 + 0.5) / 4, 10 / 12] == list(found_of["multiresolution"]["fits"].values())
    assert "km²" == found["area_unit"]
    assert {"forest": 0.06, "pasture": 0.06, "crop": 0.0} == pytest.approx(found["areas"]["start"])
    assert "ok" == record.findings[0].severity


def test_without_a_start_there_is_no_figure_of_merit():
    record, found = compared(write("a.tif", RESULT), write("b.tif", REFERENCE))

    assert found["class_map"]["figure_of_merit"] is None
    assert found["class_map"]["change"] is None
    assert record.metrics["figure_of_merit"] is None
    assert ["1", "2", "3"] == [one["name"] for one in found["classes"]]


def test_a_class_of_only_one_map_is_told():
    record = saved(write("a.tif", RESULT), write("b.tif", REFERENCE))

    assert "Only the reference has the classes 3." in [note.message for note in record.findings]
    assert "Only the reference has the classes `3`." in Path("val/report.md").read_text(encoding="utf-8")


SHARES_A = np.array([[0.5, 0.25], [1.0, 0.0]])
SHARES_B = np.array([[0.25, 0.25], [1.0, 0.5]])


def test_shares_by_hand():
    record, found = compared(
        write("a.tif", SHARES_A, 1 - SHARES_A, names=("f", "d")),
        write("b.tif", SHARES_B, 1 - SHARES_B, names=("f", "d")),
        land_use_types={"types": ["f", "d"]},
        tolerance=0.25,
    )

    of_f = found["shares"]["by_class"]["f"]
    assert {
        "bias": -0.25 / 4,
        "r2": 1 - 0.3125 / 0.375,
        "mae": 0.75 / 4,
        "rmse": math.sqrt(0.3125 / 4),
        "max_error": 0.5,
        "match": 75.0,
        "quantity": 0.25 / 4,
        "allocation": 0.5 / 4,
    } == pytest.approx(of_f)
    assert (0.25 / 4, 0.5 / 4) == (found["shares"]["quantity"], found["shares"]["allocation"])
    assert [1 - 0.75 / 4, 1 - 0.25 / 4] == list(found["shares"]["multiresolution"]["fits"].values())
    assert "class_map" not in found
    assert 0.75 / 4 == record.metrics["mae_f"]


def test_shares_of_whole_cells_are_classes_too():
    shares = [[(one == code).astype(np.float64) for code in (1, 2, 3)] for one in (RESULT, REFERENCE, START)]
    names = ("f", "p", "c")
    files = [write(f"{number}.tif", *one, names=names) for number, one in enumerate(shares)]

    _, found = compared(*files, land_use_types=names)

    assert 0.25 == found["class_map"]["figure_of_merit"]
    # A cell that is wrong is wrong in two classes, by half each.
    assert 3 / 12 == pytest.approx(found["shares"]["quantity"] + found["shares"]["allocation"])


def test_a_map_of_classes_stands_for_shares_beside_a_map_of_shares():
    shares = write("a.tif", SHARES_A, 1 - SHARES_A, names=("f", "d"))

    _, found = compared(shares, write("b.tif", [[2, 1], [1, 1]]), land_use_types=["f", "d"])

    assert (0.5 + 0.75 + 0 + 1) / 4 == found["shares"]["by_class"]["f"]["mae"]


def test_polygons_in_any_order_and_pixels_give_the_same_numbers():
    pixels = [write(f"{name}.tif", one) for name, one in (("a", RESULT), ("b", REFERENCE), ("c", START))]
    _, expected = compared(*pixels)
    order = np.random.default_rng(1).permutation(12)

    _, found = compared(
        write_polygons("a.gpkg", order, use=RESULT), write_polygons("b.gpkg", use=REFERENCE), pixels[2]
    )

    del expected["inputs"], found["inputs"]
    assert expected == found


def test_a_raster_from_the_south_is_the_same_map():
    south = Affine(100, 0, 500_000, 0, 100, 7_500_000 - 300)
    _, expected = compared(write("a.tif", RESULT), write("b.tif", REFERENCE))

    _, found = compared("a.tif", write("b.tif", REFERENCE[::-1], transform=south))

    assert expected["class_map"] == found["class_map"]


def test_names_of_one_file_are_mapped_and_others_are_taken_as_they_are():
    a = write("a.tif", SHARES_A, 1 - SHARES_A, names=("f", "d"))
    b = write("b.tif", SHARES_B, 1 - SHARES_B, names=("f_out", "d_out"))

    _, found = compared(a, b, land_use_types=["f", "d"], maps={"band_map": {"f": "f_out", "d": "d_out"}})

    assert 0.75 / 4 == found["shares"]["by_class"]["f"]["mae"]


@pytest.mark.parametrize(
    ("reference", "code", "said"),
    [
        (lambda: write("b.tif", REFERENCE[:2]), "other_grid", "another shape than the result, a.tif: 2 rows"),
        (
            lambda: write("b.tif", REFERENCE, transform=Affine(100, 0, 500_030, 0, -100, 7_500_000)),
            "other_grid",
            "another grid than the result, a.tif: corner (500030, 7500000)",
        ),
        (
            lambda: write("b.tif", REFERENCE, crs="EPSG:31982"),
            "other_grid",
            "another coordinate reference system than the result, a.tif: EPSG:31982, not EPSG:31983",
        ),
        (
            lambda: write("b.tif", np.where(REFERENCE == 3, 0, REFERENCE), nodata=0),
            "cells_missing",
            "no value in 1 of the 12 cells of the result, a.tif; the first is in row 0, column 2",
        ),
        (
            lambda: write("b.tif", REFERENCE + 0.5),
            "illegal_value",
            "12 cells have such a value, the first 2.5",
        ),
        (
            lambda: write("b.tif", REFERENCE, REFERENCE, names=("lulc", "year")),
            "missing_band",
            "The reference, b.tif, has no band 'use'; it has 'lulc', 'year'.",
        ),
    ],
)
def test_maps_that_can_not_be_compared(reference, code, said):
    with pytest.raises(InvalidInput) as caught:
        compared(write("a.tif", RESULT), reference())

    assert code == caught.value.code
    assert said in caught.value.message
    assert caught.value.hint


def test_a_start_on_another_grid_is_named():
    with pytest.raises(InvalidInput, match=r"The start, c\.tif, has another shape than the result"):
        compared(write("a.tif", RESULT), write("b.tif", REFERENCE), write("c.tif", START[:, :3]))


def test_a_class_without_a_name_beside_shares():
    shares = write("a.tif", SHARES_A, 1 - SHARES_A, names=("f", "d"))

    with pytest.raises(InvalidInput, match=r"The reference, b\.tif, has the class 7 in 'use'"):
        compared(shares, write("b.tif", [[2, 1], [1, 7]]), land_use_types=["f", "d"])


def test_a_reference_of_a_larger_region_is_cut():
    result = write("a.tif", np.where(RESULT == 2, RESULT, 0), nodata=0)

    with pytest.warns(DissmodelWarning, match="has 5 cells that the result lacks; they are left out"):
        _, found = compared(result, write("b.tif", REFERENCE))

    assert 7 == found["cells"]


@pytest.mark.parametrize(
    "given",
    [
        {"reference": "none.tif"},
        {"land_use_types": ["f"]},
        {"land_use_types": ["f", "f"]},
        {"tolerance": -1},
    ],
)
def test_wrong_parameters(given):
    write("b.tif", REFERENCE)

    with pytest.raises(ValidationError):
        ValidationParameters.model_validate({**({"reference": "b.tif"} if given else {}), **given})


@pytest.mark.slow
def test_the_same_maps_give_the_same_bytes():
    files = write("a.tif", RESULT), write("b.tif", REFERENCE), write("c.tif", START)

    first, again = saved(*files), saved(*files)

    assert first.artifacts == again.artifacts
    assert {"output", "measures", "maps", "charts"} == first.artifacts.keys()
    _, found = compared(*files)
    assert json.loads(json.dumps(found)) == json.loads(
        Path("val/validation.json").read_text(encoding="utf-8")
    )


def test_more_classes_than_colours_share_the_last_colour(monkeypatch):
    sheets = []
    monkeypatch.setattr(map_sheet, "draw", lambda sheet: sheets.append(sheet) or b"")
    # Class n has n cells; classes 1 and 2 are taken for each other.
    codes = np.repeat(np.arange(1, 16), np.arange(1, 16)).reshape(10, 12)

    saved(write("a.tif", codes), write("b.tif", np.choose(np.minimum(codes, 3), [0, 2, 1, codes])))

    (_, (reference, _, agreement)), *_ = sheets[0].rows
    legend = reference.colours
    assert [*(str(code) for code in range(5, 16)), "4 smaller classes"] == [one.name for one in legend]
    assert 12 == len({one.colour for one in legend})
    assert 1 + 2 + 3 + 4 == np.count_nonzero(reference.values == legend[-1].code)
    assert 3 == np.count_nonzero(agreement.values == 1)


def test_the_maps_show_what_each_cell_is(monkeypatch):
    sheets = []
    monkeypatch.setattr(map_sheet, "draw", lambda sheet: sheets.append(sheet) or b"")

    saved(write("a.tif", RESULT), write("b.tif", REFERENCE), write("c.tif", START))

    ((_, (reference, simulated, agreement)),) = sheets[0].rows
    assert ["reference", "simulated", "agreement"] == [one.title for one in (reference, simulated, agreement)]
    np.testing.assert_array_equal(REFERENCE, reference.values)
    np.testing.assert_array_equal(RESULT, simulated.values)
    names = {one.code: one.name for one in agreement.colours}
    assert {
        (0, 0): "hit: 1 cells, 8.33 %",
        (0, 1): "miss: 1 cells, 8.33 %",
        (0, 2): "wrong class: 1 cells, 8.33 %",
        (2, 3): "false alarm: 1 cells, 8.33 %",
    } == {
        place: names[kind]
        for place, kind in np.ndenumerate(agreement.values)
        if names[kind] != "persistence: 8 cells, 66.7 %"
    }


@pytest.mark.fast_cases("classes-shape0")
@pytest.mark.parametrize(
    ("kind", "shape"),
    [("classes", (3, 3)), ("classes", (20, 2000)), ("shares", (3, 3)), ("shares", (2000, 20))],
)
def test_no_text_leaves_the_picture(kind, shape, monkeypatch):
    names = [f"dense evergreen forest of the type {number}" for number in range(5)]
    draw = np.random.default_rng(7)
    pictures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, stream, **_: pictures.append(figure))
    if kind == "classes":
        files = [write(f"{one}.tif", draw.integers(1, 6, shape)) for one in "abc"]
    else:
        bands = draw.random((2, 5, *shape))
        bands /= bands.sum(axis=1, keepdims=True)
        files = [write(f"{number}.tif", *one, names=names) for number, one in enumerate(bands)]

    saved(*files, land_use_types=names)

    assert 2 == len(pictures)
    for figure in pictures:
        figure.draw_without_rendering()
        whole = figure.bbox
        shown = [one for one in figure.findobj(Text) if one.get_text() and one.get_visible()]
        assert any("dense evergreen" in one.get_text() for one in shown)
        for one in shown:
            box = one.get_window_extent()
            if box.width:
                assert whole.x0 <= box.x0 <= box.x1 <= whole.x1, one.get_text()
                assert whole.y0 <= box.y0 <= box.y1 <= whole.y1, one.get_text()
            assert "…" not in one.get_text()


def test_each_map_may_have_codes_of_its_own():
    expected = compared(write("a.tif", RESULT), write("b.tif", REFERENCE))[1]["class_map"]
    other = np.array([0, 30, 10, 20])[REFERENCE]

    maps = {"maps": {"class_map": {"reference": {30: 1, 10: 2, 20: 3}}}}
    found = compared("a.tif", write("c.tif", other), **maps)[1]["class_map"]

    assert expected["matrix"] == found["matrix"]
    assert expected["kappa"] == found["kappa"]

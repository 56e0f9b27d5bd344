"""Maps that tables are made of: what is read, dropped and drawn, and what is written."""

import json
import tomllib
from collections import Counter
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.estimating import fit as fitting
from dissmodel.estimating.demand import LuccDemand
from dissmodel.estimating.fit import LuccFit
from dissmodel.executor import DataSource, ExperimentRecord

ROWS, COLS = 30, 40
DRAW = np.random.default_rng(9)
SLOPE, ROADS = DRAW.uniform(0, 40, (ROWS, COLS)), DRAW.uniform(0, 1e4, (ROWS, COLS))
CROP = DRAW.random((ROWS, COLS)) < 1 / (1 + np.exp(-(1 - 0.1 * SLOPE + 1e-4 * ROADS)))
USE = np.where(CROP, 2.0, 1.0)
PLACE = Affine(100, 0, 500_000, 0, -100, 7_500_000)


def write(name, nodata=np.nan, **bands):
    rows, cols = next(iter(bands.values())).shape
    with rasterio.open(
        name,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=len(bands),
        dtype="float64",
        nodata=nodata,
        crs="EPSG:31983",
        transform=PLACE,
    ) as file:
        for number, (called, band) in enumerate(bands.items(), start=1):
            file.write(np.asarray(band, np.float64), number)
            file.set_band_description(number, called)
    return name


def write_polygons(name, **columns):
    row, col = np.divmod(np.arange(ROWS * COLS), COLS)
    x, y = 500_000 + 100 * col, 7_500_000 - 100 * (row + 1)
    cells = gpd.GeoDataFrame(
        {"row": row, "col": col, **{key: np.ravel(one) for key, one in columns.items()}},
        geometry=shapely.box(x, y, x + 100, y + 100),
        crs="EPSG:31983",
    )
    cells.to_file(name)
    return name


def made(model, uri, output, **parameters):
    record = ExperimentRecord(
        model_name=model.name, source=DataSource(uri=uri), parameters=parameters, output_path=output
    )
    return model.save(model.run(model.load(record), record), record)


def fitted(uri, **parameters):
    """Return the record and the tables, and the numbers beside them."""
    given = {"land_use_types": ["forest", "crop"], "drivers": ["slope", "roads"], **parameters}
    record = made(LuccFit(), uri, "potential.toml", **given)
    tables = tomllib.loads(Path("potential.toml").read_text(encoding="utf-8"))["model"]
    return record, tables, json.loads(Path("potential.fit.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_tables_are_those_of_the_model():
    from statsmodels.discrete.discrete_model import Logit

    record, tables, numbers = fitted(write("map.tif", use=USE, slope=SLOPE, roads=ROADS))

    design = np.column_stack([np.ones(ROWS * COLS), SLOPE.ravel(), ROADS.ravel()])
    said = Logit(CROP.ravel().astype(np.float64), design).fit(disp=0).params
    assert ["forest", "crop"] == tables["land_use_types"]
    assert "logistic" == tables["potential_kind"]
    forest, crop = tables["potential"]
    assert said == pytest.approx([crop["const"], crop["betas"]["slope"], crop["betas"]["roads"]], rel=1e-6)
    assert {"lu", "const", "betas"} == forest.keys()
    assert -crop["const"] == pytest.approx(forest["const"])  # the other class of two
    assert 0.5 < numbers["classes"]["crop"]["auc"] == record.metrics["auc_crop"] < 1
    assert {"output", "fit"} == record.artifacts.keys()


def test_polygons_and_pixels_give_the_same_tables():
    bands = {"use": USE, "slope": SLOPE, "roads": ROADS}

    pixels, polygons = fitted(write("map.tif", **bands)), fitted(write_polygons("map.gpkg", **bands))

    assert pixels[1] == polygons[1]
    assert pixels[2] == polygons[2]


@pytest.mark.parametrize("kind", ["raster", "polygons"])
def test_cells_without_a_driver_are_left_out_and_counted(kind):
    slope, roads = SLOPE.copy(), ROADS.copy()
    slope[0, :7], roads[0, 5:10] = np.nan, np.nan
    name, writer = {"raster": ("map.tif", write), "polygons": ("map.gpkg", write_polygons)}[kind]

    with pytest.warns(DissmodelWarning, match=r"10 .*slope \(7\), roads \(5\)"):
        _, _, numbers = fitted(writer(name, use=USE, slope=slope, roads=roads))

    assert ROWS * COLS - 10 == numbers["cells"] == numbers["classes"]["crop"]["cells"]


def test_a_class_that_does_not_change_is_not_explained():
    nothing = np.where(np.arange(ROWS * COLS).reshape(ROWS, COLS) % 3, 0.0, 0.5)
    nothing[0, 0] = 1
    share = 0.4 + 0.01 * SLOPE
    rest = 1 - nothing
    file = write(
        "map.tif", forest=share * rest, crop=(1 - share) * rest, none=nothing, slope=SLOPE, roads=ROADS
    )

    _, tables, numbers = fitted(
        file, kind="linear", land_use_types=["forest", "crop", "none"], land_use_no_data="none"
    )

    forest, _, none = tables["potential"]
    assert (0.4, 0.01) == pytest.approx((forest["const"], forest["betas"]["slope"]), abs=1e-9)
    assert {"lu": "none", "const": 0.0} == none
    assert ROWS * COLS - 1 == numbers["cells"]


def test_a_sample_has_each_class_in_proportion_and_hangs_on_its_seed():
    there = np.ones((ROWS, COLS), np.bool_)
    there[0] = False
    classes = USE.astype(np.intp)

    first, again, other = (fitting._sampled(there, classes, 100, seed) for seed in (1, 1, 2))

    assert (first == again).all()
    assert (first != other).any()
    assert not first[0].any()
    assert 100 == first.sum()
    wanted = {code: round(100 * np.count_nonzero(classes[1:] == code) / there.sum()) for code in (1, 2)}
    assert wanted == Counter(classes[first].tolist())


def test_a_sample_of_a_fit():
    _, _, numbers = fitted(write("map.tif", use=USE, slope=SLOPE, roads=ROADS), sample=500, seed=3)

    assert (1200, 500) == (numbers["cells"], numbers["classes"]["crop"]["cells"])


def test_drivers_that_say_the_same_are_warned_of():
    near = SLOPE + DRAW.normal(0, 1, SLOPE.shape)

    record, _, numbers = fitted(write("map.tif", use=USE, slope=SLOPE, roads=near))

    assert numbers["inflation"]["slope"] > 10
    assert ["slope", "roads"] == [note.subject for note in record.findings if note.severity == "warning"]


def test_the_neighbours_of_a_lag_are_those_of_moore():
    there = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], np.bool_)

    used, weights = fitting._moore(there)

    assert [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]] == used.astype(int).tolist()  # a cell alone is left out
    assert [[0, 1, 1], [1, 0, 1], [1, 1, 0]] == weights.toarray().tolist()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"drivers": ["slope", "slop"]}, InvalidInput, "There is no band 'slop'"),
        ({"drivers": ["slope", "slope"]}, UsageError, "A driver is named twice."),
        ({"land_use_no_data": "rock"}, UsageError, "land_use_no_data = 'rock' is none of the classes"),
        ({"land_use_types": ["forest", "crop", "town"]}, InvalidInput, "The class 'town' occurs in no cell"),
        ({"sample": 5000}, UsageError, "sample = 5,000: there are 1,200 cells."),
        ({"kind": "spatial_lag", "sample": 50}, UsageError, "which a sample lacks"),
    ],
)
def test_a_fit_that_can_not_be(change, error, said):
    file = write("map.tif", use=USE, slope=SLOPE, roads=ROADS)

    with pytest.raises(error) as caught:
        fitted(file, **change)

    assert said in caught.value.message
    assert caught.value.hint
    assert not Path("potential.toml").exists()


START = np.array([[1.0, 1, 1, 1], [1, 2, 2, 3]])
END = np.array([[2.0, 1, 1, 1], [1, 2, 2, 3]])


def demanded(start, end, **parameters):
    made(LuccDemand(), start, "demand.csv", end=end, **parameters)
    return Path("demand.csv").read_text(encoding="utf-8").splitlines()


def test_a_demand_of_classes():
    found = demanded(
        write("a.tif", use=START),
        write("b.tif", use=END),
        years=[2010, 2012, 2014],
        first=2011,
        land_use_types=["forest", "crop", "town"],
        cell_area=25,
    )

    # 5, 2, 1 cells become 4, 3, 1.
    assert [
        "year,forest,crop,town",
        "2011,112.5,62.5,25.0",
        "2012,100.0,75.0,25.0",
        "2013,87.5,87.5,25.0",
        "2014,75.0,100.0,25.0",
    ] == found


def test_a_demand_by_a_markov_chain():
    found = demanded(
        write("a.tif", use=START), write("b.tif", use=END), years=[2010, 2012, 2014], method="markov"
    )

    # A fifth of class 1 becomes 2.
    assert "year,1,2,3" == found[0]
    assert [2014, 3.2, 3.8, 1] == pytest.approx([float(one) for one in found[-1].split(",")])


def test_a_demand_of_shares():
    a, b = np.array([[0.5, 1.0]]), np.array([[0.25, 0.75]])

    found = demanded(
        write("a.tif", f=a, d=1 - a),
        write("b.tif", f=b, d=1 - b),
        years=[2010, 2011, 2012],
        land_use_types=["f", "d"],
    )

    assert ["year,f,d", "2011,1.0,1.0", "2012,0.5,1.5"] == found
    with pytest.raises(InvalidInput, match="a Markov chain needs it"):
        demanded("a.tif", "b.tif", years=[2010, 2011, 2012], land_use_types=["f", "d"], method="markov")


@pytest.mark.parametrize("years", [[2012, 2010, 2014], [2010, 2012, 2011]])
def test_years_of_a_demand_ascend(years):
    with pytest.raises(UsageError, match="years ascend"):
        demanded(write("a.tif", use=START), write("b.tif", use=END), years=years)


@pytest.mark.parametrize("years", [[2010, 2012], [2010, 2012, 2014, 2016]])
def test_a_demand_needs_three_years(years):
    with pytest.raises(ValueError, match="three years are needed: of both maps, and the last of the table"):
        demanded(write("a.tif", use=START), write("b.tif", use=END), years=years)


def test_a_name_of_a_class_is_one_column():
    found = demanded(
        write("a.tif", use=START),
        write("b.tif", use=END),
        years=[2010, 2012, 2012],
        land_use_types=["forest, dense", "crop", "town"],
    )

    assert ['year,"forest, dense",crop,town', "2012,4.0,3.0,1.0"] == found


def test_a_table_is_bounded():
    with pytest.raises(UsageError, match="The table would have 999,999,999 years"):
        demanded(write("a.tif", use=START), write("b.tif", use=END), years=[1, 2, 1_000_000_000])


def test_maps_of_a_demand_are_of_one_space():
    with pytest.raises(InvalidInput, match=r"The end, b\.tif, has another shape than the start, a\.tif"):
        demanded(write("a.tif", use=START), write("b.tif", use=END[:1]), years=[2010, 2012, 2014])

"""Small goldens: whole runs on a coast made here, with numbers that the rules in plain Python gave.

They need nothing beside the checkout, where the published numbers need the public data.
"""

import hashlib
import runpy
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel.io import load_dataset
from dissmodel.models.coastal.kernels import choice
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.models.coastal.validation import CoastalValidation
from dissmodel.models.coastal.vector import CoastalVector

RULES = runpy.run_path(str(Path(__file__).with_name("coastal_rules.py")))
ROWS, COLS = 24, 30
FLOODED_LAND = {6, 7, 9, 10}
WEST, NORTH, SIDE = 600_000.0, 9_700_000.0, 30.0


def coast():
    """{(row, col): (uso, solo, alt)}: a sea in the west, then mangrove, land with every code, a river."""
    cells = {}
    for row in range(ROWS):
        for col in range(COLS):
            place = 31 * row + 17 * col
            uso = 3 if col < 5 else 1 if col < 10 else (2, 2, 5, 4, 2, 1, 5, 8, 4, 2, 6, 7, 9, 10)[place % 14]
            solo = 0 if row % 9 == 4 and col > 3 else 3 if col < 10 else (4, 2, 3, 1, 9, 4, 3)[place % 7]
            alt = (place % 23) / 10 + 0.15 * max(0, col - 7) - (0.7 if col < 5 else 0.0)
            cells[row, col] = uso, solo, alt if place % 29 else 0.0
    return cells


def feature_order():
    """Return the places in the order of the features: each of them once, neighbours far from each other."""
    count = ROWS * COLS
    return [divmod(277 * number % count, COLS) for number in range(count)]


def without_holes(cells):
    return {(row, col): values for (row, col), values in cells.items() if (7 * row + 3 * col) % 11}


class Numbers(NamedTuple):
    """What a run yields: cells per land use and soil, flooded cells, sum of elevations, digest."""

    uso: dict
    solo: dict
    flooded: int
    total: float
    digest: str


def numbers(uso, solo, alt):
    """Return the numbers of cells in visiting order."""
    content = b"".join(
        np.array(values, kind).tobytes() for values, kind in ((uso, "<i2"), (solo, "<i2"), (alt, "<f8"))
    )
    units = sum(round(Fraction(float(height)) * 2**50) for height in alt)
    return Numbers(
        dict(sorted(Counter(map(int, uso)).items())),
        dict(sorted(Counter(map(int, solo)).items())),
        sum(int(code) in FLOODED_LAND for code in uso),
        units / 2**50,
        hashlib.sha256(content).hexdigest()[:16],
    )


class Case(NamedTuple):
    """A run: rate, first and last step, and what else differs from the defaults."""

    rate: float
    end: int
    expected: Numbers
    order: str = "features"
    first: int = 1
    holes: bool = False
    more: dict = {}  # noqa: RUF012  (nothing writes to it)

    @property
    def parameters(self):
        return {"sea_level_rise_rate": self.rate, "end_time": self.end, **self.more}

    def cells(self):
        return without_holes(coast()) if self.holes else coast()

    def visiting(self):
        return feature_order() if self.order == "features" else sorted(self.cells())


CASES = {
    "one step": Case(
        0.5,
        1,
        Numbers(
            {1: 142, 2: 105, 3: 120, 4: 67, 5: 36, 6: 36, 7: 36, 8: 96, 9: 46, 10: 36},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            154,
            1669.85,
            "8abc607534bf1ebd",
        ),
    ),
    "five steps": Case(
        0.5,
        5,
        Numbers(
            {1: 25, 2: 9, 3: 120, 4: 54, 5: 2, 6: 37, 7: 49, 8: 178, 9: 206, 10: 40},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            332,
            2331.85,
            "7a4a19eb03ba5678",
        ),
    ),
    "ten steps": Case(
        0.5,
        10,
        Numbers(
            {1: 4, 3: 120, 4: 5, 5: 1, 6: 37, 7: 98, 8: 46, 9: 368, 10: 41},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            544,
            3671.849999999999,
            "d57d9033fa43d6a3",
        ),
    ),
    "eleven steps": Case(
        0.5,
        11,
        Numbers(
            {1: 3, 3: 120, 4: 1, 5: 1, 6: 37, 7: 102, 8: 27, 9: 388, 10: 41},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            568,
            4003.8499999999985,
            "def70fc3ca637f5d",
        ),
    ),
    "slow": Case(
        0.011,
        10,
        Numbers(
            {1: 148, 3: 120, 4: 67, 5: 1, 6: 36, 7: 36, 8: 235, 9: 41, 10: 36},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            149,
            1585.8590000000002,
            "36588599d720f219",
        ),
    ),
    "row-major": Case(
        0.5,
        11,
        Numbers(
            {1: 3, 3: 120, 4: 1, 5: 1, 6: 37, 7: 102, 8: 27, 9: 388, 10: 41},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            568,
            4003.8499999999985,
            "cf9ec2234522b488",
        ),
        order="row-major",
    ),
    "row-major, slow": Case(
        0.011,
        10,
        Numbers(
            {1: 148, 3: 120, 4: 67, 5: 1, 6: 36, 7: 36, 8: 235, 9: 41, 10: 36},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            149,
            1585.8590000000002,
            "6f5689321202656d",
        ),
        order="row-major",
    ),
    "holes": Case(
        0.5,
        20,
        Numbers(
            {3: 109, 6: 32, 7: 95, 9: 379, 10: 39},
            {0: 50, 1: 54, 2: 26, 3: 225, 4: 79, 9: 220},
            545,
            6524.349999999997,
            "842bd128aa90469a",
        ),
        order="row-major",
        holes=True,
    ),
    "steps 6 to 20": Case(
        0.5,
        20,
        Numbers(
            {3: 120, 6: 64, 7: 103, 9: 322, 10: 111},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            600,
            6423.349999999996,
            "0ecd9f999b1615a7",
        ),
        order="row-major",
        first=6,
    ),
    "low tide": Case(
        0.5,
        10,
        Numbers(
            {1: 4, 2: 23, 3: 120, 4: 5, 5: 13, 6: 88, 7: 98, 8: 11, 9: 207, 10: 151},
            {0: 78, 1: 61, 2: 60, 3: 341, 4: 119, 9: 61},
            544,
            3674.849999999999,
            "167531a48291b7b4",
        ),
        order="row-major",
        more={"tide_height": -1.0},
    ),
    "accretion": Case(
        0.011,
        10,
        Numbers(
            {1: 148, 3: 120, 4: 67, 5: 1, 6: 36, 7: 36, 8: 235, 9: 41, 10: 36},
            {0: 52, 1: 61, 2: 29, 3: 249, 4: 89, 9: 240},
            149,
            1763.3882820000001,
            "151f249643c1394e",
        ),
        order="row-major",
        more={"accretion_enabled": True},
    ),
}

# Row and column: land use, soil and elevation after ten steps.
CELLS = {
    (0, 0): (3, 3, 4.834722222222222),
    (1, 23): (8, 9, 5.599999999999998),
    (3, 16): (9, 9, 4.903373015873014),
    (5, 9): (9, 3, 5.146031746031745),
    (7, 2): (3, 3, 4.803968253968253),
    (8, 25): (9, 9, 4.840079365079363),
    (10, 18): (9, 9, 5.67797619047619),
    (12, 11): (10, 3, 4.744047619047619),
    (14, 4): (3, 3, 4.8392857142857135),
    (15, 27): (9, 9, 4.798214285714285),
    (17, 20): (10, 3, 5.3218253968253935),
    (19, 13): (9, 4, 5.041666666666667),
    (21, 6): (9, 3, 4.547420634920634),
    (22, 29): (10, 0, 6.470436507936505),
}


def by_the_rules(case):
    cells, order, parameters = case.cells(), case.visiting(), CoastalParameters(**case.parameters)
    beside = RULES["moore"](cells)
    for step in range(case.first, case.end + 1):
        cells, _ = RULES["step"](cells, order, beside, step, parameters)
    return numbers(*zip(*(cells[place] for place in order), strict=True)), cells


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_the_rules(name):
    found, cells = by_the_rules(CASES[name])

    assert CASES[name].expected == found
    if name == "ten steps":
        assert CELLS == {place: tuple(cells[place]) for place in CELLS}


@pytest.fixture
def polygons():
    """The coast as squares in the order of the features, with row and col."""
    row, col = np.array(feature_order()).T
    uso, solo, alt = zip(*(coast()[place] for place in feature_order()), strict=True)
    west, north = WEST + col * SIDE, NORTH - row * SIDE
    return geopandas.GeoDataFrame(
        {"uso": uso, "solo": solo, "alt": alt, "row": row, "col": col},
        geometry=shapely.box(west, north - SIDE, west + SIDE, north),
        crs="EPSG:31983",
    )


@pytest.fixture(params=[10**12, 0], ids=["NumPy", "numba"])
def kernel(request, monkeypatch):
    """Compute with one of the kernels, whatever the size of the run; return its name in a record."""
    monkeypatch.setattr(choice, "BREAK_EVEN", request.param)
    monkeypatch.setattr(choice, "BREAK_EVEN_CELLS", request.param)
    return "numpy" if request.param else "numba"


def read(record):
    """Return uso, solo and alt of a result in visiting order."""
    if record.output_path.endswith(".gpkg"):
        frame = load_dataset(record.output_path)[0]
        return tuple(frame[name].to_numpy() for name in ("uso", "solo", "alt"))
    with rasterio.open(record.output_path) as dataset:
        bands = dict(zip(dataset.descriptions, dataset.read(), strict=True))
    inside = bands["uso"] != -9999
    visit = np.argsort(bands["order"][inside]) if "order" in bands else slice(None)
    return tuple(bands[name][inside][visit] for name in ("uso", "solo", "alt"))


def check(case, record):
    assert case.expected == numbers(*read(record))
    assert case.expected.flooded == record.step_metrics["flooded"][-1]
    assert case.expected.total == record.step_metrics["sum_alt"][-1]
    assert list(range(case.first, case.end + 1)) == record.step_metrics["step"]


@pytest.mark.fast_cases(
    "numba-one step-CoastalRaster", "numba-eleven steps-CoastalVector", "NumPy-one step-CoastalVector"
)
@pytest.mark.parametrize("executor", [CoastalRaster, CoastalVector])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.order == "features"])
def test_polygons(run_layer, polygons, kernel, executor, name):
    output = f"result{executor.output_suffix}"

    check(CASES[name], run_layer(polygons, output, executor, parameters=CASES[name].parameters))


@pytest.mark.filterwarnings("ignore:Accretion")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.order != "features"])
def test_a_raster(run_raster, write_tif, kernel, name):
    case, cells = CASES[name], CASES[name].cells()
    bands = {band: np.zeros((ROWS, COLS)) for band in ("uso", "solo", "alt")}
    for place, values in cells.items():
        for band, value in zip(bands.values(), values, strict=True):
            band[place] = value

    record = run_raster(write_tif(bands, tags={"passo": str(case.first - 1)}), parameters=case.parameters)

    check(case, record)
    assert len(cells) == record.grid.cells


def test_single_cells(run_layer, polygons):
    record = run_layer(polygons, "ten.tif", CoastalRaster, parameters=CASES["ten steps"].parameters)

    with rasterio.open(record.output_path) as dataset:
        uso, alt, solo = dataset.read([1, 2, 3])
        assert tuple(polygons.total_bounds) == tuple(dataset.bounds)
        assert "EPSG:31983" == dataset.crs.to_string()
    assert CELLS == {place: (uso[place], solo[place], alt[place]) for place in CELLS}


def test_another_order_gives_the_same_classes_and_other_bits():
    features, row_major = CASES["eleven steps"].expected, CASES["row-major"].expected

    assert features._replace(digest="") == row_major._replace(digest="")
    assert features.digest != row_major.digest


@pytest.mark.fast_cases("gpkg-tif")
@pytest.mark.parametrize(("half", "whole"), [("tif", "tif"), ("gpkg", "tif"), ("gpkg", "gpkg")])
def test_ten_steps_and_one_more_are_eleven(run_layer, polygons, tmp_path, half, whole):
    models = {"tif": CoastalRaster, "gpkg": CoastalVector}
    run_layer(polygons, f"ten.{half}", models[half], parameters=CASES["ten steps"].parameters)

    eleven = CASES["eleven steps"]
    record = run_layer(tmp_path / f"ten.{half}", f"r.{whole}", models[whole], parameters=eleven.parameters)

    check(eleven._replace(first=11), record)


@pytest.mark.slow
def test_both_substrates_agree_bit_for_bit(run_layer, polygons):
    record = run_layer(polygons, "val", CoastalValidation, parameters=CASES["eleven steps"].parameters)

    assert not record.differs
    assert {100} == {record.metrics[f"match_{name}_percent"] for name in ("uso", "alt", "solo")}
    assert ROWS * COLS == record.metrics["cells"]
    assert CASES["eleven steps"].expected.flooded == record.step_metrics["flooded"][-1]

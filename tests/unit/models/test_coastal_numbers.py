"""The published numbers: classes, sums and digests of whole runs, from file to file."""

import csv
import hashlib
from typing import NamedTuple

import numpy as np
import pytest
import rasterio

POLYGONS = "elevacao_pol.zip"
FAST = {"sea_level_rise_rate": 0.5}


def counts(path, band):
    with rasterio.open(path) as dataset:
        values, cells = np.unique(dataset.read(band), return_counts=True)
    return {int(v): int(c) for v, c in zip(values, cells, strict=True) if v != -9999}


class Published(NamedTuple):
    """What a run must yield: cells per land use and soil, flooded cells, sum of elevations, digest."""

    uso: dict
    solo: dict
    flooded: int
    total: float
    digest: str

    def check(self, record, state_hash):
        assert self.uso == counts(record.output_path, 1)
        assert self.solo == counts(record.output_path, 3)
        assert self.flooded == record.step_metrics["flooded"][-1]
        assert self.total == record.step_metrics["sum_alt"][-1]
        assert self.digest == state_hash(record.output_path)


MARANHAO = {
    1: Published(
        {1: 25432, 2: 4464, 3: 3364, 4: 15943, 5: 1185, 8: 108},
        {1: 699, 2: 9709, 3: 16964, 4: 22582, 9: 542},
        0,
        980506.0,
        "c81cc5916643f1ff",
    ),
    5: Published(
        {1: 25385, 2: 4024, 3: 3364, 4: 15793, 5: 1061, 6: 118, 7: 150, 8: 472, 9: 59, 10: 70},
        {1: 699, 2: 9709, 3: 16854, 4: 22489, 9: 745},
        397,
        987404.5,
        "d57e59863ff405b0",
    ),
    10: Published(
        {1: 25123, 2: 3347, 3: 3364, 4: 14974, 5: 936, 6: 234, 7: 969, 8: 660, 9: 453, 10: 436},
        {1: 699, 2: 9709, 3: 16723, 4: 22377, 9: 988},
        2092,
        998209.0,
        "4958429b6f03dcc3",
    ),
    11: Published(
        {1: 25057, 2: 3222, 3: 3364, 4: 14806, 5: 925, 6: 244, 7: 1137, 8: 653, 9: 569, 10: 519},
        {1: 699, 2: 9709, 3: 16723, 4: 22358, 9: 1007},
        2469,
        1000937.0,
        "e43132274be7def5",
    ),
}


@pytest.mark.fast_cases("1", "11")
@pytest.mark.parametrize("steps", MARANHAO)
def test_the_coast_of_maranhao(shared, run_raster, state_hash, steps):
    record = run_raster(shared(POLYGONS), parameters={**FAST, "end_time": steps})

    MARANHAO[steps].check(record, state_hash)
    assert list(range(1, steps + 1)) == record.step_metrics["step"]
    assert ((323, 349), 50496) == (record.grid.shape, record.grid.cells)


def test_every_cell_of_terrame(shared, run_raster):
    text = shared("terrame_flood_after_10_steps.csv").read_text(encoding="utf-8")
    expected = list(csv.DictReader(text.splitlines()))

    record = run_raster(shared(POLYGONS), parameters={**FAST, "end_time": 10})

    with rasterio.open(record.output_path) as dataset:
        uso, alt, solo = dataset.read([1, 2, 3])
    assert 69 == len(expected)
    for cell in expected:
        at = int(cell["row"]), int(cell["col"])
        found = (uso[at], solo[at], alt[at])
        assert (float(cell["uso"]), float(cell["solo"]), float(cell["alt"])) == found, cell


@pytest.mark.slow
def test_the_output_lies_where_the_polygons_lie(shared, run_raster):
    import pyogrio

    record = run_raster(shared(POLYGONS), parameters={**FAST, "end_time": 1})

    information = pyogrio.read_info(f"/vsizip/{shared(POLYGONS)}", force_total_bounds=True)
    with rasterio.open(record.output_path) as dataset:
        assert tuple(information["total_bounds"]) == tuple(dataset.bounds)
        assert rasterio.CRS.from_wkt(information["crs"]) == dataset.crs


def test_row_major_order_gives_other_bits(shared, run_raster, write_tif):
    """The right classes and wrong last bits: without the features' order the digest is another one."""
    import pyogrio

    cells = pyogrio.read_dataframe(f"/vsizip/{shared(POLYGONS)}", read_geometry=False)
    at = cells["row"].to_numpy(int), cells["col"].to_numpy(int)
    bands = {name: np.full((323, 349), np.nan) for name in ("uso", "alt", "solo")}
    for name, band in bands.items():
        band[at] = cells[name]

    record = run_raster(write_tif(bands), parameters={**FAST, "end_time": 11})

    with rasterio.open(record.output_path) as dataset:
        uso, alt, solo = (band[at] for band in dataset.read())
    content = uso.astype("<i2").tobytes() + solo.astype("<i2").tobytes() + alt.astype("<f8").tobytes()
    assert "e2a0ab92b86baee1" == hashlib.sha256(content).hexdigest()[:16]
    assert 2469 == record.step_metrics["flooded"][-1]


def test_the_synthetic_polygons(shared, run_raster, state_hash):
    record = run_raster(shared("synthetic_grid_60x60_shp.zip"), parameters={"end_time": 10})

    Published(
        {1: 549, 2: 1320, 3: 720, 4: 360, 8: 600, 9: 51},
        {0: 30, 3: 570, 4: 2092, 9: 908},
        51,
        18825.6175,
        "7e24dced38f33514",
    ).check(record, state_hash)


def holes(bands, tags):
    row, col = np.indices(bands["uso"].shape)
    bands["uso"][(7 * row + 3 * col) % 11 == 0] = 0
    return bands, tags


def at_step_5(bands, tags):
    return bands, tags | {"passo": "5"}


def unchanged(bands, tags):
    return bands, tags


class Case(NamedTuple):
    parameters: dict
    change: object
    published: Published


SYNTHETIC = {
    "slow": Case(
        {"end_time": 10},
        unchanged,
        Published(
            {1: 549, 2: 1320, 3: 720, 4: 360, 8: 600, 9: 51},
            {0: 30, 3: 570, 4: 2092, 9: 908},
            51,
            18825.617758326545,
            "dd0c00856850e9f2",
        ),
    ),
    "fast": Case(
        {"end_time": 20, **FAST},
        unchanged,
        Published(
            {2: 720, 3: 720, 4: 360, 8: 600, 9: 1200},
            {0: 30, 3: 570, 4: 1740, 9: 1260},
            1200,
            31643.278758326534,
            "9961b2d42022ca63",
        ),
    ),
    "holes": Case(
        {"end_time": 20, **FAST},
        holes,
        Published(
            {2: 654, 3: 654, 4: 327, 8: 546, 9: 1092},
            {0: 27, 3: 519, 4: 1581, 9: 1146},
            1092,
            28768.546244427554,
            "e67a69d59a82da08",
        ),
    ),
    "steps 6 to 20": Case(
        {"end_time": 20, **FAST},
        at_step_5,
        Published(
            {2: 1020, 3: 720, 4: 360, 8: 600, 9: 900},
            {0: 30, 3: 570, 4: 1740, 9: 1260},
            900,
            27293.27875832654,
            "6e343c0b42f88871",
        ),
    ),
    "low tide": Case(
        {"end_time": 10, "tide_height": -1, **FAST},
        unchanged,
        Published(
            {2: 1380, 3: 720, 4: 360, 5: 271, 8: 269, 9: 600},
            {0: 30, 3: 570, 4: 2460, 9: 540},
            600,
            23693.278758326545,
            "e7ad81cf03769c1e",
        ),
    ),
    "accretion": Case(
        {"end_time": 10, "accretion_enabled": True},
        unchanged,
        Published(
            {1: 563, 2: 1320, 3: 720, 4: 360, 8: 600, 9: 37},
            {0: 30, 3: 570, 4: 2092, 9: 908},
            37,
            19631.510382326545,
            "e0b0404b4e3bad9e",
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:Accretion")
@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_synthetic_raster(shared, run_raster, write_tif, state_hash, name):
    parameters, change, published = SYNTHETIC[name]
    source = archive = shared("synthetic_grid_60x60_tiff.zip")
    if change is not unchanged:
        with rasterio.open(f"/vsizip/{archive}/synthetic_grid_60x60_tiff.tif") as dataset:
            bands = {dataset.tags(i)["band_name"]: dataset.read(i) for i in (1, 2, 3)}
        bands, tags = change(bands, {"passo": "0"})
        source = write_tif(bands, tags=tags)

    record = run_raster(source, parameters=parameters)

    published.check(record, state_hash)


@pytest.mark.fast_cases("synthetic_grid_60x60_tiff.zip")
@pytest.mark.parametrize("name", [POLYGONS, "synthetic_grid_60x60_tiff.zip"])
def test_ten_steps_and_ten_more_are_twenty(shared, run_raster, name):
    whole = run_raster(shared(name), "whole.tif", parameters={**FAST, "end_time": 20})
    half = run_raster(shared(name), "half.tif", parameters={**FAST, "end_time": 10})

    resumed = run_raster(half.output_path, "resumed.tif", parameters={**FAST, "end_time": 20})

    with rasterio.open(whole.output_path) as expected, rasterio.open(resumed.output_path) as found:
        assert expected.descriptions == found.descriptions
        assert expected.read().tobytes() == found.read().tobytes()
    assert list(range(11, 21)) == resumed.step_metrics["step"]
    assert whole.step_metrics["sum_alt"][10:] == resumed.step_metrics["sum_alt"]

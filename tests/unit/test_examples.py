import struct
import zipfile
from pathlib import Path

import make_coast
import numpy as np
import pyogrio
import pytest
import rasterio

from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState

COAST = Path(__file__).parents[2] / "examples" / "coast"
SIZES = [(10, 10), (20, 20), (21, 47), (20, 300), (300, 20), (130, 70)]
POLYGONS = {"gpkg": "EPSG:31983", "shp": "EPSG:31983", "geojson": "EPSG:4326"}


def run(coast, rate: float) -> dict[int, int]:
    """Run the model on a coast with its defaults and return the cells per land use."""
    state = CoastalState(
        uso=coast.uso.copy(),
        solo=np.where(coast.inside, coast.solo, 255).astype(np.uint8),
        alt=np.where(coast.inside, coast.alt, np.nan),
    )
    parameters = CoastalParameters(sea_level_rise_rate=rate)
    kernel = NumpyKernel()
    for step in range(1, parameters.end_time + 1):
        kernel.step(state, Terms.at(step, parameters))
    return dict(enumerate(np.bincount(state.uso[coast.inside], minlength=11).tolist()))


@pytest.mark.parametrize("form", ["tiff", "gpkg", "shp", "geojson"])
def test_a_seed_gives_the_same_bytes_under_any_name(tmp_path, form):
    for name, seed in [("one.zip", "3"), ("é two.zip", "3"), ("other.zip", "4")]:
        make_coast.main(
            [
                "--rows",
                "20",
                "--cols",
                "25",
                "--seed",
                seed,
                "--format",
                form,
                "--output",
                str(tmp_path / name),
            ]
        )

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "é two.zip").read_bytes()
    assert (tmp_path / "one.zip").read_bytes() != (tmp_path / "other.zip").read_bytes()


def test_no_date_of_writing_is_kept(tmp_path):
    make_coast.write(make_coast.make_coast(20, 20), tmp_path / "coast.gpkg", "gpkg")
    make_coast.write(make_coast.make_coast(20, 20), tmp_path / "coast.zip", "shp")
    with zipfile.ZipFile(tmp_path / "coast.zip") as archive:
        dates = {member.date_time for member in archive.infolist()}
        table = archive.read("coast.dbf")

    assert b"1980-01-01T00:00:00" in (tmp_path / "coast.gpkg").read_bytes()
    assert {(1980, 1, 1, 0, 0, 0)} == dates
    assert (80, 1, 1) == struct.unpack("3B", table[1:4])


@pytest.mark.parametrize(("rows", "cols"), SIZES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_value_is_legal_at_any_size(rows, cols, seed):
    coast = make_coast.make_coast(rows, cols, seed)

    assert (rows, cols) == coast.uso.shape == coast.alt.shape == coast.solo.shape == coast.inside.shape
    assert set(np.unique(coast.uso[coast.inside])) <= {1, 2, 3, 4, 5}
    assert set(np.unique(coast.solo[coast.inside])) <= {0, 1, 2, 3, 4}
    assert coast.alt[coast.inside].min() >= 0  # a source of water needs an elevation of 0 or more
    assert coast.alt[coast.inside].max() < 200
    assert {0.0} >= {*coast.uso[~coast.inside], *coast.solo[~coast.inside], *coast.alt[~coast.inside]}
    assert {1, 2, 3} <= set(np.unique(coast.uso[coast.inside]))


def test_the_default_coast_has_every_class_and_an_outside():
    coast = make_coast.make_coast(200, 300)

    assert {1, 2, 3, 4, 5} == set(np.unique(coast.uso[coast.inside]))
    assert {0, 1, 2, 3, 4} == set(np.unique(coast.solo[coast.inside]))
    assert 0 < np.count_nonzero(~coast.inside) < 0.02 * coast.inside.size
    assert {0.0} == set(coast.alt[coast.uso == 3])
    assert {3} == set(coast.solo[coast.uso == 1])


def test_a_larger_grid_shows_the_same_coast():
    small, large = make_coast.make_coast(100, 150, seed=5), make_coast.make_coast(300, 450, seed=5)
    same = small.uso == large.uso[1::3, 1::3]

    assert np.count_nonzero(same) > 0.9 * same.size


def test_the_blocks_of_rows_leave_no_trace(monkeypatch):
    whole = make_coast.make_coast(50, 40, seed=2)
    monkeypatch.setattr(make_coast, "ROWS_AT_ONCE", 7)
    pieces = make_coast.make_coast(50, 40, seed=2)

    assert np.array_equal(whole.alt, pieces.alt)
    assert np.array_equal(whole.uso, pieces.uso)


def test_the_geotiff_says_what_the_coast_says(tmp_path):
    coast = make_coast.make_coast(21, 47, seed=3, cell=25.0)
    make_coast.write(coast, tmp_path / "grid.zip", "tiff")
    with rasterio.open(f"zip://{tmp_path / 'grid.zip'}") as source:
        bands = {source.descriptions[i]: source.read(i + 1) for i in range(source.count)}
        tags = [source.tags(i)["band_name"] for i in source.indexes]
        passo = source.tags()["passo"]

    assert ("uso", "alt", "solo") == tuple(bands) == tuple(tags)
    for name, values in bands.items():
        assert "float64" == values.dtype
        assert np.array_equal(np.where(coast.inside, getattr(coast, name), -9999.0), values)
    assert -9999 == source.nodata
    assert "EPSG:31983" == source.crs.to_string()
    assert (25, 0, 540_000, 0, -25, 9_770_000) == tuple(source.transform)[:6]
    assert "0" == passo


@pytest.mark.parametrize("form", POLYGONS)
def test_the_polygons_say_what_the_coast_says(tmp_path, form):
    coast = make_coast.make_coast(21, 47, seed=3, cell=25.0)
    make_coast.write(coast, tmp_path / "grid.zip", form)
    frame = pyogrio.read_dataframe(tmp_path / "grid.zip")
    row, col = np.nonzero(coast.inside)

    assert POLYGONS[form] == frame.crs.to_string()
    assert np.array_equal(row, frame["row"])
    assert np.array_equal(col, frame["col"])
    for name in ("uso", "alt", "solo"):
        assert np.array_equal(getattr(coast, name)[row, col], frame[name])
    west, south, east, north = frame.to_crs("EPSG:31983").geometry.iloc[-1].bounds
    corner = (540_000 + 25 * col[-1], 9_770_000 - 25 * (row[-1] + 1))
    assert corner == pytest.approx((west, south), abs=0.05)
    assert (corner[0] + 25, corner[1] + 25) == pytest.approx((east, north), abs=0.05)


def test_a_plain_file_takes_its_format_from_its_name_and_is_replaced(tmp_path):
    for name, seed in [("new/a.gpkg", "1"), ("new/a.gpkg", "2"), ("b.gpkg", "2")]:
        make_coast.main(["--rows", "20", "--cols", "20", "--seed", seed, "--output", str(tmp_path / name)])

    assert [["coast", "Polygon"]] == pyogrio.list_layers(tmp_path / "b.gpkg").tolist()
    assert (tmp_path / "b.gpkg").read_bytes() == (tmp_path / "new" / "a.gpkg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rows", "9", "a.zip"], "9 x 300"),
        (["--cell", "nan", "a.zip"], "nan m"),
        (["--seed", "-1", "a.zip"], "seed -1"),
        (["--format", "gpkg", "a.tif"], "ends in .gpkg"),
        (["a.parquet"], "ends in .tif"),
    ],
)
def test_a_wrong_argument_is_said_and_writes_nothing(tmp_path, capsys, arguments, says):
    *options, name = arguments
    with pytest.raises(SystemExit) as stopped:
        make_coast.main([*options, "--output", str(tmp_path / name)])

    assert 2 == stopped.value.code
    assert says in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_the_run_of_the_readme_gives_the_readme_s_numbers():
    """The numbers are from a second implementation of the rules, written for this check."""
    cells = run(make_coast.make_coast(200, 300), rate=0.011)

    assert {8: 8362, 9: 1020, 7: 97} == {use: cells[use] for use in (8, 9, 7)}


def test_a_faster_sea_takes_more_of_everything():
    coast = make_coast.make_coast(60, 90)
    slow, fast = run(coast, rate=0.011), run(coast, rate=0.05)

    assert slow[9] < fast[9]
    assert slow[7] < fast[7]

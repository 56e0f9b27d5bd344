"""Cells are visited from north to south and from west to east, however a file stores its rows and columns."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.executor.config import RunContext, within
from dissmodel.executor.findings import Collector
from dissmodel.io import bands as io_bands
from dissmodel.io import load_dataset
from dissmodel.models.coastal.kernels import choice
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.raster import CoastalRaster
from support.coasts import read_space
from support.rasters import write_tiff

# More rows than a tile of the result has, so that it is written in several pieces.
ROWS, COLS = 530, 24
NORTH_UP = Affine(30.0, 0.0, 600000.0, 0.0, -30.0, 9700000.0)
STORED = {
    "south-up": (True, False),
    "mirrored": (False, True),
    "south-up and mirrored": (True, True),
}
FAST = {"sea_level_rise_rate": 0.5, "end_time": 5}
KERNELS = {"numpy": (10**12, None), "numba, one thread": (0, 1), "numba, three threads": (0, 3)}


def flipped(array, how):
    return array[:: -1 if how[0] else 1, :: -1 if how[1] else 1]


def transform(how):
    """The transform of the same map, stored so."""
    rows, cols = how
    turn = Affine.translation(COLS if cols else 0, ROWS if rows else 0)
    return NORTH_UP @ turn @ Affine.scale(-1 if cols else 1, -1 if rows else 1)


def coast(seed=1):
    """A coast on which the order of the sums changes elevations within few steps, with holes."""
    rng = np.random.default_rng(seed)
    uso = rng.choice([0.0, 1, 2, 3, 5], (ROWS, COLS), p=[0.05, 0.2, 0.45, 0.2, 0.1])
    alt = np.where(uso == 3, 0.0, rng.uniform(0, 3, uso.shape).round(2))
    return {"uso": uso, "alt": alt, "solo": np.where(uso == 1, 3.0, np.where(uso == 3, 1.0, 4.0))}


def with_order(bands):
    numbers = np.random.default_rng(7).permutation(ROWS * COLS).reshape(ROWS, COLS)
    return bands | {"order": numbers.astype(float)}


def write(path, bands, how=(False, False), grid=None, **profile):
    arrays = np.stack([flipped(array, how) for array in bands.values()]).astype("float64")
    place = transform(how) if grid is None else grid
    return write_tiff(path, arrays, names=tuple(bands), transform=place, **profile)


def run(source, output, **parameters):
    record = ExperimentRecord(
        model_name="coastal_raster",
        source={"uri": str(source)},
        parameters=FAST | parameters,
        output_path=str(output),
    )
    return execute_lifecycle(CoastalRaster(), record)[0]


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.descriptions, dataset.read(), dataset.transform


def same(north_up, stored, how):
    """Tell whether two files hold one map, to the last bit, the second one stored as `how` says."""
    (names, expected, _), (found_names, found, grid) = read(north_up), read(stored)
    turned = np.stack([flipped(band, how) for band in found])
    return names == found_names and expected.tobytes() == turned.tobytes() and grid == transform(how)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Let files be read in many blocks."""
    monkeypatch.setattr(io_bands, "_BLOCK_CELLS", 1000)


@pytest.mark.fast_cases(
    "south-up-a band order-numpy",
    "south-up-a band order-numba, one thread",
    "south-up-a band order-numba, three threads",
    "mirrored-no order-numpy",
)
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("prepare", [dict, with_order], ids=["no order", "a band order"])
@pytest.mark.parametrize("how", STORED.values(), ids=STORED)
def test_the_map_is_the_same_however_it_is_stored(tmp_path, monkeypatch, how, prepare, kernel):
    break_even, threads = kernel
    monkeypatch.setattr(choice, "BREAK_EVEN", break_even)
    bands = prepare(coast())

    with within(RunContext(tmp_path, threads)):
        run(write(tmp_path / "n.tif", bands), tmp_path / "rn.tif")
        run(write(tmp_path / "s.tif", bands, how), tmp_path / "rs.tif")

    assert same(tmp_path / "rn.tif", tmp_path / "rs.tif", how)


def test_the_coast_is_one_on_which_the_order_matters(tmp_path):
    """What the tests here show is nothing if any order gave the same bits."""
    bands = coast()
    upside_down = {name: band[::-1] for name, band in bands.items()}

    run(write(tmp_path / "n.tif", bands), tmp_path / "rn.tif")
    run(write(tmp_path / "s.tif", upside_down), tmp_path / "rs.tif")

    assert not np.array_equal(read(tmp_path / "rn.tif")[1], read(tmp_path / "rs.tif")[1][:, ::-1])


@pytest.mark.parametrize("how", STORED.values(), ids=STORED)
def test_a_rotated_grid_keeps_the_rows_of_its_file(tmp_path, how):
    bands = {name: flipped(band, how) for name, band in coast().items()}
    rotated = transform(how) @ Affine.rotation(10)

    run(write(tmp_path / "rows.tif", bands), tmp_path / "expected.tif")
    record = run(write(tmp_path / "turned.tif", bands, grid=rotated), tmp_path / "found.tif")

    (_, expected, _), (_, found, grid) = read(tmp_path / "expected.tif"), read(tmp_path / "found.tif")
    assert expected.tobytes() == found.tobytes()
    assert grid.almost_equals(rotated)
    assert "rows of the file" == record.grid.order


@pytest.mark.parametrize("how", STORED.values(), ids=STORED)
def test_a_mask_beside_the_bands_is_turned_with_them(tmp_path, how):
    bands = coast()
    mask = np.where(np.random.default_rng(3).random((ROWS, COLS)) < 0.9, 255, 0).astype(np.uint8)
    for name, stored in (("n", (False, False)), ("s", how)):
        with rasterio.open(write(tmp_path / f"{name}.tif", bands, stored), "r+") as dataset:
            dataset.write_mask(flipped(mask, stored))

    run(tmp_path / "n.tif", tmp_path / "rn.tif")
    run(tmp_path / "s.tif", tmp_path / "rs.tif")

    assert same(tmp_path / "rn.tif", tmp_path / "rs.tif", how)


@pytest.mark.fast_cases("south-up-a band order", "mirrored-no order")
@pytest.mark.parametrize("prepare", [dict, with_order], ids=["no order", "a band order"])
@pytest.mark.parametrize("how", STORED.values(), ids=STORED)
def test_snapshots_and_a_resumed_run(tmp_path, how, prepare):
    bands = prepare(coast())

    run(write(tmp_path / "n.tif", bands), tmp_path / "rn.tif", snapshots=[2])
    run(write(tmp_path / "s.tif", bands, how), tmp_path / "rs.tif", snapshots=[2])
    run(tmp_path / "rs.step0002.tif", tmp_path / "resumed.tif")

    assert same(tmp_path / "rn.step0002.tif", tmp_path / "rs.step0002.tif", how)
    assert same(tmp_path / "rn.tif", tmp_path / "resumed.tif", how)
    assert (tmp_path / "rs.tif").read_bytes() == (tmp_path / "resumed.tif").read_bytes()


@pytest.mark.parametrize("how", STORED.values(), ids=STORED)
def test_a_raster_in_memory(tmp_path, how):
    bands = with_order(coast())
    spaces = [
        read_space(load_dataset(str(write(tmp_path / name, bands, stored)))[0], CoastalParameters())
        for name, stored in (("n.tif", (False, False)), ("s.tif", how))
    ]

    for name in ("uso", "alt", "solo", "order"):
        expected, found = (getattr(space, name) for space in spaces)
        assert expected.tobytes() == found.tobytes()
        assert found.flags.c_contiguous
        stored = spaces[1].as_stored(found, slice(3, 70))
        assert flipped(expected, how)[3:70].tobytes() == stored.tobytes()


@pytest.mark.parametrize("how", STORED.values(), ids=STORED)
def test_validation_finds_the_same_wrong_values(tmp_path, how):
    bands = coast()
    bands["uso"][4, 2], bands["alt"][500, 3] = 77.0, 9999.0
    told = []
    for name, stored in (("n.tif", (False, False)), ("s.tif", how)):
        collector = Collector("grid")
        data = load_dataset(str(write(tmp_path / name, bands, stored)))[0]
        read_space(data, CoastalParameters(), problems=collector)
        told.append([finding.message for finding in collector.findings])

    assert 2 == len(told[0])
    assert told[0] == told[1]


def test_the_record_tells_the_order_and_the_grid_of_the_file(tmp_path):
    how = (True, False)

    plain = run(write(tmp_path / "s.tif", coast(), how), tmp_path / "rs.tif")
    given = run(write(tmp_path / "o.tif", with_order(coast()), how), tmp_path / "ro.tif")

    assert tuple(transform(how))[:6] == plain.grid.transform
    assert "north to south, west to east" == plain.grid.order
    assert "given by the input" == given.grid.order


def test_an_order_that_is_the_map_s_own_is_not_written(tmp_path):
    bands = coast() | {"order": np.arange(ROWS * COLS, dtype=float).reshape(ROWS, COLS)}

    run(write(tmp_path / "s.tif", bands, (True, True)), tmp_path / "rs.tif")

    assert ("uso", "alt", "solo") == read(tmp_path / "rs.tif")[0]

"""Maps over the results of many runs: real GeoTIFFs and GeoPackages, against NumPy."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel.cells.style import style_legend
from dissmodel.errors import InvalidInput
from dissmodel.geo.legend import CellClass
from dissmodel.io.raster import write_geotiff
from dissmodel.io.vector import save_gdf
from dissmodel.metrics import stacks
from dissmodel.record.digest import sha256_file
from dissmodel.sweeping.maps import MappedRun, file_name, is_map, map_runs

LEGEND = (CellClass(1, "open", "#aabbcc"), CellClass(2, "built", "#b2182b"))
PLACE = {"transform": rasterio.Affine(100, 0, 0, 0, -100, 0), "crs": "EPSG:31984"}


def rasters(folder, states, *, nodata, **place):
    """Write the results of runs, each a mapping of bands."""
    runs = []
    for number, bands in enumerate(states):
        path = folder / f"{number}" / "result.tif"
        first = next(iter(bands.values()))
        write_geotiff(
            path,
            {name: band.__getitem__ for name, band in bands.items()},
            shape=first.shape,
            dtype=first.dtype,
            nodata=nodata,
            **{**PLACE, **place},
        )
        runs.append(MappedRun(f"{number:04d}", path))
    return runs


def open_files():
    return len([*Path("/proc/self/fd").iterdir()])


def bands_of(path):
    with rasterio.open(path) as dataset:
        return {name: dataset.read(number) for number, name in enumerate(dataset.descriptions, start=1)}


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "maps"
    folder.mkdir()
    return folder


def test_numbers_of_rasters(tmp_path, out):
    rng = np.random.default_rng(1)
    states = [{"other": rng.normal(size=(70, 40)), "rise": rng.normal(size=(70, 40))} for _ in range(20)]
    states[3]["rise"][:5] = np.nan
    for one in states:
        one["rise"][-1] = np.nan
    runs = rasters(tmp_path, states, nodata=np.nan)

    assert [out / "rise.tif"] == map_runs(runs, out, {}, names=["rise"])

    found, stack = bands_of(out / "rise.tif"), np.array([one["rise"] for one in states])
    assert ["mean", "sd", "q05", "q25", "q50", "q75", "q95", "runs"] == list(found)
    inside = ~np.isnan(stack).all(axis=0)
    np.testing.assert_allclose(found["mean"][inside], np.nanmean(stack[:, inside], axis=0), atol=1e-14)
    np.testing.assert_allclose(found["sd"][inside], np.nanstd(stack[:, inside], axis=0, ddof=1))
    np.testing.assert_array_equal(found["q95"][inside], np.nanquantile(stack[:, inside], 0.95, axis=0))
    np.testing.assert_array_equal(found["runs"], (~np.isnan(stack)).sum(axis=0))
    assert np.isnan(found["mean"][~inside]).all()
    with rasterio.open(out / "rise.tif") as dataset:
        assert (PLACE["transform"], PLACE["crs"]) == (dataset.transform, dataset.crs.to_string())
        assert np.isnan(dataset.nodata)
    style = (out / "rise.qml").read_text()
    assert f'classificationMin="{float(np.nanmin(found["mean"]))!r}"' in style


def test_classes_of_rasters(tmp_path, out):
    rng = np.random.default_rng(2)
    states = [{"use": rng.choice([1, 2], (70, 40)).astype(np.uint8)} for _ in range(9)]
    states[0]["use"][0] = 255
    for one in states:
        one["use"][1] = 255
    runs = rasters(tmp_path, states, nodata=255)

    written = map_runs(runs, out, {"use": LEGEND})

    assert [out / "use.modal.tif", out / "use.frequency.tif"] == written
    shares, stack = bands_of(written[1]), np.array([one["use"] for one in states])
    assert ["agreement", "frequency_1", "frequency_2", "runs"] == list(shares)
    have = (stack != 255).sum(axis=0)
    with np.errstate(invalid="ignore"):
        for code in (1, 2):
            expected = ((stack == code).sum(axis=0) / have).astype(np.float32)
            np.testing.assert_array_equal(shares[f"frequency_{code}"], expected)
    np.testing.assert_array_equal(shares["runs"], have)
    ones, twos = shares["frequency_1"], shares["frequency_2"]
    np.testing.assert_array_equal(shares["agreement"], np.fmax(ones, twos))
    with rasterio.open(written[0]) as dataset:
        modal = dataset.read(1, masked=True)
    assert modal.mask[1].all()
    assert not np.delete(modal.mask, 1, axis=0).any()
    np.testing.assert_array_equal(modal.filled(0), np.where(have == 0, 0, np.where(ones >= twos, 1, 2)))
    assert {"1": LEGEND} == style_legend(written[0])
    assert 'classificationMax="1.0"' in written[1].with_suffix(".qml").read_text()


def test_maps_are_the_same_bytes_in_whatever_order_the_runs_come(tmp_path, out):
    rng = np.random.default_rng(3)
    runs = rasters(tmp_path, [{"rise": rng.normal(size=(30, 30))} for _ in range(20)], nodata=np.nan)
    other = out / "other"
    other.mkdir()

    map_runs(runs, out, {})
    map_runs(runs[::-1], other, {})

    assert sha256_file(out / "rise.tif") == sha256_file(other / "rise.tif")


def test_blocks_and_parts_of_them_make_the_same_map(tmp_path, out, monkeypatch):
    rng = np.random.default_rng(4)
    states = [
        {"rise": rng.normal(size=(600, 530)), "use": rng.integers(1, 3, (600, 530)) * 1.0} for _ in range(3)
    ]
    runs = rasters(tmp_path, states, nodata=np.nan)
    whole, parts = out / "whole", out / "parts"
    whole.mkdir()
    parts.mkdir()
    map_runs(runs, whole, {"use": LEGEND})

    monkeypatch.setattr(stacks, "_STACK_BYTES", 3 * 8 * 100_000)
    map_runs(runs, parts, {"use": LEGEND})

    for name in ("rise.tif", "use.modal.tif", "use.frequency.tif"):
        before, after = bands_of(whole / name), bands_of(parts / name)
        for band, values in before.items():
            np.testing.assert_array_equal(values, after[band])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux has them")
def test_however_many_runs_there_are_few_files_are_open(tmp_path, out, monkeypatch):
    one, *_ = rasters(tmp_path, [{"rise": np.ones((20, 20))}], nodata=np.nan)
    runs = [MappedRun(f"{number:04d}", one.path) for number in range(150)]
    before, most = open_files(), 0
    add = stacks._Moments.add

    def counting(moments, batch):
        nonlocal most
        most = max(most, open_files())
        add(moments, batch)

    opened = rasterio.open

    def opening(*args, **options):
        nonlocal most
        dataset = opened(*args, **options)
        most = max(most, open_files())
        return dataset

    monkeypatch.setattr(stacks._Moments, "add", counting)
    monkeypatch.setattr(rasterio, "open", opening)

    map_runs(runs, out, {})

    assert 0 < most - before < 10


@pytest.mark.parametrize(
    ("second", "place"),
    [
        (np.ones((20, 21)), {}),
        (np.ones((20, 20)), {"crs": "EPSG:31983"}),
        (np.ones((20, 20)), {"transform": rasterio.Affine(50, 0, 0, 0, -50, 0)}),
    ],
)
def test_runs_on_other_cells_are_an_error_that_names_two_runs(tmp_path, out, second, place):
    (tmp_path / "a").mkdir()
    first = rasters(tmp_path / "a", [{"rise": np.ones((20, 20))}], nodata=np.nan)[0]
    other = rasters(tmp_path / "b", [{"rise": second}], nodata=np.nan, **place)[0]

    with pytest.raises(InvalidInput) as raised:
        map_runs([first, MappedRun("1", other.path)], out, {})

    assert "grids_differ" == raised.value.code
    assert str(first.path) in raised.value.message
    assert str(other.path) in raised.value.message
    assert [] == list(out.iterdir())


# Polygons.


def polygons(folder, columns, geometry=None):
    boxes = geometry if geometry is not None else [shapely.box(one, 0, one + 1, 1) for one in range(4)]
    runs = []
    for number, values in enumerate(columns):
        path = folder / f"{number}.gpkg"
        save_gdf(gpd.GeoDataFrame(values, geometry=boxes, crs="EPSG:31984"), path)
        runs.append(MappedRun(f"{number}", path))
    return runs


def test_classes_and_numbers_of_polygons(tmp_path, out):
    columns = [
        {"use": [1, 2, 1, 1], "rise": [0.0, 1.0, np.nan, np.nan], "name": ["a", "b", "c", "d"]},
        {"use": [1, 2, 2, 1], "rise": [2.0, 1.0, 5.0, np.nan], "name": ["a", "b", "c", "d"]},
        {"use": [1, 1, 2, 2], "rise": [4.0, 1.0, 6.0, np.nan], "name": ["a", "b", "c", "d"]},
    ]

    written = map_runs(polygons(tmp_path, columns), out, {"use": LEGEND})

    assert [out / "use.gpkg", out / "rise.gpkg"] == written
    use, rise = (gpd.read_file(one) for one in written)
    assert [1, 2, 2, 1] == use["modal"].tolist()
    np.testing.assert_array_equal(use["agreement"], np.float32([1, 2 / 3, 2 / 3, 2 / 3]))
    np.testing.assert_array_equal(use["frequency_2"], np.float32([0, 2 / 3, 2 / 3, 1 / 3]))
    np.testing.assert_array_equal(rise["mean"], [2, 1, 5.5, np.nan])
    np.testing.assert_array_equal(rise["sd"], [2, 0, np.sqrt(0.5), np.nan])
    np.testing.assert_array_equal(rise["q50"], [2, 1, 5.5, np.nan])
    assert [3, 3, 2, 0] == rise["runs"].tolist()
    assert [0, 1, 2, 3] == [one.bounds[0] for one in rise.geometry]
    assert "EPSG:31984" == rise.crs.to_string()
    assert {"modal": LEGEND} == style_legend(written[0])
    assert 'attr="mean"' in written[1].with_suffix(".qml").read_text()


def test_other_polygons_are_other_cells(tmp_path, out):
    (tmp_path / "b").mkdir()
    first = polygons(tmp_path, [{"rise": [0.0, 1.0, 2.0, 3.0]}])[0]
    moved = [shapely.box(one, 0, one + 2, 1) for one in range(4)]
    other = polygons(tmp_path / "b", [{"rise": [0.0, 1.0, 2.0, 3.0]}], moved)[0]

    with pytest.raises(InvalidInput, match="different cells"):
        map_runs([first, MappedRun("1", other.path)], out, {})


def test_a_table_is_no_map():
    assert [True, True, False] == [is_map(Path(one)) for one in ("r.TIF", "r.gpkg", "r.csv")]


def test_bands_whose_names_are_one_for_a_file_system_have_files_of_their_own(tmp_path, out):
    states = [{"a b": np.full((4, 4), 1.0 * run), "A/B": np.full((4, 4), 2.0 * run)} for run in range(2)]

    written = map_runs(rasters(tmp_path, states, nodata=np.nan), out, {})

    assert ["a_b.tif", "A_B_.tif"] == [one.name for one in written]
    assert [0.5, 1.0] == [bands_of(one)["mean"][0, 0] for one in written]


@pytest.mark.parametrize("name", ["../../up", "a/b", ".", "x" * 300, "a\nb", "C:\\x"])
def test_the_name_of_a_band_leads_out_of_no_folder(name):
    made = file_name(name, set())

    assert len(made) <= 80
    assert not set(made) & set("/\\\n:")
    assert made not in {"", ".", ".."}

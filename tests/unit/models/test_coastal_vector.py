"""The executors on polygons, from file to file."""

import hashlib
import zipfile

import geopandas
import numpy as np
import pytest
import shapely

from dissmodel.cells.writing import most_bytes_of
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExecutorRegistry, ExperimentRecord
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.io import load_dataset
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal import raster, vector

FAST = {"sea_level_rise_rate": 0.5}
MODELS = {
    "coastal": (raster.CoastalRaster, vector.CoastalVector),
    "flood": (raster.FloodRaster, vector.FloodVector),
    "mangrove": (raster.MangroveRaster, vector.MangroveVector),
}
EXACT = [".gpkg", ".fgb", ".parquet"]


def read(record):
    return load_dataset(record.output_path)[0]


def frame_hash(frame):
    content = [
        frame[name].to_numpy().astype(kind).tobytes()
        for name, kind in (("uso", "<i2"), ("solo", "<i2"), ("alt", "<f8"))
    ]
    return hashlib.sha256(b"".join(content)).hexdigest()[:16]


def bricks(rows=12, cols=9, crs="EPSG:31983"):
    """A wall of bricks, each row shifted by half of one, visited in no order at all: T-junctions, no grid."""
    row, col = (part.ravel() for part in np.indices((rows, cols)))
    rng = np.random.default_rng(11)
    visit = rng.permutation(row.size)
    row, col = row[visit], col[visit]
    west = col * 30.0 + row % 2 * 15
    return geopandas.GeoDataFrame(
        {
            "name": [f"brick {i}" for i in range(row.size)],
            "uso": np.select([col < 2, col < 4, col < 7], [3, 1, 2], 4).astype(np.int32),
            "alt": col * 0.3 + row * 0.01,
            "solo": np.where(row == 5, 0, np.where(col < 4, 3, 4)).astype(np.int16),
            "share": rng.random(row.size),
        },
        geometry=shapely.box(west, -row * 30 - 30.0, west + 30, -row * 30.0),
        crs=crs,
    )


@pytest.mark.fast_cases(
    "elevacao_pol.zip-0.5-10-4958429b6f03dcc3-2092-998209.0",
    "synthetic_grid_60x60_shp.zip-0.011-10-7e24dced38f33514-51-18825.6175",
)
@pytest.mark.parametrize(
    ("name", "rate", "steps", "digest", "flooded", "total"),
    [
        ("elevacao_pol.zip", 0.5, 1, "c81cc5916643f1ff", 0, 980506.0),
        ("elevacao_pol.zip", 0.5, 5, "d57e59863ff405b0", 397, 987404.5),
        ("elevacao_pol.zip", 0.5, 10, "4958429b6f03dcc3", 2092, 998209.0),
        ("elevacao_pol.zip", 0.5, 11, "e43132274be7def5", 2469, 1000937.0),
        ("synthetic_grid_60x60_shp.zip", 0.011, 10, "7e24dced38f33514", 51, 18825.6175),
    ],
)
def test_the_published_numbers(shared, run_layer, name, rate, steps, digest, flooded, total):
    record = run_layer(shared(name), parameters={"sea_level_rise_rate": rate, "end_time": steps})

    assert digest == frame_hash(read(record))
    assert flooded == record.step_metrics["flooded"][-1]
    assert total == record.step_metrics["sum_alt"][-1]
    assert list(range(1, steps + 1)) == record.step_metrics["step"]


@pytest.mark.fast_cases("coastal")
@pytest.mark.parametrize("kind", MODELS)
def test_both_substrates_have_the_same_bits(shared, run_layer, state_hash, kind):
    source, parameters = shared("elevacao_pol.zip"), {**FAST, "end_time": 20}
    pixels, cells = MODELS[kind]

    on_pixels = run_layer(source, "r.tif", pixels, parameters=parameters)
    on_cells = run_layer(source, "r.gpkg", cells, parameters=parameters)

    assert state_hash(on_pixels.output_path) == frame_hash(read(on_cells))
    assert on_pixels.step_metrics == on_cells.step_metrics


def test_each_model_does_its_own_part(run_layer):
    given = bricks()
    results = {
        kind: read(run_layer(given, f"{kind}.gpkg", cells, parameters={**FAST, "end_time": 10}))
        for kind, (_, cells) in MODELS.items()
    }

    assert not np.isin(results["flood"].uso, [8]).any()
    assert given.solo.tolist() == results["flood"].solo.tolist()
    assert np.isin(results["flood"].uso, [7, 9, 10]).any()
    assert given.alt.tolist() == results["mangrove"].alt.tolist()
    assert not np.isin(results["mangrove"].uso, [6, 7, 9, 10]).any()
    assert (results["mangrove"].uso == 8).any()
    assert (results["coastal"].solo == 9).any()
    assert np.isin(results["coastal"].uso, [7, 9, 10]).any()


def test_only_the_state_changes(run_layer):
    given = bricks()

    result = read(run_layer(given, parameters={**FAST, "end_time": 6}))

    assert [*given.columns[:-1], "passo", "geometry"] == [*result.columns]
    assert given.dtypes.drop("geometry").to_dict() == result.dtypes[given.columns].drop("geometry").to_dict()
    for name in ("name", "share"):
        assert given[name].tolist() == result[name].tolist()
    assert shapely.equals_exact(given.geometry.array, result.geometry.array).all()
    assert given.crs == result.crs
    assert [6] == result.passo.unique().tolist()
    for name in ("uso", "alt", "solo"):
        assert (given[name] != result[name]).any()


def test_a_number_type_stays_where_it_holds_every_value(run_layer):
    given = bricks().astype({"uso": "int64", "solo": "float64", "alt": "float32"})
    given["passo"] = 2.0

    still = read(run_layer(given, parameters={"sea_level_rise_rate": 0, "end_time": 3}))
    rising = read(run_layer(given, parameters={"sea_level_rise_rate": 0.1, "end_time": 3}))

    kinds = {"uso": "int64", "solo": "float64", "passo": "float64"}
    assert {**kinds, "alt": "float32"} == {name: str(still[name].dtype) for name in (*kinds, "alt")}
    assert {**kinds, "alt": "float64"} == {name: str(rising[name].dtype) for name in (*kinds, "alt")}


def test_whole_elevations_become_fractions(run_layer):
    given = bricks()
    given["alt"] = np.arange(len(given)) % 5

    assert np.dtype(np.float64) == read(run_layer(given, parameters={**FAST, "end_time": 1})).alt.dtype


def test_a_column_map_names_what_is_read_and_written(run_layer):
    given = bricks()
    other = given.rename(columns={"uso": "landuse", "alt": "height"}).assign(etapa=0)

    expected = read(run_layer(given, "a.gpkg", parameters={**FAST, "end_time": 4}))
    mapped = {"uso": "landuse", "alt": "height", "passo": "etapa"}
    found = read(run_layer(other, "b.gpkg", parameters={**FAST, "end_time": 4}, column_map=mapped))

    assert set(other.columns) == set(found.columns)
    assert expected.uso.tolist() == found.landuse.tolist()
    assert expected.alt.tolist() == found.height.tolist()
    assert [4] == found.etapa.unique().tolist()


@pytest.mark.fast_cases("coastal-.gpkg", "flood-.fgb", "mangrove-.parquet")
@pytest.mark.parametrize("suffix", EXACT)
@pytest.mark.parametrize("kind", MODELS)
def test_ten_steps_and_ten_are_twenty(run_layer, tmp_path, suffix, kind):
    executor = MODELS[kind][1]
    given = bricks(crs="EPSG:4326")

    run_layer(given, f"ten{suffix}", executor, parameters={**FAST, "end_time": 10})
    twice = run_layer(
        tmp_path / f"ten{suffix}", f"twice{suffix}", executor, parameters={**FAST, "end_time": 20}
    )
    once = run_layer(given, f"once{suffix}", executor, parameters={**FAST, "end_time": 20})

    assert list(range(11, 21)) == twice.step_metrics["step"]
    assert frame_hash(read(once)) == frame_hash(read(twice))
    assert (tmp_path / f"once{suffix}").read_bytes() == (tmp_path / f"twice{suffix}").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_ten_and_ten_are_twenty_on_pixels_made_of_polygons(shared, run_layer, tmp_path, state_hash, kind):
    source, (pixels, cells) = shared("elevacao_pol.zip"), MODELS[kind]

    run_layer(source, "ten.tif", pixels, parameters={**FAST, "end_time": 10})
    run_layer(source, "ten.gpkg", cells, parameters={**FAST, "end_time": 10})
    once = run_layer(source, "once.tif", pixels, parameters={**FAST, "end_time": 20})
    twenty = {**FAST, "end_time": 20}
    twice = run_layer(tmp_path / "ten.tif", "twice.tif", pixels, parameters=twenty)
    changed_over = run_layer(tmp_path / "ten.gpkg", "over.tif", pixels, parameters=twenty)
    on_cells = run_layer(tmp_path / "ten.gpkg", "twice.gpkg", cells, parameters=twenty)

    expected = state_hash(once.output_path)
    assert expected == state_hash(twice.output_path)
    assert expected == state_hash(changed_over.output_path)
    assert expected == frame_hash(read(on_cells))


@pytest.mark.parametrize("suffix", EXACT)
def test_what_one_substrate_writes_the_other_reads(run_layer, squares, tmp_path, state_hash, suffix):
    run_layer(squares, f"two{suffix}", parameters={**FAST, "end_time": 2})
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(tmp_path / f"two{suffix}", f"two{suffix}")

    once = run_layer(squares, "once.tif", raster.CoastalRaster, parameters={**FAST, "end_time": 5})
    for source in (f"two{suffix}", "two.zip"):
        pixels = run_layer(
            tmp_path / source, "r.tif", raster.CoastalRaster, parameters={**FAST, "end_time": 5}
        )
        cells = run_layer(tmp_path / source, "r.gpkg", parameters={**FAST, "end_time": 5})

        assert state_hash(once.output_path) == state_hash(pixels.output_path)
        assert state_hash(once.output_path) == frame_hash(read(cells))


def test_geojson_and_a_shapefile_say_what_they_lose(run_layer):
    given = bricks()
    exact = read(run_layer(given, parameters={**FAST, "end_time": 7}))

    with pytest.warns(DissmodelWarning, match="WGS 84|rounded"):
        geojson = run_layer(given, "r.geojson", parameters={**FAST, "end_time": 7})
    with pytest.warns(DissmodelWarning, match="some in alt.* are rounded"):
        shapefile = run_layer(given, "r.shp", parameters={**FAST, "end_time": 7})

    for record in (geojson, shapefile):
        assert exact.uso.tolist() == read(record).uso.tolist()
        np.testing.assert_allclose(exact.alt, read(record).alt, rtol=1e-12)


def test_the_layer_is_named_by_the_model_and_the_bytes_don_t_depend_on_the_hour_or_the_name(
    run_layer, tmp_path
):
    import pyogrio

    for name in ("a.gpkg", "b.gpkg"):
        run_layer(bricks(), name, parameters={**FAST, "end_time": 2})

    assert "coastal_vector" == pyogrio.list_layers(tmp_path / "a.gpkg")[0][0]
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_row_and_col_decide_who_is_beside_whom(run_layer, squares):
    apart = squares.copy()
    # Each square shrinks a little: by geometry they are islands, by number they are neighbours.
    apart["geometry"] = apart.geometry.buffer(-1, join_style="mitre")

    by_number = read(run_layer(apart, parameters={**FAST, "end_time": 3}))
    islands = run_layer(apart.drop(columns="col"), parameters={**FAST, "end_time": 3})

    assert frame_hash(read(run_layer(squares, parameters={**FAST, "end_time": 3}))) == frame_hash(by_number)
    assert 0 == islands.step_metrics["newly_flooded"][-1] + islands.step_metrics["flooded"][-1]


def test_overlapping_cells_are_neighbours(run_layer):
    given = geopandas.GeoDataFrame(
        {"uso": [3, 2], "alt": [0.5, 0.5], "solo": [4, 4]},
        geometry=shapely.box([0, 10], 0, [30, 40], 30),
        crs="EPSG:31983",
    )

    with pytest.warns(DissmodelWarning, match="1 pair of cells overlaps"):
        result = read(run_layer(given, parameters={**FAST, "end_time": 1}))

    assert ([3, 10], [0.75, 0.75]) == (result.uso.tolist(), result.alt.tolist())


def test_a_layer_without_crs_runs_and_a_parameter_sets_one(run_layer):
    with pytest.warns(DissmodelWarning, match="no coordinate reference system"):
        assert read(run_layer(bricks(crs=None), parameters={"end_time": 1})).crs is None
    assert (
        31983
        == read(run_layer(bricks(crs=None), parameters={"end_time": 1, "crs": "EPSG:31983"})).crs.to_epsg()
    )
    with pytest.raises(InvalidInput, match="EPSG:31983"):
        run_layer(bricks(), parameters={"end_time": 1, "crs": "EPSG:31984"})


def test_a_resolution_changes_nothing_and_says_so(run_layer):
    with pytest.warns(DissmodelWarning, match="resolution = 10 changes nothing"):
        run_layer(bricks(), parameters={"end_time": 1, "resolution": 10})


def test_what_is_right_is_said(tmp_path):
    save_gdf(bricks(), tmp_path / "cells.gpkg")
    record = ExperimentRecord(source={"uri": str(tmp_path / "cells.gpkg")}, parameters={"end_time": 3})

    findings = list(vector.CoastalVector().inspect(record))

    assert {"ok"} == {one.severity for one in findings}
    assert "108 cells in the space, steps 1 to 3" in findings[0].message


@pytest.mark.fast_cases(".gpkg")
@pytest.mark.parametrize("suffix", [*EXACT, ".geojson", ".shp"])
@pytest.mark.filterwarnings("ignore:.*(WGS 84|rounded):dissmodel.errors.DissmodelWarning")
def test_the_room_that_is_asked_for_is_enough(run_layer, tmp_path, suffix):
    run_layer(bricks(60, 60), f"r{suffix}", parameters={**FAST, "end_time": 3})

    size = sum(path.stat().st_size for path in tmp_path.glob("r.*"))
    assert size <= most_bytes_of(bricks(60, 60), 3) + 100_000


@pytest.mark.parametrize("executor", [one for pair in MODELS.values() for one in pair])
def test_the_contract_holds(executor, monkeypatch):
    # Other tests may have registered models of their own under the same names.
    monkeypatch.setattr(ExecutorRegistry, "_executors", {executor.name: executor})

    assert ExecutorTestHarness(executor).run_contract_tests()
    assert executor.summary()


@pytest.mark.parametrize("substrate", [0, 1])
def test_the_flood_alone_has_no_tide(substrate):
    assert (
        not {"tide_height", "accretion_enabled"} & MODELS["flood"][substrate].Parameters.model_fields.keys()
    )
    assert {"tide_height", "accretion_enabled"} <= MODELS["mangrove"][
        substrate
    ].Parameters.model_fields.keys()

import json
import subprocess
import sys
import zipfile

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from dissmodel.errors import DissmodelWarning, InvalidInput, StorageError, UsageError
from dissmodel.io.content import content_digest
from dissmodel.io.vector import load_gdf, save_gdf
from dissmodel.record.digest import sha256_file
from support.cases import mostly_slow

CUSTOM_CRS = "+proj=poly +lat_0=0 +lon_0=-54 +x_0=0 +y_0=0 +a=6378137 +rf=298.257222 +units=m"
EXACT = [".gpkg", ".fgb", ".parquet"]
STABLE = [".gpkg", ".fgb", ".geojson"]


def cells(n=60, columns=10, crs="EPSG:31984"):
    """Square cells of 30 m in an order that is neither by rows nor by columns."""
    rng = np.random.default_rng(7)
    order = rng.permutation(n)
    row, col = np.divmod(order, columns)
    data = {"row": row, "col": col, "uso": rng.integers(1, 11, n), "alt": rng.normal(size=n) / 3}
    data["name"] = [f"célula {i}" for i in order]
    return gpd.GeoDataFrame(
        data, geometry=shapely.box(col * 30, -row * 30 - 30, col * 30 + 30, -row * 30), crs=crs
    )


def wgs84(n=60):
    frame = cells(n, crs="EPSG:4326")
    return frame.set_geometry(shapely.transform(frame.geometry.values, lambda xy: xy * 1e-4 - 40))


@pytest.mark.parametrize("suffix", EXACT)
def test_a_frame_comes_back_as_it_went(tmp_path, suffix):
    frame = cells()
    frame.loc[:3, "alt"] = [0.1, 5e-324, 1.7976931348623157e308, 1 / 3]

    sha256 = save_gdf(frame, tmp_path / f"new/folder/a{suffix}")
    back, read_sha256 = load_gdf(tmp_path / f"new/folder/a{suffix}")

    assert sha256_file(tmp_path / f"new/folder/a{suffix}") == sha256 == read_sha256
    assert frame["alt"].to_numpy().tobytes() == back["alt"].to_numpy().tobytes()
    assert frame["name"].tolist() == back["name"].tolist()
    assert shapely.to_wkb(frame.geometry.values).tolist() == shapely.to_wkb(back.geometry.values).tolist()
    assert frame.crs == back.crs
    assert [f"a{suffix}"] == [path.name for path in (tmp_path / "new/folder").iterdir()]


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp"])
def test_a_custom_crs_survives(tmp_path, suffix):
    frame = cells(crs=CUSTOM_CRS).drop(columns="alt")

    save_gdf(frame, tmp_path / f"a{suffix}")
    crs = load_gdf(tmp_path / f"a{suffix}")[0].crs

    assert crs.to_epsg() is None
    assert [0.0, -54.0, 0.0, 0.0] == [p.value for p in crs.coordinate_operation.params]
    assert 298.257222 == crs.ellipsoid.inverse_flattening


@pytest.mark.parametrize("suffix", STABLE)
def test_two_writes_give_equal_bytes(tmp_path, suffix):
    frame = wgs84()

    first, second = (save_gdf(frame, tmp_path / f"{name}{suffix}") for name in ("a", "other name"))

    assert first == second


def test_geopackage_holds_the_pinned_time_and_leaves_gdal_as_it_was(tmp_path):
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    save_gdf(cells(), tmp_path / "a.gpkg", layer="coast")

    assert b"2000-01-01T00:00:00.000Z" in (tmp_path / "a.gpkg").read_bytes()
    assert "coast" == pyogrio.list_layers(tmp_path / "a.gpkg")[0][0]
    assert before == pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")


def test_columns_called_like_the_ones_of_geopackage(tmp_path):
    frame = cells().rename(columns={"row": "fid", "col": "Geom"})

    save_gdf(frame, tmp_path / "a.gpkg")

    assert frame.columns.tolist() == load_gdf(tmp_path / "a.gpkg")[0].columns.tolist()


def test_geojson_is_exact_on_wgs84_and_transforms_the_rest(tmp_path):
    frame = wgs84()
    save_gdf(frame, tmp_path / "a.geojson")
    back, _ = load_gdf(tmp_path / "a.geojson")

    assert frame["alt"].to_numpy().tobytes() == back["alt"].to_numpy().tobytes()
    assert np.array_equal(shapely.get_coordinates(frame.geometry), shapely.get_coordinates(back.geometry))

    with pytest.warns(DissmodelWarning, match="WGS 84.*SIRGAS 2000 / UTM zone 24S were transformed"):
        save_gdf(cells(), tmp_path / "b.geojson")
    with pytest.warns(DissmodelWarning, match="no CRS"):
        save_gdf(cells(crs=None), tmp_path / "c.geojson")


def test_a_shapefile_says_what_it_cuts_and_rounds(tmp_path):
    frame = cells().rename(columns={"uso": "uso_da_terra"})
    with pytest.warns(DissmodelWarning) as caught:
        save_gdf(frame, tmp_path / "a.shp")
    said = " ".join(str(w.message) for w in caught)

    assert "cut: uso_da_terra" in said
    assert "some in alt are rounded" in said
    assert ["a.cpg", "a.dbf", "a.prj", "a.shp", "a.shx"] == sorted(p.name for p in tmp_path.iterdir())


def test_an_old_index_does_not_outlive_its_shapefile(tmp_path):
    (tmp_path / "a.qix").write_bytes(b"old")
    save_gdf(cells().drop(columns="alt"), tmp_path / "a.shp")

    assert not (tmp_path / "a.qix").exists()


def test_zips_and_the_sha256_of_what_was_named(tmp_path):
    save_gdf(cells(), tmp_path / "a.gpkg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.gpkg", "deep/a.gpkg")
    gdf, sha256 = load_gdf(tmp_path / "a.zip", columns=["uso"])

    assert sha256_file(tmp_path / "a.zip") == sha256
    assert ["uso", "geometry"] == gdf.columns.tolist()


def test_several_layers_must_be_chosen_from(tmp_path):
    for name in ("coast", "river"):
        pyogrio.write_dataframe(cells(10), tmp_path / "a.gpkg", layer=name, append=name == "river")
    pyogrio.write_dataframe(
        cells(3).drop(columns="geometry"), tmp_path / "a.gpkg", layer="styles", append=True
    )

    with pytest.raises(InvalidInput, match="2 layers: 'coast', 'river'") as caught:
        load_gdf(tmp_path / "a.gpkg")
    assert "Choose one: --layer coast" == caught.value.hint
    with pytest.raises(InvalidInput, match="no layer 'rver'") as caught:
        load_gdf(tmp_path / "a.gpkg", layer="rver")
    assert "Did you mean 'river'?" == caught.value.hint
    with pytest.raises(InvalidInput, match=r"'styles'.*no geometry"):
        load_gdf(tmp_path / "a.gpkg", layer="styles")
    assert 10 == len(load_gdf(tmp_path / "a.gpkg", layer="river")[0])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".parquet", ".shp", ".dbf", ".shx"])
def test_a_truncated_file_is_an_error(tmp_path, suffix, share):
    main = tmp_path / ("a.shp" if suffix in {".dbf", ".shx"} else f"a{suffix}")
    save_gdf(wgs84().drop(columns="alt"), main)
    damaged = main.with_suffix(suffix)
    content = damaged.read_bytes()
    damaged.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InvalidInput, match=r"a\.\w+.*(empty|read|incomplete|not what)"):
        load_gdf(main)


def test_a_flatgeobuf_that_was_cut_off_between_two_features(tmp_path):
    path = tmp_path / "a.fgb"
    save_gdf(cells(), path)
    whole = path.read_bytes()
    # Eight bytes that name the format, then the header and each feature, behind the length of each.
    at = 8
    for _ in range(1 + 10):
        at += 4 + int.from_bytes(whole[at : at + 4], "little")
    path.write_bytes(whole[:at])

    with pytest.raises(InvalidInput, match=r"a\.fgb is incomplete: 10 of its 60 features are there"):
        load_gdf(path)
    with pytest.raises(InvalidInput, match="10 of its 60"):
        content_digest(path)


def test_a_json_file_does_not_make_gdal_open_another(tmp_path):
    save_gdf(wgs84(), tmp_path / "secret.geojson")
    command = f"gdal vector pipeline read {tmp_path}/secret.geojson ! write --of stream streamed"
    for name, text in (
        (
            "pipeline.json",
            json.dumps({"type": "gdal_streamed_alg", "command_line": command, "gdal_version": "3.12"}),
        ),
        ("vrt.geojson", "<OGRVRTDataSource></OGRVRTDataSource>"),
        ("table.json", "x,y\n1,2\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InvalidInput, match=r"could not be read|not what its name says"):
            load_gdf(tmp_path / name)


def test_no_features_no_geometry_no_column(tmp_path):
    pyogrio.write_dataframe(cells().iloc[:0], tmp_path / "none.gpkg", geometry_type="Polygon")
    pyogrio.write_dataframe(cells().drop(columns="geometry"), tmp_path / "table.gpkg", layer="t")
    save_gdf(cells(), tmp_path / "a.gpkg")

    with pytest.raises(InvalidInput, match="no features"):
        load_gdf(tmp_path / "none.gpkg")
    with pytest.raises(InvalidInput, match="no geometry"):
        load_gdf(tmp_path / "table.gpkg")
    with pytest.raises(InvalidInput, match="no column 'uso_'") as caught:
        load_gdf(tmp_path / "a.gpkg", columns=["uso_"])
    assert "Did you mean 'uso'?" == caught.value.hint


def test_text_that_is_not_encoded_as_it_says(tmp_path):
    pyogrio.write_dataframe(cells(3).drop(columns="alt"), tmp_path / "a.shp", encoding="ISO-8859-1")
    (tmp_path / "a.cpg").write_text("UTF-8")
    with pytest.warns(DissmodelWarning, match="ISO-8859-1"):
        gdf, _ = load_gdf(tmp_path / "a.shp")

    assert cells(3)["name"].tolist() == gdf["name"].tolist()


def test_suffixes_and_places_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match=r"'\.txt'"):
        save_gdf(cells(), tmp_path / "a.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        save_gdf(cells(), tmp_path / "file/a.gpkg")
    with pytest.raises(StorageError, match="could not be written"):
        save_gdf(cells(), "/proc/a.gpkg")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import pyogrio
from dissmodel.errors import StorageError
from dissmodel.io.content import content_digest
from dissmodel.io.vector import load_gdf, save_gdf
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
whole, part = map(Path, sys.argv[1:])
frame = load_gdf(whole)[0]
part.write_text("what was there")
resource.setrlimit(resource.RLIMIT_FSIZE, (whole.stat().st_size - 3, resource.RLIM_INFINITY))
try:
    save_gdf(frame, part)
except StorageError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.fast_cases(".shp")
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("suffix", mostly_slow([".gpkg", ".geojson", ".fgb", ".shp"], ".gpkg", ".shp"))
def test_a_disk_that_is_full_at_the_last_byte(tmp_path, suffix):
    whole, part = tmp_path / f"whole{suffix}", tmp_path / f"part{suffix}"
    save_gdf(wgs84(500).drop(columns="alt"), whole)
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, whole, part], capture_output=True, text=True, check=True
    )

    assert "could not be written" in run.stdout
    assert "what was there" == part.read_text()
    assert [part.name] == [p.name for p in tmp_path.iterdir() if not p.name.startswith("whole")]


@pytest.mark.parametrize("suffix", [".geojson", ".shp"])
def test_a_format_that_rounds_says_so(tmp_path, suffix):
    exact = 0.9299999999999999  # GDAL writes 0.93
    frame = gpd.GeoDataFrame({"alt": [exact]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326")

    with pytest.warns(DissmodelWarning, match="some in alt are rounded"):
        save_gdf(frame, tmp_path / f"a{suffix}")

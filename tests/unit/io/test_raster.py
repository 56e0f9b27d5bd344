import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from dissmodel.errors import DissmodelWarning, InvalidInput, StorageError, UsageError
from dissmodel.geo import RasterBackend
from dissmodel.io import load_dataset, load_xarray, save_dataset, save_xarray
from dissmodel.io.raster import load_geotiff, reading, save_geotiff, write_geotiff
from support.rasters import write_tiff

NORTH_UP = Affine(30, 0, 1077690, 0, -30, -279210)
UTM = "EPSG:31984"


def written(path, bands, *, names=None, tags=None, **options):
    """Write a GeoTIFF as another program would."""
    place = {"transform": NORTH_UP, "crs": UTM}
    return write_tiff(path, bands, names=names or (), band_tags=tags or (), **(place | options))


def backend_of(**arrays):
    shape = next(iter(arrays.values())).shape
    backend = RasterBackend(shape, transform=NORTH_UP, crs=UTM)
    backend.arrays.update(arrays)
    return backend


def refusal(path, **kwargs):
    with pytest.raises(InvalidInput) as caught:
        load_geotiff(path, **kwargs)
    assert Path(path).name in caught.value.message
    return caught.value


STATE = np.arange(12, dtype="float64").reshape(3, 4) / 7


def test_every_bit_survives(tmp_path):
    special = np.array([[0.1, -0.0, np.nan], [np.inf, 5e-324, 1.7976931348623157e308]])
    path = tmp_path / "a.tif"

    checksum = save_geotiff(backend_of(alt=special), path)
    (backend, meta), read_checksum = load_geotiff(str(path))

    assert special.tobytes() == backend.get("alt").tobytes()
    assert (NORTH_UP, 31984) == (meta["transform"], meta["crs"].to_epsg())
    assert (NORTH_UP, meta["crs"], (2, 3)) == (backend.transform, backend.crs, backend.shape)
    assert sha256(path.read_bytes()).hexdigest() == checksum == read_checksum


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float32", "float64"])  # fmt: skip
def test_dtypes_are_kept(tmp_path, dtype):
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    array = np.array([[info.min, info.max, 1]], dtype=dtype)

    save_geotiff(backend_of(a=array), tmp_path / "a.tif")
    (backend, _), _ = load_geotiff(tmp_path / "a.tif")

    assert dtype == backend.get("a").dtype
    assert array.tolist() == backend.get("a").tolist()


@pytest.mark.parametrize(
    "transform", [Affine(30, 5, 7.1, 3, -30.3, 9.7), Affine(1 / 3, 0, 0.1, 0, 1 / 3, 0.2), NORTH_UP]
)
def test_transforms_survive(tmp_path, transform):
    save_geotiff(backend_of(a=STATE), tmp_path / "a.tif", transform=transform)

    assert transform == load_geotiff(tmp_path / "a.tif")[0][1]["transform"]


@pytest.mark.parametrize(
    "crs",
    [
        "EPSG:4326",
        "+proj=poly +lat_0=0 +lon_0=-54 +x_0=5000000 +y_0=10000000 +ellps=aust_SA +units=m",
        "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=198 +R=6371000",
    ],
)
def test_custom_crss_survive(tmp_path, crs):
    save_geotiff(backend_of(a=STATE), tmp_path / "a.tif", crs=crs)

    assert rasterio.CRS.from_user_input(crs) == load_geotiff(tmp_path / "a.tif")[0][1]["crs"]
    assert {"a.tif", "a.tif.aux.xml"} >= {file.name for file in tmp_path.iterdir()}


def test_what_is_no_crs(tmp_path):
    with pytest.raises(UsageError, match="EPSG:99999999"):
        save_geotiff(backend_of(a=STATE), tmp_path / "a.tif", crs="EPSG:99999999")


def test_no_georeference_is_a_warning_and_no_transform(tmp_path):
    backend = RasterBackend((3, 4))
    backend.set("a", STATE)
    save_geotiff(backend, tmp_path / "a.tif")

    with pytest.warns(DissmodelWarning, match="no georeference") as caught:
        (loaded, meta), _ = load_geotiff(tmp_path / "a.tif")

    assert len(caught) == 1
    assert loaded.transform is meta["transform"] is meta["crs"] is loaded.crs is None


def test_names_come_from_description_then_tags_then_number(tmp_path):
    path = written(
        tmp_path / "a.tif", [STATE] * 4, names=["uso", "", "", ""],
        tags=[{"band_name": "no"}, {"band_name": "alt", "name": "no"}, {"name": "solo"}, {"nodata": "-1"}],
        nodata=-9999,
    )  # fmt: skip

    (backend, meta), _ = load_geotiff(path)

    assert ["uso", "alt", "solo", "band_4"] == backend.band_names() == list(meta["bands"])
    assert [True, True, True, False] == [band["named"] for band in meta["bands"].values()]
    assert {"nodata": -9999.0, "tags": {"nodata": "-1"}, "named": False, "number": 4} == meta["bands"][
        "band_4"
    ]
    assert meta["mask"] is None


def test_two_bands_of_one_name_are_an_error(tmp_path):
    error = refusal(written(tmp_path / "a.tif", [STATE] * 3, names=["uso", "alt", "uso"]))

    assert error.code == "band_names_repeat"
    assert "'uso'" in error.message


def test_a_mask_band_says_what_is_valid(tmp_path):
    mask = np.array([[True, False, True, True]] * 3)

    (_, meta), _ = load_geotiff(written(tmp_path / "a.tif", [STATE], mask=mask))

    assert meta["mask"].dtype == bool
    assert mask.tolist() == meta["mask"].tolist()


def test_an_alpha_band_is_no_data(tmp_path):
    alpha = np.array([[255, 0, 1, 255]] * 3, dtype="uint8")
    path = written(
        tmp_path / "a.tif", [alpha * 0 + 7, alpha], photometric="minisblack", alpha="yes", nodata=7
    )

    (backend, meta), _ = load_geotiff(path)

    assert ["band_1"] == backend.band_names()
    assert (alpha > 0).tolist() == meta["mask"].tolist()


def test_a_named_fourth_band_of_bytes_is_data(tmp_path):
    bands = np.arange(48, dtype="uint8").reshape(4, 3, 4)
    path = written(tmp_path / "a.tif", bands, names=["uso", "alt", "solo", "order"])
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha

    (backend, meta), _ = load_geotiff(path)

    assert bands[3].tolist() == backend.get("order").tolist()
    assert meta["mask"] is None


def test_four_bands_of_bytes_are_written_as_data(tmp_path):
    save_geotiff(backend_of(**{n: STATE.astype("uint8") for n in "abcd"}), tmp_path / "a.tif")

    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert ColorInterp.alpha not in dataset.colorinterp


@pytest.mark.parametrize("options", [{"interleave": "pixel"}, {"interleave": "pixel", "tiled": True,
    "blockxsize": 16, "blockysize": 16}, {"interleave": "band", "compress": "lzw"}])  # fmt: skip
def test_other_layouts_are_read(tmp_path, options):
    bands = np.random.default_rng(1).random((3, 300, 40))

    (backend, _), _ = load_geotiff(written(tmp_path / "a.tif", bands, **options))

    assert bands.tobytes() == b"".join(array.tobytes() for array in backend.arrays.values())


def test_no_other_driver_opens_a_file(tmp_path):
    source = written(tmp_path / "a.tif", [STATE])
    path = tmp_path / "b.tif"
    path.write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="3"><VRTRasterBand dataType="Float64" band="1">'
        f"<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        "</VRTDataset>"
    )

    with pytest.raises(InvalidInput, match=r"b\.tif"), reading(path):
        pass


def test_a_mask_file_of_another_format_is_not_followed(tmp_path):
    path = written(tmp_path / "a.tif", [STATE])
    (tmp_path / "a.tif.msk").write_text("<VRTDataset rasterXSize='4' rasterYSize='3'/>")

    with pytest.raises(InvalidInput, match=r"a\.tif\.msk"):
        load_geotiff(path)


@pytest.mark.parametrize("keep", [4, 8, 100, 400, 2000])
def test_a_truncated_file_is_an_error(tmp_path, keep):
    path = tmp_path / "a.tif"
    save_geotiff(backend_of(a=np.random.default_rng(1).random((64, 64))), path)
    content = path.read_bytes()
    assert len(content) > 2000
    path.write_bytes(content[:keep])

    assert refusal(path).code == "raster_damaged"


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # rasterio's log of damaged names
def test_every_flipped_byte_is_an_error_or_data(tmp_path):
    path = tmp_path / "a.tif"
    save_geotiff(backend_of(a=STATE), path)
    honest = path.read_bytes()

    for at in range(4, len(honest), 3):
        path.write_bytes(honest[:at] + bytes([honest[at] ^ 0xFF]) + honest[at + 1 :])
        try:
            load_geotiff(path)
        except (InvalidInput, DissmodelWarning):
            continue


def test_an_absurd_size_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", width=200_000, height=200_000, count=1, dtype="float64",
                       sparse_ok=True, bigtiff="yes", transform=NORTH_UP, tiled=True):  # fmt: skip
        pass
    assert path.stat().st_size < 10 * 2**20

    error = refusal(path)

    assert error.code == "raster_too_large"
    assert "298.0 GiB" in error.message
    assert "200000 by 200000" in error.message


def test_an_absurd_number_of_bands_is_refused(tmp_path):
    path = written(tmp_path / "a.tif", np.zeros((5000, 1, 1), "uint8"), interleave="pixel")

    assert refusal(path).code == "raster_too_large"


def test_a_zip_and_its_digest(tmp_path):
    save_geotiff(backend_of(a=STATE), tmp_path / "a.tif")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.write(tmp_path / "a.tif", "in/a.tif")

    (backend, _), checksum = load_geotiff(tmp_path / "a.zip")

    assert sha256((tmp_path / "a.zip").read_bytes()).hexdigest() == checksum
    assert STATE.tolist() == backend.get("a").tolist()


def test_the_file_is_laid_out_as_promised(tmp_path):
    rows = np.arange(700 * 530, dtype="float64").reshape(700, 530)
    path = tmp_path / "new folder" / "maré.tif"

    write_geotiff(
        path, {"uso": lambda s: rows[s], "alt": lambda s: -rows[s]}, shape=(700, 530), dtype="float64",
        nodata=-9999, transform=NORTH_UP, crs=UTM, tags={"passo": "7"},
        band_tags={"alt": {"nodata": "-9999"}},
    )  # fmt: skip

    with rasterio.open(path) as dataset:
        assert [(512, 512)] * 2 == dataset.block_shapes
        assert dataset.compression.value.lower() == "zstd"
        assert dataset.interleaving.value.lower() == "band"
        assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"
        assert ("uso", "alt") == dataset.descriptions
        assert (
            {"band_name": "uso", "name": "uso"},
            {"band_name": "alt", "name": "alt", "nodata": "-9999"},
        ) == (
            dataset.tags(1),
            dataset.tags(2),
        )
        assert (-9999.0, -9999.0) == dataset.nodatavals
        assert dataset.tags()["passo"] == "7"
        assert rows.tobytes() == dataset.read(1).tobytes()
        assert (-rows).tobytes() == dataset.read(2).tobytes()
    assert [path] == list(path.parent.iterdir())


def test_two_writes_give_the_same_bytes_whatever_gdal_does_besides(tmp_path):
    noise = np.random.default_rng(1).random((1100, 1100))
    backend = backend_of(a=noise, b=noise.T.copy(), c=noise + 1)

    with rasterio.Env(GDAL_CACHEMAX=2**22):
        first = save_geotiff(backend, tmp_path / "a.tif")
    with rasterio.Env(GDAL_CACHEMAX=2**30), rasterio.open(tmp_path / "a.tif") as other:
        other.read(1)
        second = save_geotiff(backend, tmp_path / "b.tif")

    assert first == second


def test_blocks_are_asked_for_from_top_to_bottom_and_never_whole(tmp_path):
    asked = []

    def block(rows):
        asked.append((rows.start, rows.stop))
        return np.zeros((rows.stop - rows.start, 3))

    write_geotiff(tmp_path / "a.tif", {"a": block}, shape=(1100, 3), dtype="uint8", transform=NORTH_UP)

    assert [(0, 512), (512, 1024), (1024, 1100)] == asked


def test_what_a_geotiff_cannot_hold(tmp_path):
    path = tmp_path / "a.tif"
    ones = {"a": lambda s: np.ones((s.stop - s.start, 2))}
    for bands, options in (
        ({}, {"dtype": "uint8"}),
        (ones, {"dtype": "complex128"}),
        (ones, {"dtype": "uint8", "nodata": -9999}),
        (ones, {"dtype": "uint8", "shape": (0, 2)}),
        ({"a": lambda _: np.ones((1, 1))}, {"dtype": "uint8"}),
    ):
        with pytest.raises(UsageError):
            write_geotiff(path, bands, **{"shape": (2, 2)} | options)
    assert [] == list(tmp_path.iterdir())


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")

    def fails(_rows):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        write_geotiff(path, {"a": fails}, shape=(1, 1), dtype="uint8")

    assert path.read_bytes() == b"old"
    assert [path] == list(tmp_path.iterdir())


def test_what_belonged_to_the_old_file_goes_with_it(tmp_path):
    path = written(tmp_path / "a.tif", [STATE])
    (tmp_path / "a.tif.msk").write_bytes(b"old")

    save_geotiff(backend_of(a=STATE), path)

    assert [path] == list(tmp_path.iterdir())


@pytest.mark.fast_cases("540000")
@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit to set")
@pytest.mark.parametrize("limit", [1000, 100_000, 540_000])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, limit):
    code = (
        "import resource, sys, numpy as np\n"
        "from dissmodel.errors import StorageError\n"
        "from dissmodel.io.raster import write_geotiff\n"
        "noise = np.random.default_rng(1).integers(0, 255, (700, 800), dtype='uint8')\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try:\n"
        "    write_geotiff(sys.argv[1], {'a': lambda s: noise[s]}, shape=(700, 800), dtype='uint8')\n"
        "except StorageError as error:\n"
        "    print(error.message)\n"
    )

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(tmp_path / "a.tif")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "could not be written" in done.stdout
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    for path in (tmp_path / "file" / "a.tif", tmp_path):
        with pytest.raises(StorageError, match=str(path)):
            save_geotiff(backend_of(a=STATE), path)


def test_bands_are_promoted_to_one_dtype(tmp_path):
    backend = backend_of(uso=np.full((1, 2), 2**24 + 1, "int32"), alt=np.full((1, 2), 0.5, "float32"))

    save_geotiff(backend, tmp_path / "a.tif")
    (loaded, _), _ = load_geotiff(tmp_path / "a.tif")

    assert ["float64", "float64"] == [str(array.dtype) for array in loaded.arrays.values()]
    assert loaded.get("uso")[0, 0] == 2**24 + 1


@pytest.mark.parametrize(("dtype", "stored"), [("bool", "uint8"), ("float16", "float32")])
def test_what_gdal_has_not_is_promoted(tmp_path, dtype, stored):
    save_geotiff(backend_of(a=np.ones((1, 2), dtype)), tmp_path / "a.tif")

    assert stored == str(load_geotiff(tmp_path / "a.tif")[0][0].get("a").dtype)


def test_a_spec_says_order_dtype_and_nodata(tmp_path):
    backend = backend_of(alt=np.array([[0.5, np.nan]]), uso=np.array([[3.7, np.nan]]), extra=np.ones((1, 2)))
    spec = [("uso", "int16", -1), ("alt", "float32", -9999), ("absent", "int16", -5)]

    save_geotiff((backend, {}), tmp_path / "a.tif", band_spec=spec)
    (loaded, meta), _ = load_geotiff(tmp_path / "a.tif")

    assert ["uso", "alt", "absent"] == loaded.band_names()
    assert [[3, -1]] == loaded.get("uso").tolist()
    assert [[-5, -5]] == loaded.get("absent").tolist()
    assert np.isnan(loaded.get("alt")[0, 1])
    assert ["-1", "-9999", "-5"] == [band["tags"]["nodata"] for band in meta["bands"].values()]
    assert {None} == {band["nodata"] for band in meta["bands"].values()}


def test_one_nodata_of_all_bands_is_declared_and_travels_on(tmp_path):
    spec = [("uso", "int16", -9999), ("alt", "float64", -9999)]
    save_geotiff(backend_of(uso=STATE, alt=STATE), tmp_path / "a.tif", band_spec=spec)
    save_geotiff(load_geotiff(tmp_path / "a.tif")[0], tmp_path / "b.tif")

    for name in ("a.tif", "b.tif"):
        bands = load_geotiff(tmp_path / name)[0][1]["bands"]
        assert [-9999.0, -9999.0] == [band["nodata"] for band in bands.values()]


def test_a_nodata_that_not_all_bands_have_is_not_declared(tmp_path):
    meta = {"bands": {"uso": {"nodata": -9999.0}, "alt": {"nodata": None}}}

    save_geotiff((backend_of(uso=STATE, alt=STATE), meta), tmp_path / "a.tif")

    bands = load_geotiff(tmp_path / "a.tif")[0][1]["bands"]
    assert [None, None] == [band["nodata"] for band in bands.values()]
    assert ["-9999", None] == [band["tags"].get("nodata") for band in bands.values()]


def test_reading_with_a_spec(tmp_path):
    bands = np.stack([STATE, STATE + 1, np.full_like(STATE, -1)])
    spec = [("alt", "float32", -9999), ("uso", "int16", -9999), ("solo", "int16", -1), ("more", "int16", 0)]

    (by_name, _), _ = load_geotiff(
        written(tmp_path / "a.tif", bands, names=["uso", "alt", "solo"]), band_spec=spec
    )
    (by_position, _), _ = load_geotiff(written(tmp_path / "b.tif", bands), band_spec=spec)

    assert (STATE + 1).astype("float32").tolist() == by_name.get("alt").tolist()
    assert STATE.astype("float32").tolist() == by_position.get("alt").tolist()
    assert ["alt", "uso"] == by_name.band_names() == by_position.band_names()


def test_the_dicts_grid_wins_over_the_backends_and_arguments_over_both(tmp_path):
    meta = {"crs": "EPSG:4326", "transform": Affine.scale(2, -2)}
    save_geotiff((backend_of(a=STATE), meta), tmp_path / "a.tif")
    save_geotiff(
        (backend_of(a=STATE), meta), tmp_path / "b.tif", crs="EPSG:3857", transform=Affine.scale(3, -3)
    )

    with rasterio.open(tmp_path / "a.tif") as a, rasterio.open(tmp_path / "b.tif") as b:
        assert (4326, Affine.scale(2, -2)) == (a.crs.to_epsg(), a.transform)
        assert (3857, Affine.scale(3, -3)) == (b.crs.to_epsg(), b.transform)


def test_a_time_axis_does_not_fit(tmp_path):
    backend = RasterBackend((1, 1))
    backend.set("roads", np.zeros((2, 1, 1)), time=[1, 2])

    with pytest.raises(UsageError, match="roads"):
        save_geotiff(backend, tmp_path / "a.tif")
    with pytest.raises(UsageError, match="no array"):
        save_geotiff(RasterBackend((1, 1)), tmp_path / "a.tif")


def test_datasets_by_name(tmp_path):
    checksum = save_dataset(backend_of(a=STATE), str(tmp_path / "a.tif"))

    for kwargs in ({}, {"fmt": "raster"}, {"format": "tiff"}, {"fmt": "auto", "layer": "a"}):
        (backend, _), read_checksum = load_dataset(str(tmp_path / "a.tif"), **kwargs)
        assert STATE.tolist() == backend.get("a").tolist()
        assert checksum == read_checksum


@pytest.mark.parametrize("kwargs", [{"fmt": "rastr"}, {"fmt": "raster", "format": "vector"}])
def test_formats_that_cannot_be(tmp_path, kwargs):
    with pytest.raises(UsageError):
        load_dataset(tmp_path / "a.tif", **kwargs)


def test_data_that_does_not_fit_its_name(tmp_path):
    cells = geopandas.GeoDataFrame({"a": [1]}, geometry=geopandas.points_from_xy([0], [0]))

    for data, name, fitting in (
        (cells, "a.tif", ".gpkg"),
        (backend_of(a=STATE), "a.gpkg", ".tif"),
        ((backend_of(a=STATE), {}), "a.geojson", ".tif"),
    ):
        with pytest.raises(UsageError) as caught:
            save_dataset(data, str(tmp_path / name))
        assert name in caught.value.message
        assert fitting in caught.value.hint
    with pytest.raises(UsageError, match="int"):
        save_dataset(3, tmp_path / "a.tif")
    assert [] == list(tmp_path.iterdir())


def test_a_backend_goes_to_netcdf_and_back(tmp_path):
    path = tmp_path / "a.nc"
    save_xarray(backend_of(a=STATE), path, step=3)

    backend, checksum = load_xarray(path)

    assert sha256(path.read_bytes()).hexdigest() == checksum
    assert STATE.tolist() == backend.get("a").tolist()
    assert NORTH_UP == backend.transform


def test_a_missing_netcdf(tmp_path):
    with pytest.raises(InvalidInput, match="does not exist"):
        load_dataset(tmp_path / "a.nc")


def test_a_geotiff_loads_no_pandas(tmp_path):
    save_geotiff(backend_of(a=STATE), tmp_path / "a.tif")
    code = (
        "import sys; from dissmodel.io import load_dataset, save_dataset\n"
        "data, _ = load_dataset(sys.argv[1]); save_dataset(data, sys.argv[1] + '.tif')\n"
        "print([m for m in ('pandas', 'geopandas', 'pyogrio', 'matplotlib', 'xarray') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_the_sample_grid(shared):
    (backend, meta), checksum = load_dataset(shared("synthetic_grid_60x60_tiff.zip"))

    assert checksum.startswith("282288b5")
    assert (60, 60) == backend.shape
    assert {"uso", "alt", "solo"} == set(backend.band_names())
    assert {"float32"} == {str(array.dtype) for array in backend.arrays.values()}
    assert "passo" in meta["tags"]
    state = [backend.get(n).astype(t).tobytes() for n, t in (("uso", "<i2"), ("solo", "<i2"), ("alt", "<f8"))]
    assert sha256(b"".join(state)).hexdigest()[:16] == "48d9aeae22d610ea"

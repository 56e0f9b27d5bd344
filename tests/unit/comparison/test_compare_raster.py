import tracemalloc
import zipfile
from itertools import pairwise

import numpy as np
import pytest
import rasterio

from dissmodel.comparison import ChangedValue, Move, Tolerance, compare
from dissmodel.comparison.raster import write_difference
from dissmodel.errors import InvalidInput
from dissmodel.io import content_raster
from dissmodel.io.content import content_digest
from dissmodel.progress import Silent, reporting
from support.rasters import write_tiff

TRANSFORM = rasterio.Affine(30, 0, 500000, 0, -30, 9000000)
SHAPE = (600, 700)


def values(dtype="float64"):
    rng = np.random.default_rng(3)
    alt = rng.normal(size=SHAPE)
    alt[::7, ::5] = -9999
    alt[3, 3], alt[4, 4] = np.nan, 0.0
    return np.stack([alt, rng.integers(1, 11, SHAPE).astype(float)]).astype(dtype)


def write(
    path, bands=None, *, nodata=-9999, names=("alt", "uso"), crs="EPSG:31984", transform=TRANSFORM, **options
):
    bands = values() if bands is None else bands
    return write_tiff(path, bands, names=names, nodata=nodata, crs=crs, transform=transform, **options)


def changed(band, row, col, value):
    bands = values()
    bands[band, row, col] = value(bands[band, row, col]) if callable(value) else value
    return bands


def agree(a, b, comparison):
    """Whether the verdict and the content digests say the same."""
    return (content_digest(a) == content_digest(b)) == (comparison.verdict == "identical-content")


@pytest.fixture
def original(tmp_path):
    return write(tmp_path / "a.tif")


def test_a_copy_is_the_same_file(tmp_path, original):
    copy = tmp_path / "another name.tif"
    copy.write_bytes(original.read_bytes())

    assert ("identical-file", ()) == (compare(original, copy).verdict, compare(original, copy).parts)
    assert "identical-file" == compare(original, original).verdict


OPTIONS = {
    "deflate": {"compress": "deflate", "predictor": 3},
    "zstd tiles": {"compress": "zstd", "tiled": True, "blockxsize": 512, "blockysize": 512},
    "lzw, small tiles": {"compress": "lzw", "tiled": True, "blockxsize": 48, "blockysize": 112},
    "stripes of 100 rows": {"blockysize": 100},
    "band": {"interleave": "band"},
    "big endian": {"ENDIANNESS": "BIG"},
    "BigTIFF": {"BIGTIFF": "YES"},
}


@pytest.mark.fast_cases("zstd tiles", "big endian", "band")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_how_a_raster_is_written_does_not_matter(tmp_path, original, options):
    other = write(tmp_path / "b.tif", **options)
    for pair in pairwise([original, other, original]):
        found = compare(*pair)

        assert ("identical-content", [0, 0]) == (found.verdict, [part.changed for part in found.parts])
        assert agree(*pair, found)


def test_a_zip_and_what_is_in_it_are_the_same_content(tmp_path, original):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(original, "inside/a.tif")

    assert "identical-content" == compare(tmp_path / "a.zip", original).verdict


def test_canonical_values_are_the_same_content(tmp_path, original):
    bands = values()
    bands[bands == -9999] = -1e30
    bands[0, 4, 4] = -0.0
    bands[0, 3, 3] = np.array([0xFFF8000000000123], np.uint64).view(np.float64)[0]
    other = write(tmp_path / "b.tif", bands, nodata=-1e30)

    assert "identical-content" == compare(original, other).verdict
    assert agree(original, other, compare(original, other))


def ulp(value):
    return np.nextafter(value, np.inf)


# The centre of column c and row r is (500000 + 30 c + 15, 9000000 - 30 r - 15).
@pytest.mark.parametrize(
    "options",
    [{}, *(pytest.param(OPTIONS[name], marks=pytest.mark.slow) for name in ("lzw, small tiles", "band"))],
    ids=str,
)
@pytest.mark.parametrize(
    ("name", "row", "col", "value", "x", "y"),
    [
        ("alt", 599, 699, ulp, 520985, 8982015),
        ("alt", 513, 1, ulp, 500045, 8984595),
        ("alt", 1, 1, -9999, 500045, 8999955),
        ("alt", 7, 5, 0.0, 500165, 8999775),
        ("alt", 3, 3, 1.0, 500105, 8999895),
        ("uso", 0, 0, 12.0, 500015, 8999985),
    ],
)
def test_one_cell_is_named_with_its_place(tmp_path, original, options, name, row, col, value, x, y):
    band = ["alt", "uso"].index(name)
    other = write(tmp_path / "b.tif", changed(band, row, col, value), **options)
    found = compare(original, other)
    (part,) = (part for part in found.parts if part.changed)

    assert ("different", name, 1, 600 * 700) == (found.verdict, part.name, part.changed, part.cells)
    assert (row, col, x, y, None) == (
        part.first.row,
        part.first.col,
        part.first.x,
        part.first.y,
        part.first.feature,
    )
    assert agree(original, other, found)


@pytest.mark.parametrize(
    "options", [{"blockysize": 100}, OPTIONS["lzw, small tiles"]], ids=["stripes", "tiles"]
)
def test_pieces_do_not_matter(tmp_path, monkeypatch, original, options):
    monkeypatch.setattr(content_raster, "_WINDOW_BYTES", 1)
    monkeypatch.setattr("dissmodel.comparison.raster._AT_ONCE", 1)
    bands = values()
    bands[1, 550, 650] = bands[1, 551, 3] = 99
    part = compare(write(tmp_path / "b.tif", **options), write(tmp_path / "c.tif", bands)).parts[1]

    assert (600 * 700, 2, 550, 650) == (part.cells, part.changed, part.first.row, part.first.col)


def test_the_values_of_the_place_and_their_difference_are_told(tmp_path, original):
    before = values()[0, 200, 300]
    part = compare(original, write(tmp_path / "b.tif", changed(0, 200, 300, before + 2))).parts[0]
    both = np.count_nonzero((values()[0] != -9999) & ~np.isnan(values()[0]))
    moved = (before + 2) - before

    assert (before, before + 2) == (part.first.a, part.first.b)
    assert (moved, pytest.approx(moved / both)) == (part.max_abs, part.mean_abs)
    assert 1 / 420000 == part.share


def test_of_several_cells_the_first_is_told_row_by_row(tmp_path, original):
    bands = values()
    bands[1, 10, 650] = bands[1, 11, 2] = bands[1, 520, 0] = 99
    part = compare(original, write(tmp_path / "b.tif", bands, **OPTIONS["zstd tiles"])).parts[1]

    assert (3, 10, 650) == (part.changed, part.first.row, part.first.col)


def test_changed_classes_make_a_table(tmp_path, original):
    bands = values()
    three, four = bands[1] == 3, bands[1] == 4
    bands[1][three], bands[1][four] = 4, -9999
    found = compare(original, write(tmp_path / "b.tif", bands))
    expected = sorted([(three.sum(), 3, 4), (four.sum(), 4, None)], key=lambda row: -row[0])

    assert tuple(Move(before, after, count) for count, before, after in expected) == found.parts[1].moves
    assert () == found.parts[0].moves


def test_a_mask_counts_as_nodata_does(tmp_path):
    a, b, valid = write(tmp_path / "a.tif", nodata=None), tmp_path / "b.tif", np.full(SHAPE, 255, "uint8")
    valid[5, 6] = 0
    write(b, nodata=None)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(b, "r+") as dataset:
        dataset.write_mask(valid)
    found = compare(a, b)

    assert a.read_bytes() == b.read_bytes()  # the mask is a file beside it
    assert ("different", [1, 1]) == (found.verdict, [part.changed for part in found.parts])
    assert {(5, 6, None)} == {(part.first.row, part.first.col, part.first.b) for part in found.parts}
    assert agree(a, b, found)


def test_a_grid_without_place_has_no_coordinates(tmp_path):
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for path, value in zip(paths, (1, 2), strict=True):
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
            write(path, np.full((1, 2, 2), value, "uint8"), names=(), nodata=None, crs=None, transform=None)

    assert ChangedValue(1, 2, row=0, col=0) == compare(*paths).parts[0].first


OTHER_GRIDS = {
    "shape": ({"bands": values()[:, :, :-1]}, "600 rows × 700 columns in A, 600 rows × 699 columns in B"),
    "transform": (
        {"transform": rasterio.Affine(30, 0, 500030, 0, -30, 9000000)},
        "The grids have different transforms: (30.0",
    ),
    "CRS": ({"crs": "EPSG:31983"}, "The CRS differs: EPSG:31984 in A, EPSG:31983 in B."),
    "no CRS": ({"crs": None}, "EPSG:31984 in A, none in B."),
}


@pytest.mark.parametrize(("options", "why"), OTHER_GRIDS.values(), ids=OTHER_GRIDS)
def test_another_grid_is_not_comparable(tmp_path, original, options, why):
    found = compare(original, write(tmp_path / "b.tif", **options), Tolerance(atol=1e9))
    (said,) = found.why

    assert ("not-comparable", ()) == (found.verdict, found.parts)
    assert why in said


def test_another_band_is_a_difference_and_the_others_are_compared(tmp_path, original):
    found = compare(original, write(tmp_path / "b.tif", changed(1, 0, 0, 99), names=("height", "uso")))

    assert ("different", ("B has no band 'alt'.", "A has no band 'height'.")) == (
        found.verdict,
        found.why,
    )
    assert [("uso", 1)] == [(part.name, part.changed) for part in found.parts]


def test_bands_in_another_order_are_another_content_with_equal_values(tmp_path, original):
    other = write(tmp_path / "b.tif", values()[::-1], names=("uso", "alt"))
    found = compare(original, other, Tolerance(atol=1.0))

    assert ("different", ("The bands are in another order.",)) == (found.verdict, found.why)
    assert [0, 0] == [part.changed for part in found.parts]
    assert agree(original, other, found)


def test_another_type_of_the_same_numbers_is_within_tolerance_only(tmp_path):
    bands = values()[1:]
    a = write(tmp_path / "a.tif", bands, names=("uso",))
    b = write(tmp_path / "b.tif", bands.astype("int16"), names=("uso",))

    assert ("different", ("'uso' is float64 in A and int16 in B.",)) == (
        compare(a, b).verdict,
        compare(a, b).why,
    )
    assert agree(a, b, compare(a, b))
    assert "within-tolerance" == compare(a, b, Tolerance()).verdict


def test_a_tolerance_is_off_unless_asked_for(tmp_path, original):
    other = write(tmp_path / "b.tif", changed(0, 9, 9, ulp))

    assert "different" == compare(original, other).verdict
    assert "within-tolerance" == compare(original, other, Tolerance(rtol=1e-12)).verdict
    assert "different" == compare(original, other, Tolerance()).verdict


def test_many_bands_are_compared(tmp_path):
    bands = np.arange(19 * 12, dtype="int32").reshape(19, 3, 4)
    a = write(tmp_path / "a.tif", bands, names=())
    bands[18, 2, 3] += 1
    found = compare(a, write(tmp_path / "b.tif", bands, names=(), interleave="pixel"))

    assert [0] * 18 + [1] == [part.changed for part in found.parts]
    assert ("band_19", 2, 3) == (found.parts[-1].name, found.parts[-1].first.row, found.parts[-1].first.col)


def test_how_far_it_is_is_told_up_to_the_end(tmp_path, original):
    class Heard(Silent):
        def __init__(self):
            self.phases, self.bytes = [], []

        def phase(self, name):
            self.phases.append(name)

        def transferred(self, done, total):
            self.bytes.append((done, total))

    heard = Heard()
    with reporting(heard):
        compare(original, write(tmp_path / "b.tif", changed(0, 9, 9, ulp), **OPTIONS["lzw, small tiles"]))
    total = 2 * 2 * 600 * 700 * 8

    assert (["compare"], (total, total)) == (heard.phases, heard.bytes[-1])
    assert sorted(heard.bytes) == heard.bytes


@pytest.mark.fast_cases("1")
@pytest.mark.parametrize("which", [0, 1])
def test_the_damaged_file_is_named(tmp_path, which):
    paths = [write(tmp_path / f"{name}.tif", compress="deflate") for name in ("whole", "damaged")]
    with paths[1].open("r+b") as stream:
        stream.seek(paths[1].stat().st_size // 2)
        stream.write(b"\xff" * 4000)
    pair = paths if which else paths[::-1]

    with pytest.raises(InvalidInput, match=r"damaged\.tif can't be read"):
        compare(*pair)


def test_the_difference_is_a_map(tmp_path, original):
    bands = values()
    bands[0, 20, 30] += 2.5
    bands[1, 0, 0] = -9999
    write_difference(original, write(tmp_path / "b.tif", bands), tmp_path / "d.tif")
    with rasterio.open(tmp_path / "d.tif") as dataset:
        alt, uso = dataset.read(masked=True)
        first, *_ = values()
        absent = (first == -9999) | np.isnan(first)

        assert (("alt", "uso"), ("float64", "float64")) == (dataset.descriptions, dataset.dtypes)
        assert (TRANSFORM, "EPSG:31984") == (dataset.transform, dataset.crs.to_string())
        assert (alt.mask == absent).all()
        assert ((first + 2.5) - first)[20, 30] == alt[20, 30]
        assert 1 == np.count_nonzero(alt.filled(0))
        assert (1, True) == (np.count_nonzero(uso.mask), uso.mask[0, 0])
        assert not uso.filled(0).any()


def test_the_difference_of_small_types_does_not_wrap(tmp_path):
    a = write(tmp_path / "a.tif", np.full((1, 2, 2), 250, "uint8"), names=("uso",), nodata=None)
    b = write(tmp_path / "b.tif", np.full((1, 2, 2), 5, "uint8"), names=("uso",), nodata=None)
    write_difference(a, b, tmp_path / "d.tif")
    with rasterio.open(tmp_path / "d.tif") as dataset:
        assert [[-245.0] * 2] * 2 == dataset.read(1).tolist()


def test_large_rasters_are_not_held_in_memory(tmp_path):
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for path, interleave in zip(paths, ("band", "pixel"), strict=True):
        options = {"compress": "zstd", "interleave": interleave, "nodata": None, "names": ("a", "b", "c")}
        write(path, np.full((3, 2048, 2048), 7.5 if path == paths[0] else 8.5), **options)
    tracemalloc.start()
    try:
        found = compare(*paths)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [2048**2] * 3 == [part.changed for part in found.parts]
    assert peak < 2048 * 2048 * 8 * 3  # one of the two files

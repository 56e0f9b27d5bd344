import math
import statistics
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from dissmodel.errors import StorageError
from dissmodel.io import cog
from dissmodel.io.cog import is_cog, make_cog
from dissmodel.io.content import content_digest
from dissmodel.io.geotiff import reading
from dissmodel.io.geotiff_writer import write_geotiff
from support.rasters import write_tiff

NORTH_UP = Affine(30, 0, 1077690, 0, -30, -279210)
SHAPE = (61, 1301)  # odd: the last row and column have no neighbour
LEVELS = [(31, 651), (16, 326)]
RNG = np.random.default_rng(5)
CLASSES = RNG.choice([1, 2, 7], SHAPE)
NUMBERS = RNG.integers(-40, 40, SHAPE) / 8


def write(path, bands, *, dtype, nodata=None, tags=None, band_tags=None):
    write_geotiff(
        path,
        {name: lambda rows, band=band: band[rows] for name, band in bands.items()},
        shape=SHAPE,
        dtype=dtype,
        nodata=nodata,
        transform=NORTH_UP,
        crs="EPSG:31984",
        tags=tags,
        band_tags=band_tags,
    )


def overviews(path, band):
    """Return the cells of each overview and its mask."""
    found = []
    with reading(path) as whole:
        count = len(whole.overviews(band))
    for level in range(count):
        with rasterio.open(path, OVERVIEW_LEVEL=level) as smaller:
            found.append((smaller.read(band), smaller.read_masks(band) != 0))
    return found


def half(cells, known, rule):
    """Return the cells of the next overview by its definition, one after the other."""
    rows, cols = (-(-size // 2) for size in cells.shape)
    made, some = np.zeros((rows, cols), cells.dtype), np.zeros((rows, cols), bool)
    for row in range(rows):
        for col in range(cols):
            four = (slice(2 * row, 2 * row + 2), slice(2 * col, 2 * col + 2))
            values = cells[four][known[four]].tolist()
            made[row, col] = rule(values) if values else cells[2 * row, 2 * col]
            some[row, col] = bool(values)
    return made, some


def most_frequent(values):
    return Counter(values).most_common(1)[0][0]  # of equally frequent values the first that was met


def test_classes_and_numbers_of_one_file_have_overviews_of_their_own(tmp_path):
    path = tmp_path / "r.tif"
    numbers = NUMBERS.copy()
    numbers[:31, :400] = -9999
    tags = {"uso": {"legend": "land"}, "alt": {"unit": "m", "nodata": "-9999"}}
    bands = {"uso": CLASSES, "alt": numbers, "solo": CLASSES}
    write(path, bands, dtype="float32", tags={"passo": "3"}, band_tags=tags)
    plain = content_digest(path)
    with rasterio.open(path) as dataset:
        before = (dataset.tags(), [dataset.tags(band) for band in (1, 2)], dataset.profile["dtype"])

    make_cog(path, {"uso": True, "alt": False})

    assert (True, [], []) == cog_validate(path, strict=True)
    assert plain == content_digest(path)
    with rasterio.open(path) as dataset:
        assert before == (dataset.tags(), [dataset.tags(band) for band in (1, 2)], dataset.profile["dtype"])
        assert ("uso", "alt", "solo") == dataset.descriptions
        assert {(512, 512)} == set(dataset.block_shapes)
    cells, known = numbers.astype("float32"), numbers != -9999
    classes, everywhere = CLASSES.astype("float32"), np.ones(SHAPE, bool)
    found = [overviews(path, band) for band in (1, 2, 3)]
    assert [LEVELS] * 3 == [[seen.shape for seen, _ in one] for one in found]
    for (uso, _), (alt, _), (solo, _) in zip(*found, strict=True):
        cells, known = half(cells, known, statistics.fmean)
        classes, everywhere = half(classes, everywhere, most_frequent)
        np.testing.assert_array_equal(cells, alt)
        np.testing.assert_array_equal(classes, uso)
        np.testing.assert_array_equal(classes, solo)  # whole numbers, of which nobody said what they are


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("uint8", [0, 1, 254, 255]),
        ("int8", [-128, -127, 126, 127]),
        ("uint64", [0, 3, 2**64 - 2, 2**64 - 1]),
        ("int64", [-(2**63), -(2**63) + 1, 2**63 - 2, 2**63 - 1]),
    ],
)
def test_means_of_integers_lose_no_digit(tmp_path, dtype, values):
    path = tmp_path / "r.tif"
    cells = RNG.choice(np.array(values, dtype), SHAPE)
    write(path, {"n": cells}, dtype=dtype)

    make_cog(path, {"n": False})

    def mean(four):
        return math.floor(2 * sum(four) + len(four)) // (2 * len(four))

    expected, _ = half(cells, np.ones(SHAPE, bool), mean)
    np.testing.assert_array_equal(expected, overviews(path, 1)[0][0])


@pytest.mark.parametrize("nodata", [2, 7])
def test_cells_without_data_have_no_vote(tmp_path, nodata):
    path = tmp_path / "r.tif"
    write(path, {"uso": CLASSES}, dtype="uint8", nodata=nodata)

    make_cog(path, {})

    expected, known = half(CLASSES.astype("uint8"), CLASSES != nodata, most_frequent)
    found, shown = overviews(path, 1)[0]
    np.testing.assert_array_equal(expected, found)
    np.testing.assert_array_equal(known, shown)


def test_a_mask_has_overviews_too(tmp_path):
    path = tmp_path / "r.tif"
    mask = RNG.random(SHAPE) < 0.3
    write_tiff(path, [CLASSES.astype("int16")], mask=mask, transform=NORTH_UP, crs="EPSG:31984")
    plain = content_digest(path)

    make_cog(path, {})

    assert (True, [], []) == cog_validate(path, strict=True)
    assert plain == content_digest(path)
    assert [path] == list(tmp_path.iterdir())  # a mask beside it would be a second one
    cells, known = CLASSES.astype("int16"), mask
    for found, shown in overviews(path, 1):
        cells, known = half(cells, known, most_frequent)
        np.testing.assert_array_equal(known, shown)
        np.testing.assert_array_equal(cells[known], found[known])


def test_the_bytes_depend_on_the_content_alone(tmp_path):
    digests = set()
    for number, threads in enumerate((1, 3, None)):
        path = tmp_path / str(number) / f"name{number}.tif"
        write(path, {"uso": CLASSES, "alt": NUMBERS}, dtype="float64", nodata=-1)
        make_cog(path, {"uso": True}, threads=threads)
        digests.add(sha256(path.read_bytes()).hexdigest())

    assert 1 == len(digests)


def test_a_small_or_unplaced_raster_needs_no_overview(tmp_path):
    path = tmp_path / "r.tif"
    write_geotiff(path, {"n": NUMBERS[:40, :60].__getitem__}, shape=(40, 60), dtype="float32")
    assert not is_cog(path)

    make_cog(path, {})

    assert is_cog(path)
    assert [] == overviews(path, 1)
    with reading(path) as dataset:
        np.testing.assert_array_equal(NUMBERS[:40, :60].astype("float32"), dataset.read(1))


def test_windows_of_a_band_are_read_not_the_whole(tmp_path, monkeypatch):
    path, read = tmp_path / "r.tif", []
    write(path, {"uso": CLASSES, "alt": NUMBERS}, dtype="float32")
    of_window = cog._Band.read

    def noted(band, dataset, window: Window):
        read.append(window.height * window.width)
        return of_window(band, dataset, window)

    monkeypatch.setattr(cog._Band, "read", noted)

    make_cog(path, {})

    assert max(read) <= 1024 * 1024
    # Each level once, and the first block of what is to be found out to be numbers.
    assert 2 * (math.prod(SHAPE) + math.prod(LEVELS[0])) + math.prod(SHAPE) + 61 * 1024 == sum(read)


def test_what_fails_leaves_the_plain_file(tmp_path, monkeypatch):
    path = tmp_path / "r.tif"
    write(path, {"uso": CLASSES}, dtype="uint8")
    before = path.read_bytes()

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cog, "put_in_place", full)

    with pytest.raises(StorageError, match=r"r\.tif could not be written"):
        make_cog(path, {})

    assert before == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())

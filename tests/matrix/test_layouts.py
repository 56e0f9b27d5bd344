"""One content in every layout has one digest; one change has another, and the verdict names its place."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.comparison import ChangedValue, compare
from dissmodel.io.content import content_digest


@pytest.fixture(scope="module")
def geotiff():
    """The writer of all layouts, which other versions of rasterio run as a script."""
    path = Path(__file__).parent / "writers" / "geotiff.py"
    spec = importlib.util.spec_from_file_location("matrix_geotiff", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def layouts(tmp_path, geotiff):
    """Write bands in every layout: name → file."""

    def write(bands, folder):
        (tmp_path / folder).mkdir()
        paths = {name: tmp_path / folder / f"{name}.tif" for name, _ in geotiff.layouts()}
        for name, options in geotiff.layouts():
            geotiff.write(paths[name], bands, **options)
        return paths

    return write


def test_every_layout_is_what_it_is_called(layouts, cells):
    paths = layouts(cells, "a")
    heads = Counter(path.read_bytes()[:4] for path in paths.values())
    with rasterio.open(paths["zstd-tiled-big-band-yes"]) as dataset:
        profile = dataset.profile

    assert {b"II*\0": 17, b"MM\0*": 16, b"II+\0": 16, b"MM\0+": 16} == heads
    assert ("zstd", "band", True, 32) == tuple(
        profile[name] for name in ("compress", "interleave", "tiled", "blockysize")
    )
    assert 65 == len({path.read_bytes() for path in paths.values()})


def test_every_layout_has_one_content(layouts, cells, cells_digest):
    paths = layouts(cells, "a")
    (first, *others) = paths.values()

    assert {cells_digest: 65} == Counter(content_digest(path).digest for path in paths.values())
    assert {"identical-content"} == {compare(first, other).verdict for other in others}


def with_cell(bands, name, row, col, value):
    band = bands[name].copy()
    band[row, col] = value
    return {**bands, name: band}


def an_ulp(bands):
    value = bands["alt"][88, 66]
    return with_cell(bands, "alt", 88, 66, np.nextafter(value, np.inf)), "alt", 88, 66


def a_class(bands):
    return with_cell(bands, "uso", 0, 69, bands["uso"][0, 69] + 1), "uso", 0, 69


def no_data(bands):
    return with_cell(bands, "alt", 31, 1, -9999), "alt", 31, 1


def data(bands):
    return with_cell(bands, "alt", 7, 5, 0.0), "alt", 7, 5


@pytest.mark.fast_cases("an_ulp")
@pytest.mark.parametrize("change", [an_ulp, a_class, no_data, data])
def test_one_change_is_found_in_every_layout(layouts, cells, cells_digest, change):
    bands, name, row, col = change(cells)
    before, after = layouts(cells, "a")["predictor"], layouts(bands, "b")
    values = [None if one[name][row, col] == -9999 else one[name][row, col] for one in (cells, bands)]
    x, y = 500000 + 30 * col + 15, 9000000 - 30 * row - 15

    assert 1 == len({content_digest(path).digest for path in after.values()} - {cells_digest})
    for path in after.values():
        found = compare(before, path)
        changed = {part.name: (part.changed, part.first) for part in found.parts if part.changed}

        assert "different" == found.verdict
        assert {name: (1, ChangedValue(*values, row=row, col=col, x=x, y=y))} == changed


def test_the_flag_of_nodata_is_found_in_every_layout(tmp_path, geotiff, layouts, cells, cells_digest):
    before = layouts(cells, "a")["predictor"]
    for name, options in geotiff.layouts():
        path = tmp_path / f"{name}.tif"
        geotiff.write(path, cells, **options, nodata=None)
        found = compare(before, path)
        (alt, uso) = found.parts

        assert cells_digest != content_digest(path).digest
        assert ("different", 13 * 14, 0) == (found.verdict, alt.changed, uso.changed)
        assert ChangedValue(None, -9999.0, row=0, col=0, x=500015.0, y=8999985.0) == alt.first

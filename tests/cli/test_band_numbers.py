"""`--band-map uso=3`: a band by its number, as GDAL counts them, where no band has this name."""

from pathlib import Path

import numpy as np
import pytest

from dissmodel.record import store
from support.rasters import write_tiff

FIELDS = ("uso", "alt", "solo")


@pytest.fixture
def coast(dissmodel, make_coast):
    """The bands of a small coast, and its transform."""
    small = make_coast.make_coast(12, 14, seed=3)
    bands = {name: np.where(small.inside, getattr(small, name).astype(float), -9999.0) for name in FIELDS}
    return bands, small.transform


def write(name, coast, called):
    """Write bands, each (what the file calls it, which field it is); return the file's name."""
    bands, transform = coast
    arrays = np.stack([bands[field] for _, field in called]).astype("float64")
    return write_tiff(name, arrays, names=[title for title, _ in called], transform=transform, nodata=-9999.0)


def digest(record):
    return store.read(Path(record)).files["output"].content_digest.digest


def run(dissmodel, source, output, *words):
    return dissmodel(
        *("run", "coastal_raster", "-i", source, "-o", output, "-p", "end_time=2", *words, "--preview")
    )


@pytest.fixture
def expected(dissmodel, coast):
    """The result of the same coast under the model's own names."""
    assert 0 == run(dissmodel, write("own.tif", coast, [(one, one) for one in FIELDS]), "own_r.tif").code
    return digest("own_r.record.json")


def test_a_number_names_a_band_and_is_recorded_as_given(dissmodel, coast, expected):
    source = write("other.tif", coast, [("elevation", "alt"), ("landuse", "uso"), ("soil", "solo")])
    words = ("--band-map", "uso=2", "--band-map", "alt=1", "--band-map", "solo=3")

    said = run(dissmodel, source, "r.tif", *words)
    again = dissmodel("reproduce", "r.record.json", "--check")

    assert (0, "", 0) == (said.code, said.err, again.code)
    assert expected == digest("r.record.json")
    assert {"uso": "2", "alt": "1", "solo": "3"} == store.read(Path("r.record.json")).band_map


@pytest.mark.slow
def test_bands_without_names_have_numbers_too(dissmodel, coast, expected):
    source = write("nameless.tif", coast, [("", "solo"), ("", "alt"), ("", "alt"), ("", "uso")])
    words = ("--band-map", "uso=4", "--band-map", "alt=2", "--band-map", "solo=1")

    said = run(dissmodel, source, "r.tif", *words)

    assert (0, "") == (said.code, said.err)
    assert expected == digest("r.record.json")


@pytest.mark.slow
def test_a_band_that_is_called_by_a_number_wins(dissmodel, coast, expected):
    source = write("digits.tif", coast, [("2", "uso"), ("alt", "alt"), ("solo", "solo")])

    said = run(dissmodel, source, "r.tif", "--band-map", "uso=2")

    assert (0, "") == (said.code, said.err)
    assert expected == digest("r.record.json")


@pytest.mark.parametrize("number", ["0", "4", "-1", "1.0", "9" * 90])
def test_a_number_that_no_band_has(dissmodel, coast, number):
    source = write("own.tif", coast, [(one, one) for one in FIELDS])

    said = run(dissmodel, source, "r.tif", "--band-map", f"uso={number}")

    assert 3 == said.code
    assert f"There is no band '{number}'"[:40] in said.err
    assert "the file has 'uso', 'alt', 'solo'." in said.err


def test_two_names_of_one_band(dissmodel, coast):
    source = write("own.tif", coast, [(one, one) for one in FIELDS])

    said = run(dissmodel, source, "r.tif", "--band-map", "uso=2")

    assert 2 == said.code
    assert "The band 'alt' can't be uso and alt at once." in said.err


def test_validate_takes_it_too(dissmodel, coast):
    source = write("other.tif", coast, [("elevation", "alt"), ("landuse", "uso"), ("solo", "solo")])

    said = dissmodel("validate", "coastal_raster", "-i", source, "--band-map", "uso=2", "--band-map", "alt=1")

    assert 0 == said.code, said.out

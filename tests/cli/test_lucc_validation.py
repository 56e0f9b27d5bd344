"""`dissmodel run lucc_validation`: a folder with a report, numbers and pictures."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from support.files import document, names


def write(name, codes):
    rows, cols = codes.shape
    with rasterio.open(
        name,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=1,
        dtype="uint8",
        crs="EPSG:31983",
        transform=Affine(100, 0, 0, 0, -100, 0),
    ) as file:
        file.write(codes.astype(np.uint8), 1)
        file.set_band_description(1, "use")


def test_a_folder_with_the_report_the_numbers_and_the_pictures(dissmodel):
    draw = np.random.default_rng(3)
    codes = draw.integers(1, 4, (6, 8))
    write("result.tif", codes)
    write("reference.tif", np.where(draw.random(codes.shape) < 0.2, 2, codes))

    checked = dissmodel("validate", "lucc_validation", "-i", "result.tif", "-p", "reference=reference.tif")
    said = dissmodel(
        "run", "lucc_validation", "-i", "result.tif", "-p", "reference=reference.tif", "-o", "val/"
    )

    assert 0 == checked.code, checked.out
    assert "6 rows × 8 columns, 48 cells in the space" in checked.out
    assert 0 == said.code
    assert "of 48 cells have the class of the reference" in said.err
    assert ["charts.png", "maps.png", "report.md", "validation.json"] == names("val")
    record = document("val.record.json")
    assert document("val/validation.json")["class_map"]["kappa"] == record["metrics"]["kappa"]
    assert [6, 8] == record["grid"]["shape"]
    assert 0 == dissmodel("record", "verify", "val.record.json").code


def test_what_is_not_right_is_said_before_anything_is_written(dissmodel):
    write("result.tif", np.ones((3, 3)))
    write("reference.tif", np.ones((3, 4)))

    lost = dissmodel("run", "lucc_validation", "-i", "result.tif", "-o", "val/")
    other = dissmodel(
        "run", "lucc_validation", "-i", "result.tif", "-p", "reference=reference.tif", "-o", "v/"
    )
    checked = dissmodel("validate", "lucc_validation", "-i", "result.tif", "-p", "reference=reference.tif")

    assert (2, 3, 3) == (lost.code, other.code, checked.code), lost.err
    assert "reference" in lost.err
    assert (
        "another shape than the result, result.tif: 3 rows × 4 columns, not 3 rows × 3 columns" in other.err
    )
    assert "another shape than the result" in checked.out
    assert not {"val", "v"} & set(names())


@pytest.mark.slow
def test_the_maps_are_inputs_by_their_roles(dissmodel):
    codes = np.random.default_rng(3).integers(1, 4, (6, 8))
    for name in ("result.tif", "reference.tif", "start.tif"):
        write(name, codes)
        codes = np.roll(codes, 1, axis=0)
    maps = [word for role in ("reference", "result", "start") for word in ("-i", f"{role}={role}.tif")]

    said = dissmodel("run", "lucc_validation", *maps, "-o", "val/")
    again = dissmodel("reproduce", "val.record.json")
    words = ["-i", "result.tif", "-p", "reference=reference.tif", "-p", "start=start.tif", "-o", "same/"]
    dissmodel("run", "lucc_validation", *words)
    twice = dissmodel("run", "lucc_validation", *maps, "-p", "start=start.tif", "-o", "t/")
    lost = dissmodel("run", "lucc_validation", "-i", "result=result.tif", "-o", "t/")

    assert (0, 0) == (said.code, again.code), said.err + again.err
    record = document("val.record.json")
    assert ["reference", "result", "start"] == [one["name"] for one in (record["source"], *record["sources"])]
    assert record["metrics"]["figure_of_merit"] is not None
    assert document("same/validation.json") == document("val/validation.json")
    assert (2, 2) == (twice.code, lost.code)
    assert "Two files are given as start, one of them start.tif." in twice.err
    assert "There is no reference.\n  --input result=FILE --input reference=FILE" in lost.err

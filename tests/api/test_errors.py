"""What a call is given wrongly, and what it says then."""

import traceback
from decimal import Decimal

import numpy as np
import pytest

import dissmodel
from dissmodel.errors import InvalidInput
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io import save_dataset
from dissmodel.record import store


def call(**given):
    return dissmodel.run(**{"model": "coastal_raster", "input": "grid.zip", **given})


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"input": 3}, TypeError, "input=3: this is not a path"),
        ({"input": None}, TypeError, "input=None"),
        ({"output": b"r.tif"}, TypeError, "output=b'r.tif'"),
        ({"records": "folder"}, TypeError, "records='folder': this is one path"),
        ({"seed": 1.5}, TypeError, "seed=1.5: this is not a whole number"),
        ({"seed": True}, TypeError, "seed=True"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"threads": 0}, ValueError, "threads=0: it is a whole number of 1 or more"),
        ({"format": "geotiff"}, ValueError, "format='geotiff'"),
        ({"parameters": {"at": np.arange(3)}}, TypeError, r"parameters\['at'\]: .* ndarray"),
        ({"parameters": {"at": [1, {2}]}}, TypeError, r"parameters\['at'\]\[1\]: .* set"),
        ({"parameters": {"at": {1: 2}}}, TypeError, r"parameters\['at'\]: .* dict"),
        ({"parameters": {"at": object()}}, TypeError, "object"),
        ({"parameters": {"at": Decimal(1)}}, TypeError, "Decimal"),
        ({"parameters": {"at": 1j}}, TypeError, "complex"),
        (
            {"output": "s3://b/r.tif", "preview": True},
            ValueError,
            "A preview or a report is written beside the result",
        ),
        ({"output": "s3://b/r.tif", "push": True}, ValueError, "a push would upload it again"),
    ],
)
def test_it_is_an_error_of_ours_and_of_python_s(given, kind, said):
    with pytest.raises(dissmodel.DissmodelError, match=said) as error:
        call(**given)

    if "s3" not in str(given):
        assert isinstance(error.value, kind)
    assert error.value.hint


def test_values_of_numpy_are_what_they_stand_for():
    given = {
        "a": np.float32(0.1),
        "b": [np.array([True])[0], (np.int8(3), np.str_("uso"))],
        "c": {"d": np.float64("nan"), "e": None},
    }
    from dissmodel import arguments

    found = arguments.parameters(given)

    assert (0.10000000149011612, [True, [3, "uso"]], None) == (found["a"], found["b"], found["c"]["e"])
    assert [float, bool, int, str] == [
        type(one) for one in (found["a"], found["b"][0], found["b"][1][0], found["b"][1][1])
    ]


def test_a_band_may_be_a_number(coast):
    looked = dissmodel.validate("coastal_raster", input=coast, band_map={"uso": 1})

    assert looked.ok, looked.findings


def test_a_traceback_has_the_hint(coast):
    with pytest.raises(dissmodel.DissmodelError) as error:
        dissmodel.run("coastal_raste", input=coast)

    shown = "".join(traceback.format_exception(error.value))
    assert "Did you mean" in error.value.hint
    assert error.value.hint in shown


def test_a_secret_is_in_no_error():
    with pytest.raises(dissmodel.DissmodelError) as error:
        dissmodel.open_record("https://ana:t0psecret@127.0.0.1:1/r.record.json")

    assert "t0psecret" not in "".join(traceback.format_exception_only(error.value))
    assert "t0psecret" not in error.value.hint


@pytest.mark.parametrize("given", [3, None, b"r.record.json"])
def test_what_is_no_path_is_pushed_nowhere(given):
    with pytest.raises(dissmodel.DissmodelError, match="this is not a path"):
        dissmodel.push(given)


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/hostname", "a/../../secret.tif"])
def test_a_record_that_names_a_file_outside_its_folder_has_no_files(tmp_path, path):
    files = {"output": {"path": path, "size": 1, "sha256": "ab" * 32}}
    store.write(
        {"experiment_id": "c" * 32, "status": "completed", "files": files}, tmp_path / "r.record.json"
    )
    found = dissmodel.open_record(tmp_path / "r.record.json")

    with pytest.raises(InvalidInput, match="outside its folder"):
        _ = found.files
    with pytest.raises(InvalidInput, match="outside its folder"):
        found.open()


@pytest.mark.filterwarnings("ignore:.*georeference")
def test_a_file_outside_the_folder_that_was_bundled_is_opened_in_the_bundle(tmp_path):
    backend = RasterBackend((3, 4))
    backend.set("alt", np.arange(12, dtype="int16").reshape(3, 4))
    there = tmp_path / "elsewhere.tif"
    sha256 = save_dataset(backend, there)
    file = {"path": str(there), "size": there.stat().st_size, "sha256": sha256, "external": True}
    record = {
        "experiment_id": "c" * 32,
        "status": "completed",
        "schema_version": 1,
        "files": {"output": file},
    }
    (tmp_path / "runs").mkdir()
    store.write(record, tmp_path / "runs" / "r.record.json")
    dissmodel.bundle(tmp_path / "runs" / "r.record.json", output=tmp_path / "b.zip", with_input=False)
    there.unlink()
    found = dissmodel.open_record(tmp_path / "b.zip")

    assert {"output": f"{tmp_path / 'b.zip'}/external/elsewhere.tif"} == found.files
    assert np.array_equal(backend.get("alt"), found.open(arrays=True)[0].get("alt"))

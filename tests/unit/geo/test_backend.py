import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.geo import DIRS_MOORE, DIRS_VON_NEUMANN, RasterBackend

CROSS = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)


def test_the_neighbourhoods():
    square = {(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)} - {(0, 0)}

    assert square == set(DIRS_MOORE)
    assert {(r, c) for r, c in square if 0 in {r, c}} == set(DIRS_VON_NEUMANN)


def test_set_copies_and_arrays_are_live():
    given_array = np.zeros((2, 2))
    backend = RasterBackend((2, 2))
    backend.set("a", given_array)
    given_array[0, 0] = 9
    backend.arrays["a"][1, 1] = 5
    backend.arrays["b"] = given_array

    assert [[0, 0], [0, 5]] == backend.get("a").tolist()
    assert backend.get("b") is given_array
    assert ["a", "b"] == backend.band_names()


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        RasterBackend((2, 2)).get("a")


@pytest.mark.parametrize(
    ("time", "expected"), [(2000, 0), (2014, 1), (2020, 2), (2005, 1), (1900, 0), (2100, 2)]
)
def test_a_time_between_two_slices_means_the_later_one(time, expected):
    backend = RasterBackend((1, 1))
    backend.set("roads", np.arange(3).reshape(3, 1, 1), time=[2000, 2014, 2020])

    assert expected == backend.get("roads", time=time)[0, 0]


def test_static_arrays_have_one_state_at_all_times():
    backend = RasterBackend((1, 1))
    backend.set("slope", [[7]])

    assert backend.get("slope", time=2014)[0, 0] == 7
    assert not backend.is_temporal("slope")


def test_a_static_array_replaces_a_temporal_one():
    backend = RasterBackend((1, 1))
    backend.set("a", np.zeros((1, 1, 1)), time=[1])
    backend.set("a", np.zeros((1, 1)))

    assert not backend.is_temporal("a")
    assert ["a"] == backend.static_band_names()


@pytest.mark.parametrize(("shape", "time"), [((2, 1, 1), [1]), ((1, 1), [1]), ((2, 1, 1), [[1, 2]])])
def test_times_must_fit(shape, time):
    with pytest.raises(ValueError, match="time length"):
        RasterBackend((1, 1)).set("a", np.zeros(shape), time=time)


def test_renaming_takes_the_time_axis_along():
    backend = RasterBackend((1, 1))
    backend.set("a", np.zeros((1, 1, 1)), time=[4])
    backend.rename_band("a", "b")
    backend.rename_band("absent", "c")

    assert ["b"] == backend.band_names() == backend.temporal_band_names()
    assert backend.time_axis("b").tolist() == [4]


def test_a_snapshot_does_not_change_any_more():
    backend = RasterBackend((1, 1))
    backend.set("a", [[1]])
    past = backend.snapshot()
    backend.arrays["a"][0, 0] = 2

    assert past["a"][0, 0] == 1


def test_neighbor_contact_without_a_neighbourhood_is_a_dilation():
    expected = [[1, 1, 1], [1, 1, 1], [0, 1, 1]]

    assert expected == RasterBackend.neighbor_contact(CROSS).astype(int).tolist()


def test_neighbor_contact_with_a_neighbourhood_leaves_the_cell_out():
    expected = [[1, 0, 1], [0, 1, 1], [0, 1, 0]]

    assert expected == RasterBackend.neighbor_contact(CROSS, DIRS_VON_NEUMANN).astype(int).tolist()


def test_focal_sums_count_neighbours_and_nothing_beyond_the_edge():
    backend = RasterBackend((3, 3))
    backend.set("a", np.arange(9).reshape(3, 3))

    assert [[8, 14, 10], [18, 32, 22], [14, 26, 16]] == backend.focal_sum("a").tolist()
    assert [[1, 0, 1], [1, 2, 2], [0, 1, 0]] == backend.focal_sum_mask(CROSS).tolist()


def test_focal_sum_needs_a_slice():
    backend = RasterBackend((1, 1))
    backend.set("a", np.zeros((2, 1, 1)), time=[1, 2])

    with pytest.raises(ValueError, match="time"):
        backend.focal_sum("a")


@given(
    hnp.arrays(np.int32, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    st.integers(-8, 8),
    st.integers(-8, 8),
)
def test_shift_moves_and_never_wraps(arr, dr, dc):
    padded = np.pad(arr, 8)
    rows, cols = arr.shape
    expected = padded[8 - dr : 8 - dr + rows, 8 - dc : 8 - dc + cols]

    assert expected.tolist() == RasterBackend.shift2d(arr, dr, dc).tolist()


@pytest.mark.parametrize("nodata", [-9999.0, np.nan])
def test_the_nodata_value_says_where_the_study_area_is(nodata):
    backend = RasterBackend((1, 2), nodata_value=nodata)
    backend.set("a", [[nodata, 3.0]])

    assert [[False, True]] == backend.nodata_mask.tolist()


def test_a_mask_array_says_it_first():
    backend = RasterBackend((1, 2), nodata_value=0)
    assert backend.nodata_mask is None
    backend.set("a", [[0, 3]])
    backend.set("mask", [[1.0, 0.0]])

    assert [[True, False]] == backend.nodata_mask.tolist()


@pytest.mark.parametrize(
    "transform",
    [Affine(30, 0, 7.1, 0, -30, 9), Affine(30, 5, 7.1, 3, -30, 9), Affine(0.1, 0, 0, 0, 0.1, 0), None],
)
def test_through_xarray_and_back(transform):
    backend = RasterBackend((2, 3), -1, transform, "EPSG:31984")
    backend.set("uso", np.arange(6, dtype=np.int16).reshape(2, 3))
    backend.set("roads", np.arange(12.0).reshape(2, 2, 3), time=[2000, 2010])

    dataset = backend.to_xarray()
    back = RasterBackend.from_xarray(dataset)

    assert ("time", "y", "x") == dataset["roads"].dims
    assert (2, 3) == back.shape
    assert transform == back.transform
    assert back.crs.to_epsg() == 31984
    assert back.get("uso").dtype == np.int16
    assert backend.get("uso").tolist() == back.get("uso").tolist()
    assert backend.get("roads", time=2010).tolist() == back.get("roads", time=2010).tolist()


def test_xarray_coordinates_are_cell_centres():
    backend = RasterBackend((2, 2), transform=Affine(30, 0, 100, 0, -30, 500))
    backend.set("a", np.zeros((2, 2)))

    dataset = backend.to_xarray(time=4)

    assert [115, 145] == dataset["x"].values.tolist()
    assert [485, 455] == dataset["y"].values.tolist()
    assert dataset["a"].coords["time"] == 4


def test_a_foreign_dataset_gets_its_grid_from_its_coordinates():
    array = xr.DataArray(
        [[1, 2], [3, 4], [5, 6]], dims=("x", "y"), coords={"x": [10.0, 20.0, 30.0], "y": [5.0, 3.0]}
    )

    backend = RasterBackend.from_xarray(array)

    assert Affine(10, 0, 5, 0, -2, 6) == backend.transform
    assert [[1, 3, 5], [2, 4, 6]] == backend.get("data").tolist()


def test_a_dataset_without_a_grid_is_refused():
    with pytest.raises(InvalidInput, match="lonely"):
        RasterBackend.from_xarray(xr.Dataset({"lonely": ("z", [1])}))


def test_without_xarray_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)

    with pytest.raises(UsageError) as caught:
        RasterBackend((1, 1)).to_xarray()

    assert isinstance(caught.value, ImportError)
    assert caught.value.hint == "The extra 'xarray' brings it: python -m pip install xarray"


def test_neither_scipy_nor_pandas_is_loaded():
    code = (
        "import sys, dissmodel.geo.raster;"
        "print([m for m in ('scipy', 'pandas', 'xarray', 'rasterio') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

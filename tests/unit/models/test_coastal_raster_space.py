"""The space of a raster, rule by rule."""

import re
import warnings

import numpy as np
import pytest
from affine import Affine

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.models.coastal.classes import NO_SOIL
from dissmodel.models.coastal.parameters import CoastalParameters
from support.coasts import read_space

GRID = Affine(30.0, 0.0, 600000.0, 0.0, -30.0, 9700000.0)


def raster(
    bands, *, nodata=None, band_tags=None, tags=None, mask=None, named=True, crs="EPSG:31983", transform=GRID
):
    backend = RasterBackend(shape=next(iter(bands.values())).shape)
    backend.arrays.update({name: np.array(band) for name, band in bands.items()})
    notes = {
        name: {"nodata": nodata, "tags": (band_tags or {}).get(name, {}), "named": named} for name in bands
    }
    return backend, {"crs": crs, "transform": transform, "tags": tags or {}, "bands": notes, "mask": mask}


def read(*args, parameters=None, band_map=None, **kwargs):
    return read_space(
        raster(*args, **kwargs), CoastalParameters.model_validate(parameters or {}), band_map=band_map
    )


def space(uso, alt=None, solo=None, dtype=np.float64):
    uso = np.array([uso], dtype)
    alt = np.ones_like(uso) if alt is None else np.array([alt], dtype)
    solo = np.full_like(uso, 3) if solo is None else np.array([solo], dtype)
    return {"uso": uso, "alt": alt, "solo": solo}


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_any_real_dtype(dtype):
    state = read(space([1, 0, 10], [1, 2, 3], [0, 1, 9], dtype=dtype))

    assert (np.uint8, np.uint8, np.float64) == (state.uso.dtype, state.solo.dtype, state.alt.dtype)
    assert [[1, 0, 10]] == state.uso.tolist()
    assert [[0, NO_SOIL, 9]] == state.solo.tolist()
    assert [[True, False, True]] == np.isfinite(state.alt).tolist()
    assert all(array.flags.c_contiguous for array in (state.uso, state.solo, state.alt))
    assert (0, None, 2) == (state.step, state.order, state.cells)


@pytest.mark.parametrize("dtype", ["uint64", "int64"])
@pytest.mark.parametrize("where", ["declared", "in the tag"])
def test_a_nodata_value_of_64_bits_is_exact(dtype, where):
    """A land use that is 1 away from the nodata value, which is one float with it, is an illegal value."""
    nodata = int(np.iinfo(dtype).max)
    said = {"nodata": nodata} if where == "declared" else {"band_tags": {"uso": {"nodata": str(nodata)}}}
    others = {"alt": np.ones((1, 2)), "solo": np.full((1, 2), 3)}

    assert 1 == read({"uso": np.array([[nodata, 1]], dtype), **others}, **said).cells
    with pytest.raises(InvalidInput, match="uso holds values that it does not take"):
        read({"uso": np.array([[nodata - 1, 1]], dtype), **others}, **said)


def test_float32_is_widened_and_not_rounded():
    state = read(space([1], [0.1], dtype=np.float32))

    assert float(np.float32(0.1)) == state.alt[0, 0]


def test_bands_are_found_by_name_whatever_their_position():
    bands = space([1, 2], [5, 6], [3, 4])

    state = read({name: bands[name] for name in ("solo", "uso", "alt")} | {"other": bands["alt"]})

    assert [[1, 2]] == state.uso.tolist()
    assert [[5, 6]] == state.alt.tolist()


def test_a_band_map():
    bands = space([1, 2])

    state = read(
        {"landuse": bands["uso"], "alt": bands["alt"], "solo": bands["solo"]}, band_map={"uso": "landuse"}
    )

    assert [[1, 2]] == state.uso.tolist()


def test_nameless_bands_are_taken_in_the_published_order():
    bands = space([1, 2], [5, 6], [3, 4])
    nameless = {f"band_{number}": bands[name] for number, name in enumerate(("uso", "alt", "solo"), 1)}

    with pytest.warns(DissmodelWarning, match="no names; they are taken as uso, alt, solo"):
        state = read(nameless, named=False)

    assert [[1, 2]] == state.uso.tolist()
    assert [[5, 6]] == state.alt.tolist()
    assert [[3, 4]] == state.solo.tolist()


def test_four_nameless_bands_are_not_guessed():
    band = np.ones((1, 2))

    with pytest.raises(InvalidInput, match="has 4 bands without names"):
        read({f"band_{number}": band for number in range(1, 5)}, named=False)


def test_a_missing_band_says_what_is_there():
    bands = space([1, 2])
    del bands["alt"]

    with pytest.raises(InvalidInput) as caught:
        read(bands | {"alts": bands["uso"]})

    assert "There is no band 'alt'; the file has 'uso', 'solo', 'alts'." == caught.value.message
    assert "Did you mean 'alts'? --band-map alt=alts" == caught.value.hint


@pytest.mark.parametrize(
    ("band_map", "message"),
    [({"usos": "uso"}, "reads no band 'usos'"), ({"uso": "solo"}, "'solo' can't be uso and solo at once")],
)
def test_a_wrong_band_map(band_map, message):
    with pytest.raises(UsageError, match=message):
        read(space([1, 2]), band_map=band_map)


def test_a_mapped_band_that_is_not_there():
    with pytest.raises(InvalidInput, match="no band 'landuse'"):
        read(space([1, 2]), band_map={"uso": "landuse"})


def test_land_use_decides_first():
    bands = space([np.nan, 0, 255, -7, 1, 2], alt=[np.nan, -9999, 1, 1, 1, 1])
    mask = np.array([[True, True, True, True, False, True]])

    state = read(bands, nodata=255.0, band_tags={"uso": {"nodata": "-7"}}, mask=mask)

    assert [[False, False, False, False, False, True]] == state.inside.tolist()


def test_pixels_without_elevation_or_soil_are_outside_and_counted():
    bands = space(
        [1, 1, 1, 1, 1, 1, 1, 1, 0],
        alt=[np.nan, -9999, -8888, 1, 1, 1, np.nan, 1, np.nan],
        solo=[3, 3, 3, -1, -9999, 77, 77, 3, 3],
    )

    with pytest.warns(
        DissmodelWarning, match=r"^7 pixels have a value of uso but lack others: alt \(4\), solo \(4\);"
    ):
        state = read(bands, band_tags={"alt": {"nodata": "-8888"}, "solo": {"nodata": "77"}})

    assert [[False] * 7 + [True, False]] == state.inside.tolist()


def test_a_declared_nodata_that_is_a_legal_value_means_nothing_inside():
    state = read(space([1, 0, 2], alt=[0, 0, 0], solo=[0, 0, 0]), nodata=0.0)

    assert [[True, False, True]] == state.inside.tolist()
    assert 0.0 == state.alt[0, 0]
    assert 0 == state.solo[0, 0]


def test_the_smallest_float32_as_nodata():
    lowest = float(np.finfo(np.float32).min)
    bands = space([lowest, 1], alt=[lowest, 1], solo=[lowest, 3], dtype=np.float32)

    assert [[False, True]] == read(bands, nodata=lowest).inside.tolist()


def test_a_nodata_tag_that_is_no_number():
    with pytest.warns(DissmodelWarning, match="nodata = 'none', not a number"):
        read(space([1]), band_tags={"uso": {"nodata": "none"}})


@pytest.mark.parametrize("uso", [[0, 0], [np.nan, np.nan]])
def test_an_empty_space(uso):
    with pytest.raises(InvalidInput, match="No cell is in the space"):
        read(space(uso))


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (
            space([11, 11, 1, 12.5]),
            r"uso .*: 11 \(2 cells\), 12.5 \(1 cell\).*row 0, column 0.* 10 \(flooded vegetation\)",
        ),
        (space([-1, 1]), r"uso .*: -1 \(1 cell\)"),
        (space([257, 1]), r"uso .*: 257 \(1 cell\)"),
        (space([np.inf, 1]), r"uso .*: inf \(1 cell\)"),
        (
            space([1, 1], solo=[5, 3.5]),
            r"solo .*: 3.5 \(1 cell\), 5 \(1 cell\).* solo takes one of 0 \(river channel\), ",
        ),
        (space([1, 1], alt=[np.inf, 1]), r"alt .*: inf \(1 cell\).* >= -500 and <= 9000 m"),
        (space([1, 1], alt=[9000.5, -500.5]), r"alt .*: -500.5 \(1 cell\), 9000.5 \(1 cell\)"),
        (space(range(20, 30)), r"uso .* and 5 more values"),
    ],
)
def test_illegal_values_are_named_and_counted(bands, message):
    with pytest.raises(InvalidInput) as caught:
        read(bands)

    assert re.search(message, f"{caught.value.message} {caught.value.hint}")


def test_illegal_values_outside_the_space_are_nothing():
    bands = space([0, 1, 99], alt=[1e9, 1, np.nan], solo=[7, 3, 3])

    with pytest.warns(DissmodelWarning, match="1 pixels"):
        state = read(bands)

    assert 1 == state.cells


def test_complex_bands():
    bands = space([1, 1]) | {"alt": np.ones((1, 2), np.complex64)}

    with pytest.raises(InvalidInput, match="complex64"):
        read(bands)


def test_an_order_band():
    order = np.array([[30.0, 10.0, np.nan, 20.0]])

    state = read(space([1, 2, 0, 3]) | {"order": order})

    assert [[2, 0, -1, 1]] == state.order.tolist()


def test_an_order_of_places():
    state = read(space([1, 2, 0, 3]) | {"order": np.array([[2.0, 0.0, -9999.0, 1.0]])}, nodata=-9999.0)

    assert [[2, 0, -1, 1]] == state.order.tolist()


def test_an_order_that_is_row_major_needs_no_ranks():
    assert read(space([1, 2, 0, 3]) | {"order": np.array([[3.0, 5.0, 1.0, 9.0]])}).order is None


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([1.0, 2.0, 1.0], r"more than one cell has: 1 \(2 cells\)"),
        ([2.0, 0.0, 2.0], r"more than one cell has: 2 \(2 cells\)"),
        ([1.0, 2.5, 3.0], r"not integers: 2.5 \(1 cell\)"),
        ([1.0, np.nan, 3.0], r"not integers: none \(NaN\) \(1 cell\)"),
        ([1.0, np.inf, 3.0], "not integers: inf"),
    ],
)
def test_an_order_that_is_none(order, message):
    with pytest.raises(InvalidInput, match=message):
        read(space([1, 2, 3]) | {"order": np.array([order])})


@pytest.mark.parametrize(("passo", "step"), [("7", 7), ("7.0", 7), ("0", 0)])
def test_the_step_of_the_input(passo, step):
    assert step == read(space([1]), tags={"passo": passo}).step


@pytest.mark.parametrize("passo", ["-1", "1.5", "nan", "seven", "1e300"])
def test_a_step_that_is_none(passo):
    with pytest.raises(InvalidInput, match="not a step"):
        read(space([1]), tags={"passo": passo})


def test_the_end_comes_before_the_first_step():
    with pytest.raises(InvalidInput, match=r"end_time = 7 comes before the first step, 8"):
        read(space([1]), tags={"passo": "7"}, parameters={"end_time": 7})


def test_a_missing_crs_is_warned_of():
    with pytest.warns(DissmodelWarning, match="no coordinate reference system"):
        assert read(space([1]), crs=None).crs is None


def test_a_missing_crs_is_set():
    assert 31983 == read(space([1]), crs=None, parameters={"crs": "EPSG:31983"}).crs.to_epsg()


def test_the_crs_of_the_file_is_not_overruled():
    with warnings.catch_warnings():
        assert 31983 == read(space([1]), parameters={"crs": "EPSG:31983"}).crs.to_epsg()
    with pytest.raises(InvalidInput, match="EPSG:31983"):
        read(space([1]), parameters={"crs": "EPSG:4326"})


def test_the_resolution_of_a_raster():
    assert GRID == read(space([1]), parameters={"resolution": 30}).transform
    assert (
        Affine(10, 0, 0, 0, -10, 0)
        == read(space([1]), transform=Affine.identity(), parameters={"resolution": 10}).transform
    )
    with pytest.raises(UsageError, match="pixels are 30 by 30"):
        read(space([1]), parameters={"resolution": 10})


def test_the_variables_of_netcdf_are_read_as_bands():
    backend = RasterBackend(shape=(1, 2), transform=GRID, crs="EPSG:31983")
    for name, band in space([1, 3]).items():
        backend.set(name, band)

    found, expected = read_space(backend, CoastalParameters()), read(space([1, 3]))
    assert (found.transform, found.crs) == (expected.transform, expected.crs)
    assert found.uso.tolist() == expected.uso.tolist()

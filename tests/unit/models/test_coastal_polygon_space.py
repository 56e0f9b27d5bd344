"""The space of polygons, rule by rule."""

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.models.coastal.parameters import CoastalParameters
from support.coasts import read_space

# Column by column from the east: neither row-major nor sorted.
PLACES = [(row, col) for col in (2, 1, 0) for row in (0, 1)]


def cells(places=PLACES, crs="EPSG:31983", *, numbered=True, **columns):
    rows, cols = np.array(places).T
    count = len(places)
    data = {"uso": np.arange(1, count + 1), "alt": np.linspace(0, 1, count), "solo": np.full(count, 3)}
    if numbered:
        data |= {"row": rows, "col": cols}
    boxes = shapely.box(cols * 30, -rows * 30 - 30, cols * 30 + 30, -rows * 30)
    return geopandas.GeoDataFrame(data | columns, geometry=boxes, crs=crs)


def read(frame, parameters=None, column_map=None):
    return read_space(frame, CoastalParameters.model_validate(parameters or {}), column_map=column_map)


@pytest.mark.parametrize("numbered", [True, False])
def test_every_feature_is_a_pixel_in_the_features_order(numbered):
    state = read(cells(numbered=numbered))

    assert [[5, 3, 1], [6, 4, 2]] == state.uso.tolist()
    assert [[4, 2, 0], [5, 3, 1]] == state.order.tolist()
    assert Affine(30, 0, 0, 0, -30, 0) == state.transform
    assert 31983 == state.crs.to_epsg()
    assert (np.uint8, np.uint8, np.float64) == (state.uso.dtype, state.solo.dtype, state.alt.dtype)
    assert all(array.flags.c_contiguous for array in (state.uso, state.solo, state.alt, state.order))


def test_a_hole_is_outside():
    state = read(cells(PLACES[:3] + PLACES[4:]))

    assert [[4, 3, 1], [5, 0, 2]] == state.uso.tolist()
    assert [[3, 2, 0], [4, -1, 1]] == state.order.tolist()
    assert np.isnan(state.alt[1, 1])


def test_features_in_row_major_order_need_no_ranks():
    assert read(cells(sorted(PLACES))).order is None


def test_zeros_are_no_nodata_in_polygons():
    with pytest.raises(InvalidInput, match=r"uso holds values .*: 0 \(1 cell\)"):
        read(cells(uso=[0, 1, 2, 3, 4, 5]))


@pytest.mark.parametrize("name", ["uso", "alt", "solo"])
def test_nothing_in_a_field(name):
    with pytest.raises(InvalidInput, match=rf"{name} holds .*: none \(NaN\) \(2 cells\)"):
        read(cells(**{name: [1.0, np.nan, 1.0, 1.0, np.nan, 3.0]}))


@pytest.mark.parametrize(
    ("values", "says"),
    [(["1"] * 6, "'solo' holds .*, not numbers"), ([None] * 6, "'solo' has no value in any of 6 features")],
)
def test_a_field_that_holds_no_numbers(values, says):
    with pytest.raises(InvalidInput, match=says):
        read(cells(solo=values))


def test_a_column_map():
    frame = cells().rename(columns={"uso": "landuse", "row": "lin"})

    assert [[5, 3, 1], [6, 4, 2]] == read(frame, column_map={"uso": "landuse", "row": "lin"}).uso.tolist()


def test_a_missing_column():
    with pytest.raises(InvalidInput, match="no column 'alt'; the file has 'uso', 'solo', 'row', 'col'"):
        read(cells().drop(columns="alt"))


def test_repeated_cells_are_an_error():
    with pytest.raises(InvalidInput, match="1 of 7 cells would be lost"):
        read(cells([*PLACES, PLACES[0]]))


def test_no_features():
    with pytest.raises(InvalidInput, match="No cell is in the space"):
        read(cells().iloc[:0])


def test_the_step():
    assert 4 == read(cells(passo=4)).step
    with pytest.raises(InvalidInput, match="'passo' holds different steps, 0 and 4"):
        read(cells(passo=[4, 4, 0, 4, 4, 4]))
    with pytest.raises(InvalidInput, match="not a step"):
        read(cells(passo=[np.nan] * 6))


def test_a_crs_is_set_where_there_is_none():
    assert 31983 == read(cells(crs=None), {"crs": "EPSG:31983"}).crs.to_epsg()
    with pytest.warns(DissmodelWarning, match="no coordinate reference system"):
        assert read(cells(crs=None)).crs is None


def test_a_resolution_of_its_own_resamples():
    state = read(cells(), {"resolution": 15})

    assert [[5, 5, 3, 3, 1, 1]] * 2 + [[6, 6, 4, 4, 2, 2]] * 2 == state.uso.tolist()
    # Pixels of one feature are visited row by row, features in their order.
    assert [0, 1, 2, 3, 4, 5] == [state.order[at] for at in ((0, 4), (0, 5), (1, 4), (1, 5), (2, 4), (2, 5))]


def test_the_resolution_that_the_cells_have_resamples_nothing():
    assert [[5, 3, 1], [6, 4, 2]] == read(cells(), {"resolution": 30}).uso.tolist()


def test_resampling_says_how_many_cells_it_loses():
    with pytest.warns(DissmodelWarning, match="4 of 6 cells have no pixel"):
        state = read(cells(), {"resolution": 60})

    assert 2 == state.cells

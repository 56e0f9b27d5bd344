"""What is wrong with a layer of polygons: each is named with the feature's number and a count."""

import geopandas
import pytest
import shapely

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.executor import ExperimentRecord
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal.vector import CoastalVector


def changed(**columns):
    return lambda frame: frame.assign(**columns)


def with_geometry(at, geometry):
    """Return what gives features another geometry, or that of another feature, and takes row and col away."""

    def change(frame):
        geometries = frame.geometry.to_numpy().copy()
        geometries[at] = geometry(frame) if callable(geometry) else geometry
        bare = frame.drop(columns=["row", "col"])
        return bare.set_geometry(geopandas.GeoSeries(geometries, crs=frame.crs))

    return change


BOWTIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
NAN = float("nan")
BAD = {
    "row and col twice": (
        changed(row=0),
        {},
        ["3 of 6", "feature 1", "feature 0", "row 0, col 2"],
    ),
    "row and col elsewhere": (
        changed(row=[9, 1, 0, 1, 0, 1]),
        {},
        ["feature 0", "half a cell", "6"],
    ),
    "row is not a number": (
        changed(row=[0.5, 1, 0, 1, 0, 1]),
        {},
        ["row", "1 cells", "feature 0", "0.5"],
    ),
    "a cell twice": (
        with_geometry(4, lambda frame: frame.geometry.iloc[1]),
        {},
        ["feature 4", "feature 1", "1 feature"],
    ),
    "no geometry": (with_geometry([2, 3], None), {}, ["2 of 6", "no geometry", "feature 2"]),
    "an empty geometry": (with_geometry(3, shapely.Polygon()), {}, ["1 of 6", "empty", "feature 3"]),
    "an invalid geometry": (
        with_geometry(5, BOWTIE),
        {},
        ["1 of 6", "invalid", "feature 5", "Self-intersection"],
    ),
    "a point": (with_geometry(1, shapely.Point(0, 0)), {}, ["1 of 6", "not polygons", "feature 1", "Point"]),
    "nothing in a field": (
        changed(alt=[0, 0, NAN, 0, NAN, 0]),
        {},
        ["alt", "(2 cells)", "feature 2"],
    ),
    "no code": (changed(uso=[3, 3, 2, 2, 77, 1]), {}, ["uso", "77 (1 cell)", "feature 4"]),
    "text": (
        changed(solo=[None, *"34393"]),
        {},
        ["'solo'", "not numbers", "5 of 6", "feature 1", "'3'"],
    ),
    "empty text": (changed(solo=[None] * 6), {}, ["'solo'", "no value", "6"]),
    "no column": (lambda frame: frame.drop(columns="solo"), {}, ["'solo'", "'uso'"]),
    "a map to nowhere": (changed(), {"alt": "height"}, ["'height'", "'alt'"]),
    "passo in capitals": (changed(PASSO=2), {}, ["'PASSO'", "--column-map passo=PASSO"]),
    "steps mixed": (changed(passo=[4, 4, 4, 4, 5, 4]), {}, ["'passo'", "4", "5"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(run_layer, squares, tmp_path, case):
    broken, column_map, words = BAD[case]
    save_gdf(broken(squares), tmp_path / "cells.gpkg")

    with pytest.raises(InvalidInput) as caught:
        run_layer(tmp_path / "cells.gpkg", column_map=column_map, parameters={"end_time": 9})

    assert [] == [word for word in words if word not in str(caught.value) + caught.value.hint]
    assert caught.value.hint
    assert "resolution" not in caught.value.hint
    assert "nodata" not in caught.value.hint  # a field has none
    assert not (tmp_path / "result.gpkg").exists()
    record = ExperimentRecord(
        source={"uri": str(tmp_path / "cells.gpkg")}, column_map=column_map, parameters={"end_time": 9}
    )
    findings = list(CoastalVector().inspect(record))
    assert caught.value.message in [one.message for one in findings if one.severity == "error"]


def test_a_column_map_that_the_model_does_not_know(run_layer, squares):
    with pytest.raises(UsageError, match="reads no column 'sea'"):
        run_layer(squares, column_map={"sea": "uso"})


def test_a_raster_is_no_layer(run_layer, write_tif, coast):
    with pytest.raises(InvalidInput, match="is a raster") as caught:
        run_layer(write_tif(coast))

    assert "_raster" in caught.value.hint


def test_all_that_is_wrong_is_found_at_once(squares, tmp_path):
    given = squares.assign(uso=99, row=0).drop(columns="solo")
    save_gdf(given, tmp_path / "cells.gpkg")
    record = ExperimentRecord(source={"uri": str(tmp_path / "cells.gpkg")}, parameters={"end_time": 3})

    errors = [one.message for one in CoastalVector().inspect(record) if one.severity == "error"]

    assert 3 == len(errors)
    assert [True] * 3 == [any(word in one for one in errors) for word in ("'solo'", "99 (6 cells)", "row 0")]

"""What is wrong with a layer of polygons, told by `coastal_vector` when it runs and when it only looks."""

import numpy as np
import pandas as pd
import pytest
import shapely

from dissmodel.models.coastal.vector import CoastalVector
from dissmodel.registry.classes import ExecutorRegistry


@pytest.fixture(autouse=True)
def registered(dissmodel):
    """Other tests may have registered a model of their own under this name."""
    ExecutorRegistry.register(CoastalVector)


@pytest.fixture
def told(refused, dissmodel, gpkg):
    """Refuse a frame in a run, and find the same by looking; return message and hint."""

    def tell(frame, *words, code=3):
        source = frame if isinstance(frame, str) else gpkg(frame)
        words = ("coastal_vector", "-i", source, "-p", "end_time=2", *words)
        said = refused("run", *words, "-o", "r.gpkg", code=code, phase="load")
        looked = dissmodel("validate", *words)

        assert looked.code in {2, 3}
        found = " ".join((looked.out + looked.err).split())
        assert " ".join(said.message.split()) in found
        return said

    return tell


@pytest.fixture
def bare(frame):
    """The same polygons, of which only the geometry says who is beside whom."""
    return frame.drop(columns=["row", "col"])


def test_two_cells_of_one_row_and_column(told, frame):
    frame.loc[[8, 9], ["row", "col"]] = frame.loc[[3, 3], ["row", "col"]].to_numpy()

    said = told(frame)

    assert said.message.startswith(f"2 of {len(frame)} cells would be lost: ")
    assert "feature 8: row " in said.message
    assert "like feature 3; counted from 0" in said.message
    assert "Fix 'row' and 'col', or rename them" in said.hint


def test_polygons_that_lie_twice(told, bare):
    said = told(pd.concat([bare, bare.iloc[[4, 6]]], ignore_index=True))

    assert said.message.startswith("2 features repeat ")
    assert f"the first is feature {len(bare)}, like feature 4 (counted from 0)" in said.message


@pytest.mark.fast_cases(
    "True-missing-have no geometry; the first is feature 5, counted from 0",
    "False-point-are not polygons; the first is feature 5, counted from 0: a Point",
    "False-bowtie-have an invalid geometry; the first is feature 5, counted from 0: Self-intersection",
)
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "have no geometry; the first is feature 5, counted from 0"),
        ("empty", "have an empty geometry; the first is feature 5, counted from 0"),
        ("point", "are not polygons; the first is feature 5, counted from 0: a Point"),
        ("bowtie", "have an invalid geometry; the first is feature 5, counted from 0: Self-intersection"),
    ],
)
@pytest.mark.parametrize("fields", [True, False])
def test_geometries_that_are_no_cells(told, frame, kind, says, fields):
    for number in (5, 7):
        west, south, east, north = frame.geometry[number].bounds
        frame.loc[number, "geometry"] = {
            "missing": None,
            "empty": shapely.Polygon(),
            "point": shapely.Point(west, south),
            "bowtie": shapely.Polygon([(west, south), (east, north), (east, south), (west, north)]),
        }[kind]

    said = told(frame if fields else frame.drop(columns=["row", "col"]))

    assert said.message.startswith(f"2 of {len(frame)} features {says}")


def test_a_ring_that_does_not_close(told, bare):
    ring = shapely.to_wkb(bare.geometry.values).tolist()
    ring[3] = ring[3][:-8] + np.array([1.5]).tobytes()
    import pyogrio

    fields = bare.columns.drop("geometry").tolist()
    pyogrio.raw.write(
        "open.gpkg",
        np.array(ring, object),
        [bare[name].to_numpy() for name in fields],
        fields,
        driver="GPKG",
        geometry_type="Polygon",
        crs="EPSG:31983",
    )

    assert f"1 of {len(bare)} features have an invalid geometry; the first is feature 3" in (
        told("open.gpkg").message
    )


@pytest.mark.fast_cases("uso")
@pytest.mark.parametrize("column", ["uso", "alt", "solo"])
def test_features_without_a_field(told, bare, column):
    bare[column] = bare[column].astype("Float64" if column == "alt" else "Int64")
    bare.loc[[4, 6], column] = pd.NA

    said = told(bare)

    assert said.message.startswith(f"{column} holds values that it does not take")
    assert "(2 cells)" in said.message
    assert said.hint.startswith("The first is feature 4, counted from 0.")


def test_text_where_numbers_belong(told, frame):
    heights = frame.assign(alt=frame.alt.astype(str).where(frame.index != 2, "high"))
    rows = frame.assign(row=frame.row.astype(str).where(~frame.index.isin([2, 5]), "top"))

    assert f"'alt' holds str values, not numbers, in {len(frame)} of {len(frame)} features" in (
        told(heights).message
    )
    assert (
        "row is not a number in 2 cells (the first: feature 2, counted from 0): 'top'" in told(rows).message
    )


def test_a_row_that_is_not_there(told, frame):
    frame["row"] = frame["row"].astype("Int64")
    frame.loc[[6, 7, 8], "row"] = pd.NA

    assert (
        "row is not an integer in 3 cells (the first: feature 6, counted from 0): nan" in told(frame).message
    )


def test_a_column_map_to_nowhere(told, frame):
    said = told(frame, "--column-map=alt=heigth")

    assert "There is no column 'heigth'; the file has 'row', " in said.message


@pytest.mark.parametrize("command", ["run", "validate"])
def test_cells_that_overlap_are_a_warning(dissmodel, bare, gpkg, command):
    # What was found of a geometry is known, so each command has one of its own.
    east = np.array([4.0 if command == "run" else 5.0, 0.0])
    for number in (5, 20):
        bare.loc[number, "geometry"] = shapely.transform(bare.geometry[number], lambda xy: xy + east)
    cells = bare.geometry.to_numpy()
    first, second = shapely.STRtree(cells).query(cells, predicate="intersects")
    shared = shapely.area(shapely.intersection(cells[first], cells[second]))
    pairs = np.stack([first, second], axis=1)[(shared > 1) & (first < second)].tolist()

    said = dissmodel(command, "coastal_vector", "-i", gpkg(bare), "-p", "end_time=2", "-o", "r.gpkg")

    assert 0 == said.code
    one, other = min(pairs)
    what = "pair of cells overlaps" if len(pairs) == 1 else "pairs of cells overlap"
    assert (
        f"{len(pairs)} {what}, and such cells count as neighbours; the first are features {one} and {other}, "
        "counted from 0."
    ) in " ".join((said.out + said.err).split())


def test_with_row_and_col_nobody_asks_what_overlaps(dissmodel, frame, gpkg):
    frame.loc[5, "geometry"] = shapely.transform(frame.geometry[5], lambda xy: xy + np.array([4.0, 0.0]))

    said = dissmodel("run", "coastal_vector", "-i", gpkg(frame), "-p", "end_time=2", "-o", "r.gpkg")

    assert (0, False) == (said.code, "overlap" in said.err)


def test_a_layer_without_crs_runs_with_a_warning(dissmodel, frame, gpkg):
    import warnings

    import pyogrio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        source = gpkg(frame.set_crs(None, allow_override=True))
    words = ("run", "coastal_vector", "-i", source, "-p", "end_time=2", "-o", "r.gpkg")

    warned = dissmodel(*words)
    told = dissmodel(*words, "--overwrite", "-p", "crs=EPSG:31983")

    assert (0, 0) == (warned.code, told.code)
    assert "warning: The input has no coordinate reference system" in warned.err
    assert "--param crs=EPSG:" in warned.err
    assert "coordinate reference system" not in told.err
    assert "EPSG:31983" == pyogrio.read_info("r.gpkg")["crs"]

"""The models of land-use change on rasters and polygons: numbers, resuming, and what is refused."""

from types import SimpleNamespace

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine

from dissmodel import progress
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.io import load_dataset, save_dataset
from dissmodel.io.raster import write_geotiff
from dissmodel.models.lucc.allocation import DemandNotMet
from dissmodel.models.lucc.continuous import LuccContinuous
from dissmodel.models.lucc.discrete import LuccDiscrete
from support import lucc, lucc_cases

SUFFIXES = [".tif", ".gpkg"]
SIDE = 1000.0


def small(parameters, columns, **more):
    """Return parameters whose demand follows from the columns of a small region, in three steps."""
    start = [float(columns[lu].sum()) * parameters["cell_area"] for lu in "fcun"]
    demand = [[start[0] - 6 * k, start[1] + 4 * k, start[2] + 2 * k, start[3]] for k in range(4)]
    return parameters | {"demand": demand} | more


@pytest.fixture(scope="module")
def regions():
    return lucc.region(9, 14)


@pytest.fixture
def write(tmp_path):
    """Write columns by name as a raster or as polygons; return the path."""

    def write(columns, name, *, order=None):
        path = tmp_path / name
        row, col = columns["row"], columns["col"]
        if path.suffix == ".tif":
            bands = {}
            for band, values in columns.items():
                bands[band] = np.full((row.max() + 1, col.max() + 1), np.nan)
                bands[band][row, col] = values
            write_geotiff(
                path,
                {band: array.__getitem__ for band, array in bands.items() if band not in {"row", "col"}},
                shape=bands["row"].shape,
                dtype="float64",
                nodata=np.nan,
                transform=Affine(SIDE, 0, 600_000, 0, -SIDE, 9_700_000),
                crs="EPSG:31984",
            )
            return path
        west, north = 600_000 + SIDE * col, 9_700_000 - SIDE * row
        frame = geopandas.GeoDataFrame(
            columns, geometry=shapely.box(west, north - SIDE, west + SIDE, north), crs="EPSG:31984"
        )
        save_dataset(frame if order is None else frame.iloc[order], path)
        return path

    return write


@pytest.fixture
def run(tmp_path):
    """Run a model on a file; return its record and the values of its result, row by row."""

    def run(model, source, output, parameters, **fields):
        given = {name: value for name, value in parameters.items() if value is not None}
        record = ExperimentRecord(
            source={"uri": str(source)}, parameters=given, output_path=str(tmp_path / output), **fields
        )
        execute_lifecycle(model(), record)
        return SimpleNamespace(record=record, path=tmp_path / output, **result(tmp_path / output))

    return run


def result(path):
    data, _ = load_dataset(path)
    if not isinstance(data, tuple):
        by_place = data.sort_values(["row", "col"])
        return {
            "values": {name: by_place[name].to_numpy() for name in data if name != "geometry"},
            "tags": {},
        }
    arrays = data[0].arrays
    inside = ~np.isnan(next(iter(arrays.values())))
    return {"values": {name: array[inside] for name, array in arrays.items()}, "tags": data[1]["tags"]}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_shares_have_the_published_bits(write, run, suffix):
    columns, _ = lucc.region()
    case, iterations, digest = lucc_cases.SHARES["base"]

    done = run(LuccContinuous, write(columns, f"in{suffix}"), f"out{suffix}", case)

    assert digest == lucc.h64(np.stack([done.values[lu] for lu in "fcun"]))
    measures = done.record.step_metrics
    assert iterations == measures["iterations"]
    assert [6435.718952235161, 6458.822487312945] == [measures["area_f"][-1], measures["final_f"][-1]]
    assert [25.0] * 6 == measures["allowed"]
    assert [6627.84, 6594.41] == measures["demand_f"][:2]
    np.testing.assert_array_equal(done.values["f"] - columns["f"], done.values["f_chtot"])
    np.testing.assert_array_equal(columns["f"], done.values["f_start"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_classes_have_the_published_bits(write, run, suffix):
    _, columns = lucc.region()
    case, iterations, digest = lucc_cases.USES["two regions"]

    done = run(LuccDiscrete, write(columns, f"in{suffix}"), f"out{suffix}", case)

    assert digest == lucc.h16(done.values["use"].astype(int) - 1)
    assert iterations == done.record.step_metrics["iterations"]
    assert [1635, 1627, 1610] == done.record.step_metrics["final_f"][:3]
    for number, lu in enumerate("fcun", 1):
        np.testing.assert_array_equal(done.values["use"] == number, done.values[lu] == 1)


@pytest.mark.parametrize("suffix", [".tif", pytest.param(".gpkg", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("model", "case"),
    [
        (LuccContinuous, lucc_cases.LAGGED | {"potential": lucc_cases.WITHIN, "max_difference": 1.0}),
        (LuccContinuous, lucc_cases.SATURATED | {"max_difference": 0.8, "max_iteration": 60}),
        (LuccDiscrete, lucc_cases.DISCRETE | {"max_difference": 2.0}),
    ],
    ids=["lag", "halvings", "classes"],
)
def test_a_run_goes_on_from_a_result(regions, write, run, suffix, model, case):
    columns = regions[model is LuccDiscrete]
    source = write(columns, f"in{suffix}")
    case = small(case, columns)
    whole = run(model, source, f"whole{suffix}", case | {"snapshots": [1]})
    run(model, source, f"half{suffix}", case | {"n_steps": 2})

    rest = run(model, source.with_name(f"half{suffix}"), f"rest{suffix}", case)

    assert whole.path.read_bytes() == rest.path.read_bytes()
    kept = source.with_name(f"whole.step0001{suffix}")
    assert kept.read_bytes() == source.with_name(f"half{suffix}").read_bytes()
    assert [2, 3] == rest.record.step_metrics["step"]


@pytest.mark.parametrize("model", [LuccContinuous, LuccDiscrete])
def test_a_condition_ends_a_run_as_its_last_step_does(regions, write, run, model):
    columns = regions[model is LuccDiscrete]
    source = write(columns, "in.tif")
    case = lucc_cases.DISCRETE | {"max_difference": 2.0} if model is LuccDiscrete else lucc_cases.LAGGED
    case = small(case | ({} if model is LuccDiscrete else {"max_difference": 1.0}), columns)
    half = run(model, source, "half.tif", case | {"n_steps": 2})

    ended = run(
        model, source, "ended.tif", case, until=f"final_f <= {half.record.step_metrics['final_f'][1]}"
    )

    assert [0, 1] == ended.record.step_metrics["step"]
    assert half.path.read_bytes() == ended.path.read_bytes()


def test_each_try_of_a_step_is_told(regions, write, run):
    told = []

    class Noting(progress.Silent):
        def note(self, text):
            told.append(text)

    case = small(lucc_cases.BASE | {"max_difference": 1.0}, regions[0])
    with progress.reporting(Noting()):
        measures = run(LuccContinuous, write(regions[0], "in.tif"), "out.tif", case).record.step_metrics

    names = ("step", "iterations", "error", "allowed")
    rows = list(zip(*(measures[name] for name in names), strict=True))
    last = [
        f"step {step}, iteration {tries}: error {error:.4g}, allowed {most:.4g}"
        for step, tries, error, most in rows
    ]
    assert [
        f"step {step}, iteration {number}" for step, tries, *_ in rows for number in range(tries + 1)
    ] == [one.partition(":")[0] for one in told]
    assert set(last) <= set(told)
    assert len(told) > len(last)


def test_halvings_are_counted(regions, write, run):
    columns, _ = regions
    case = small(lucc_cases.SATURATED | {"max_difference": 0.8, "max_iteration": 60}, columns)

    done = run(LuccContinuous, write(columns, "in.tif"), "out.tif", case)

    assert done.tags["halvings"] == str(sum(one > 30 for one in done.record.step_metrics["iterations"]))
    assert int(done.tags["halvings"]) > 0


@pytest.mark.slow
def test_the_order_of_visits_changes_no_order_of_the_output(regions, write, run):
    columns, _ = regions
    backwards = np.arange(columns["row"].size)[::-1]
    case = small(lucc_cases.BASE | lucc_cases.CORRECTED | {"max_difference": 1.0}, columns)
    by_features = run(LuccContinuous, write(columns, "a.gpkg", order=backwards), "a_out.gpkg", case)
    source = write(columns | {"visit": backwards.astype(float)}, "b.gpkg")

    by_column = run(LuccContinuous, source, "b_out.gpkg", case | {"order_attr": "visit"})

    assert by_features.record.step_metrics == by_column.record.step_metrics
    for name in ("f", "c", "u", "f_pot"):
        np.testing.assert_array_equal(by_features.values[name], by_column.values[name])
    written = geopandas.read_file(by_column.path)
    np.testing.assert_array_equal(columns["row"], written["row"])


@pytest.mark.fast_cases(".tif-.gpkg")
@pytest.mark.parametrize(
    ("suffix", "other"),
    [
        (".tif", ".gpkg"),
        (".gpkg", ".gpkg"),
        pytest.param(".tif", ".tif", marks=pytest.mark.slow),
        pytest.param(".gpkg", ".tif", marks=pytest.mark.slow),
    ],
)
def test_drivers_are_replaced_before_a_step(regions, write, run, suffix, other):
    columns, _ = regions
    case = small(lucc_cases.BASE | {"max_difference": 1.0}, columns)
    later = {name: columns[name] for name in ("row", "col", "x3")} | {"x1": 1 - columns["x1"], "passo": 9.0}
    backwards = np.arange(columns["row"].size)[::-1]  # row and col decide, not the order of the features
    update = {"step": 2, "source": str(write(later, f"later{other}", order=backwards))}
    source = write(columns, f"in{suffix}")

    done = run(LuccContinuous, source, f"out{suffix}", case | {"update": [update]})

    np.testing.assert_array_equal(later["x1"], done.values["x1"])
    np.testing.assert_array_equal(columns["x2"], done.values["x2"])
    run(LuccContinuous, source, f"half{suffix}", case | {"n_steps": 3, "update": [update]})
    rest = run(LuccContinuous, source.with_name(f"half{suffix}"), f"rest{suffix}", case)
    assert done.path.read_bytes() == rest.path.read_bytes()


def test_an_update_without_some_cells(regions, write, run):
    columns, _ = regions
    fewer = {name: values[5:] for name, values in columns.items()}
    update = [{"step": 0, "source": str(write(fewer, "later.gpkg"))}]

    with pytest.raises(InvalidInput, match=r"update, later\.gpkg: it lacks 5 of the 115 cells"):
        run(
            LuccContinuous,
            write(columns, "in.gpkg"),
            "out.gpkg",
            small(lucc_cases.BASE, columns, update=update),
        )


def test_two_dates(regions, write, run):
    columns, _ = regions
    final = {f"{lu}9": columns[lu] for lu in "fcun"} | {"f9": columns["f"] - 0.02, "c9": columns["c"] + 0.02}
    demand = {
        "kind": "two_dates",
        "start_year": 2000,
        "final_year": 2002,
        "final": {lu: f"{lu}9" for lu in "fcun"},
        "direction": ["Decrease", "Increase", "none", "none"],
    }
    case = lucc_cases.BASE | {"demand": demand, "n_steps": 4, "max_difference": 3.0}

    done = run(LuccContinuous, write(columns | final, "in.tif"), "out.tif", case)

    area, last = (np.floor(4 * values.sum() + 0.5) for values in (columns["c"], final["c9"]))
    yearly = abs(4 * final["c9"].sum() - 4 * columns["c"].sum()) / 2
    rows = [area, np.floor(area + yearly + 0.5), last, np.floor(last + yearly + 0.5)]
    assert rows == done.record.step_metrics["demand_c"]
    assert len(set(done.record.step_metrics["demand_u"][:2])) == 1


def test_two_regions_without_rules_or_without_coefficients(regions, write, run):
    shares, classes = regions
    case = small(lucc_cases.BASE, shares, potential=lucc_cases.TWO_LINEAR, region_attr="region")
    allocation = lucc_cases.FREE + [row | {"region": 2} for row in lucc_cases.FREE]
    static = {"allocation": None, "static": {"n": 1}, "max_difference": 3.0}
    source = write(shares, "a.tif")

    plain = run(LuccContinuous, source, "a1.tif", case | static)
    given = run(LuccContinuous, source, "a2.tif", case | {"allocation": allocation, "max_difference": 3.0})

    np.testing.assert_array_equal(plain.values["c"], given.values["c"])
    neigh = {"potential_kind": "neigh", "potential": None, "max_difference": 100.0, "region_attr": "region"}
    matrices = {"transition_matrix": [lucc_cases.MATRIX] * 2}
    two = run(
        LuccDiscrete,
        write(classes, "b.tif"),
        "b1.tif",
        small(lucc_cases.DISCRETE, classes) | neigh | matrices,
    )
    one = run(
        LuccDiscrete,
        source.with_name("b.tif"),
        "b2.tif",
        small(lucc_cases.DISCRETE, classes) | neigh | {"region_attr": None},
    )
    np.testing.assert_array_equal(two.values["use"], one.values["use"])


def test_use_alone_says_the_classes(regions, write, run):
    _, columns = regions
    case = small(lucc_cases.DISCRETE | {"max_difference": 2.0}, columns)
    by_classes = run(LuccDiscrete, write(columns, "a.tif"), "a_out.tif", case)
    use = np.stack([columns[lu] for lu in "fcun"]).argmax(axis=0) + 1.0
    only = {name: values for name, values in columns.items() if name not in set("fcun")} | {"use": use}

    by_use = run(LuccDiscrete, write(only, "b.tif"), "b_out.tif", case)

    np.testing.assert_array_equal(by_classes.values["use"], by_use.values["use"])
    np.testing.assert_array_equal(by_classes.values["c_start"], by_use.values["c_start"])


def test_a_demand_that_is_not_met_leaves_its_tries(regions, write, run, tmp_path):
    columns, _ = regions
    source = write(columns, "in.tif")
    case = small(lucc_cases.BASE, columns, max_difference=0.01, max_iteration=12)
    record = ExperimentRecord(
        source={"uri": str(source)}, parameters=case, output_path=str(tmp_path / "out.tif")
    )

    with pytest.raises(DemandNotMet, match=r"step 1: demand not met after 12 iterations; class"):
        execute_lifecycle(LuccContinuous(), record)

    assert not (tmp_path / "out.tif").exists()
    assert [0, 11] == record.step_metrics["iterations"]
    (said,) = [line for line in record.logs if "the error of each try" in line]
    assert len(said.split(",")) == 12


def without(columns, name):
    return {one: values for one, values in columns.items() if one != name}


def with_first(columns, **values):
    changed = dict(columns)
    for name, value in values.items():
        changed[name] = columns[name].astype(float)
        changed[name][0] = value
    return changed


SHARES = {
    "a class is missing": (lambda c: without(c, "c"), {}, "no column 'c'"),
    "a driver is missing": (lambda c: without(c, "x1"), {}, "no column 'x1'"),
    "a driver is null": (lambda c: with_first(c, x1=np.nan), {}, "x1"),
    "a share is negative": (lambda c: with_first(c, f=-0.1), {}, "f holds values that it does not take"),
    "shares are not 1": (lambda c: with_first(c, f=0.5), {}, "The shares of 1 cells don't sum to 1"),
    "protection is missing": (dict, {"attr_protection": "kept"}, "no column 'kept'"),
    "a region is none": (
        lambda c: with_first(c, region=3),
        {"region_attr": "region"} | {name: lucc_cases.TWO[name] for name in ("potential", "allocation")},
        "region: 1 cells are in no region; the first has 3",
    ),
    "a region has no cells": (
        lambda c: c | {"region": np.ones(c["row"].size)},
        {"region_attr": "region"} | {name: lucc_cases.TWO[name] for name in ("potential", "allocation")},
        "region: no cell is in region 2",
    ),
    "an order has twins": (
        lambda c: c | {"visit": np.ones(c["row"].size)},
        {"order_attr": "visit"},
        "visit .order_attr.: 1 numbers stand in several cells; the first is 1",
    ),
    "passo without a start": (lambda c: c | {"passo": np.ones(c["row"].size)}, {}, "lacks f_start, c_start"),
    "passo is the last step": (
        lambda c: c | {"passo": np.full(c["row"].size, 3.0)},
        {},
        "The input belongs to step 3, and the last step is 3",
    ),
    "more steps than rows": (dict, {"n_steps": 5}, "n_steps = 5, but the demand has 4 rows"),
}


@pytest.mark.parametrize("name", SHARES)
def test_wrong_shares(regions, write, run, name):
    change, more, message = SHARES[name]
    columns = change(regions[0])

    with pytest.raises(InvalidInput, match=message):
        run(LuccContinuous, write(columns, "in.gpkg"), "out.gpkg", small(lucc_cases.BASE, regions[0]) | more)


CLASSES = {
    "two classes": (lambda c: with_first(c, f=1, c=1), {}, "1 cells don't have one class"),
    "no class": (lambda c: with_first(c, f=0, c=0, u=0, n=0), {}, "1 cells don't have one class"),
    "a class is missing": (lambda c: without(c, "c"), {}, "The input has no c"),
    "a class that may become nothing": (
        dict,
        {"transition_matrix": [[[0, 0, 0, 0], *lucc_cases.MATRIX[1:]]]},
        "class f may become nothing in region 1",
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_wrong_classes(regions, write, run, name):
    change, more, message = CLASSES[name]
    columns = change(regions[1])

    with pytest.raises(InvalidInput, match=message):
        run(
            LuccDiscrete, write(columns, "in.gpkg"), "out.gpkg", small(lucc_cases.DISCRETE, regions[1]) | more
        )


def test_polygons_that_are_no_grid(regions, write, run):
    columns = without(without(regions[0], "row"), "col")
    frame = geopandas.GeoDataFrame(
        columns, geometry=shapely.buffer(shapely.points(np.arange(115.0) ** 2, 0), 0.4), crs="EPSG:31984"
    )
    path = write(regions[0], "in.gpkg")
    save_dataset(frame, path.with_name("round.gpkg"))
    case = small(lucc_cases.BASE | {"max_difference": 1.0}, columns)
    execute_lifecycle(
        LuccContinuous(),
        ExperimentRecord(
            source={"uri": str(path.with_name("round.gpkg"))},
            parameters=case,
            output_path=str(path.with_name("out.gpkg")),
        ),
    )

    with pytest.raises(InvalidInput):
        run(LuccContinuous, path.with_name("round.gpkg"), "lag.gpkg", small(lucc_cases.LAGGED, columns))


def test_warnings(regions, write, run):
    columns = regions[1]
    case = small(lucc_cases.DISCRETE | {"max_difference": 2.0, "complementar_lu": "f"}, columns)
    case["demand"] = [[row[0] + 50, *row[1:]] for row in case["demand"]]

    with pytest.warns(DissmodelWarning) as told, pytest.raises(DemandNotMet, match="class f: demand"):
        run(LuccDiscrete, write(columns, "in.tif"), "out.tif", case | {"max_iteration": 3})

    said = " ".join(str(one.message) for one in told)
    assert "complementar_lu is ignored" in said
    assert "The demand of 4 steps is not the area of the space, 115: in step 0 it is 165." in said

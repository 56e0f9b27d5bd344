"""Datasets whose bands, columns, values or cells are wrong."""

import numpy as np
import pytest
import rasterio

from support.cases import mostly_slow

NAMED = "Choose one: --band-map {0}=NAME"


@pytest.fixture
def vector_refused(refused_input, gpkg):
    """Refuse a frame of polygons."""
    return lambda frame, *words, code=3, phase="load": refused_input(
        gpkg(frame), *words, code=code, phase=phase
    )


@pytest.fixture
def raster_refused(refused_input, tif):
    """Refuse a dict, or a nameless list, of bands."""

    def run(bands, *words, code=3, phase="load", **options):
        return refused_input(tif(bands, **options), *words, code=code, phase=phase)

    return run


def changed(values, at, value):
    """Return a copy with another value in some cells."""
    values = values.copy()
    for cell in at:
        values[cell] = value
    return values


# Names


@pytest.mark.parametrize(
    ("names", "lost", "hint"),
    [
        (["uso", "alt"], "solo", NAMED.format("solo")),
        (["usso", "alt", "solo"], "uso", "Did you mean 'usso'? --band-map uso=usso"),
    ],
)
def test_an_absent_band(raster_refused, bands, names, lost, hint):
    said = raster_refused(dict(zip(names, [*bands.values()] * 2, strict=False)))

    assert f"There is no band '{lost}'; the file has {', '.join(map(repr, names))}." == said.message
    assert hint == said.hint


@pytest.mark.fast_cases(
    "names1-'uso' and no band 'alt'-Did you mean 'USO' and 'ALT'? --band-map uso=USO --band-map alt=ALT"
)
@pytest.mark.parametrize(
    ("names", "lost", "hint"),
    [
        (
            ["uso"],
            "'alt' and no band 'solo'",
            "Choose one: --band-map alt=NAME --band-map solo=NAME",
        ),
        (
            ["USO", "ALT", "solo"],
            "'uso' and no band 'alt'",
            "Did you mean 'USO' and 'ALT'? --band-map uso=USO --band-map alt=ALT",
        ),
        (
            ["USO", "b", "c", "d", "e"],
            "'uso' and no band 'alt' and no band 'solo'",
            "Choose one: --band-map uso=USO --band-map alt=NAME --band-map solo=NAME",
        ),
    ],
)
def test_all_absent_bands_are_named_at_once(raster_refused, bands, names, lost, hint):
    said = raster_refused(dict(zip(names, [*bands.values()] * 2, strict=False)))

    assert f"There is no band {lost}; the file has {', '.join(map(repr, names))}." == said.message
    assert hint == said.hint


@pytest.mark.fast_cases("renames0-uso-Did you mean 'usso'? --column-map uso=usso")
@pytest.mark.parametrize(
    ("renames", "lost", "hint"),
    [
        ({"uso": "usso"}, "uso", "Did you mean 'usso'? --column-map uso=usso"),
        ({"alt": "ALT"}, "alt", "Did you mean 'ALT'? --column-map alt=ALT"),
        ({"solo": "ground"}, "solo", "Choose one: --column-map solo=NAME"),
    ],
)
def test_an_absent_column(vector_refused, frame, renames, lost, hint):
    said = vector_refused(frame.rename(columns=renames))

    assert f"There is no column '{lost}'; the file has " in said.message
    assert hint == said.hint


def test_bands_in_another_order_are_found_by_name(completed, tif, bands):
    right = completed(tif(bands))
    turned = {name: bands[name] for name in ("solo", "uso", "alt")}

    assert ("", right[1]) == completed(tif(turned))


def test_unnamed_bands_in_the_published_order_are_taken_with_a_warning(completed, tif, bands):
    right = completed(tif(bands))

    warned, digest = completed(tif([*bands.values()]))

    assert right[1] == digest
    assert "warning: The bands have no names; they are taken as uso, alt, solo, in this order.\n" == warned


def test_unnamed_bands_with_a_map_need_no_guess(completed, tif, bands):
    right = completed(tif(bands))
    turned = [bands["solo"], bands["uso"], bands["alt"]]
    words = [f"--band-map={name}=band_{number}" for name, number in (("solo", 1), ("uso", 2), ("alt", 3))]

    assert ("", right[1]) == completed(tif(turned), *words)


@pytest.mark.fast_cases("4")
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_another_number_of_unnamed_bands_is_not_guessed(raster_refused, bands, count):
    said = raster_refused([*bands.values(), *bands.values()][:count])

    assert f"The file has {count} bands without names" in said.message
    assert "--band-map uso=N" in said.hint


def test_a_band_without_a_name_among_named_ones(raster_refused, bands):
    said = raster_refused({"uso": bands["uso"], "": bands["alt"], "solo": bands["solo"]})

    assert "There is no band 'alt'; the file has 'uso', 'band_2', 'solo'." == said.message


def test_two_bands_of_one_name(refused_input, tif, bands):
    with rasterio.open(tif(bands), "r+") as dataset:
        dataset.set_band_description(2, "uso")

    assert "more than one band called 'uso'" in refused_input("t.tif").message


def test_maps_that_are_right(completed, tif, bands, gpkg, frame):
    right = completed(tif(bands))[1]
    renamed = {"landuse": bands["uso"], "height": bands["alt"], "solo": bands["solo"]}

    assert right == completed(tif(renamed), "--band-map", "uso=landuse", "--band-map", "alt=height")[1]
    assert (
        completed(gpkg(frame))[1]
        == completed(gpkg(frame.rename(columns={"uso": "landuse"}), "u.gpkg"), "--column-map", "uso=landuse")[
            1
        ]
    )


@pytest.mark.fast_cases(
    "words0-3-load-no band 'landuse'---band-map uso=NAME",
    "words4-2-load-'alt' can't be uso and alt at once---band-map uso=NAME",
    "words5-2-None---band-map 'uso': there is no =---band-map uso=NAME",
)
@pytest.mark.parametrize(
    ("words", "code", "phase", "says", "hint"),
    [
        (["uso=landuse"], 3, "load", "no band 'landuse'", "--band-map uso=NAME"),
        (["uso=slo"], 3, "load", "no band 'slo'", "Did you mean 'solo'? --band-map uso=solo"),
        (["usso=uso"], 2, "validate", "the model reads no band 'usso'", "Did you mean 'uso'?"),
        (["passo=uso"], 2, "validate", "the model reads no band 'passo'", "uso"),
        (["uso=alt"], 2, "load", "'alt' can't be uso and alt at once", "--band-map uso=NAME"),
        (["uso"], 2, None, "--band-map 'uso': there is no =", "--band-map uso=NAME"),
        (["=uso"], 2, None, "--band-map '=uso': there is no name", "--band-map NAME=NAME"),
        (["uso="], 2, None, "--band-map uso=: a name is missing", "--band-map uso=NAME"),
        (["uso=a", "uso=b"], 2, None, "--band-map uso is given twice, with 'a' and 'b'", "Give one."),
    ],
)
def test_a_band_map_that_leads_nowhere(raster_refused, bands, words, code, phase, says, hint):
    said = raster_refused(bands, *[f"--band-map={word}" for word in words], code=code, phase=phase)

    assert says in said.message
    assert hint in said.hint


@pytest.mark.fast_cases(
    "words0-3-load-There is no column 'landuse'; the file has 'row', ",
    "words4-2-load-'alt' can't be uso and alt at once",
)
@pytest.mark.parametrize(
    ("words", "code", "phase", "says"),
    [
        (["uso=landuse"], 3, "load", "There is no column 'landuse'; the file has 'row', "),
        (["row=linha"], 3, "load", "There is no column 'linha'"),
        (["uso=geometry"], 3, "load", "There is no column 'geometry'"),
        (["rwo=row"], 2, "validate", "the model reads no column 'rwo'"),
        (["uso=alt"], 2, "load", "'alt' can't be uso and alt at once"),
    ],
)
def test_a_column_map_that_leads_nowhere(vector_refused, frame, words, code, phase, says):
    said = vector_refused(frame, *[f"--column-map={word}" for word in words], code=code, phase=phase)

    assert says in said.message


# Values


@pytest.mark.fast_cases("uso-257-257 (3 cells)", "alt--inf--inf (3 cells)")
@pytest.mark.parametrize(
    ("band", "value", "named"),
    mostly_slow(
        [
            ("uso", 11, "11 (3 cells)"),
            ("uso", -1, "-1 (3 cells)"),
            ("uso", 257, "257 (3 cells)"),
            ("uso", 1.5, "1.5 (3 cells)"),
            ("uso", np.inf, "inf (3 cells)"),
            ("uso", 1e30, "1e+30 (3 cells)"),
            ("solo", 5, "5 (3 cells)"),
            ("solo", 3.0001, "3.0001 (3 cells)"),
            ("solo", 259, "259 (3 cells)"),
            ("alt", np.inf, "inf (3 cells)"),
            ("alt", -np.inf, "-inf (3 cells)"),
            ("alt", 9000.5, "9000.5 (3 cells)"),
            ("alt", -500.5, "-500.5 (3 cells)"),
        ],
        ("uso", 257, "257 (3 cells)"),
        ("uso", 1.5, "1.5 (3 cells)"),
        ("solo", 5, "5 (3 cells)"),
        ("alt", -np.inf, "-inf (3 cells)"),
        ("alt", 9000.5, "9000.5 (3 cells)"),
    ),
)
def test_an_illegal_value_in_a_raster_and_in_polygons(
    raster_refused, vector_refused, bands, cells, frame, band, value, named
):
    raster = raster_refused({**bands, band: changed(bands[band], cells[:3], value)})
    vector = vector_refused(frame.assign(**{band: frame[band].astype(float).where(frame.index >= 3, value)}))

    assert raster.message == vector.message
    assert raster.message.startswith(f"{band} holds values that it does not take")
    assert raster.message.endswith(f": {named}.")


def test_several_illegal_values_are_counted_each(raster_refused, bands, cells):
    uso = changed(changed(bands["uso"], cells[:7], 42), cells[7:8], 12)

    said = raster_refused({**bands, "uso": uso})

    assert "42 (7 cells), 12 (1 cell)." in said.message
    assert said.hint.startswith("The first is row ")
    assert "uso takes one of 1 (mangrove), 2 (terrestrial vegetation), " in said.hint


def test_more_illegal_values_than_a_message_holds(raster_refused, bands, small_coast):
    uso = np.where(small_coast.inside, 20.0 + np.arange(bands["uso"].size).reshape(bands["uso"].shape), -9999)

    assert " more values." in raster_refused({**bands, "uso": uso}).message


@pytest.mark.fast_cases("uso")
@pytest.mark.parametrize("column", ["uso", "alt", "solo"])
def test_nothing_in_a_field_of_a_polygon(vector_refused, frame, column):
    said = vector_refused(frame.assign(**{column: frame[column].where(frame.index >= 4)}))

    assert said.message.startswith(f"{column} holds values")
    assert "NaN" in said.message
    assert "(4 cells)" in said.message


@pytest.mark.fast_cases("uso-0")
@pytest.mark.parametrize(("column", "value"), [("uso", 0), ("alt", -9999.0), ("solo", -1)])
def test_what_means_nodata_in_a_raster_means_nothing_in_a_polygon(vector_refused, frame, column, value):
    said = vector_refused(frame.assign(**{column: frame[column].where(frame.index >= 1, value)}))

    assert f"{value:g} (1 cell)" in said.message


@pytest.mark.fast_cases("2-uso", "mangrove-passo")
@pytest.mark.parametrize("column", ["uso", "alt", "solo", "passo"])
@pytest.mark.parametrize("value", ["2", "mangrove", True])
def test_a_column_that_holds_no_numbers(vector_refused, frame, column, value):
    said = vector_refused(frame.assign(**{column: value}))

    assert f"The column '{column}' holds " in said.message
    assert "not numbers" in said.message
    assert "--column-map" in said.hint


def test_a_raster_of_complex_numbers(raster_refused, bands):
    assert "complex64" in raster_refused(bands, dtype="complex64", nodata=None).message


def test_an_order_that_is_none(raster_refused, bands, cells):
    order = changed(np.zeros(bands["uso"].shape), cells, 0.0)
    for number, cell in enumerate(cells):
        order[cell] = number
    for value, says in ((1.0, "1 (2 cells)"), (0.5, "0.5 (1 cell)"), (np.nan, "NaN")):
        said = raster_refused({**bands, "order": changed(order, cells[:1], value)})

        assert said.message.startswith("order holds values that ")
        assert says in said.message


# Space


@pytest.mark.fast_cases("uso-nan")
@pytest.mark.parametrize(
    ("band", "value"), [("uso", 0), ("uso", -9999), ("uso", np.nan), ("alt", np.nan), ("solo", -1)]
)
def test_no_cell_in_the_space(raster_refused, bands, band, value):
    said = raster_refused({**bands, band: np.full_like(bands[band], value)})

    assert said.message.startswith("No cell is in the space: ")


def test_no_feature(refused_input, frame, gpkg):
    assert "t.gpkg has no features" in refused_input(gpkg(frame.iloc[:0])).message


def test_two_cells_of_one_row_and_column(vector_refused, frame):
    twice = frame.assign(
        row=frame.row.where(frame.index != 9, frame.row[3]),
        col=frame.col.where(frame.index != 9, frame.col[3]),
    )

    said = vector_refused(twice)

    assert f"1 of {len(frame)} cells would be lost: " in said.message
    assert "row and col" in said.message
    assert "like feature 3" in said.message


@pytest.mark.parametrize("changes", ["swapped", "upside down"])
def test_rows_and_columns_that_contradict_the_geometry(vector_refused, frame, changes):
    wrong = {
        "swapped": frame.assign(row=frame.col, col=frame.row),
        "upside down": frame.assign(row=frame.row.max() - frame.row),
    }

    said = vector_refused(wrong[changes])

    assert "more than half a cell from where row and col put them" in said.message
    assert "row counts from the top" in said.hint


@pytest.mark.fast_cases("nan-nan")
@pytest.mark.parametrize(
    ("value", "says"), [(0.5, "0.5"), (np.nan, "nan"), (np.inf, "inf"), (2e9, "too many")]
)
def test_a_row_that_is_no_number_of_one(vector_refused, frame, value, says):
    said = vector_refused(frame.assign(row=frame.row.where(frame.index > 0, value)))

    assert says in said.message


def test_polygons_that_lie_twice(vector_refused, frame):
    import pandas as pd

    bare = frame.drop(columns=["row", "col"])

    said = vector_refused(pd.concat([bare, bare.iloc[:3]]))

    assert f"3 of {len(frame) + 3} cells would be lost" in said.message
    assert "resolution=" in said.hint


def test_polygons_on_no_grid_unless_asked_for_resampling(vector_refused, completed, frame, gpkg):
    bare = frame.drop(columns=["row", "col"])
    bare["geometry"] = [one.buffer(40) for one in bare.geometry]

    said = vector_refused(bare)
    too_coarse = vector_refused(bare, "-p", "resolution=1e6")
    too_fine = vector_refused(bare, "-p", "resolution=0.0001")

    assert "The polygons are not the cells of a grid of" in said.message
    assert f"of {len(frame)} cells would be lost" in said.message
    assert "No cell is in the space" in too_coarse.message
    assert "too many" in too_fine.message
    assert f"of {len(frame)} cells have no pixel." in completed("t.gpkg", "-p", "resolution=100")[0]


@pytest.mark.fast_cases("bowtie")
@pytest.mark.parametrize("kind", ["missing", "empty", "point", "bowtie"])
def test_a_geometry_that_is_no_cell(vector_refused, frame, kind):
    import shapely

    one = frame.geometry[0]
    west, south, east, north = one.bounds
    frame.loc[0, "geometry"] = {
        "missing": None,
        "empty": shapely.Polygon(),
        "point": one.centroid,
        "bowtie": shapely.Polygon([(west, south), (east, north), (east, south), (west, north)]),
    }[kind]

    said = vector_refused(frame)

    assert f"1 of {len(frame)} features " in said.message
    assert "; the first is feature 0, counted from 0" in said.message


# Time


def test_an_end_before_the_first_step(raster_refused, vector_refused, bands, frame):
    raster = raster_refused(bands, passo="50")
    vector = vector_refused(frame.assign(passo=50))

    assert raster.message == vector.message
    assert "end_time = 2 comes before the first step, 51: the input belongs to step 50." == raster.message
    assert "--param end_time=N, 51 or more" in raster.hint


@pytest.mark.fast_cases("abc", "inf")
@pytest.mark.parametrize("value", ["abc", "-1", "2.5", "nan", "inf", "1e400", "9" * 400])
def test_a_step_that_is_none(raster_refused, bands, value):
    said = raster_refused(bands, passo=value)

    assert "The tag passo is " in said.message
    assert "A step is an integer of 0 or more." == said.hint


@pytest.mark.fast_cases("1.5")
@pytest.mark.parametrize("value", [-1, 1.5, np.nan])
def test_a_step_of_polygons_that_is_none(vector_refused, frame, value):
    assert "The column 'passo' is " in vector_refused(frame.assign(passo=value)).message


def test_polygons_of_different_steps(vector_refused, frame):
    said = vector_refused(frame.assign(passo=(frame.index > 3) + 4))

    assert "The column 'passo' holds different steps, 4 and 5 among them." == said.message


# Reference systems and resolutions


@pytest.mark.parametrize(
    ("parameter", "code", "says"),
    [
        (
            "crs=EPSG:4326",
            3,
            "crs = 'EPSG:4326' is not the input's own coordinate reference system, EPSG:31983.",
        ),
        ("resolution=31", 2, "resolution = 31, but the raster's pixels are 30 by 30."),
    ],
)
def test_a_parameter_that_contradicts_the_raster(raster_refused, bands, parameter, code, says):
    assert says == raster_refused(bands, "-p", parameter, code=code).message


def test_no_reference_system_is_a_warning_that_says_how_to_set_one(completed, tif, bands):
    warned, _ = completed(tif(bands, crs=None))

    assert "warning: The input has no coordinate reference system" in warned
    assert "--param crs=EPSG:" in warned
    assert "" == completed("t.tif", "-p", "crs=EPSG:31983")[0]


def test_a_sea_that_rises_beyond_all_numbers(refused_input, grid):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        said = refused_input(grid(), "-p", "sea_level_rise_rate=1e308", "-q", code=2, phase="run")

    assert "sea_level_rise_rate = 1e+308: the elevation of " in said.message
    assert "overflowed" in said.message

import sqlite3

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from dissmodel.comparison import ChangedValue, Move, Tolerance, compare
from dissmodel.errors import InvalidInput
from dissmodel.io.content import content_digest
from dissmodel.io.vector import save_gdf


def frame(n=50):
    rng = np.random.default_rng(5)
    row, col = np.divmod(rng.permutation(n), 10)
    data = {"uso": rng.integers(1, 11, n), "alt": rng.normal(size=n), "name": ["é", "b"] * (n // 2)}
    return gpd.GeoDataFrame(
        data, geometry=shapely.box(col * 30, row * 30, col * 30 + 30, row * 30 + 30), crs=31984
    )


def agree(a, b, comparison):
    return (content_digest(a) == content_digest(b)) == (comparison.verdict == "identical-content")


@pytest.fixture
def saved(tmp_path):
    def save(gdf, name):
        save_gdf(gdf, tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def original(saved):
    return saved(frame(), "a.gpkg")


def test_another_container_or_page_layout_is_the_same_content(saved, original):
    vacuumed = saved(frame(), "b.gpkg")
    with sqlite3.connect(vacuumed) as base:
        base.execute("PRAGMA application_id = 1196444487")
        base.execute("CREATE TABLE scratch (x)")
        base.execute("INSERT INTO scratch VALUES (zeroblob(100000))")
        base.execute("DROP TABLE scratch")
    base.close()
    before = compare(original, vacuumed)
    base = sqlite3.connect(vacuumed)
    base.execute("VACUUM")
    base.close()

    assert ["identical-content"] * 2 == [before.verdict, compare(original, vacuumed).verdict]
    for name in ("b.fgb", "b.parquet"):
        other = saved(frame(), name)

        assert "identical-content" == compare(original, other).verdict
        assert agree(original, other, compare(original, other))


def test_the_same_features_written_twice_are_the_same_file(saved, original):
    assert "identical-file" == compare(original, saved(frame(), "b.gpkg")).verdict


def with_value(column, at, value):
    gdf = frame()
    gdf.loc[at, column] = value
    return gdf


def with_vertex(at):
    gdf = frame()
    ring = shapely.get_coordinates(gdf.geometry[at])
    ring[1, 0] = np.nextafter(ring[1, 0], np.inf)
    gdf.loc[at, "geometry"] = shapely.Polygon(ring)
    return gdf


CHANGES = {
    "one ulp": (with_value("alt", 17, np.nextafter(frame().alt[17], np.inf)), "alt", 17),
    "class code": (with_value("uso", 0, 99), "uso", 0),
    "text": (with_value("name", 49, "c"), "name", 49),
    "null text": (with_value("name", 3, None), "name", 3),
    "null number": (with_value("alt", 4, np.nan), "alt", 4),
    "vertex": (with_vertex(23), "geometry", 23),
}


@pytest.mark.parametrize("suffix", ["gpkg", "fgb"])
@pytest.mark.parametrize(("gdf", "column", "feature"), CHANGES.values(), ids=CHANGES)
def test_one_value_is_named_with_its_place(saved, original, suffix, gdf, column, feature):
    other = saved(gdf, f"b.{suffix}")
    found = compare(original, other)
    (part,) = (part for part in found.parts if part.changed)

    assert ("different", column, 1, feature) == (found.verdict, part.name, part.changed, part.first.feature)
    assert (50, 0.02) == (part.cells, part.share)
    assert agree(original, other, found)


def test_an_empty_text_is_a_value(saved):
    paths = [saved(with_value("name", 3, value), f"{number}.gpkg") for number, value in enumerate(["", None])]
    part = compare(*paths).parts[2]

    assert (1, ChangedValue("", None, feature=3), (Move("", None, 1),)) == (
        part.changed,
        part.first,
        part.moves,
    )


def test_a_negative_zero_is_a_zero(saved):
    paths = [
        saved(gpd.GeoDataFrame({"x": [zero]}, geometry=[shapely.Point(zero, 1)], crs=31984), f"{zero}.fgb")
        for zero in (0.0, -0.0)
    ]

    assert "identical-content" == compare(*paths).verdict
    assert agree(*paths, compare(*paths))


def test_a_swapped_pair_is_named(saved, original):
    order = list(range(50))
    order[8], order[30] = 30, 8
    found = compare(original, saved(frame().iloc[order], "b.gpkg"))
    geometry = found.parts[-1]

    assert ("different", "geometry", 2, 8) == (
        found.verdict,
        geometry.name,
        geometry.changed,
        geometry.first.feature,
    )
    assert ("The geometries are the same, in another order.",) == found.why


def test_values_differences_and_classes_of_columns(saved, original):
    gdf = frame()
    gdf["uso"] = gdf["uso"].replace({3: 4})
    gdf.loc[10, "alt"] += 0.5
    gdf.loc[:3, "name"] = "c"
    uso, alt, name, _ = compare(original, saved(gdf, "b.gpkg")).parts
    threes = int((frame().uso == 3).sum())
    moved = (frame().alt[10] + 0.5) - frame().alt[10]

    assert (("integer", "integer"), (Move(3, 4, threes),), 1.0) == (uso.types, uso.moves, uso.max_abs)
    assert (moved, pytest.approx(moved / 50)) == (alt.max_abs, alt.mean_abs)
    assert {Move("é", "c", 2), Move("b", "c", 2)} == set(name.moves)
    assert (ChangedValue("é", "c", feature=0), None) == (name.first, name.max_abs)


def test_a_tolerance_is_for_numbers_only(saved, original):
    numbers = with_value("alt", 1, frame().alt[1] + 1e-9)
    texts = with_value("name", 1, "B")

    assert "within-tolerance" == compare(original, saved(numbers, "b.gpkg"), Tolerance(atol=1e-8)).verdict
    assert "different" == compare(original, saved(texts, "c.gpkg"), Tolerance(atol=1e9)).verdict
    assert "different" == compare(original, saved(with_vertex(1), "d.gpkg"), Tolerance(atol=1e9)).verdict


def test_integers_beyond_2_to_the_53_are_told_apart(saved):
    paths = [saved(frame().assign(big=2**53 + one), f"{one}.gpkg") for one in (0, 1)]
    part = compare(*paths).parts[3]

    assert ("big", 50, 2**53, 2**53 + 1, 1.0) == (
        part.name,
        part.changed,
        part.first.a,
        part.first.b,
        part.max_abs,
    )


@pytest.mark.parametrize(
    ("gdf", "why"),
    [
        (frame().iloc[:-1], "The number of features differs: 50 in A, 49 in B."),
        (
            frame().set_crs(31983, allow_override=True),
            "The CRS differs: EPSG:31984 in A, EPSG:31983 in B.",
        ),
    ],
)
def test_what_is_not_comparable_says_why(saved, original, gdf, why):
    found = compare(original, saved(gdf, "b.gpkg"), Tolerance(atol=1e9))

    assert "not-comparable" == found.verdict
    assert why in found.why


@pytest.mark.parametrize(
    ("gdf", "why"),
    [
        (frame().drop(columns="uso"), "B has no column 'uso'."),
        (frame().assign(uso="3"), "The column 'uso' can't be compared: integer and text."),
    ],
)
def test_a_column_that_one_lacks_is_a_difference_and_the_others_are_compared(saved, original, gdf, why):
    found = compare(original, saved(gdf, "b.gpkg"), Tolerance(atol=1e9))

    assert "different" == found.verdict
    assert why in found.why
    assert {"alt", "name", "geometry"} == {part.name for part in found.parts}
    assert {"identical"} == {part.verdict for part in found.parts}


def test_integers_and_reals_are_compared_as_numbers(saved, original):
    found = compare(original, saved(frame().astype({"uso": float}), "b.gpkg"))

    assert ("different", 0, ("'uso' is integer in A and real in B.",)) == (
        found.verdict,
        found.parts[0].changed,
        found.why,
    )


def test_columns_in_another_order_are_another_content(saved, original):
    other = saved(frame()[["alt", "uso", "name", "geometry"]], "b.gpkg")

    assert ("different", ("The columns are in another order.",)) == (
        compare(original, other).verdict,
        compare(original, other).why,
    )
    assert agree(original, other, compare(original, other))


@pytest.fixture
def layered(tmp_path):
    path = tmp_path / "two.gpkg"
    for layer, value in (("first", 1), ("second", 2)):
        pyogrio.write_dataframe(frame().assign(uso=value), path, layer=layer)
    return path


def test_several_layers_have_to_be_chosen_from(layered, original):
    with pytest.raises(InvalidInput, match="has 2 layers"):
        compare(original, layered)


def test_layers_are_chosen_for_each_file(layered, original):
    assert "different" == compare(original, layered, layers=(None, "second")).verdict
    assert 1 == compare(original, layered, layers=(None, "first")).parts[0].moves[0].after

import numpy as np
import pytest
import shapely
from affine import Affine

from dissmodel.geo.vector.zones import zonal

NORTH_UP = Affine(2, 0, 100, 0, -2, 80)


def by_hand(zone, raster, affine, nodata):
    """The pixels whose centres lie in a zone, asked one by one."""
    centres = [(affine @ (col + 0.5, row + 0.5), value) for (row, col), value in np.ndenumerate(raster)]
    inside = [value for at, value in centres if shapely.Point(at).within(zone)]
    return np.array([value for value in inside if value != nodata and not np.isnan(value)])


@pytest.mark.parametrize(
    "affine", [NORTH_UP, Affine(2, 0, 100, 0, 2, 0), NORTH_UP @ Affine.rotation(30)], ids=str
)
def test_pixels_are_those_whose_centre_is_inside(affine):
    random = np.random.default_rng(3)
    raster = random.integers(0, 50, (30, 40)).astype(float)
    raster[random.random(raster.shape) < 0.1] = -999
    raster[random.random(raster.shape) < 0.1] = np.nan
    middle = np.array(affine @ (20, 15))
    zones = [
        shapely.Point(middle + shift).buffer(size)
        for *shift, size in random.uniform((-60, -60, 0.3), (60, 60, 20), (40, 3))
    ]

    found = zonal(zones, raster, affine, ["count", "sum", "median", "unique"])

    for number, zone in enumerate(zones):
        inside = by_hand(zone, raster, affine, -999)
        assert len(inside) == found["count"][number]
        if len(inside):
            assert inside.sum() == found["sum"][number]
            assert np.median(inside) == found["median"][number]
            assert len(set(inside.tolist())) == found["unique"][number]
    assert 0 in found["count"]
    assert found["count"].max() > 100


def test_each_statistic_of_one_zone():
    raster = np.array([[4, 4, 2, 9], [7, 2, 5, 0]])
    expected = {
        "count": 7,
        "min": 2,
        "max": 9,
        "mean": 33 / 7,
        "sum": 33,
        "std": np.sqrt(195 / 7 - (33 / 7) ** 2),
        "median": 4,
        "range": 7,
        "unique": 5,
        "majority": 2,
        "minority": 5,
        "percentile_50": 4,
        "percentile_0": 2,
        "percentile_100": 9,
    }

    found = zonal([shapely.box(0, 0, 4, 2)], raster, Affine(1, 0, 0, 0, -1, 2), list(expected), nodata=0)

    assert pytest.approx(expected) == {name: values[0] for name, values in found.items()}


def test_a_zone_without_pixels_has_none():
    zones = [None, shapely.Polygon(), shapely.box(0, 0, 1, 1), shapely.box(100.1, 79.8, 100.3, 79.9)]

    found = zonal(zones, np.ones((5, 5)), NORTH_UP, ["count", "mean", "majority"])

    assert [0, 0, 0, 0] == found["count"].tolist()
    assert np.isnan(found["mean"]).all()
    assert np.isnan(found["majority"]).all()


@pytest.mark.parametrize(
    ("name", "hint"), [("avg", "Known: "), ("medain", "'median'"), ("percentile_101", "'percentile_95'")]
)
def test_an_unknown_statistic_is_named(name, hint):
    with pytest.raises(ValueError) as raised:
        zonal([], np.ones((2, 2)), NORTH_UP, [name])

    assert f"There is no statistic {name!r}." in str(raised.value)
    assert hint in str(raised.value)


def test_a_raster_has_rows_and_columns():
    with pytest.raises(ValueError) as raised:
        zonal([], np.ones((1, 2, 2)), NORTH_UP, ["mean"])

    assert "(1, 2, 2)" in str(raised.value)

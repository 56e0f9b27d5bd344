"""Statistics of cells over many maps, against NumPy's own and exact sums."""

import math
from fractions import Fraction

import numpy as np
import pytest

from dissmodel.metrics import stacks
from dissmodel.metrics.samples import QUANTILES, STATISTICS, mean_interval, statistics
from dissmodel.metrics.stacks import ClassShares, NumberStatistics


def filled(maps, absent=None):
    """Return a function that fills an array with a map."""

    def fill(number, target):
        target[:] = maps[number]
        return None if absent is None else absent[number]

    return fill


def numbers(maps, absent=None, *, quantiles=True):
    of = NumberStatistics(maps.dtype, len(maps), quantiles=quantiles)
    return of.of(filled(maps, absent), maps.shape[1])


def exact(values):
    """Return the mean and the sample variance as fractions."""
    values = [Fraction(float(one)) for one in values]
    mean = sum(values) / len(values)
    return mean, sum((one - mean) ** 2 for one in values) / (len(values) - 1)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 40])
def test_moments_and_quantiles_are_those_of_numpy(count):
    maps = np.random.default_rng(1).normal(100, 5, (count, 50))

    found = numbers(maps)

    np.testing.assert_allclose(found["mean"], maps.mean(axis=0), rtol=1e-14)
    if count > 1:
        np.testing.assert_allclose(found["sd"], maps.std(axis=0, ddof=1), rtol=1e-12)
    else:
        assert np.isnan(found["sd"]).all()
    for name, quantile in zip(("q05", "q25", "q50", "q75", "q95"), QUANTILES, strict=True):
        np.testing.assert_array_equal(found[name], np.quantile(maps, quantile, axis=0))
    assert {count} == set(found["runs"].tolist())


def test_a_small_deviation_from_a_large_mean_is_kept():
    maps = 1e9 + np.random.default_rng(2).normal(0, 1e-3, (200, 3))

    found = numbers(maps, quantiles=False)

    for cell in range(3):
        mean, variance = exact(maps[:, cell])
        assert float(mean) == pytest.approx(found["mean"][cell], rel=1e-16)
        assert math.sqrt(variance) == pytest.approx(found["sd"][cell], rel=1e-9)


def test_a_cell_that_is_the_same_in_all_maps_has_no_deviation_and_exactly_its_value():
    found = numbers(np.full((33, 4), 0.1))

    for name in ("mean", "q05", "q50", "q95"):
        assert [0.1] * 4 == found[name].tolist()
    assert [0.0] * 4 == found["sd"].tolist()


def test_a_map_without_a_value_in_a_cell_is_left_out_there():
    rng = np.random.default_rng(3)
    maps = rng.normal(size=(50, 40))
    absent = rng.random(maps.shape) < 0.4
    absent[:, 0] = True
    absent[1:, 1] = True
    absent[:20, 2] = True  # whole batches
    expected = np.where(absent, np.nan, maps)

    found = numbers(maps, absent)

    assert (~absent).sum(axis=0).tolist() == found["runs"].tolist()
    assert np.isnan([found[name][0] for name in ("mean", "sd", "q50")]).all()
    assert expected[0, 1] == found["mean"][1]
    assert np.isnan(found["sd"][1])
    np.testing.assert_allclose(found["mean"][2:], np.nanmean(expected[:, 2:], axis=0), atol=1e-15)
    np.testing.assert_allclose(found["sd"][2:], np.nanstd(expected[:, 2:], axis=0, ddof=1), rtol=1e-12)
    for name, quantile in zip(("q05", "q25", "q50", "q75", "q95"), QUANTILES, strict=True):
        np.testing.assert_array_equal(found[name][1:], np.nanquantile(expected[:, 1:], quantile, axis=0))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_maps_of_other_types_have_the_statistics_of_their_numbers(dtype):
    maps = np.random.default_rng(4).integers(0, 100, (20, 30)).astype(dtype)

    found = numbers(maps)

    np.testing.assert_allclose(found["mean"], maps.mean(axis=0, dtype=np.float64), rtol=1e-7)
    np.testing.assert_array_equal(found["q25"], np.quantile(maps.astype(float), 0.25, axis=0))


def test_with_quantiles_and_without_them_the_moments_have_the_same_bits():
    maps = np.random.default_rng(5).normal(size=(70, 5000))

    both, alone = numbers(maps), numbers(maps, quantiles=False)

    for name in ("mean", "sd", "runs"):
        np.testing.assert_array_equal(both[name], alone[name])
    assert ("mean", "sd", "runs") == tuple(alone)


def test_infinite_values_have_quantiles_and_no_mean():
    maps = np.array([[1.0], [math.inf], [math.inf]])

    found = numbers(maps)

    assert not np.isfinite(found["mean"][0])
    assert math.inf == found["q75"][0]


def test_no_more_cells_are_in_memory_than_fit():
    few = NumberStatistics(np.dtype("float64"), 200, quantiles=True)
    many = NumberStatistics(np.dtype("float64"), 100_000, quantiles=True)

    assert 512 * 512 <= few.most_cells
    assert many.most_cells * 100_000 * 8 <= stacks._STACK_BYTES
    assert 2**20 == NumberStatistics(np.dtype("float64"), 100_000, quantiles=False).most_cells


# Classes.


@pytest.mark.parametrize("count", [3, 255, 256, 600])
def test_shares_are_counts_by_maps(count):
    codes = [7, 1, 4]
    maps = np.random.default_rng(6).choice(codes, (count, 40)).astype(np.uint8)

    of = ClassShares(codes, maps.dtype, count)
    found = of.of(filled(maps), 40)

    assert ("modal", "agreement", "frequency_1", "frequency_4", "frequency_7", "runs") == of.names
    for cell in range(40):
        counts = {code: int((maps[:, cell] == code).sum()) for code in sorted(codes)}
        modal = max(counts, key=counts.__getitem__)  # the first of several
        assert modal == found["modal"][cell]
        assert np.float32(counts[modal] / count) == found["agreement"][cell]
        for code, number in counts.items():
            assert np.float32(number / count) == found[f"frequency_{code}"][cell]
    assert {float(count)} == set(found["runs"].tolist())


def test_shares_are_of_the_maps_that_have_a_value():
    maps = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], np.uint8)
    absent = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 1]], bool)

    of = ClassShares([0, 1], maps.dtype, 3)
    found = of.of(filled(maps, absent), 3)

    assert [1, 0, of.nodata] == found["modal"].tolist()
    np.testing.assert_array_equal(found["frequency_0"], [0, 0.5, np.nan])
    np.testing.assert_array_equal(found["frequency_1"], [1, 0.5, np.nan])
    assert [2, 2, 0] == found["runs"].tolist()
    assert of.nodata not in of.codes


def test_classes_in_bands_of_floats_have_nan_for_no_value():
    maps = np.array([[1.0, np.nan], [1.0, 2.0]])

    found = ClassShares([1, 2], maps.dtype, 2).of(filled(maps), 2)

    assert [1, 2] == found["modal"].tolist()
    assert [2, 1] == found["runs"].tolist()


@pytest.mark.parametrize(
    ("codes", "dtype", "nodata"),
    [((0, 255), "uint8", 254), ((-1, 3), "int32", -(2**31)), (range(256), "int32", -(2**31))],
)
def test_no_data_is_no_class(codes, dtype, nodata):
    of = ClassShares(list(codes), np.dtype("int32"), 1)

    assert (dtype, nodata) == (of.dtype.name, of.nodata)


# Samples.


def test_statistics_of_a_sample():
    found = dict(zip(STATISTICS, statistics(np.array([3.0, 1.0, math.nan, 2.0, math.inf])), strict=True))

    assert {"runs": 3, "mean": 2.0, "sd": 1.0, "min": 1.0, "max": 3.0} == {
        name: found[name] for name in ("runs", "mean", "sd", "min", "max")
    }
    assert [1.1, 1.5, 2.0, 2.5, 2.9] == [found[f"q{one}"] for one in ("05", "25", "50", "75", "95")]
    assert 0 == statistics(np.array([]))[0]


def test_the_interval_of_a_mean_is_students():
    # t of 4 degrees of freedom at 97.5 %: 2.7764451052 (tables of Student's distribution)
    number, mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))

    assert (5, 3.0) == (number, mean)
    assert 2.7764451052 * math.sqrt(2.5 / 5) == pytest.approx(mean - low)
    assert mean - low == pytest.approx(high - mean)

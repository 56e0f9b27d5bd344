"""What varies: lists, ranges, bounds, from texts and from Python."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.errors import UsageError
from dissmodel.literals import MOST_VALUES
from dissmodel.sweeping.values import Bounds, varied


def values(text, name="rate"):
    return varied(text, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5,1,2", (0.5, 1, 2)),
        (" 0.5 , 1 ", (0.5, 1)),
        ("7", (7,)),
        ("0:1:0.1", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
        ("0:10:5", (0, 5, 10)),
        ("1:0:-0.25", (1.0, 0.75, 0.5, 0.25, 0.0)),
        ("0:1:0.3", (0.0, 0.3, 0.6, 0.9)),
        ("5:5:1", (5,)),
        ("0:1:0.5,3,10:12:1", (0.0, 0.5, 1.0, 3, 10, 11, 12)),
        ("1e-3:3e-3:1e-3", (0.001, 0.002, 0.003)),
        ("log:1e-4:1e-1:4", (1e-4, 1e-3, 1e-2, 1e-1)),
        ("log:1:100:5", (1.0, 10**0.5, 10.0, 10**1.5, 100.0)),
        ("log:100:1:3", (100.0, 10.0, 1.0)),
        ("forest,crop", ("forest", "crop")),
        ('"a,b",c', ("a,b", "c")),
        ("true,false", (True, False)),
        ("[1, 2],[3]", ([1, 2], [3])),
        ('["a,b"],{x = 1, y = 2}', (["a,b"], {"x": 1, "y": 2})),
        ('"0:1:0.5"', ("0:1:0.5",)),
        ("0:1", Bounds(0, 1)),
        ("log:1e-4:0.1", Bounds(1e-4, 0.1, log=True)),
        ("s3://a/b,c:d", ("s3://a/b", "c:d")),
    ],
)
def test_texts(text, expected):
    found = values(text)

    assert expected == found
    if isinstance(expected, tuple):
        assert [type(one) for one in expected] == [type(one) for one in found]


@settings(max_examples=60, deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4), st.integers(0, 8), st.integers(0, 50))
def test_a_range_has_the_doubles_that_are_nearest_to_its_decimals(low, step, digits, count):
    scale = 10**digits
    text = ":".join(f"{one}e-{digits}" for one in (low, low + count * step, step))

    assert tuple(float(Fraction(low + at * step, scale)) for at in range(count + 1)) == values(text)


def test_inputs_are_paths_and_no_ranges():
    assert ("0:1:2", "007", "a,b.tif") == varied('0:1:2,007,"a,b.tif"', "input")
    assert ("c.tif:2",) == varied("c.tif:2", "input.alt")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a value is missing"),
        ("1,,2", "a value is missing"),
        ("1,0:1", "these are bounds, not values"),
        ("0:1:0", "it leads nowhere"),
        ("0:1:-1", "it leads nowhere"),
        ("log:0:1:5", "it leads nowhere"),
        ("log:1:2:1.5", "2 or more"),
        ("log:1:2:1", "2 or more"),
        ("1:0", "are no bounds"),
        ("log:0:1", "a number above 0"),
        ("nan", "only finite numbers"),
        ("1e999", "only finite numbers"),
        ("0:1e999:1e998", "only finite numbers"),
        ("0:1:1e-9", "more than 100,000 values"),
        ("0:1e400:1", "more than 100,000 values"),
        ("log:1:2:1000000", "more than 100,000 values"),
        (",".join(["0:1:0.00002"] * 3), "more than 100,000 values"),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(UsageError) as caught:
        varied(text, "rate")

    assert said in caught.value.message
    assert caught.value.hint


def test_an_input_without_a_path_is_refused():
    with pytest.raises(UsageError, match="a value is missing"):
        varied("a.tif,,b.tif", "input")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ([0.5, 1], (0.5, 1)),
        (range(0, 6, 2), (0, 2, 4)),
        (np.array([1, 2]), (1, 2)),
        (np.linspace(0, 1, 3), (0.0, 0.5, 1.0)),
        ([np.float64(2), np.True_], (2.0, True)),
        ((0, 1), Bounds(0, 1)),
        ((np.float64(0.1), 1, "log"), Bounds(0.1, 1, log=True)),
        (Bounds(1, 2), Bounds(1, 2)),
        ("0:1:0.5", (0.0, 0.5, 1.0)),
        (["0:1:0.5"], ("0:1:0.5",)),
        (3, (3,)),
        ([Path("a.tif")], ("a.tif",)),
        ([[1, 2], [3]], ([1, 2], [3])),
    ],
)
def test_what_python_gives(given_, expected):
    assert expected == varied(given_, "rate")


@pytest.mark.parametrize(
    "given_",
    [(1, 2, 3), ("a", "b"), (0, True), (0, 1, "lin"), [], [float("inf")], (1, 0), range(MOST_VALUES + 1)],
)
def test_what_python_may_not_give(given_):
    with pytest.raises(UsageError):
        varied(given_, "rate")

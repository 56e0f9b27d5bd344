"""Sampled designs, and designs in a CSV."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dissmodel.errors import InvalidInput, MissingModule, UsageError
from dissmodel.sweeping.designs import LEVELS, parse_design
from dissmodel.sweeping.values import Bounds

FACTORS = {
    "rate": Bounds(0, 1),
    "k": Bounds(1e-4, 1e-1, log=True),
    "cells": Bounds(1, 10, step=1),
    "use": ("forest", "crop", "town"),
}


def design(text, factors=None, seed=0):
    return parse_design(text, FACTORS if factors is None else factors, seed, Path())


@pytest.mark.parametrize(("text", "rows"), [("lhs:200", 200), ("sobol:256", 256 * 6), ("morris:20", 20 * 5)])
def test_the_number_of_rows_is_that_of_the_method(text, rows):
    made = design(text)

    assert rows == len(made) == len(list(made.rows()))
    assert [*FACTORS] == [*next(made.rows())]


@pytest.mark.parametrize(("small", "large"), [("sobol:16", "sobol:64"), ("morris:5", "morris:12")])
def test_a_larger_design_begins_with_the_smaller(small, large):
    first, more = list(design(small).rows()), list(design(large).rows())

    assert first == more[: len(first)]
    assert design(small).grows


def test_a_latin_hypercube_does_not_grow():
    kept = [row for row in design("lhs:20").rows() if row in list(design("lhs:40").rows())]

    assert not kept
    assert not design("lhs:20").grows


def test_each_seed_has_a_design_of_its_own():
    assert list(design("sobol:8").rows()) != list(design("sobol:8", seed=1).rows())


def test_a_latin_hypercube_has_a_place_in_each_stratum():
    places = design("lhs:50").sample()

    assert all(np.array_equal(np.arange(50), np.sort(np.floor(column * 50))) for column in places.T)


def test_sobol_changes_one_factor_at_a_time_to_that_of_the_other_sample():
    blocks = design("sobol:8").sample().reshape(8, len(FACTORS) + 2, len(FACTORS))
    for a, *changed, b in blocks:
        for at, row in enumerate(changed):
            assert np.array_equal(np.where(np.arange(len(FACTORS)) == at, b, a), row)


def test_morris_changes_one_factor_by_two_thirds_in_each_step():
    paths = design("morris:6").sample().reshape(6, len(FACTORS) + 1, len(FACTORS))
    steps = np.abs(np.diff(paths, axis=1))

    assert np.allclose(np.sort(steps.reshape(-1)), [0] * (6 * 12) + [LEVELS / (2 * (LEVELS - 1))] * (6 * 4))
    assert np.all(np.count_nonzero(steps > 1e-9, axis=1) == 1)


def test_integers_and_choices_are_equally_likely():
    rows = list(design("sobol:256").rows())
    cells, uses = (Counter(row[name] for row in rows) for name in ("cells", "use"))

    assert set(range(1, 11)) == set(cells)
    assert {"forest", "crop", "town"} == set(uses)
    assert all(abs(count / len(rows) - 0.1) < 0.02 for count in cells.values())
    assert all(abs(count / len(rows) - 1 / 3) < 0.02 for count in uses.values())


def test_a_grid_reaches_both_ends():
    rows = list(design("morris:20").rows())

    assert {1, 4, 7, 10} == {row["cells"] for row in rows}
    assert {"forest", "crop", "town"} == {row["use"] for row in rows}
    assert {0.0, 0.333333333333, 0.666666666667, 1.0} == {row["rate"] for row in rows}
    assert {0.0001, 0.001, 0.01, 0.1} == {row["k"] for row in rows}


def test_a_logarithm_varies_evenly():
    values = np.array([row["k"] for row in design("lhs:1000").rows()])
    shares = np.histogram(np.log10(values), bins=[-4, -3, -2, -1])[0] / len(values)

    assert np.allclose(1 / 3, shares, atol=0.002)


def test_steps_are_exact():
    factors = {"rate": Bounds(0.1, 0.5, step=0.1), "n": Bounds(1, 1000, log=True, step=1)}
    rows = list(design("lhs:200", factors).rows())

    assert {0.1, 0.2, 0.3, 0.4, 0.5} == {row["rate"] for row in rows}
    assert all(type(row["n"]) is int and 1 <= row["n"] <= 1000 for row in rows)


@pytest.mark.parametrize(
    ("text", "factors", "said", "hint"),
    [
        ("sobol:100", FACTORS, "a power of two", "--design sobol:64 or --design sobol:128"),
        ("lhs:1", FACTORS, "1 rows", ""),
        ("lhs:100000000", FACTORS, "100,000,000 rows", ""),
        ("morris:0", FACTORS, "0 rows", ""),
        ("lhs:10", {}, "nothing to vary", "--vary NAME=LOW:HIGH"),
        ("halton:10", FACTORS, "no such design", "sobol:256"),
        ("design.csv", FACTORS, "say what varies", "leave out --vary"),
    ],
)
def test_designs_that_are_refused(text, factors, said, hint):
    with pytest.raises(UsageError) as caught:
        design(text, factors)

    assert said in caught.value.message
    assert hint in caught.value.hint


def test_without_salib_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "SALib.sample", None)
    with pytest.raises(MissingModule) as caught:
        design("sobol:8").sample()

    assert "python -m pip install salib" in caught.value.hint


def test_another_sample_than_that_of_the_runs_is_refused(monkeypatch):
    settled = design("morris:4").settled()
    assert list(settled.rows()) == list(design("morris:4").rows())

    monkeypatch.setattr("SALib.sample.morris.sample", lambda *_, **__: np.zeros((20, 4)))
    with pytest.raises(InvalidInput, match="other rows with SALib"):
        settled.sample()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_design_in_a_csv(tmp_path, separator):
    lines = [["rate", " use ", "input"], ["0.5", "town", "01"], [], ["1", '"a b"', "b.tif"]]
    text = "\n".join(separator.join(line) for line in lines)
    (tmp_path / "d.csv").write_text(f"\ufeff{text}\n", encoding="utf-8")
    made = parse_design("d.csv", {}, 0, tmp_path)

    assert [{"rate": 0.5, "use": "town", "input": "01"}, {"rate": 1, "use": "a b", "input": "b.tif"}] == [
        *made.rows()
    ]
    assert (2, 4) == made.lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: each column has a name"),
        ("a,,b\n1,2,3\n", "line 1: each column has a name"),
        (",".join(f"a{n}" for n in range(101)), "at most 100"),
        ("a,b,a\n1,2,3\n", "the column 'a' is there twice"),
        ("a,b\n1,2\n1\n", "line 3 has 1 values for the 2 columns"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 values for the 2 columns"),
        ("a,b\n1,\n", "line 2: b has no value"),
        ("a,b\n", "no row below the header"),
        ('a,b\n1,"2\n', "row 2"),
        ("a,b\n1,\ud83d", "not text in UTF-8"),
        ("a,b\n1,\0", "NUL"),
    ],
)
def test_a_csv_that_is_no_design(tmp_path, text, said):
    (tmp_path / "d.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidInput) as caught:
        parse_design("d.csv", {}, 0, tmp_path)

    assert said in caught.value.message
    assert "d.csv" in caught.value.message


def test_a_csv_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="no such file"):
        parse_design("d.csv", {}, 0, tmp_path)

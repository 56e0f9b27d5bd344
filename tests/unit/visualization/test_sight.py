"""Which colours people tell apart: the formulas, and the colours of the built-in models."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from dissmodel.cells.fields import Classes
from dissmodel.geo.legend import CellClass
from dissmodel.models.coastal import raster
from dissmodel.models.fire_spread import FireSpread
from dissmodel.models.game_of_life import GameOfLife
from dissmodel.models.urban_growth import UrbanGrowth
from dissmodel.visualization.colours import MOST_CLASSES, change_colours, qualitative
from dissmodel.visualization.sight import LEAST, SIGHTS, alike, difference, seen_lab, set_apart

# Sharma, Wu and Dalal (2005), table 1: two colours in CIE L*a*b* and their difference.
PUBLISHED = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.02 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1
50 -1.1848 -84.8006 50 0 -82.7485 1
50 -0.9009 -85.5211 50 0 -82.7485 1
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.49 -0.001 50 -2.49 0.0009 7.1792
50 2.49 -0.001 50 -2.49 0.001 7.1792
50 2.49 -0.001 50 -2.49 0.0011 7.2195
50 2.49 -0.001 50 -2.49 0.0012 7.2195
50 -0.001 2.49 50 0.0009 -2.49 4.8045
50 -0.001 2.49 50 0.001 -2.49 4.8045
50 -0.001 2.49 50 0.0011 -2.49 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.903
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1
50 2.5 0 50 3.2972 0 1
50 2.5 0 50 1.8634 0.5757 1
50 2.5 0 50 3.2592 0.335 1
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.263
61.2901 3.7196 -5.3901 61.4292 2.248 -4.962 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.694 23.0331 14.973 -42.5619 2.0373
36.4612 47.858 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.441 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.135 0.9033 -0.0636 -0.5514 0.9082
"""
TWENTY = Classes({code: str(code) for code in range(20)}).legend
LEGENDS = {
    "coastal models, uso": raster.CoastalRaster.legends["uso"],
    "coastal models, solo": raster.CoastalRaster.legends["solo"],
    "urban_growth": UrbanGrowth.legends["land"],
    "fire_spread": FireSpread.legends["fire"],
    "game_of_life": GameOfLife.legends["alive"],
    "lucc models and classes without colours, up to 20": TWENTY,
    "numbers without names, up to 12": qualitative(range(MOST_CLASSES)),
}


def nearest(legend):
    """Return how far apart the closest pair of classes is, by sight."""
    found = {}
    for sight in SIGHTS:
        lab = seen_lab([one.colour for one in legend], sight)
        found[sight] = min(float(difference(a, b)) for a, b in combinations(lab, 2))
    return found


def test_the_difference_is_that_of_the_published_pairs():
    numbers = np.array([line.split() for line in PUBLISHED.split("\n") if line], float)

    assert (34, 7) == numbers.shape
    assert numbers[:, 6] == pytest.approx(difference(numbers[:, :3], numbers[:, 3:6]), abs=5e-5)


@pytest.mark.parametrize("name", LEGENDS)
def test_every_pair_of_classes_is_told_apart_by_every_eye(name):
    assert [] == list(alike(LEGENDS[name]))
    assert min(nearest(LEGENDS[name]).values()) >= LEAST


@pytest.mark.parametrize("method", ["machado", "vienot", "brettel"])
def test_another_library_and_other_simulations_tell_them_apart_too(method):
    coloraide = pytest.importorskip("coloraide")
    for legend in LEGENDS.values():
        colours = [one.colour for one in legend]
        for sight in SIGHTS:
            # Viénot's method is none for the rare third kind.
            if sight == "tritan" and method == "vienot":
                continue
            seen = [coloraide.Color(one) for one in colours]
            if sight != "normal":
                seen = [one.filter(sight, 1, method=method).convert("srgb").clip() for one in seen]
            apart = [a.delta_e(b, method="2000") for a, b in combinations(seen, 2)]

            assert min(apart) >= LEAST
            if method == "machado":
                lab = seen_lab(colours, sight)
                ours = [float(difference(a, b)) for a, b in combinations(lab, 2)]
                assert apart == pytest.approx(ours, abs=0.05)


@pytest.mark.parametrize("name", LEGENDS)
def test_what_changed_is_not_taken_for_what_did_not(name):
    legend = LEGENDS[name]
    full = change_colours(legend)
    mixed = [CellClass(place, "", colour) for place, colour in enumerate(full)]

    assert len(full) == len(set(full)) == len(legend)
    if len(legend) <= 10:  # beyond, the classes and their pale shades are too many
        assert [] == list(alike(mixed))


def test_a_colour_that_is_as_pale_as_the_rest_is_darkened():
    (white, red) = set_apart(["#ffffff", "#b2182b"], ["#ffffff", "#eeeeee"])

    assert "#b2182b" == red
    assert float(difference(*seen_lab([white, "#eeeeee"]))) >= LEAST


def test_two_classes_that_look_alike_are_named_with_the_sight():
    wood, fire = CellClass(1, "wood", "#006400"), CellClass(2, "fire", "#ff0000")
    (pair,) = alike([wood, fire, CellClass(3, "sea", "#ffffff")])

    assert (wood, fire, "protan") == pair[:3]
    assert pair.difference < 3


def test_the_table_of_the_page_on_maps_is_what_is_measured():
    page = Path(__file__).parents[3] / "docs" / "maps.md"
    rows = re.findall(
        r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", page.read_text(), re.MULTILINE
    )

    assert {name: [f"{one:.1f}" for one in nearest(legend).values()] for name, legend in LEGENDS.items()} == {
        name.strip(): numbers for name, *numbers in rows
    }

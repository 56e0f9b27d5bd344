"""From values to colours."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dissmodel.geo.legend import CellClass
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.lucc import validation_pictures, validation_report
from dissmodel.visualization.colours import (
    MOST_CLASSES,
    change_picture,
    changed,
    paint,
    qualitative,
)

LEGEND = (CellClass(1, "wood", "#006400"), CellClass(9, "drowned", "#ff0000"))
GAP = np.nan


def test_each_code_has_the_colour_of_its_class_and_nothing_has_none():
    found = paint(np.array([[1, 9], [GAP, 4]]), LEGEND)

    assert [[0, 100, 0, 255], [255, 0, 0, 255]] == found[0].tolist()
    assert [0, 0] == found[1, :, 3].tolist()


def test_what_changed_has_its_new_colour_and_the_rest_is_pale():
    before, after = np.array([[1.0, 1.0, GAP]]), np.array([[1.0, 9.0, 9.0]])

    became = np.where(changed(before, after), after, GAP)
    found = change_picture(became, after, LEGEND, [one.colour for one in LEGEND]).rgba()

    assert [255, 0, 0, 255] == found[0, 1].tolist()
    assert (found[0, 0, :3] > 190).all()  # a cell that was nothing before did not change
    assert (found[0, 2, :3] > 190).all()
    assert [[False, True, False]] == changed(before, after).tolist()


# Machado, Oliveira and Fernandes (2009), on linear sRGB, severity 1.
EYES = {
    "normal": np.eye(3),
    "without green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "without red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
}


def lab(colour, eye):
    part = np.array(to_rgb(colour))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(eye) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
def test_classes_without_colours_get_some_that_any_eye_tells_apart(eye):
    colours = [one.colour for one in qualitative(range(MOST_CLASSES))]
    seen = [lab(colour, EYES[eye]) for colour in colours]

    assert 12 == len(set(colours))
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 12


@pytest.mark.parametrize(("legend", "apart"), [(LAND_USES, 25), (SOILS, 15)])
def test_the_classes_of_the_coast_are_told_apart(legend, apart):
    seen = [lab(one.colour, EYES["normal"]) for one in legend]

    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > apart


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(
    "colours",
    [
        [colour for _, colour in validation_report.KINDS],
        [validation_pictures.SAME.colour, validation_pictures.ANOTHER.colour],
        [colour for _, colour in validation_report.ROLES.values()],
        [validation_pictures.QUANTITY, validation_pictures.ALLOCATION],
    ],
)
def test_the_colours_of_a_validation_are_told_apart_by_any_eye(eye, colours):
    seen = [lab(colour, EYES[eye]) for colour in (*colours, "#ffffff")]

    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen[:-1], 2)) > 25
    # Persistence is light, and not the paper.
    assert min(np.linalg.norm(one - seen[-1]) for one in seen[:-1]) > 5

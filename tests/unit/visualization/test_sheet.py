"""The sheet with the maps, as a picture: read back pixel by pixel."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from dissmodel.geo.legend import CellClass
from dissmodel.visualization.colours import change_picture, class_picture, ramp_picture
from dissmodel.visualization.preview import DPI, Picture, Sheet, draw
from dissmodel.visualization.table import Table, plain

LEGEND = (CellClass(1, "wood", "#006400"), CellClass(9, "drowned", "#ff0000"))
BEFORE = np.ones((40, 60))
AFTER = BEFORE.copy()
AFTER[:20] = 9  # the north drowns
GAP = np.nan
GREEN, RED, WHITE = (0, 100, 0), (255, 0, 0), (255, 255, 255)


def classes(values):
    return Picture(class_picture(values, LEGEND), "a state", None, "uso")


def measures(*states, ramp=(0.0, 10.0, "viridis")):
    return tuple(Picture(ramp_picture(one, ramp), "a state", ramp, "alt") for one in states)


PALE = change_picture(np.where(AFTER == 9, 9, GAP), AFTER, LEGEND, [one.colour for one in LEGEND])
CHANGE = Picture(PALE, "change", None, "uso")


def sheet(**changes):
    whole = {
        "title": "flood: uso",
        "subtitle": "end_time = 11",
        "pictures": (classes(BEFORE), classes(AFTER), CHANGE),
        "table": Table(
            ("class", "before", "after", "difference"),
            (("wood (1)", "2", "1", "-1"), ("drowned (9)", "0", "1", "+1")),
            ("#006400", "#ff0000"),
            (-1.0, 1.0),
        ),
        "notes": ("record 1a2b3c4d",),
        "aspect": 2 / 3,
        "metres": 1800.0,
        "mark": "1a2b",
    }
    return Sheet(**(whole | changes))


def opened(data):
    return Image.open(io.BytesIO(data))


def pixels(data):
    return np.asarray(opened(data).convert("RGB")).astype(int)


def runs(line, colour):
    """Return begin and length of the stretches of a line of pixels that have a colour."""
    edges = np.flatnonzero(np.diff((line == colour).all(axis=1), prepend=False, append=False))
    return [(begin, end - begin) for begin, end in edges.reshape(-1, 2).tolist() if end - begin > 20]


def test_three_panels_stand_side_by_side_with_the_north_above():
    image = pixels(draw(sheet()))
    red = (image == RED).all(axis=2)
    rows = np.flatnonzero(red.sum(axis=1) > 600)
    north, south = image[rows[len(rows) // 2]], image[rows[-1] + len(rows) // 2]

    # Green, red, red above; green, green, pale green below.
    assert [1, 2] == [len(runs(north, GREEN)), len(runs(north, RED))]
    assert [2, 0] == [len(runs(south, GREEN)), len(runs(south, RED))]
    widths = {length for colour in (GREEN, RED) for _, length in runs(north, colour)}
    assert max(widths) - min(widths) <= 2
    assert abs(2 * len(rows) / max(widths) - 2 / 3) < 0.02


def test_the_same_sheet_gives_the_same_bytes_and_the_mark_is_kept():
    data = draw(sheet())

    assert data == draw(sheet())
    assert "1a2b" == opened(data).info["dissmodel"]
    assert "Software" not in opened(data).info


@pytest.mark.slow
def test_settings_of_the_user_change_nothing():
    import matplotlib as mpl

    data = draw(sheet())
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 30, "axes.facecolor": "black"}):
        other = draw(sheet())

        assert 30 == mpl.rcParams["font.size"]
    assert data == other


def test_without_the_state_before_there_is_one_panel():
    image = pixels(draw(sheet(pictures=(classes(AFTER),))))
    row = next(line for line in image if runs(line, RED))

    assert [1, 0] == [len(runs(row, RED)), len(runs(row, GREEN))]


def test_the_scale_bar_has_a_round_length():
    image = pixels(draw(sheet()))
    dark = runs(next(line for line in image if len(runs(line, (51, 51, 51))) == 1), (51, 51, 51))
    map_width = runs(next(line for line in image if runs(line, RED)), GREEN)[0][1]

    assert abs(500 / 1800 - dark[0][1] / map_width) < 0.01
    assert not any(runs(line, (51, 51, 51)) for line in pixels(draw(sheet(metres=None))))


@pytest.mark.slow
def test_names_of_anyone_are_drawn_as_they_are():
    odd = "$\\frac{1}$ \x00 \u6728 \u202e " + "x" * 500
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = Table(("", "after"), ((odd, "1"),), ("#006400",))
        data = draw(
            sheet(
                title=odd,
                subtitle=odd,
                table=table,
                notes=(odd,),
                pictures=(Picture(CHANGE.image, odd, (0.0, 1.0, "viridis"), odd),),
            )
        )

    assert opened(data).width < 16 * DPI
    assert ("a?b", "abc…") == (plain("a\nb", 9), plain("abcdefg", 4))


@pytest.mark.fast_cases("0.0001", "5.0")
@pytest.mark.parametrize("aspect", [1e-4, 0.2, 1.0, 5.0, 1e4])
def test_a_map_of_any_form_fits_on_a_page(aspect):
    width, height = opened(draw(sheet(aspect=aspect))).size

    assert width <= 15 * DPI
    assert height <= 10 * DPI


@pytest.mark.parametrize("values", [np.full((4, 4), np.nan), np.full((4, 4), 3.0)])
def test_measures_that_say_nothing_are_drawn_too(values):
    data = draw(sheet(pictures=measures(values, values, values - values, ramp=(3.0, 3.0, "viridis"))))

    assert opened(data).width > 8 * DPI

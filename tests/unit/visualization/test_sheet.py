"""The sheet with the maps, as a picture: read back pixel by pixel."""

import io
import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from dissmodel.geo.legend import CellClass
from dissmodel.visualization import preview
from dissmodel.visualization.colours import change_picture, class_picture, ramp_picture
from dissmodel.visualization.preview import Picture, Sheet, draw, drawing, drawn, most_pixels
from dissmodel.visualization.table import Table
from dissmodel.visualization.text import plain

LEGEND = (CellClass(1, "wood", "#006400"), CellClass(9, "drowned", "#ff0000"))
BEFORE = np.ones((40, 60))
AFTER = BEFORE.copy()
AFTER[:20] = 9  # the north drowns
GAP = np.nan
GREEN, RED, WHITE = (0, 100, 0), (255, 0, 0), (255, 255, 255)


DPI = 100


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Fewer pixels than on paper are faster to look at."""
    monkeypatch.setattr(preview, "PREVIEW_DPI", DPI)


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
        "key": (),
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
    rows = np.flatnonzero(red.sum(axis=1) > 500)
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


LONG = ("flooded anthropized area of the west", *[f"{10**9 + n:,}.00" for n in range(3)])


@pytest.mark.fast_cases("classes-0.01", "measures-100.0")
@pytest.mark.parametrize("aspect", [1e-4, 20 / 2000, 0.3, 1.0, 5.0, 2000 / 20, 1e4])
@pytest.mark.parametrize("what", ["classes", "measures"])
def test_a_map_of_any_form_fits_on_a_page_and_no_text_is_cut_or_hidden(aspect, what):
    table = Table(("class", "before, km²", "after, km²", "difference"), (LONG,) * 3, (), (-1.0, 0.0, 5.0))
    ramp = (-123456.789, 123456.789, "viridis")
    maps = (
        tuple(replace(one, is_beyond=(True, True)) for one in measures(AFTER, AFTER, AFTER, ramp=ramp))
        if what == "measures"
        else (classes(BEFORE), classes(AFTER), replace(CHANGE, title="change: what changed cells became"))
    )
    whole = sheet(
        aspect=aspect,
        title="W" * 300,
        subtitle="parameter = 0.123456  ·  " * 40,
        key=tuple((f"what changed cells became {n}", "#888888") for n in range(9)),
        pictures=maps,
        table=table,
        notes=("W" * 300, "record 1a2b3c4d"),
    )
    with drawing():
        figure = drawn(whole)
        renderer = FigureCanvasAgg(figure).get_renderer()
        texts = [one for one in figure.findobj(Text) if one.get_text()]
        boxes = [one.get_window_extent(renderer) for one in texts]
        boxes += [one.get_window_extent(renderer) for one in figure.axes]
    wide, high = figure.get_size_inches() * DPI

    assert wide <= 15 * DPI
    assert high <= 13 * DPI
    assert all(0 <= one.x0 and one.x1 <= wide and 0 <= one.y0 and one.y1 <= high for one in boxes)
    hidden = [
        (a, b) for a, b in itertools.combinations(boxes, 2) if a.shrunk(0.9, 0.9).overlaps(b.shrunk(0.9, 0.9))
    ]
    assert [] == hidden


@pytest.mark.fast_cases("3-0.01", "1-100.0")
@pytest.mark.parametrize("aspect", [3 / 3, 20 / 2000, 2000 / 20, 6.7])
@pytest.mark.parametrize("count", [1, 3])
def test_a_map_keeps_its_form_and_every_pixel_of_the_canvas_is_on_paper(aspect, count):
    rows, cols = most_pixels(count, aspect)
    stripes = np.where((np.arange(rows)[:, None] + np.arange(cols)) % 2, 1.0, 9.0)
    image = pixels(
        draw(sheet(aspect=aspect, pictures=(classes(stripes),) * count, table=Table(("", ""), ())))
    )
    is_map = (image == RED).all(axis=2) | (image == GREEN).all(axis=2)
    is_chequered = is_map[1:-1, 1:-1] & (image[1:-1, :-2] != image[1:-1, 1:-1]).any(axis=2)
    is_chequered &= (image[:-2, 1:-1] != image[1:-1, 1:-1]).any(axis=2)

    assert aspect == pytest.approx(rows / cols, rel=0.6 / min(rows, cols))
    assert count * rows * cols == is_chequered.sum()


@pytest.mark.parametrize("values", [np.full((4, 4), np.nan), np.full((4, 4), 3.0)])
def test_measures_that_say_nothing_are_drawn_too(values):
    data = draw(sheet(pictures=measures(values, values, values - values, ramp=(3.0, 3.0, "viridis"))))

    assert opened(data).width > 8 * DPI

"""Maps and charts of a running model, looked at as pictures."""

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from affine import Affine

from dissmodel.core import Environment, Model
from dissmodel.errors import StorageError
from dissmodel.geo import RasterBackend, raster_grid, vector_grid
from dissmodel.visualization import Chart, Map, RasterMap, track_plot
from dissmodel.visualization.screen import Window

RED, BLUE = (1, 0, 0), (0, 0, 1)


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield Environment(start_time=1, end_time=3)
    Environment._current = None
    assert [] == plt.get_fignums()


class Paper:
    """A place on a page, as Streamlit gives it, that keeps what it is given."""

    def __init__(self):
        self.figures = []

    def pyplot(self, figure):
        self.figures.append(figure)


def cells(picture):
    """The colours at the centres of the cells of a grid that was drawn, from above."""
    image = picture.axes[0].images[0]
    shown = image.to_rgba(image.get_array()) if image.get_array().ndim == 2 else image.get_array() / 255
    upwards = picture.axes[0].yaxis.get_inverted()
    return np.asarray(shown if upwards else shown[::-1])


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


class Burning(Model):
    def setup(self, backend):
        self.backend = backend

    def execute(self):
        self.backend.arrays["state"][0, int(self.env.now()) - 1] = 5


@pytest.mark.slow
def test_each_step_is_a_file_where_there_is_no_screen(environment):
    backend = raster_grid(2, 3, {"state": 1})
    Burning(backend=backend)
    RasterMap(backend=backend)
    Map(
        gdf=vector_grid(dimension=(2, 2), resolution=1.0, attrs={"a b/../c": 1}),
        plot_params={"column": "a b/../c"},
    )
    Chart()
    environment.run()

    assert {
        *(f"raster_map_frames/state_step_00{step}.png" for step in (1, 2, 3)),
        *(f"map_frames/a_b____c_step_00{step}.png" for step in (1, 2, 3)),
        *(f"chart_frames/chart_step_00{step}.png" for step in (1, 2, 3)),
    } == {path.as_posix() for path in Path().glob("*/*")}
    first, last = (plt.imread(f"raster_map_frames/state_step_00{step}.png") for step in (1, 3))
    assert (700, 700) == first.shape[:2]
    assert (first != last).any()


def test_classes_have_their_colours_and_all_are_in_the_legend(environment):
    paper = Paper()
    state = np.array([[1, 5, 3], [7, 1, 1]])
    backend = raster_grid(2, 3, {"state": state, "mask": np.array([[1, 1, 1], [1, 1, 0]])})
    RasterMap(
        backend=backend,
        color_map={5: "red", 1: "#0000ff", 9: "green"},
        labels={1: "sea $x$", 5: "fire"},
        title="Fire",
        plot_area=paper,
    )
    environment.run()
    picture = paper.figures[0]

    assert [[(*BLUE, 1), (*RED, 1)]] == [[tuple(one) for one in cells(picture)[0, :2].tolist()]]
    assert [0, 0, 0] == [cells(picture)[0, 2, 3], cells(picture)[1, 0, 3], cells(picture)[1, 2, 3]]
    assert ["sea $x$", "fire", "9"] == texts(picture.legends[0])
    assert not any(text.get_parse_math() for text in picture.legends[0].get_texts())
    assert "Fire [state] — Step 1" == picture.axes[0].get_title()
    assert 3 == len(paper.figures)


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({}, 0, 100),
        ({"vmin": -5, "vmax": 50}, -5, 50),
        ({"scheme": "quantiles"}, 2, 98),
        ({"scheme": "equal_interval", "k": 4}, 0, 100),
        ({"mask_band": "state", "mask_value": 1}, 51, 100),
    ],
)
def test_measures_have_a_scale(environment, options, low, high):
    paper = Paper()
    backend = raster_grid(
        1, 101, {"alt": np.arange(101.0)[None], "state": np.repeat([[1, 2]], [51, 50], axis=1)}
    )
    backend.set("alt", np.arange(101.0)[None])
    RasterMap(backend=backend, band="alt", colorbar_label="m", plot_area=paper, **options)
    environment.run()
    image, scale = paper.figures[0].axes[0].images[0], paper.figures[0].axes[1]

    assert (low, high) == (image.norm.vmin, image.norm.vmax)
    assert "m" == scale.get_ylabel()
    if "k" in options:
        assert [0, 25, 50, 75, 100] == image.norm.boundaries.tolist()
        assert 4 == len(np.unique(cells(paper.figures[0]).reshape(-1, 4), axis=0))


def test_one_value_and_none_can_be_drawn(environment):
    paper = Paper()
    for value in (3.0, np.nan, np.inf):
        RasterMap(backend=raster_grid(2, 2, {"a": value}), band="a", scheme="equal_interval", plot_area=paper)
    RasterMap(backend=raster_grid(2, 2, {"a": 1}), band="b", plot_area=paper, legend=False)
    environment.run()

    assert ["There is no band 'b'."] == [text.get_text() for text in paper.figures[3].axes[0].texts]


def test_a_raster_lies_as_its_transform_says_and_has_its_time(environment):
    paper = Paper()
    backend = RasterBackend((2, 1), transform=Affine(1, 0, 0, 0, 1, 0))
    backend.set("state", [[[1], [2]], [[1], [2]], [[2], [1]]], time=[1, 2, 3])
    RasterMap(backend=backend, color_map={1: "red", 2: "blue"}, plot_area=paper)
    environment.run()

    assert [BLUE, RED] == [tuple(one) for one in cells(paper.figures[0])[:, 0, :3].tolist()]
    assert [RED, BLUE] == [tuple(one) for one in cells(paper.figures[2])[:, 0, :3].tolist()]


def test_an_unknown_scheme_is_named():
    with pytest.raises(ValueError) as raised:
        RasterMap(backend=raster_grid(1, 1), scheme="quantile")

    assert "There is no scheme 'quantile'. Did you mean 'quantiles'?" == str(raised.value)


@pytest.mark.parametrize(("options", "legend"), [({}, True), ({"legend": False}, False)])
def test_a_map_of_features_has_a_legend(environment, options, legend):
    paper = Paper()
    grid = vector_grid(dimension=(2, 1), resolution=1.0)
    grid["use"] = ["wood", "field"]
    Map(gdf=grid, plot_params={"column": "use", **options}, plot_area=paper)
    environment.run()
    axes = paper.figures[2].axes[0]

    assert "Map — Step 3" == axes.get_title()
    assert 2 == sum(len(shapes.get_paths()) for shapes in axes.collections)
    assert (["field", "wood"] if legend else None) == (axes.get_legend() and texts(axes.get_legend()))


def test_a_map_without_a_column_shows_the_features(environment):
    paper = Paper()
    Map(gdf=vector_grid(dimension=(2, 1), resolution=1.0), plot_area=paper)
    environment.run()

    assert 2 == len(paper.figures[0].axes[0].collections[0].get_paths())


def tracked():
    @track_plot("Infected", "red")
    @track_plot("Twice", "#0000ff", "scatter")
    class Epidemic(Model):
        def setup(self):
            self.infected = 1

        def execute(self):
            self.infected = 2 * self.infected
            self.twice = 10
            self.twice = 11

    return Epidemic


def lines(figure):
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines
    }


def test_a_chart_shows_what_is_tracked_over_time(environment):
    paper = Paper()
    tracked()()
    Chart(plot_area=paper, title="Both")
    Chart(plot_area=paper, select=["Infected"], show_legend=False)
    environment.run()
    both, one = paper.figures[-2:]

    assert ([1, 2, 3], [2, 4, 8]) == lines(both)["Infected"]
    assert ([1, 1.4, 1.8, 2.2, 2.6, 3], [10, 11] * 3) == lines(both)["Twice"]
    assert {"Infected", "Twice"} == set(texts(both.axes[0].get_legend()))
    assert [("#0000ff", "None"), ("red", "-")] == sorted(
        (line.get_color(), line.get_linestyle()) for line in both.axes[0].lines
    )
    assert "Both" == both.axes[0].get_title()
    assert {"Infected"} == set(lines(one))
    assert one.axes[0].get_legend() is None


def test_a_second_run_begins_a_new_chart(environment):
    paper = Paper()
    tracked()()
    Chart(plot_area=paper)
    environment.run()
    environment.run()

    assert ([1], [16]) == lines(paper.figures[3])["Infected"]
    assert ([1, 1], [10, 11]) == lines(paper.figures[3])["Twice"]


def test_a_chart_that_is_drawn_before_the_model_shows_what_was(environment):
    paper = Paper()
    Chart(plot_area=paper)
    tracked()()
    environment.run()

    assert ([1, 2], [2, 4]) == lines(paper.figures[-1])["Infected"]


def test_what_a_subclass_tracks_is_not_its_parent_s():
    parent = tracked()

    @track_plot("Cured", "green")
    class Child(parent):
        pass

    assert {"infected", "twice", "cured"} == set(Child._plot_info)
    assert {"infected", "twice"} == set(parent._plot_info)


def test_frames_that_can_t_be_written_are_an_error(environment, read_only_folder, monkeypatch):
    monkeypatch.chdir(read_only_folder)
    Chart()

    with pytest.raises(StorageError, match=r"chart_frames.chart_step_001.png could not be written"):
        environment.run()


def test_a_window_is_one_for_all_steps_and_waits_at_the_end(monkeypatch, tmp_path):
    # A real backend that opens windows on no screen, and says what is asked of it.
    (tmp_path / "unseen.py").write_text(
        "from matplotlib.backends.backend_agg import FigureCanvasAgg\n"
        "from matplotlib.backend_bases import FigureManagerBase\n"
        "said = []\n"
        "class FigureManager(FigureManagerBase):\n"
        "    @classmethod\n"
        "    def pyplot_show(cls, *, block=None):\n"
        "        said.append(('show', block))\n"
        "class FigureCanvas(FigureCanvasAgg):\n"
        "    manager_class = FigureManager\n"
        "    def start_event_loop(self, timeout=0):\n"
        "        said.append(('wait', timeout))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = mpl.get_backend()
    plt.switch_backend("module://unseen")
    said = sys.modules["unseen"].said
    try:
        window = Window((4, 3), 0.25)
        for step in (1, 2):
            figure = window.figure()
            figure.add_subplot()
            window.show(figure, "a", step, last=False)
        assert ([1], 1) == (plt.get_fignums(), len(figure.axes))
        assert [("show", False), ("wait", 0.25)] * 2 == said

        plt.close("all")
        window.show(window.figure(), "a", 3, last=True)

        assert ("show", None) == said[-1]
        assert 1 == len(plt.get_fignums())
    finally:
        plt.close("all")
        plt.switch_backend(before)
        del sys.modules["unseen"]

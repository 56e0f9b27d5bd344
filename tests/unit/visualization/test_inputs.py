import pytest

from dissmodel.core import Environment, Model
from dissmodel.visualization import display_inputs


class Page:
    """Widgets as Streamlit calls them, each with a user who chooses what was laid out before."""

    def __init__(self, **chosen):
        self.chosen = chosen
        self.shown = {}

    def _show(self, kind, name, value, *how):
        self.shown[name] = (kind, value, *how)
        return self.chosen.get(name, value)

    def checkbox(self, name, value):
        return self._show("checkbox", name, value)

    def slider(self, name, low, high, value, step=None):
        return self._show("slider", name, value, low, high, step)

    def text_input(self, name, value):
        return self._show("text", name, value)


class Base(Model):
    rate: float = 0.25


class Own(Base):
    on: bool = True
    steps: int = 10
    far: int = 5000
    below: float = -2.0
    title: str = "a"
    table: list | None = None
    _hidden: int = 3


@pytest.fixture
def model():
    Environment(end_time=1)
    yield Own()
    Environment._current = None


def test_each_parameter_has_its_widget(model):
    page = Page()
    display_inputs(model, page)

    assert {
        "rate": ("slider", 0.25, 0.0, 1.0, 0.01),
        "on": ("checkbox", True),
        "steps": ("slider", 10, 0, 1000, None),
        "far": ("slider", 5000, 0, 5000, None),
        "below": ("slider", -2.0, -2.0, 1.0, 0.01),
        "title": ("text", "a"),
        "table": ("text", "None"),
    } == page.shown


def test_the_model_takes_what_is_chosen_and_keeps_the_rest(model):
    display_inputs(model, Page(on=False, steps=7, title="b"))

    assert (False, 7, "b") == (model.on, model.steps, model.title)
    assert (0.25, None) == (model.rate, model.table)

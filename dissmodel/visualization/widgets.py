"""A model's parameters as widgets of Streamlit."""

from __future__ import annotations

import inspect
from typing import Any

_MOST = 1000


def display_inputs(obj: Any, st: Any) -> None:
    """Show a widget for each annotated attribute of a model, and take what the user chooses.

    A bool is a checkbox, an int a slider from 0 to 1000, a float a slider from 0 to 1 (wider where the value
    is outside), any other value a text field, which changes the attribute only if its text is changed.

    Parameters
    ----------
    obj : object
        A model whose class annotates its parameters; private names, and names that only dissmodel's own
        classes annotate, have no widget.
    st : module or object
        Streamlit, or its sidebar.

    Examples
    --------
    In a Streamlit page::

        display_inputs(model, st.sidebar)
    """
    for name in _parameters(type(obj)):
        value = getattr(obj, name, None)
        if isinstance(value, bool):
            chosen = st.checkbox(name, value=value)
        elif isinstance(value, int):
            chosen = st.slider(name, min(0, value), max(_MOST, value), value)
        elif isinstance(value, float):
            chosen = st.slider(name, min(0.0, value), max(1.0, value), value, step=0.01)
        else:
            typed = st.text_input(name, str(value))
            chosen = value if typed == str(value) else typed
        setattr(obj, name, chosen)


def _parameters(cls: type) -> list[str]:
    found: dict[str, Any] = {}
    for one in reversed(cls.__mro__):
        if one.__module__.partition(".")[0] != "dissmodel":
            found |= inspect.get_annotations(one)
    return [name for name in found if not name.startswith("_")]

"""Each argument of each public function, given a value of another type than the signature says."""

import inspect
from datetime import date, datetime
from pathlib import Path

import pytest

import dissmodel
from dissmodel import api
from dissmodel.errors import UsageError
from dissmodel.outcome import Experiment

WRONG = {
    "StrPath": (3, None, b"a", True, ["a"]),
    "StrPath | None": (3, b"a", True, ["a"]),
    "StrPath | Sequence[StrPath]": (3, None, [3]),
    "Sequence[StrPath]": (3, None, "folder", Path("folder"), [3], b"a"),
    "bool | StrPath": (3, None),
    "bool": ("no", 1, None),
    "bool | None": ("no", 1),
    "str": (3, None, Path("a")),
    "str | None": (3, True, Path("a")),
    "str | Sequence[str]": (3, None, [3]),
    "int | None": ("1", 1.5, True),
    "int": ("1", 1.5, True),
    "int | str | None": (1.5, True, "much", ["1GB"], 0),
    "float | None": ("0.1", True),
    "datetime | None": ("2020", date(2020, 1, 1), datetime.min),  # noqa: DTZ901  (too long ago)
    "Mapping[str, object]": (3, None, "a=1", ["a"], {1: 2}),
    "Mapping[str, object] | None": (3, "a=1", ["a"], {1: 2}, {"a": {2}}),
    "Mapping[str, StrPath] | None": (3, "a", {1: "a"}, {"a": 3}),
    "Mapping[str, str] | None": (3, "a", {1: "a"}, {"a": 1}),
    "Mapping[str, str | int] | None": (3, "a", {1: 1}, {"a": 1.5}),
    "Inputs": (3, None, "a.tif", Path("a.tif"), [3], {"alt": 3}, {1: "a.tif"}, [("alt", 3)], [(1, "a.tif")]),
    "Method | None": (3, "closest", ["nearest"]),
    "Consent | None": (True, "yes"),
    "Format": (3, None, "geotiff", ["auto"]),
    "Env": (3, None, "there"),
    "Citation": (3, None, "apa"),
    "Export": (3, None, "rdf"),
    "Literal['all', 'records'] | None": (3, "none"),
    "Literal['tpe', 'random']": (3, None, "cmaes"),
    "StrPath | Mapping[str, StrPath] | None": (3, b"a", {1: "a"}, {"a": 3}),
}
FUNCTIONS = [one for one in (getattr(api, name) for name in api.__all__) if one.__name__ in dissmodel.__all__]
METHODS = [Experiment.lineage, Experiment.draw, Experiment.open]
CASES = [
    pytest.param(function, name, value, id=f"{function.__name__}({name}={value!r})")
    for function in [*FUNCTIONS, *METHODS]
    for name, parameter in inspect.signature(function).parameters.items()
    if name != "self"
    for value in WRONG[parameter.annotation]
]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("function", "name", "value"), CASES)
def test_the_error_names_the_argument_and_what_to_give(function, name, value):
    parameters = inspect.signature(function).parameters.values()
    needed = {
        one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_POSITIONAL
    }
    given = dict.fromkeys(needed | ({"model"} & {one.name for one in parameters}), "a")
    given |= ({"format": "stac"} if "format" in needed else {}) | {name: value}
    positional = [Experiment(None, Path("a"), {}, "a")] if given.pop("self", None) else []
    if name == "others":
        positional, name = [given.pop("record"), given.pop(name)], "record"

    with pytest.raises(UsageError) as error:
        function(*positional, **given)

    assert error.value.message.startswith((f"{name}=", f"{name}["))
    assert isinstance(error.value, TypeError | ValueError)
    assert error.value.hint


def test_all_functions_are_looked_at():
    assert {"run", "pull", "sign", "records"} <= {one.__name__ for one in FUNCTIONS}

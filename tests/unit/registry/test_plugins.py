"""From a name to an executor class."""

import sys

import pytest

from dissmodel.errors import UsageError
from dissmodel.registry import plugins
from dissmodel.registry.classes import ExecutorRegistry

EXECUTOR = """
from dissmodel.executor import ModelExecutor
class {cls}(ModelExecutor):
    name = "{name}"
    def load(self, record): return 1
    def run(self, data, record): return data
    def save(self, result, record): return record
"""


@pytest.fixture(autouse=True)
def registry_as_before(monkeypatch):
    monkeypatch.setattr(ExecutorRegistry, "_executors", dict(ExecutorRegistry._executors))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("dissmodel_file_", "plugged")):
            del sys.modules[name]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution that is only metadata and a module, as an installer would leave it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution, module, text, points):
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[dissmodel.executors]\n{lines}\n")

    return install


def test_a_built_in_model_is_found_by_its_name_and_by_its_full_name():
    assert plugins.find("coastal_raster").origin == "builtin"
    assert plugins.find("builtin/coastal_raster").executor.name == "coastal_raster"


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(UsageError) as caught:
        plugins.find("costal_raster")

    assert "coastal_raster" in caught.value.hint


def test_a_package_offers_a_class_or_a_module(installed):
    installed(
        "plugged-one", "plugged_one", EXECUTOR.format(cls="A", name="by_class"), {"by_class": "plugged_one:A"}
    )
    installed(
        "plugged-two", "plugged_two", EXECUTOR.format(cls="B", name="by_module"), {"by_module": "plugged_two"}
    )

    assert plugins.find("by_class").distribution == "plugged-one"
    assert plugins.find("plugged-two/by_module").executor.__name__ == "B"


def test_a_name_that_two_packages_offer_has_to_be_said_in_full(installed):
    text = EXECUTOR.format(cls="A", name="coastal_raster")
    installed("plugged-rival", "plugged_rival", text, {"coastal_raster": "plugged_rival:A"})

    with pytest.raises(UsageError) as caught:
        plugins.find("coastal_raster")

    assert "builtin/coastal_raster, plugged-rival/coastal_raster" in str(caught.value)
    assert plugins.find("plugged-rival/coastal_raster").distribution == "plugged-rival"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("A = 3", "is not an executor"),
        (EXECUTOR.format(cls="A", name="other"), "name of its executor is 'other'"),
    ],
)
def test_a_broken_plugin_is_its_own_error_and_nobody_elses(installed, text, said):
    installed("plugged-broken", "plugged_broken", text, {"broken": "plugged_broken:A"})

    with pytest.raises(UsageError, match=said):
        plugins.find("broken")
    assert plugins.find("coastal_raster").origin == "builtin"


def test_a_file_gives_its_executor(tmp_path):
    (tmp_path / "neighbour.py").write_text("VALUE = 1")
    path = tmp_path / "mine.py"
    path.write_text("from neighbour import VALUE\n" + EXECUTOR.format(cls="Mine", name="mine"))

    found = plugins.find(str(path))

    assert ("mine", str(path), None) == (found.executor.name, found.origin, found.distribution)


def test_a_file_with_two_executors_needs_a_name(tmp_path):
    path = tmp_path / "two.py"
    path.write_text(EXECUTOR.format(cls="A", name="first") + EXECUTOR.format(cls="B", name="second"))

    with pytest.raises(UsageError, match="several executors: first, second"):
        plugins.find(str(path))
    with pytest.raises(UsageError, match="no executor 'third'"):
        plugins.find(f"{path}:third")
    assert plugins.find(f"{path}:second").executor.__name__ == "B"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (", "line 1"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("x = 1", "defines no executor"),
        ("from dissmodel.models.coastal.raster import CoastalRaster", "defines no executor"),
        ("raise SystemExit(0)", "SystemExit"),
        (EXECUTOR.format(cls="Half", name="half").partition("def run")[0], "Half lacks run, save"),
    ],
)
def test_a_file_that_gives_none_says_why(tmp_path, text, said):
    path = tmp_path / "bad.py"
    path.write_text(text)

    with pytest.raises(UsageError, match=said):
        plugins.find(str(path))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        plugins.find(str(tmp_path / "none.py"))


def test_a_module_that_a_spec_names_registers_its_executors(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plugged_spec.py").write_text(EXECUTOR.format(cls="A", name="from_spec"))

    assert plugins.find("from_spec", "plugged_spec").executor.__name__ == "A"
    with pytest.raises(UsageError, match="needs the module plugged_none"):
        plugins.find("unknown", "plugged_none")


LAZY = """
_WHERE = {{"Reef": "plugged_lazy.deep.reef"}}
__all__ = {names}
def __getattr__(name):
    import importlib
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(name)
"""


@pytest.fixture
def lazy(tmp_path, monkeypatch):
    """Write a package whose executor is in a submodule, and is imported by nobody until it is asked for."""

    def write(names='["Reef"]'):
        files = {
            "__init__.py": LAZY.format(names=names),
            "__main__.py": "raise SystemExit(3)\n",
            "broken.py": "import no_such_module\n",
            "leaves.py": "raise SystemExit(4)\n",
            "tests/__init__.py": "raise AssertionError('tests are not imported')\n",
            "deep/__init__.py": "",
            "deep/other.py": EXECUTOR.format(cls="Other", name="other"),
            "deep/reef.py": EXECUTOR.format(cls="Reef", name="reef"),
        }
        for name, text in files.items():
            path = tmp_path / "plugged_lazy" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))

    return write


@pytest.mark.parametrize("names", ['["Reef", "missing"]', "[]", "None"])
@pytest.mark.parametrize(
    "find",
    [
        lambda: plugins.find("reef", "plugged_lazy"),
        lambda: plugins.find_in("reef", "plugged_lazy", "plugged-lazy"),
        lambda: plugins.find_in("reef", None, "plugged-lazy"),
        lambda: plugins.find_in("reef", "plugged_lazy.deep", "plugged-lazy"),
    ],
)
def test_an_executor_that_its_module_loads_when_it_is_asked_for(lazy, names, find):
    lazy(names)
    found = find().executor

    assert ("reef", "plugged_lazy.deep.reef") == (found.name, found.__module__)


def test_no_more_of_a_module_is_loaded_than_the_executor_needs(lazy):
    lazy()
    plugins.find("reef", "plugged_lazy")

    assert "plugged_lazy.deep.other" not in sys.modules
    assert "plugged_lazy.tests" not in sys.modules


def test_an_executor_that_is_in_no_submodule(lazy):
    lazy()
    with pytest.raises(UsageError) as caught:
        plugins.find_in("tide", "plugged_lazy", "plugged-lazy")

    assert "no model 'tide'" in caught.value.message
    assert "other, reef" in caught.value.message


def test_an_entry_point_that_is_such_a_module(lazy, installed, tmp_path):
    lazy("[]")
    text = (tmp_path / "plugged_lazy" / "__init__.py").read_text()
    installed("plugged-lazy", "plugged_unused", text, {"reef": "plugged_lazy"})

    assert "reef" == plugins.find("reef").executor.name

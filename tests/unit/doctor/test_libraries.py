"""Libraries and models that break: each in a process of its own, so what they do is a finding."""

import tomllib
from pathlib import Path

import pytest

from dissmodel.doctor import libraries

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
BUILT_IN = PROJECT["project"]["entry-points"]["dissmodel.executors"]


@pytest.fixture
def library(look):
    return lambda name: look(libraries.look_at_library, name)


def test_a_wrong_proj_data_is_named_with_its_variable(library, monkeypatch, tmp_path):
    monkeypatch.setenv("PROJ_DATA", str(tmp_path / "none"))

    ((severity, message, hint),) = library("rasterio")

    assert "error" == severity
    assert "EPSG:31983" in message
    assert "proj.db" in message
    assert f"Unset PROJ_DATA ({tmp_path / 'none'})" in hint


def test_a_wrong_gdal_data_is_a_warning(library, monkeypatch, tmp_path):
    monkeypatch.setenv("GDAL_DATA", str(tmp_path / "none"))

    (severity, message, hint), (other, *_) = library("rasterio")

    assert ("warning", "ok") == (severity, other)
    assert "data files" in message
    assert "Unset GDAL_DATA" in hint


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ImportError('numpy 9 is too new')", "import: ImportError: numpy 9 is too new"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "its process was ended by SIGSEGV"),
        ("import os; os._exit(3)", "its process ended with 3"),
        ("import sys; sys.exit()", "import: its process ended with 0"),
        ('print(\'{"severity": "ok", "message": "fine"}\'); raise OSError', "import: OSError"),
    ],
)
@pytest.mark.parametrize(("name", "severity"), [("rasterio", "error"), ("numba", "warning")])
def test_a_library_that_breaks_its_process_is_a_finding(library, on_path, name, severity, source, why):
    on_path(**{name: source})

    ((found, message, hint),) = library(name)

    assert severity == found
    assert why in message
    assert f"python -m pip install --force-reinstall --no-deps {name}" == hint


def test_a_library_that_hangs_is_ended(library, on_path, monkeypatch):
    monkeypatch.setattr(libraries, "SECONDS", 1.0)
    on_path(pyproj="import time; time.sleep(60)")

    ((severity, message, _),) = library("pyproj")

    assert ("error", "import: no answer within 1 s") == (severity, message)


def test_a_transform_that_is_wrong_is_an_error(library, on_path):
    transformer = "type('T', (), {'transform': lambda self, x, y: (-45.0, -22.7)})()"
    on_path(
        pyproj="__version__ = proj_version_str = '0'\n"
        "class Transformer:\n"
        f"    from_crs = staticmethod(lambda *a, **k: {transformer})\n"
    )

    ((severity, message, _),) = library("pyproj")

    assert "error" == severity
    assert "gives -45.0, -22.7 instead of -45.0, -22.6068" in message


def plugin(folder, name, source):
    """Install a package that offers a model, as far as an import can tell."""
    package = f"{name}_package"
    (folder / f"{package}.py").write_text(source, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[dissmodel.executors]\n{name} = {package}\n", encoding="utf-8")


@pytest.mark.slow
def test_each_model_that_breaks_is_told_and_the_others_are_loaded(look, on_path):
    folder = on_path(nothing="")
    plugin(folder, "aaa", "raise RuntimeError('no such dam')")
    plugin(folder, "bbb", "import os; os._exit(7)")
    plugin(folder, "zzz", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    *errors, last = look(libraries.look_at_models)

    assert ["error"] * 3 == [severity for severity, *_ in errors]
    for (_, message, hint), name, why in zip(
        errors, ("aaa", "bbb", "zzz"), ("no such dam", "ended with 7", "SIGKILL"), strict=True
    ):
        assert f"{name}_package/{name}" in message
        assert why in message
        assert f"pip uninstall {name}_package" in hint
    assert "ok" == last[0]
    assert last[1].startswith(f"{len(BUILT_IN)} can be loaded: ")


@pytest.mark.slow
def test_a_model_that_hangs_is_named(look, on_path, monkeypatch):
    monkeypatch.setattr(libraries, "SECONDS", 5.5)
    plugin(on_path(nothing=""), "zzz", "while True: pass")

    (severity, message, _), (other, rest, _), _ok = look(libraries.look_at_models)

    assert ("error", "warning") == (severity, other)
    assert "The model zzz_package/zzz can't be loaded: no answer within 5.5 s." == message
    assert "the others were not looked at" == rest

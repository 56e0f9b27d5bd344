"""The public names: functions, whatever was imported before, and nothing is loaded for them too early."""

import subprocess
import sys
import types

import pytest

import dissmodel

FUNCTIONS = {
    *("run", "validate", "show", "reproduce", "verify", "compare", "diff", "records", "open_record"),
    *("push", "pull", "bundle", "sign", "connect"),
}
IMPORT_ALL = """
import importlib, pkgutil, dissmodel
before = {name: getattr(dissmodel, name) for name in dissmodel.__all__}
for module in pkgutil.walk_packages(dissmodel.__path__, "dissmodel."):
    if not module.name.startswith(("dissmodel.templates", "dissmodel.__main__")):
        importlib.import_module(module.name)
print([name for name in dissmodel.__all__ if getattr(dissmodel, name) is not before[name]])
"""


@pytest.mark.slow
def test_each_name_is_a_function_and_stays_one_when_every_module_is_imported():
    said = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)

    assert ("[]\n", "") == (said.stdout, said.stderr)
    assert set(dissmodel.__all__) >= FUNCTIONS
    assert all(isinstance(getattr(dissmodel, name), types.FunctionType) for name in FUNCTIONS)
    assert sorted(dissmodel.__all__) == dir(dissmodel)


def test_a_name_that_is_none_is_told():
    with pytest.raises(AttributeError, match="'runn'"):
        dissmodel.runn  # type: ignore[attr-defined]  # noqa: B018  (reading it is the test)


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("dissmodel", ""),
        ("dissmodel.run", "dissmodel.api"),
        ("dissmodel.verify, dissmodel.Consent()", "dissmodel.api"),
    ],
)
def test_nothing_is_loaded_before_a_call(code, loaded):
    heavy = ("numpy", "pydantic", "rich", "dissmodel.record", "dissmodel.running", "dissmodel.api")
    program = f"import sys, dissmodel; {code}; print(*[one for one in {heavy} if one in sys.modules])"

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded == said.stdout.strip()


def test_a_misspelt_argument_is_a_type_error():
    with pytest.raises(TypeError, match="inptu"):
        dissmodel.run("coastal_raster", inptu="grid.zip")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="end_time"):
        dissmodel.run("coastal_raster", input="grid.zip", end_time=3)  # type: ignore[call-arg]

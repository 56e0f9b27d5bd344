"""What an author of a model is told: their file, line and source text first, and what to type."""

import importlib.util
import traceback

import numpy as np
import pytest

from dissmodel.cells.mistakes import ModelMistake
from dissmodel.errors import DissmodelWarning, UsageError
from dissmodel.registry.plugins import find

HEAD = """from dissmodel.cells import CellModel, CellSpace, Classes, Numbers, Parameter
import numpy as np


class Mine(CellModel):
    name = "mine"
    built = Classes({0: "open", 1: "built"})
    slope = Numbers(unit="degree", ge=0, le=90, changes=False)
    heat = Numbers()
"""
RULE = "    def step(self, cells: CellSpace, now: int) -> None:\n        %s\n"


@pytest.fixture
def mistake(tmp_path, raster, run, monkeypatch):
    """Run a model whose rule is a statement; return what its author is told."""
    monkeypatch.chdir(tmp_path)

    def told(statement, more=""):
        path = tmp_path / "mine.py"
        monkeypatch.syspath_prepend(tmp_path)
        path.write_text(f"{HEAD}\n{RULE % statement}{more}")
        spec = importlib.util.spec_from_file_location("mine", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(__import__("sys").modules, "mine", module)
        spec.loader.exec_module(module)
        built = np.zeros((6, 5))
        built[1, 1] = 1
        source = raster(built=built, slope=built + 1, heat=built + 2)
        with np.errstate(all="ignore"), pytest.raises(ModelMistake) as error:
            run(module.Mine, source, end_time=3)
        return error.value

    return told


@pytest.mark.parametrize(
    ("statement", "message", "hint"),
    [
        ("self.bulit", "no field and no parameter 'bulit'", "Did you mean 'built'?"),
        ("self.next.bulit[0] = 1", "no field and no parameter 'bulit'", "Did you mean 'built'?"),
        ("self.next.bulit = 1", "self.bulit was set, and that is no field", "Did you mean 'built'?"),
        ("self.next.slope[self.built == 1] = 3", "slope is declared with changes=False", "without changes"),
        ("self.next.slope = self.slope", "slope is declared with changes=False", "without changes=False"),
        ("self.next.heat = np.zeros((6, 5))", "shape (6, 5); the field has (30,)", "self.next.heat ="),
        ("self.next.heat = 'warm'", "<U4 values were written to heat", "a finite number"),
        (
            "self.next.built = self.heat * 0.3",
            "In step 1 the rule gave 30 cells a value of built that is no code; the first is 0.6",
            "0 (open), 1 (built)",
        ),
        (
            "self.next.built[3:5] = 0.5",
            "In step 1 the rule gave 2 cells a value of built that is no code; the first is 0.5",
            "0 (open)",
        ),
        (
            "self.next.built[3:5] = -1",
            "gave 2 cells a value of built that is no code; the first is -1",
            "0 (open)",
        ),
        ("self.next.built[3:5] = 7", "In step 1 the rule gave 2 cells", "built takes one of 0 (open)"),
        ("self.next.heat = np.sqrt(self.heat - 3)", "the rule gave 29 cells", "heat takes a finite number"),
        ("self.next.heat[self.built == 1] = np.inf", "the first got the value inf", "a finite number"),
        ("self.built[3] = 0", "self.built is the state at the start of the step", "self.next.built[…] = …"),
        ("self.built += 1", "self.built is the state at the start", "self.next.built[…] = …"),
        ("self.built = 0", "self.built is the state at the start", "self.next.built = …"),
        ("self.memory = 1", "self.memory was set, and that is no field", "memory = Numbers()"),
        ("cells.neighbors(cells.grid(self.built))", "neighbors got the shape (6, 5)", "self.NAME"),
        ("cells.built", "A field belongs to the model", "self.built"),
        ("cells.neigbors(self.built)", "Did you mean 'neighbors'?", ""),
        ("cells.choice([1, 2], weights=[1])", "The weights have the shape (1,), for 2 options", "Give 2"),
        ("cells.neighbors(self.heat, kind='k_nearest')", "'k_nearest' needs k", "Pass k="),
        (
            "self.next.built = np.full(30, np.nan)",
            "gave 30 cells a value of built that is no code",
            "0 (open)",
        ),
        (
            "self.next.built[2] = None",
            "gave 1 cell a value of built that is no code; the first is None",
            "0 (",
        ),
        (
            "self.next.built[self.built == 1] = np.zeros(3)",
            "built has the shape (30,): ",
            "[where] = values[",
        ),
        ("self.next.heat[np.ones(5, bool)] = 1", "heat has the shape (30,): ", "a truth for each cell"),
        ("self.next.heat[30] = 1", "heat has the shape (30,): index 30 is out of bounds", "[where]"),
        ("self.built.sort()", "self.built is the state at the start of the step", "self.next.built[…] = …"),
        ("np.add(self.heat, 1, out=self.heat)", "self.heat is the state at the start", "self.next.heat[…]"),
        ("self.next.built[self.built == 1 and self.heat > 3] = 1", "ValueError: The truth", "with & | ~ in"),
        ("self.next.heat = 1 if self.heat > 3 else 0", "ValueError: The truth", "np.where(…) in place of if"),
        (
            "self.seed = 2",
            "self.seed is a parameter, which is the same in the whole run.",
            "a local variable",
        ),
        ("raise SystemExit(3)", "SystemExit: 3", ""),
        ("1 / 0", "ZeroDivisionError: division by zero", ""),
    ],
)
def test_the_place_comes_first_and_then_what_to_type(mistake, statement, message, hint):
    told = mistake(statement)

    assert told.message.startswith(f"mine.py, line 12 ({statement}): ")
    assert message in told.message
    assert hint in told.hint


def test_a_value_that_a_field_does_not_take_is_placed(mistake):
    told = mistake("self.next.heat = np.where(self.built == 1, np.nan, self.heat)")

    assert "In step 1 the rule gave 1 cell a value of heat" in told.message
    assert "the first got NaN and had 3 (row 1, column 1, counted from 0)" in told.message


def test_what_step_returns_is_lost(mistake):
    told = mistake("return self.built")

    assert told.message == (
        "mine.py, line 11 (def step(self, cells: CellSpace, now: int) -> None:): "
        "step returned ndarray, and what it returns is lost."
    )


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("3", "measure returned int, not numbers by name"),
        ("{'mean': self.heat}", "measure returned ndarray for 'mean', which is not a number"),
        ("{f'n{cells._step}': 1}", "measure did not return the same names in step 2 as before: n1, n2"),
    ],
)
def test_measures_are_numbers_of_every_step(mistake, returned, message):
    told = mistake("self.next.heat += 1", f"    def measure(self, cells):\n        return {returned}\n")

    assert told.message.startswith("mine.py, line 13 (def measure(self, cells):): ")
    assert message in told.message


def test_the_frames_of_the_author_come_first_and_are_the_innermost(mistake):
    told = mistake("1 / 0")

    assert told.__cause__.__traceback__.tb_frame.f_code.co_filename.endswith("mine.py")
    assert traceback.extract_tb(told.__traceback__)[-1].filename.endswith("mine.py")


def test_the_place_may_be_in_a_file_beside_the_model(mistake, tmp_path):
    (tmp_path / "beside.py").write_text("def write(model):\n    model.built[0] = 1\n")

    told = mistake("__import__('beside').write(self)")

    assert told.message == (
        "beside.py, line 2 (model.built[0] = 1): self.built is the state at the start of the step, which is "
        "read-only."
    )


def test_a_package_below_the_folder_of_the_model_is_not_the_author_s(mistake, tmp_path, monkeypatch):
    packages = tmp_path / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "of_another.py").write_text("def fail():\n    raise ValueError('not so')\n")
    monkeypatch.syspath_prepend(packages)

    told = mistake("__import__('of_another').fail()")

    assert told.message.startswith("mine.py, line ")
    assert told.message.endswith("(__import__('of_another').fail()): ValueError: not so")


def test_a_rule_that_changes_nothing(tmp_path, raster, run):
    from support.growth import Growth

    source = raster(built=np.zeros((4, 4)), slope=np.zeros((4, 4)))

    with pytest.warns(DissmodelWarning, match="The rule of growth changed nothing in the steps 1 to 2"):
        run(Growth, source, seed=1, end_time=2)


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        ('name = "m"\n    def step(self, cells, now): ...', "M declares no field.", "built = Classes("),
        ('name = "m"\n    a = Numbers()', "M has no rule", "def step(self, cells: CellSpace, now: int)"),
        ('name = "m"\n    a = Numbers()\n    def step(self, cells): ...', "M has no rule", "def step("),
        ("count = Numbers()", "M declares a field count, and this name is taken.", "count_of_cells"),
        ("passo = Numbers()", "M declares a field passo, and this name is taken.", "passo_of_cells"),
        ("every: int = Parameter(1)", "M declares a parameter every, and this name is taken.", "every_given"),
        ("a = Classes({300: 'x'})", "300 is not the code of a class", "Classes({0:"),
        ("a = Classes({0: 'x'}, colours={1: '#ffffff'})", "no class has that code", "Name it."),
        ("a = Classes({0: 'x'}, colours={0: 'red'})", "'red' is not a colour.", "#b2182b"),
        ("a = Numbers(ge=3, le=1)", "No number is from 3 to 1.", "Numbers(ge=0, le=90)"),
        (
            'name = "m"\n    a = Numbers()\n    b: int = Parameter(2, le=1)\n    def step(self, c, n): ...',
            "the default of the parameter b is not right",
            "b = Parameter(…)",
        ),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_line(tmp_path, body, message, hint):
    path = tmp_path / "declared.py"
    path.write_text(
        "from dissmodel.cells import CellModel, Classes, Numbers, Parameter\n\n\n"
        f"class M(CellModel):\n    {body}\n"
    )

    with pytest.raises(UsageError) as error:
        find(str(path))

    assert str(path) in error.value.message
    assert ", line " in error.value.message
    assert message in error.value.message
    assert hint in error.value.hint

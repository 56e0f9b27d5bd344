"""A parameter that is a table: its forms, its values, and each thing that may be wrong with it."""

import importlib

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from dissmodel.cells import CellModel, Classes, Table
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.executor import parameters

ROWS = [{"year": 2020, "built": 12.0}, {"year": 2030, "built": 18.5}]
CSV = "year,built\n2020,12\n2030,18.5\n"
ROOM = 16 << 20


class Follow(CellModel):
    name = "follow"
    built = Classes({0: "open", 1: "built"})
    demand: Table = Table(columns={"year": int, "built": float}, unit="cells", ge=0, le=99, key="year")
    matrix: Table | None = Table(
        columns={"from": str, "p": float, "q": float}, key="from", default=None, le={"p": 1}
    )

    def step(self, cells, now):
        self.next.built[: int(self.demand.at(now, "built"))] = 1


def read(given):
    return Follow.Parameters(demand=given).demand


def wrong(given):
    with pytest.raises(ValidationError) as error:
        read(given)
    return error.value.errors()[0]["msg"].removeprefix("Value error, ")


@pytest.fixture
def file(tmp_path):
    def write(content, name="demand.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "given",
    [
        ROWS,
        {"year": [2020, 2030], "built": [12, 18.5]},
        {"columns": ["built", "year"], "rows": [[12, 2020], [18.5, 2030]]},
        pd.DataFrame(ROWS),
        [{**row, "note": "old"} for row in ROWS],
    ],
    ids=lambda one: type(one).__name__,
)
def test_rows_in_each_form(given):
    assert ROWS == [dict(row) for row in read(given).rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("a.csv", CSV.replace(",", ";")),
        ("a.csv", CSV.replace(",", "\t")),
        ("a.csv", ' note ,"year", built\n"x, y",2020.0,1.2e1\n,,\n\nz,2030, 18.5,\n'),
        ("a.txt", CSV),
        ("a.toml", "[[demand]]\nyear = 2020\nbuilt = 12\n[[demand]]\nyear = 2030\nbuilt = 18.5\n"),
        ("a.toml", "year = [2020, 2030]\nbuilt = [12, 18.5]\n"),
        ("a.toml", 'columns = ["year", "built"]\nrows = [[2020, 12], [2030, 18.5]]\n'),
    ],
)
def test_files_in_each_form(file, name, content):
    path = file(content, name)

    assert ROWS == [dict(row) for row in read(path).rows] == [dict(row) for row in read(str(path)).rows]


def test_values_have_the_types_that_are_declared():
    table = read(ROWS)
    matrix = Follow.Parameters(demand=ROWS, matrix=[{"from": " open ", "p": 0, "q": 7}]).matrix

    assert ({int}, {float}) == tuple({type(row[name]) for row in table.rows} for name in ("year", "built"))
    assert (np.float64, [2020, 2030]) == (table.column("year").dtype, table.column("year").tolist())
    assert 18.5 == table.at(np.int64(2030), "built") == table.at(2030.0, "built")
    assert (0.0, 7.0) == (matrix.at("open", "p"), matrix.at("open", "q"))
    assert None is Follow.Parameters(demand=ROWS).matrix


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (2025, "no row with year = 2025; the nearest are 2020 and 2030"),
        (2031, "it has 2020 to 2030"),
    ],
)
def test_a_year_that_the_table_lacks(key, says):
    with pytest.raises(InvalidInput, match=says) as error:
        read(ROWS).at(key, "built")

    assert "--param demand=FILE.csv" in error.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Year,built\n2020,1\n", "it has no column year (did you mean 'Year'?)"),
        ("a,built\n2020,1\n", "it has no column year (there are a, built)"),
        ("year,built\n2020,1\n2021,many\n", "row 3, column built: 'many' is not a number"),
        ("\n\nyear,built\n2020,1\n\n2021,x\n", "row 6, column built"),
        ('year,built,note\n2020,1,"two\nlines"\n2021,x,\n', "row 3, column built"),
        ("year,built\n2020.5,1\n", "row 2, column year: '2020.5' is not an integer"),
        ("year,built\n2020,\n", "row 2, column built: there is no value"),
        ("year,built\n2020\n", "row 2, column built: there is no value"),
        ("year,built\n2020,nan\n", "row 2, column built: 'nan' is not a number"),
        ("year,built\n2020,-1\n", "row 2, column built: -1 is less than 0"),
        ("year,built\n2020,100\n", "row 2, column built: 100 is more than 99"),
        ("year,built\n2020,1\n\n2021,2\n2020,3\n", "rows 2 and 5 have the same year, 2020"),
        ("year,built,built\n2020,1,2\n", "it has the column built 2 times"),
        ("year;built\n2020;1,5\n", "row 2, column built: '1,5' is not a number (did you mean 1.5?)"),
        (
            "year,built\n2020,1,5\n",
            "row 2 has 3 values, the header 2; a decimal number has a point",
        ),
        ("year,built\n", "the table has no rows"),
        ("\n \n", "the file is empty"),
        (b"", "the file is empty"),
        ('year,built\n2020,"1\n', "row 2: "),
        (
            "year,built\n2020,1\nação,1\n".encode("latin-1"),
            "not text in UTF-8 (row 3): save it as CSV",
        ),
        ("year,built\n".encode("utf-16"), "text in UTF-16: save it as CSV (UTF-8)"),
        (b"PK\x03\x04...", "a spreadsheet or a zip, not a CSV"),
        (b"year,built\n\0,1\n", "it holds NUL characters"),
        (b"year,built\n" + b"2020,1\n" * (ROOM // 7), "it has more than 16777216 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    ],
    ids=lambda one: None if isinstance(one, bytes) else str(one)[:30],
)
def test_a_wrong_file(file, content, says):
    assert says in wrong(file(content))


def test_a_file_that_is_no_file(tmp_path):
    assert "there is no such file" in wrong(tmp_path / "none.csv")
    assert "it is a folder" in wrong(tmp_path)
    assert "URL" in wrong("https://example.org/demand.csv")
    assert "can't be read" in wrong("a\0b.csv")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "the table has no rows"),
        (5, "a table is a file's name"),
        ([[2020, 1]], "a table is a file's name"),
        ([{"year": 2020}], "row 1 has no column built (there are year)"),
        ([*ROWS, {"year": "2040", "built": 1}], "row 3, column year: '2040' is not an integer"),
        ([{"year": True, "built": 1}], "row 1, column year: 'True' is not an integer"),
        ([{"year": 2020, "built": float("nan")}], "row 1, column built: there is no value (NaN)"),
        ([{"year": 2020, "built": float("inf")}], "row 1, column built: it is infinite"),
        ([{"year": 2**60, "built": 1}], "too large to be exact"),
        ({"year": [2020], "built": [1, 2]}, "different numbers of rows: year 1, built 2"),
        ({"year": 2020, "built": [1]}, "the column year is not a list"),
        ({"columns": ["year", "built"], "rows": [[2020, 1], [2021]]}, "row 2 does not have 2 values"),
        ({"columns": "year", "rows": []}, "columns is a list of names"),
        (
            pd.DataFrame({"year": [2020], "built": [None]}, dtype=float),
            "row 1, column built: there is no value",
        ),
    ],
    ids=lambda one: str(one)[:30],
)
def test_wrong_rows(given, says):
    assert says in wrong(given)


def test_a_column_has_bounds_of_its_own():
    with pytest.raises(ValidationError, match="row 1, column p: 2 is more than 1"):
        Follow.Parameters(demand=ROWS, matrix=[{"from": "open", "p": 2, "q": 7}])


def test_what_an_author_does_wrongly():
    with pytest.raises(UsageError, match="each int, float or str"):
        Table(columns={"year": list})
    with pytest.raises(UsageError, match="no column 'yaer'"):
        Table(columns={"year": int}, key="yaer")
    with pytest.raises(UsageError, match="no column 'bulit'"):
        read(ROWS).at(2020, "bulit")
    with pytest.raises(UsageError, match="holds texts"):
        Follow.matrix.column("from")
    with pytest.raises(UsageError, match="no rows yet"):
        _ = Follow.demand.rows
    with pytest.raises(UsageError, match="no key"):
        Table(columns={"a": float}).read([{"a": 1}]).at(1, "a")
    with pytest.raises(UsageError, match="wrong annotation") as error:
        type(
            "Bad",
            (CellModel,),
            {"t": Table(columns={"a": int}, default=None), "__annotations__": {"t": Table}},
        )
    assert "t: Table | None = Table(…)" in error.value.hint


def test_a_default_file_is_beside_the_model(tmp_path, monkeypatch):
    (tmp_path / "demand.csv").write_text(CSV)
    (tmp_path / "shipped.py").write_text(
        "from dissmodel.cells import CellModel, Classes, Table\n"
        "class Shipped(CellModel):\n"
        "    built = Classes({0: 'open', 1: 'built'})\n"
        "    demand: Table = Table(columns={'year': int, 'built': float}, default='demand.csv')\n"
        "    def step(self, cells, now): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    resolved = parameters.check(importlib.import_module("shipped").Shipped.Parameters, []).resolved

    given = resolved.values  # noqa: PD011  (not a data frame's)
    assert ("demand.csv", "default") == (given["demand"], resolved.origin["demand"])
    assert [str(tmp_path / "demand.csv")] == [one.path for one in resolved.files]
    assert str(tmp_path / "demand.csv") == resolved.located["demand"]


def test_what_show_says_of_it():
    rows = {
        one.name: one for one in parameters.describe(Follow.Parameters, parameters.ResolvedParameters({}, {}))
    }

    assert "table of year (key integer), built (number ≥ 0 ≤ 99 cells)" == rows["demand"].type
    assert "required" == rows["demand"].origin
    assert "table of from (key text), p (number ≤ 1), q (number) or none" == rows["matrix"].type
    assert {"string", "array", "object"} == {
        one["type"] for one in parameters.schema(Follow.Parameters)["properties"]["demand"]["anyOf"]
    }

"""A parameter that is a table: a demand for each year, a transition matrix, coefficients."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

import numpy as np
import pydantic
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticUndefined, core_schema

from dissmodel import bounded
from dissmodel.config import toml
from dissmodel.errors import InvalidInput, UsageError, did_you_mean, likely_numbers, near_names
from dissmodel.executor.named_files import TakesFile
from dissmodel.placeholders import pointer_in

MAX_BYTES = 16 << 20
"""The bytes that the file of a table may have."""

_KINDS: Mapping[type, str] = {int: "integer", float: "number", str: "text"}
_SEPARATORS = ",;\t"
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}(?:\.0{0,30})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")
_LARGEST_WHOLE = 2**53  # floats hold larger integers with gaps
_SHOWN = 60
_NAMED = 5
_AS_CSV = "save it as CSV (UTF-8)"

Cell = int | float | str
Row = Mapping[str, Cell]
_Records = Iterator[tuple[int, Mapping[str, Any]]]  # of rows: the number, as people count, and what is given
_Read = Callable[[Any, type], Cell]


class Table(TakesFile):
    """A table with declared columns, as a parameter of a model.

    A user gives it as the name of a CSV or TOML file, or as rows: a list of mappings, a mapping of columns to
    lists, or ``{columns = […], rows = [[…], …]}``; in Python also as a DataFrame. Columns that are not
    declared are left out. The file is an input of the run: hashed, and listed in the record.

    Parameters
    ----------
    columns : mapping of str to type
        The columns and what they hold: ``int``, ``float`` or ``str``.
    default : optional
        Rows, or the name of a file beside the model's; None allows the parameter to be absent, its type is
        ``Table | None`` then. Without a default it has to be given.
    unit : str or mapping of str to str
        The unit of the numbers, or of each column; the key has none.
    ge, le : float or mapping of str to float, optional
        The least and the largest number, in all columns but the key or in each.
    key : str, optional
        The column that finds a row (see `at`); no value may stand in it twice.
    description : str
        What it is, for people.

    Raises
    ------
    UsageError
        If no column is declared, the key is none of them, or a type is none of the three.

    Examples
    --------
    >>> class Growth:
    ...     demand: Table = Table(columns={"year": int, "built": float}, unit="cells", ge=0, key="year")
    >>> demand = Growth.demand.read([{"year": 2020, "built": 12}, {"year": 2030, "built": 18.5}])
    >>> demand.at(2030, "built"), demand.column("built").tolist(), demand.rows[0]["year"]
    (18.5, [12.0, 18.5], 2020)
    """

    def __init__(
        self,
        columns: Mapping[str, type[int | float | str]],
        *,
        default: Any = PydanticUndefined,
        unit: str | Mapping[str, str] = "",
        ge: float | Mapping[str, float] | None = None,
        le: float | Mapping[str, float] | None = None,
        key: str | None = None,
        description: str = "",
    ) -> None:
        example = 'Table(columns={"year": int, "built": float}, key="year")'
        if not columns or any(kind not in _KINDS for kind in columns.values()):
            raise UsageError("A Table declares its columns, each int, float or str.", example)
        for names in (unit, ge, le, [key] if key is not None else []):
            for name in names if isinstance(names, Mapping | list) else ():
                if name not in columns:
                    raise UsageError(f"A Table has no column {name!r}.", did_you_mean(name, columns))
        self.name = "table"
        self.columns: Final = MappingProxyType(dict(columns))
        self.key: Final = key
        self.description: Final = description
        self.default = default
        numbers = [name for name, kind in columns.items() if kind is not str and name != key]
        self.units: Final = _for_each(unit or None, numbers)
        self._ge, self._le = _for_each(ge, numbers), _for_each(le, numbers)
        self._rows: tuple[Row, ...] | None = None
        self._row_of: Mapping[Cell, Row] = {}  # by its key
        self._given: Any = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        if isinstance(self.default, str | PurePath):  # beside the file with the class
            module = getattr(sys.modules.get(owner.__module__), "__file__", None) or "."
            self.default = Path(module).absolute().parent / self.default

    # What a rule asks of it.

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, each column name → value: an int, a float or a text, as declared."""
        if self._rows is None:
            raise UsageError(f"{self.name} has no rows yet: a table has rows in a run only.")
        return self._rows

    def column(self, name: str) -> NDArray[np.float64]:
        """Return the numbers of a column, shape (rows,), in the order of the rows."""
        self._check_number(name)
        return np.array([row[name] for row in self.rows], np.float64)

    def at(self, key: Cell, column: str) -> float:
        """Return the number in the row with this key.

        Raises
        ------
        InvalidInput
            If the table has no such row.
        """
        self._check_number(column)
        if self.key is None:
            raise UsageError(f"{self.name} has no key.", 'Table(columns={…}, key="year")')
        row = self._row_of.get(key) if self.rows else None
        if row is None:
            raise InvalidInput(
                f"{self._shown} has no row with {self.key} = {key}; {self._near(key)}.",
                f"Add the row, or give another table: --param {self.name}=FILE.csv",
                code="table_row",
            )
        value = row[column]
        assert not isinstance(value, str)  # _check_number
        return value

    def _check_number(self, column: str) -> None:
        if column not in self.columns:
            raise UsageError(f"{self.name} has no column {column!r}.", did_you_mean(column, self.columns))
        if self.columns[column] is str:
            raise UsageError(
                f"The column {column!r} of {self.name} holds texts, not numbers.",
                f"[row[{column!r}] for row in self.{self.name}.rows]",
            )

    @property
    def _shown(self) -> str:
        return f"{self.name} ({self._given})" if isinstance(self._given, str) else self.name

    def _near(self, key: Cell) -> str:
        known = sorted(self._row_of) if self.columns[str(self.key)] is not str else list(self._row_of)
        numbers = [one for one in known if not isinstance(one, str)]
        if isinstance(key, str) or not numbers:
            return did_you_mean(str(key), map(str, known)).rstrip(".?") if known else "it has none"
        below, above = [one for one in numbers if one < key], [one for one in numbers if one > key]
        if below and above:
            return f"the nearest are {below[-1]} and {above[0]}"
        return f"it has {numbers[0]} to {numbers[-1]}"

    # As a parameter.

    @property
    def takes(self) -> str:
        """The columns with their types, bounds and units."""
        return "table of " + ", ".join(map(self._said, self.columns))

    def _said(self, name: str) -> str:
        parts = ["key" if name == self.key else "", _KINDS[self.columns[name]]]
        parts += [f"{sign} {bounds[name]:g}" for sign, bounds in self._bounds if name in bounds]
        parts.append(self.units.get(name, ""))
        return f"{name} ({' '.join(filter(None, parts))})"

    @property
    def _bounds(self) -> tuple[tuple[str, Mapping[str, float]], ...]:
        return ("≥", self._ge), ("≤", self._le)

    def read(self, given: Any) -> Self:
        """Return the table with the rows of a file or of a value, checked.

        Raises
        ------
        ValueError
            If it is no table of these columns; the text names the row and the column.
        """
        if isinstance(given, Table):
            given = given._given  # noqa: SLF001  (another table's)
        if hasattr(given, "to_dict") and hasattr(given, "columns"):  # a DataFrame
            given = given.to_dict("list")
        if isinstance(given, str | PurePath):
            records, read = self._of_file(Path(given))
        else:
            records, read = self._of_value(given), _typed
        rows: list[Row] = []
        numbers: dict[Cell, int] = {}  # of the rows, as people count, by their keys
        for number, record in records:
            row = {name: self._cell(record[name], name, number, read) for name in self.columns}
            key = number if self.key is None else row[self.key]
            if key in numbers:
                twice = f"rows {numbers[key]} and {number}"
                raise ValueError(f"{twice} have the same {self.key}, {str(key)[:_SHOWN]}")
            numbers[key] = number
            rows.append(MappingProxyType(row))
        if not rows:
            raise ValueError("the table has no rows")
        table = object.__new__(type(self))
        vars(table).update(vars(self))
        table._rows = tuple(rows)
        table._given = str(given) if isinstance(given, PurePath) else given
        table._row_of = dict(zip(numbers, rows, strict=True))
        return table

    def _of_file(self, path: Path) -> tuple[_Records, _Read]:
        if path.suffix.lower() == ".toml":
            document: Any = toml.parse(_contents(path))
            only = list(document.values())
            is_named = len(only) == 1 and next(iter(document)) not in self.columns
            return self._of_value(only[0] if is_named else document), _typed
        return self._of_csv(csv_text(path)), _parsed

    def _of_csv(self, text: str) -> _Records:
        header = next((line for line in text.splitlines() if line.strip()), "")
        separator = next(
            (one for one in _SEPARATORS if self.columns.keys() <= {*map(_unquoted, header.split(one))}), ","
        )
        filled = filled_rows(text, separator)
        names = [name.strip() for name in next(filled, (1, []))[1]]
        if not names:
            raise ValueError("the file is empty")
        self._check_names(names)
        for number, cells in filled:
            if len(cells) > len(names) and any(map(str.strip, cells[len(names) :])):
                comma = "; a decimal number has a point, such as 1.5" if separator == "," else ""
                raise ValueError(f"row {number} has {len(cells)} values, the header {len(names)}{comma}")
            yield number, dict(itertools.zip_longest(names, cells, fillvalue=""))

    def _of_value(self, given: Any) -> _Records:
        if isinstance(given, Mapping):
            given = self._of_mapping(given)
        if not isinstance(given, list | tuple) or not all(isinstance(row, Mapping) for row in given):
            raise ValueError("a table is a file's name, a list of {column = value}, or {column = [values]}")
        for number, row in enumerate(given, start=1):
            if not self.columns.keys() <= row.keys():
                self._check_names([str(name) for name in row], f"row {number}")
            yield number, row

    def _of_mapping(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of ``{column = [values]}``, or of ``{columns = […], rows = [[…], …]}``."""
        if given.keys() == {"columns", "rows"} and not self.columns.keys() <= given.keys():
            names, rows = given["columns"], given["rows"]
            if not _is_list(names) or not _is_list(rows) or not all(map(_is_list, rows)):
                raise ValueError("columns is a list of names, rows a list of lists")
            wrong = [number for number, row in enumerate(rows, start=1) if len(row) != len(names)]
            if wrong:
                raise ValueError(f"row {wrong[0]} does not have {len(names)} values, as there are columns")
            self._check_names(list(map(str, names)))
            return [dict(zip(names, row, strict=True)) for row in rows]
        self._check_names(list(map(str, given)))
        short = [name for name in self.columns if not _is_list(given[name])]
        if short:
            raise ValueError(f"the column {short[0]} is not a list of values")
        lengths = {name: len(given[name]) for name in self.columns}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"the columns have different numbers of rows: {said}")
        return [
            dict(zip(self.columns, row, strict=True))
            for row in zip(*map(given.get, self.columns), strict=True)
        ]

    def _check_names(self, names: list[str], where: str = "it") -> None:
        """Raise ValueError if a declared column is missing, or there twice."""
        for name in self.columns:
            if names.count(name) > 1:
                raise ValueError(f"{where} has the column {name} {names.count(name)} times")
            if name not in names:
                near = near_names(name, filter(None, names))
                there = ", ".join(one[:_SHOWN] for one in names[:_NAMED]) + (
                    " …" if len(names) > _NAMED else ""
                )
                meant = f"did you mean {near[0][:_SHOWN]!r}?" if near else f"there are {there or 'none'}"
                raise ValueError(f"{where} has no column {name} ({meant})")

    def _cell(self, given: Any, name: str, number: int, read: _Read) -> Cell:
        try:
            value = read(given, self.columns[name])
            if not isinstance(value, str):
                self._check_bounds(value, name)
        except ValueError as error:
            raise ValueError(f"row {number}, column {name}: {error}") from None
        return value

    def _check_bounds(self, value: float, name: str) -> None:
        if name in self._ge and value < self._ge[name]:
            raise ValueError(f"{value:g} is less than {self._ge[name]:g}")
        if name in self._le and value > self._le[name]:
            raise ValueError(f"{value:g} is more than {self._le[name]:g}")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return how pydantic reads and writes it; `self` is the declaration."""
        del source, handler
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda table: table._given if isinstance(table, Table) else table  # noqa: SLF001  (as above)
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema of a value: the name of a file, or rows."""
        del schema, handler
        kinds = {int: "integer", float: "number", str: "string"}
        properties = {name: {"type": kinds[kind]} for name, kind in self.columns.items()}
        row = {"type": "object", "properties": properties, "required": list(self.columns)}
        return {
            "anyOf": [
                {"type": "string", "description": "the name of a CSV or TOML file"},
                {"type": "array", "items": row},
                {"type": "object", "description": "columns as lists"},
            ]
        }


def field_of(declared: TakesFile, hint: Any) -> tuple[Any, Any]:
    """Return a table as pydantic declares a field; `hint` is its annotation, None if it has none.

    Raises
    ------
    UsageError
        If the annotation is not the type that its values have.
    """
    assert isinstance(declared, Table)  # nothing else is declared so
    is_optional = declared.default is None
    if hint not in {None, Table | None if is_optional else Table}:
        right = "Table | None" if is_optional else "Table"
        raise UsageError(
            f"The parameter {declared.name} has the wrong annotation.",
            f"{declared.name}: {right} = Table(…)",
            code="model_mistake",
        )
    kind: Any = Annotated[Table, declared]
    return kind | None if is_optional else kind, pydantic.Field(
        declared.default, description=declared.description or None, json_schema_extra={"unit": ""}
    )


def _for_each(given: Any, names: Sequence[str]) -> dict[str, Any]:
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _contents(path: Path) -> bytes:
    if "://" in str(path) or ":/" in str(path)[2:]:
        raise ValueError("this is a URL; a table is read from a file of this machine")
    try:
        data = bounded.contents(path, MAX_BYTES)
    except FileNotFoundError:
        raise ValueError(f"there is no such file: {path.absolute()}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ValueError(f"the file can't be read: {getattr(error, 'strerror', None) or error}") from None
    pointer = pointer_in(data)
    if pointer is not None:
        raise ValueError(f"the file is {pointer.what}; fetch it: {pointer.fetch}")
    return data


def csv_text(path: Path) -> str:
    """Return the text of a CSV; raise ValueError if it can't be read, is too large or is something else."""
    data = _contents(path)
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise ValueError(f"this is a spreadsheet or a zip, not a CSV: {_AS_CSV}")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise ValueError(f"this is text in UTF-16: {_AS_CSV}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"this is not text in UTF-8 (row {row}): {_AS_CSV}") from None
    if "\0" in text:
        raise ValueError("this is not a CSV: it holds NUL characters")
    return text


def _unquoted(cell: str) -> str:
    return cell.strip().strip('"')


def filled_rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each row that is not blank, counted from 1, and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for number in itertools.count(1):
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"row {number}: {error}") from None
        if any(map(str.strip, cells)):
            yield number, cells


def _parsed(text: str, kind: type) -> Cell:
    """Return the value that a text of a CSV stands for."""
    text = text.strip()
    if not text:
        raise ValueError("there is no value")
    if kind is str:
        return text
    if not (_WHOLE if kind is int else _NUMBER).fullmatch(text):
        near = [one for one in likely_numbers(text) if kind is float or _WHOLE.fullmatch(one)]
        meant = f" (did you mean {' or '.join(near)}?)" if near and near != [text] else ""
        raise ValueError(f"{text[:_SHOWN]!r} is not {_a(kind)}{meant}")
    return _typed(int(text.partition(".")[0]) if kind is int else float(text), kind)


def _typed(given: Any, kind: type) -> Cell:
    """Return a value of TOML, JSON or Python as the type of its column."""
    item = given.item() if hasattr(given, "item") and getattr(given, "ndim", None) == 0 else given
    if kind is str:
        if not isinstance(item, str) or not item.strip():
            raise ValueError(f"{str(item)[:_SHOWN]!r} is not a text")
        return item.strip()
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise ValueError(f"{str(item)[:_SHOWN]!r} is not {_a(kind)}")  # noqa: TRY004  (pydantic wants ValueError)
    if not math.isfinite(item):
        raise ValueError("there is no value (NaN)" if math.isnan(item) else "it is infinite")
    if abs(item) > _LARGEST_WHOLE and isinstance(item, int):
        raise ValueError(f"{item:g} is too large to be exact")
    if kind is int:
        if item != int(item):
            raise ValueError(f"{item!r} is not an integer")
        return int(item)
    return float(item)


def _a(kind: type) -> str:
    return "an integer" if kind is int else "a number"

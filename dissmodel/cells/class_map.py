"""Class maps: the codes of a dataset → those of a model's classes."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel import bounded
from dissmodel.cells.fields import Classes, Field
from dissmodel.cells.table import Table
from dissmodel.config import toml
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError, did_you_mean
from dissmodel.executor.findings import Problems
from dissmodel.executor.named_files import is_class_map_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

MAX_BYTES = 1 << 20
NONE = "none"
"""What a code is mapped to whose cells are outside the space."""

_SHIPPED = Path(__file__).parent / "class_maps"
_CODE = re.compile(r"[+-]?[0-9]{1,15}(?:\.0*)?")
_COLUMNS: Mapping[str, type] = {"old": str, "new": str}
_SHOWN = 40
_STEM = 5

ClassMap = Mapping[int | str, int | None]
"""Code or label in a dataset → code of the model; None: outside the space."""


class Mapped(Field):
    """A field as a file has it, in codes of its own, which are read as those of the model."""

    named = _SHOWN

    def __init__(self, declared: Field, table: ClassMap) -> None:
        super().__init__(
            changes=declared.changes,
            default=declared.default,
            absent=[old for old, new in table.items() if new is None and isinstance(old, int)],
            decides=declared.decides,
        )
        self.name, self.dtype, self.outside = declared.name, declared.dtype, declared.outside
        self.table = table
        kept = sorted((old, new) for old, new in table.items() if new is not None and isinstance(old, int))
        self._old = np.array([old for old, _ in kept], np.int64)
        self._new = np.array([new for _, new in kept], self.dtype)
        self._of_bytes = self._read(np.arange(1 << 8, dtype=np.uint8))

    @property
    def takes(self) -> str:
        """The codes that the table has."""
        listed = ", ".join(map(str, list(self.table)[:_SHOWN])) + " …" * (len(self.table) > _SHOWN)
        return f"what its class map has: {listed}"

    def read(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the model's codes, and where the table has one."""
        if values.dtype == np.uint8:
            new, right = self._of_bytes
            return new[values], right[values]
        return self._read(values)

    def _read(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        if not self._old.size:
            return np.zeros(values.shape, self.dtype), np.zeros(values.shape, np.bool_)
        place = np.minimum(np.searchsorted(self._old, values), self._old.size - 1)
        return self._new[place], self._old[place] == values

    def is_right(self, values: NDArray[Any]) -> bool:
        """Tell whether the table has all of the values."""
        return bool(self.read(values)[1].all())

    def takes_nodata(self, value: float) -> bool:
        """Tell whether the table maps it to a class."""
        return bool((self._old == value).any())


def mapped(fields: Mapping[str, Field], given: Mapping[str, Any], problems: Problems) -> dict[str, Mapped]:
    """Return the fields that have a class map, each as the file has it.

    `given` is field → the name of a table of the kit, the path of a file, or old → new.

    Raises
    ------
    UsageError
        If a field has no classes, or a map is none for it.
    """
    found = {}
    for name, one in given.items():
        declared = fields.get(name)
        classes = [known for known, field in fields.items() if isinstance(field, Classes)]
        with problems.at():
            if not isinstance(declared, Classes):
                raise UsageError(
                    f"The class map of {name!r}: the model has no such field of classes.",
                    did_you_mean(name, classes) if classes else "Leave it out.",
                    code="class_map",
                )
            table = read_class_map(one, name)
            legal = {entry.code for entry in declared.legend}
            strange = {old: new for old, new in table.items() if new is not None and new not in legal}
            if strange:
                shown = ", ".join(f"{old} → {new}" for old, new in list(strange.items())[:_SHOWN])
                raise UsageError(
                    f"The class map of {name} leads to codes that {name} does not have: {shown}.",
                    f"{name} takes {declared.takes}, and {NONE} for what is outside the space.",
                    code="class_map",
                )
            found[name] = Mapped(declared, table)
    return found


def read_class_map(given: Any, name: str) -> ClassMap:
    """Return the class map of a field: a table of the kit, a file, or a mapping.

    Raises
    ------
    UsageError
        If it does not exist, is no CSV with the columns old and new and no TOML with old = new, or has
        a code twice.
    """
    what = f"The class map of {name}"
    try:
        if isinstance(given, Mapping):
            return _checked(given.items())
        path = Path(str(given))
        path = path if is_class_map_file(given) else _shipped(str(given))
        what += f", {path}" if is_class_map_file(given) else f", {given}"
        if path.suffix.lower() != ".toml":
            rows = Table(_COLUMNS).read(path).rows
            return _checked((row["old"], row["new"]) for row in rows)
        document = toml.parse(bounded.contents(path, MAX_BYTES))
        return _checked(_table_for(name, document).items())
    except FileNotFoundError:
        why = "there is no such file"
    except (OSError, ValueError) as error:
        why = str(getattr(error, "strerror", None) or error)
    raise UsageError(
        f"{what}: {why}.",
        "A class map is a CSV with the columns old and new, a TOML with lines old = new, or one of: "
        f'{_listed()}. A code that is outside the space has the new code "{NONE}".',
        code="class_map",
    )


def _listed() -> str:
    return ", ".join(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def _shipped(name: str) -> Path:
    known = {path.stem: path for path in _SHIPPED.glob("*.toml")}
    if name not in known:
        raise UsageError(
            f"There is no class map {name[:_SHOWN]!r}.",
            f"{did_you_mean(name, known)} Or give a file, .csv or .toml: --class-map FIELD=FILE",
            code="class_map",
        )
    return known[name]


def _table_for(name: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table of a field in a TOML, or its only table."""
    tables = {key: value for key, value in document.items() if isinstance(value, Mapping)}
    if not tables:
        return document
    found = tables.get(name, next(iter(tables.values())) if len(document) == 1 else None)
    if found is None:
        raise ValueError(f"it has no table for {name}, only for {', '.join(list(tables)[:_SHOWN])}")
    return found


def _checked(pairs: Any) -> ClassMap:
    """Return old → new; raise ValueError for a code that is none, or is there twice."""
    found: dict[int | str, int | None] = {}
    lost = []
    for given, target in pairs:
        old, new = _code(given), _code(target)
        if old in found:
            raise ValueError(f"the code {str(old)[:_SHOWN]} is there twice")
        if new != NONE and not isinstance(new, int):
            lost.append(f"{str(old)[:_SHOWN]} → {str(target)[:_SHOWN]!r}")
        found[old] = None if new == NONE else new if isinstance(new, int) else None
    if lost:
        raise ValueError(f"these codes are mapped to no code: {', '.join(lost[:_SHOWN])}")
    if not found:
        raise ValueError("it maps no code")
    return found


def _code(given: Any) -> int | str:
    text = str(given).strip()
    return int(text.partition(".")[0]) if _CODE.fullmatch(text) else text


def on_polygons(
    frame: GeoDataFrame, fields: Mapping[str, Mapped], columns: Mapping[str, Any]
) -> GeoDataFrame:
    """Return polygons with the model's codes in the columns of the fields; those mapped to none are left out.

    Raises
    ------
    InvalidInput
        If a table lacks codes or labels of its column; it lists them with the number of features.
    """
    for name, field in fields.items():
        column = str(columns.get(name, name))
        if column not in frame.columns:  # which is told later
            continue
        places, found = frame[column].factorize()
        counts = Counter(places.tolist())
        codes = [_code(one) for one in found]
        strange = [at for at, _ in counts.most_common() if at >= 0 and codes[at] not in field.table]
        if strange:
            listed = ", ".join(f"{str(codes[at])[:_SHOWN]} ({counts[at]})" for at in strange[:_SHOWN])
            raise InvalidInput(
                f"{name} holds values that it does not take: {listed}; in brackets the number of features.",
                f"{name} takes {field.takes}.",
                code="illegal_value",
            )
        new = [field.table[code] for code in codes]
        values = np.array([np.nan if one is None else one for one in (*new, None)], np.float64)[places]
        outside = np.isin(places, [at for at, one in enumerate(new) if one is None])
        if outside.any():
            warnings.warn(
                f"{np.count_nonzero(outside)} features are outside the space: the class map of {name} maps "
                f"their codes to {NONE}. The result lacks them.",
                DissmodelWarning,
                stacklevel=2,
            )
        frame = frame.assign(**{column: values})[~outside].reset_index(drop=True)
    return frame


def warn_of_legend(declared: Classes, values: NDArray[np.uint8], legend: Mapping[int, str]) -> None:
    """Warn of codes in `values` that the data's own legend, code → name, calls by another name."""
    held = set(np.flatnonzero(np.bincount(values.ravel(), minlength=1)).tolist())
    apart = [
        f"{one.code} is {legend[one.code][:_SHOWN]!r} there, {one.name!r} here"
        for one in declared.legend
        if one.code in held and one.code in legend and _words(legend[one.code]).isdisjoint(_words(one.name))
    ]
    if apart:
        warnings.warn(
            f"The data's own legend has other names for codes of {declared.name}: "
            f"{'; '.join(apart[:_SHOWN])}. "
            f"If they mean something else: --class-map {declared.name}=FILE",
            DissmodelWarning,
            stacklevel=3,
        )


def _words(name: str) -> set[str]:
    """Return the beginnings of the words of a name: forest and forests are one."""
    return {word[:_STEM] for word in re.findall(r"\w+", name.casefold())}

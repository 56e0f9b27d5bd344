"""Designs: rows of values that are sampled between bounds, or read from a CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from dissmodel.cells.table import csv_text, filled_rows
from dissmodel.errors import InvalidInput, MissingModule, UsageError, extra_hint
from dissmodel.literals import parse_value
from dissmodel.record.digest import sha256_bytes
from dissmodel.sweeping.values import Bounds, Varied, is_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS = 4
"""The levels of each factor in a Morris design."""
MOST_ROWS = 10_000_000
"""So many rows may a design have."""

_SAMPLED = re.compile(r"(lhs|sobol|morris):([0-9]{1,12})")
_DIGITS = 12  # of a sampled number: on every machine the same, and equal where rounding made it unequal
_LEAST = 2
_MOST_COLUMNS = 100
_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class Design:
    """A sampled design.

    `size` is the number of rows of a Latin hypercube, of base samples of Sobol, of trajectories of Morris.
    `factors` is name → its bounds, or its levels, which are equally likely. `seed` is that of the sampling;
    `sha256`, where it is known, is that of what was sampled, for another SALib may sample otherwise.

    Raises
    ------
    UsageError
        If it has no factors, or the method does not have this size.
    """

    kind: Literal["lhs", "sobol", "morris"]
    size: int
    factors: Mapping[str, Varied]
    seed: int = 0
    sha256: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Refuse a size that the method does not have."""
        below = 1 << max(self.size.bit_length() - 1, 0)
        if not self.factors:
            what, hint = "there is nothing to vary", "--vary NAME=LOW:HIGH"
        elif not (self.size >= _LEAST and len(self) <= MOST_ROWS):
            what, hint = (
                f"it has {len(self):,} rows; at most {MOST_ROWS:,} are possible",
                "--design sobol:256",
            )
        elif self.kind == "sobol" and self.size != below:
            what = "Sobol takes a power of two"
            hint = f"--design sobol:{below} or --design sobol:{2 * below}"
        else:
            return
        raise UsageError(f"The design {self}: {what}.", hint, code="bad_design")

    def __str__(self) -> str:
        return f"{self.kind}:{self.size}"

    @property
    def names(self) -> tuple[str, ...]:
        """The factors, in the order in which they were given."""
        return tuple(self.factors)

    def __len__(self) -> int:
        """Return the number of rows: N, N (k + 2) or N (k + 1) with k factors."""
        count = len(self.factors)
        return self.size * {"lhs": 1, "sobol": count + 2, "morris": count + 1}[self.kind]

    @property
    def grows(self) -> bool:
        """Whether the rows of a larger design of the kind begin with the rows of this one."""
        return self.kind != "lhs"

    @property
    def problem(self) -> dict[str, Any]:
        """What the analyses of SALib take: the factors, each from 0 to 1, as `sample` has them."""
        count = len(self.factors)
        return {"num_vars": count, "names": list(self.factors), "bounds": [[0.0, 1.0]] * count}

    def sample(self) -> NDArray[np.float64]:
        """Return the rows on the unit cube: float64, shape (rows, factors).

        Sobol: Saltelli's scheme of N (k + 2) rows for first-order and total indices (Saltelli et al. 2010,
        doi:10.1016/j.cpc.2009.09.018), from a scrambled sequence. Morris: trajectories on a grid of `LEVELS`
        levels (Morris 1991, doi:10.1080/00401706.1991.10484804).

        Raises
        ------
        MissingModule
            If SALib is not installed.
        InvalidInput
            If it does not sample what it once did.
        """
        try:
            from SALib.sample import latin, morris, sobol  # noqa: PLC0415  (few sweeps have a design)
        except ImportError as error:
            raise MissingModule(f"The design {self} needs SALib.", extra_hint(error)) from error
        made: NDArray[np.float64]
        if self.kind == "lhs":
            made = latin.sample(self.problem, self.size, seed=self.seed)
        elif self.kind == "morris":
            made = morris.sample(self.problem, self.size, num_levels=LEVELS, seed=self.seed)
        else:
            made = sobol.sample(self.problem, self.size, calc_second_order=False, seed=self.seed)
        if self.sha256 and self.sha256 != _sha256(made):
            raise InvalidInput(
                f"The design {self} has other rows with SALib {version('SALib')} than those that were run.",
                "Install the SALib, and the SciPy, with which the sweep was made.",
                code="bad_design",
            )
        return made

    def settled(self) -> Self:
        """Return the design with the digest of what is sampled now."""
        return replace(self, sha256=_sha256(self.sample()))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the values of each row.

        A number is rounded to 12 digits. Levels, and steps such as those of an integer, have equal shares of
        the places from 0 to 1; on the grid of Morris, and of a logarithm, the nearest is taken.
        """
        columns = [
            [_value(one, float(place), nearest=self.kind == "morris") for place in places]
            for one, places in zip(self.factors.values(), self.sample().T, strict=True)
        ]
        for row in zip(*columns, strict=True):
            yield dict(zip(self.factors, row, strict=True))


@dataclass(frozen=True, kw_only=True)
class FileDesign:
    """A design in a CSV: a column a parameter or an input, a row a run.

    `path` is absolute; `lines` are the lines of the `cells` in the file, counted from 1.
    """

    path: Path
    names: tuple[str, ...]
    cells: tuple[tuple[Any, ...], ...] = field(repr=False)
    lines: tuple[int, ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        return str(self.path)

    def __len__(self) -> int:
        return len(self.cells)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the values of each row."""
        for row in self.cells:
            yield dict(zip(self.names, row, strict=True))


def parse_design(text: str, factors: Mapping[str, Varied], seed: int, folder: Path) -> Design | FileDesign:
    """Return the design of ``lhs:N``, ``sobol:N``, ``morris:N`` or ``FILE.csv``, a file below `folder`.

    Raises
    ------
    UsageError
        If it is none of these, or `factors` do not go with it.
    InvalidInput
        If the file can't be read, or a value in it is missing.
    """
    sampled = _SAMPLED.fullmatch(text.strip())
    if sampled is not None:
        kind: Any = sampled[1]
        return Design(kind=kind, size=int(sampled[2]), factors=factors, seed=seed)
    what, hint = "there is no such design", "--design lhs:200, sobol:256, morris:20 or FILE.csv"
    if text.lower().endswith(".csv"):
        if not factors:
            return _of_file((folder / text).absolute())
        what = f"its columns say what varies; {', '.join(factors)} can't vary beside them"
        hint = "Write it as a column, or leave out --vary."
    raise UsageError(f"--design {text[:_SHOWN]}: {what}.", hint, code="bad_design")


def _of_file(path: Path) -> FileDesign:
    try:
        text = csv_text(path)
        header = text.partition("\n")[0]
        separator = next((one for one in ",;\t" if one in header), ",")
        rows = filled_rows(text, separator)
        names = tuple(one.strip() for one in next(rows, (1, []))[1])
        if not names or "" in names or len(names) > _MOST_COLUMNS:
            raise ValueError(f"line 1: each column has a name, and there are at most {_MOST_COLUMNS}")
        twice = [one for one in names if names.count(one) > 1]
        if twice:
            raise ValueError(f"line 1: the column {twice[0][:_SHOWN]!r} is there twice")
        cells = {line: tuple(_cells(names, row, line)) for line, row in rows}
        if not cells:
            raise ValueError("there is no row below the header")
    except ValueError as error:
        raise InvalidInput(
            f"{path}: {error}.",
            "The first line has the names of parameters, and each line below it a value of each.",
            code="bad_design",
        ) from error
    return FileDesign(path=path, names=names, cells=tuple(cells.values()), lines=tuple(cells))


def _cells(names: tuple[str, ...], row: list[str], line: int) -> Iterator[Any]:
    if len(row) != len(names):
        raise ValueError(f"line {line} has {len(row)} values for the {len(names)} columns of line 1")
    for name, text in zip(names, row, strict=True):
        if not text.strip():
            raise ValueError(f"line {line}: {name[:_SHOWN]} has no value")
        yield text.strip() if is_input(name) else parse_value(text)


def _sha256(sample: NDArray[np.float64]) -> str:
    return sha256_bytes(sample.round(_DIGITS).astype("<f8").tobytes())


def _value(factor: Varied, place: float, *, nearest: bool) -> Any:
    """Return the value of a factor at a place from 0 to 1."""
    if not isinstance(factor, Bounds):
        return factor[_level(place, len(factor), nearest=nearest)]
    low, high, step = factor.low, factor.high, factor.step
    value = low * (high / low) ** place if factor.log else low + place * (high - low)
    value = min(max(float(f"{value:.{_DIGITS}g}"), low), high)
    if step is None:
        return float(value)
    exact = Decimal(repr(step))
    last = int((Decimal(repr(high)) - Decimal(repr(low))) / exact)
    at = round((value - low) / step) if factor.log else _level(place, last + 1, nearest=nearest)
    return type(step)(Decimal(repr(low)) + min(at, last) * exact)


def _level(place: float, count: int, *, nearest: bool) -> int:
    return round(place * (count - 1)) if nearest else min(int(place * count), count - 1)

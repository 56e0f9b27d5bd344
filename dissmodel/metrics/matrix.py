"""The matrix of transitions between two maps of classes, and what is measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from numpy.typing import ArrayLike

from dissmodel.metrics.arrays import Size, coded, counted, plus, ratio, taken


@dataclass(frozen=True)
class TransitionMatrix:
    """How many cells, or how much area, have a class in one map and a class in another.

    Attributes
    ----------
    sizes : mapping of (int, int) to int or Fraction
        (class in the first map, class in the second) → cells, or m² where the cells had an area; exact. Pairs
        that no cell has are left out.

    Examples
    --------
    >>> matrix = transition_matrix([1, 1, 2], [1, 2, 2])
    >>> matrix.classes, matrix.table(), matrix.total
    ((1, 2), [[1, 1], [0, 1]], 3)
    """

    sizes: Mapping[tuple[int, int], Size]

    def __add__(self, other: TransitionMatrix) -> TransitionMatrix:
        """Return the matrix of the cells of both."""
        return TransitionMatrix(plus(self.sizes, other.sizes))

    @property
    def classes(self) -> tuple[int, ...]:
        """The codes in either map, ascending."""
        return tuple(sorted({code for pair in self.sizes for code in pair}))

    @property
    def total(self) -> Size:
        """The size of all cells."""
        return sum(self.sizes.values())

    def margins(self) -> tuple[dict[int, Fraction], dict[int, Fraction]]:
        """Return the size of each class in the first map, and in the second."""
        rows = dict.fromkeys(self.classes, Fraction(0))
        columns = rows.copy()
        for (before, after), size in self.sizes.items():
            rows[before] += size
            columns[after] += size
        return rows, columns

    def table(self) -> list[list[float]]:
        """Return the matrix over `classes`: rows of the first map, columns of the second."""
        return [
            [_rounded(self.sizes.get((row, column), 0)) for column in self.classes] for row in self.classes
        ]


def transition_matrix(
    before: ArrayLike, after: ArrayLike, *, area: ArrayLike | None = None, mask: ArrayLike | None = None
) -> TransitionMatrix:
    """Count the cells of each pair of classes, also called contingency table or cross-tabulation.

    Parameters
    ----------
    before, after : array-like of integers, of one shape
        Codes of classes: an earlier and a later map, or a simulated map and its reference.
    area : array-like of float64, optional
        The area of each cell in m², of a shape that broadcasts to that of the maps.
    mask : array-like of bool, optional
        Which cells count.

    Raises
    ------
    WrongValue
        If the shapes differ, the codes are not integers, or an area is negative or not finite.
    """
    (one, other), weights = taken({"before": before, "after": after}, area=area, mask=mask, kinds="iub")
    (rows, row_of), (columns, column_of) = coded(one), coded(other)
    sizes = counted([row_of, column_of], [len(rows), len(columns)], weights)
    return TransitionMatrix({(rows[row], columns[column]): size for (row, column), size in sizes.items()})


def class_areas(
    codes: ArrayLike, *, area: ArrayLike | None = None, mask: ArrayLike | None = None
) -> dict[int, float]:
    """Return class → number of cells, or m² where an `area` per cell is given: the exact sum, rounded once.

    >>> class_areas([2, 1, 2], area=[100.0, 50.0, 0.5])
    {1: 50.0, 2: 100.5}
    """
    (one,), weights = taken({"codes": codes}, area=area, mask=mask, kinds="iub")
    found, where = coded(one)
    sizes = counted([where], [len(found)], weights)
    return {found[at]: _rounded(size) for (at,), size in sizes.items()}


def _rounded(size: Size) -> float:
    return size if isinstance(size, int) else float(size)


@dataclass(frozen=True)
class ClassDisagreement:
    """The part of all cells that disagree about a class: q_g, a_g = e_g + s_g; see `disagreement`."""

    quantity: float  # |p_g+ - p_+g|
    allocation: float  # 2·min(p_g+ - p_gg, p_+g - p_gg)
    exchange: float  # 2·Σ_j min(p_gj, p_jg), j ≠ g
    shift: float  # allocation - exchange


@dataclass(frozen=True)
class Disagreement:
    """The part of all cells that disagree, from 0 to 1; None where there are no cells.

    Attributes
    ----------
    quantity : float or None
        Because the maps have different amounts of the classes.
    allocation : float or None
        Because the classes lie elsewhere, though in amounts that match.
    exchange : float or None
        The part of `allocation` in which two classes have changed places.
    shift : float or None
        The rest of `allocation`, in which three or more classes have.
    classes : mapping of int to ClassDisagreement
        By class; each cell that disagrees is counted with both of its classes.
    """

    quantity: float | None
    allocation: float | None
    exchange: float | None
    shift: float | None
    classes: Mapping[int, ClassDisagreement]


def disagreement(matrix: TransitionMatrix) -> Disagreement:
    """Return the quantity disagreement Q and the allocation disagreement A = E + S of two maps.

    With p the matrix by its total: Q = ½ Σ_g |p_g+ - p_+g|, A = Σ_g min(p_g+ - p_gg, p_+g - p_gg). Q + A is
    the part of the cells whose classes differ. The exchange is E = Σ_g Σ_j min(p_gj, p_jg) over j ≠ g, the
    shift S is the rest.

    References
    ----------
    Pontius, R. G. & Millones, M. (2011). Death to Kappa: birth of quantity disagreement and allocation
    disagreement for accuracy assessment. International Journal of Remote Sensing 32(15), 4407-4429.
    Pontius, R. G. & Santacruz, A. (2014). Quantity, exchange, and shift components of difference in a square
    contingency table. International Journal of Remote Sensing 35(21), 7543-7554.

    Examples
    --------
    >>> found = disagreement(transition_matrix([1, 1, 2, 2, 3], [2, 2, 1, 3, 1]))
    >>> found.quantity, found.allocation, found.exchange, found.shift
    (0.0, 1.0, 0.4, 0.6)
    """
    rows, columns = matrix.margins()
    total = sum(rows.values())
    if not total:
        return Disagreement(None, None, None, None, {})
    quantity = {code: abs(rows[code] - columns[code]) for code in rows}
    # The smaller of both margins, twice, is their sum less their distance.
    allocation = {
        code: rows[code] + columns[code] - quantity[code] - 2 * matrix.sizes.get((code, code), 0)
        for code in rows
    }
    exchange = dict.fromkeys(rows, Fraction(0))
    for (one, other), size in matrix.sizes.items():
        if one != other:
            exchange[one] += 2 * min(size, matrix.sizes.get((other, one), 0))
    shift = {code: allocation[code] - exchange[code] for code in rows}
    parts = (quantity, allocation, exchange, shift)
    by_class = {code: ClassDisagreement(*(float(part[code] / total) for part in parts)) for code in rows}
    q, a, e, s = (float(sum(part.values()) / total / 2) for part in parts)
    return Disagreement(q, a, e, s, by_class)


def kappa(matrix: TransitionMatrix) -> float | None:
    """Return Cohen's kappa, (Po - Pe)/(1 - Pe), Po = Σ_g p_gg, Pe = Σ_g p_g+·p_+g; None where Pe is 1.

    Pontius & Millones (2011) advise against it: it compares with a random map, which is no alternative to a
    model.

    References
    ----------
    Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological Measurement
    20(1), 37-46.

    Examples
    --------
    >>> kappa(transition_matrix([1, 1, 2, 2], [1, 2, 2, 2]))
    0.5
    """
    rows, columns = matrix.margins()
    total = matrix.total
    same = sum(matrix.sizes.get((code, code), 0) for code in rows)
    by_chance = sum(rows[code] * columns[code] for code in rows)
    return ratio(total * same - by_chance, total * total - by_chance)

"""How much of a change a simulation found."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.metrics.arrays import Size, counted, ratio, taken

HIT, MISS, FALSE_ALARM, WRONG_CLASS, PERSISTENCE = range(5)


@dataclass(frozen=True)
class ChangeAgreement:
    """Cells, or m² where they had an area, by what changed in the reference and in the simulation; exact.

    Attributes
    ----------
    hits : int or Fraction
        Change, simulated as change to the right class.
    misses : int or Fraction
        Change, simulated as persistence.
    false_alarms : int or Fraction
        Persistence, simulated as change.
    wrong_class : int or Fraction
        Change, simulated as change to another class.
    persistence : int or Fraction
        Persistence, simulated as persistence.
    """

    hits: Size = 0
    misses: Size = 0
    false_alarms: Size = 0
    wrong_class: Size = 0
    persistence: Size = 0

    def __add__(self, other: ChangeAgreement) -> ChangeAgreement:
        """Return the components of the cells of both."""
        return ChangeAgreement(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def figure_of_merit(self) -> float | None:
        """Hits by the cells that change in either map, from 0 to 1; None where no cell changes in either."""
        return ratio(self.hits, self.hits + self.misses + self.false_alarms + self.wrong_class)


def change_agreement(
    start: ArrayLike,
    reference: ArrayLike,
    simulated: ArrayLike,
    *,
    area: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> ChangeAgreement:
    """Compare the change from a start map to a reference with the change to a simulated map.

    The figure of merit is hits/(hits + misses + false alarms + wrong class).

    Parameters
    ----------
    start, reference, simulated : array-like of integers, of one shape
        Codes of classes: observed at the start, observed at the end, simulated for the end.
    area : array-like of float64, optional
        The area of each cell in m², of a shape that broadcasts to that of the maps.
    mask : array-like of bool, optional
        Which cells count.

    Raises
    ------
    WrongValue
        If the shapes differ, the codes are not integers, or an area is negative or not finite.

    References
    ----------
    Pontius, R. G. et al. (2008). Comparing the input, output, and validation maps for several models of land
    change. The Annals of Regional Science 42(1), 11-37.

    Examples
    --------
    >>> found = change_agreement([1, 1, 1, 1, 1], [2, 2, 1, 2, 1], [2, 1, 2, 3, 1])
    >>> found
    ChangeAgreement(hits=1, misses=1, false_alarms=1, wrong_class=1, persistence=1)
    >>> found.figure_of_merit
    0.25
    """
    maps, weights = taken(
        {"start": start, "reference": reference, "simulated": simulated}, area=area, mask=mask, kinds="iub"
    )
    sizes = counted([change_kinds(*maps)], [PERSISTENCE + 1], weights)
    return ChangeAgreement(*(sizes.get((kind,), 0) for kind in range(PERSISTENCE + 1)))


def change_kinds(
    start: NDArray[np.integer], reference: NDArray[np.integer], simulated: NDArray[np.integer]
) -> NDArray[np.intp]:
    """Return what each cell is: HIT, MISS, FALSE_ALARM, WRONG_CLASS or PERSISTENCE, in the shape of the maps.

    >>> change_kinds(np.array([1, 1]), np.array([2, 1]), np.array([2, 2])).tolist() == [HIT, FALSE_ALARM]
    True
    """
    right, changes, is_simulated = reference == simulated, reference != start, simulated != start
    return np.select(
        [changes & right, changes & ~is_simulated, ~changes & is_simulated, changes],
        [HIT, MISS, FALSE_ALARM, WRONG_CLASS],
        PERSISTENCE,
    ).astype(np.intp)

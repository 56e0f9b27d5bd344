"""All measures of two maps of land use: of classes, and of shares of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.metrics.change import ChangeAgreement, change_agreement
from dissmodel.metrics.differences import Difference, difference
from dissmodel.metrics.matrix import Disagreement, TransitionMatrix, disagreement, kappa, transition_matrix
from dissmodel.metrics.resolution import ResolutionFit, multiresolution_fit


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """A simulated map of classes and its reference; the last three are None without a start map."""

    matrix: TransitionMatrix  # rows of the simulation, columns of the reference
    disagreement: Disagreement
    kappa: float | None
    fit: ResolutionFit
    change: ChangeAgreement | None = None
    observed: TransitionMatrix | None = None  # from the start to the reference
    simulated: TransitionMatrix | None = None  # from the start to the simulation


@dataclass(frozen=True, kw_only=True)
class ShareMeasures:
    """A simulated map of shares less its reference, by class, and the fit of all classes."""

    differences: Mapping[str, Difference]
    fit: ResolutionFit

    @property
    def quantity(self) -> float:
        """Half the sum of the quantity of all classes: the part of the space that has another class."""
        return sum(one.quantity or 0.0 for one in self.differences.values()) / 2

    @property
    def allocation(self) -> float:
        """Half the sum of the allocation of all classes."""
        return sum(one.allocation or 0.0 for one in self.differences.values()) / 2


def compare_classes(
    simulated: ArrayLike,
    reference: ArrayLike,
    start: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
) -> ClassMeasures:
    """Return every measure of two maps of classes, shape (rows, columns); see the functions of each measure.

    >>> compare_classes([[1, 2]], [[2, 2]], [[1, 1]]).change.figure_of_merit
    0.5
    """
    matrix = transition_matrix(simulated, reference, mask=mask)
    return ClassMeasures(
        matrix=matrix,
        disagreement=disagreement(matrix),
        kappa=kappa(matrix),
        fit=multiresolution_fit(simulated, reference, mask=mask),
        change=None if start is None else change_agreement(start, reference, simulated, mask=mask),
        observed=None if start is None else transition_matrix(start, reference, mask=mask),
        simulated=None if start is None else transition_matrix(start, simulated, mask=mask),
    )


def compare_shares(
    simulated: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    names: Sequence[str],
    tolerance: float = 0.01,
    mask: ArrayLike | None = None,
) -> ShareMeasures:
    """Return every measure of two maps of shares, shape (classes, rows, columns)."""
    return ShareMeasures(
        differences={
            name: difference(a, b, tolerance=tolerance, mask=mask)
            for name, a, b in zip(names, simulated, reference, strict=True)
        },
        fit=multiresolution_fit(simulated, reference, mask=mask),
    )

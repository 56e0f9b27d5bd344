"""Areas of classes in years to come, from the areas and the transitions between two observed maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import InvalidInput, UsageError

Method = Literal["linear", "exponential", "markov"]
Floats = NDArray[np.float64]


def extrapolate(
    method: Method,
    transitions: ArrayLike,
    years: tuple[int, int],
    wanted: ArrayLike,
    *,
    names: Sequence[str] = (),
) -> Floats:
    """Return the area of each class in each of the wanted years: shape (years, classes).

    Let A, B be the areas in the first and second observed year, T years apart, and t the years since the
    first. Both observed years have A and B exactly, and the areas of every year sum to that of the space.

    - ``linear``: A + (B - A)·t/T.
    - ``exponential``: A·(B/A)^(t/T) by class, then all classes times one factor, so that their sum is the
      space's.
    - ``markov``: the transitions of T years go on as they were. P is the matrix of transitions by the row
      sums; a class without cells at the first year stays as it is. At the years kT after the second the areas
      are B·P^k; in between they change linearly, as between the observed years.

    Parameters
    ----------
    method : {"linear", "exponential", "markov"}
    transitions : array-like of float64, shape (classes, classes)
        Area by class of the first year (rows) and of the second (columns).
    years : tuple of int
        The two observed years, ascending.
    wanted : array-like of int
        From the first year on.
    names : sequence of str, optional
        Of the classes, for errors.

    Raises
    ------
    UsageError
        If the years do not ascend, or a wanted year is before the first.
    InvalidInput
        If a class would have less than no area (linear), or has no area in the first year and some in the
        second (exponential).

    Examples
    --------
    >>> extrapolate("linear", [[80, 20], [0, 100]], (2000, 2010), [2000, 2005, 2020]).tolist()
    [[100.0, 100.0], [90.0, 110.0], [60.0, 140.0]]
    >>> extrapolate("markov", [[80, 20], [0, 100]], (2000, 2010), [2010, 2015, 2020]).tolist()
    [[80.0, 120.0], [72.0, 128.0], [64.0, 136.0]]
    """
    matrix = np.asarray(transitions, np.float64)
    called = [f"The class {name!r}" for name in names or range(1, len(matrix) + 1)]
    first, second = years
    at = np.asarray(wanted, np.float64)
    if not first < second or (at < first).any():
        raise UsageError(
            f"The maps are of {first} and {second}, the table begins in {at.min():g}: years have to ascend.",
            "--years FIRST,SECOND,LAST: the years of both maps, and the last year of the table.",
        )
    before, after = matrix.sum(axis=1), matrix.sum(axis=0)
    steps = (at - first) / (second - first)
    if method == "markov":
        return _markov(matrix, before, after, steps)
    if method == "exponential":
        return _exponential(before, after, steps, called)
    found: Floats = before + (after - before) * steps[:, np.newaxis]
    found[steps == 1] = after
    if (found < 0).any():
        row, column = np.argwhere(found < 0)[0].tolist()
        raise InvalidInput(
            f"{called[column]} would have less than no area in {at[row]:g}: it falls from "
            f"{before[column]:g} to {after[column]:g} in {second - first} years.",
            f"--method exponential, --method markov, or end the table before {at[row]:g}.",
            code="negative_demand",
        )
    return found


def _exponential(before: Floats, after: Floats, steps: Floats, called: Sequence[str]) -> Floats:
    if ((before == 0) & (after > 0)).any():
        place = int(np.argmax((before == 0) & (after > 0)))
        raise InvalidInput(
            f"{called[place]} has no area in the first map and {after[place]:g} in the second: such growth "
            "is not exponential.",
            "--method linear or --method markov",
            code="new_class",
        )
    rate = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    grown = before * rate ** steps[:, np.newaxis]
    # A class that is gone in the second map has 0^0 = 1 at the first.
    scaled: Floats = grown * (before.sum() / grown.sum(axis=1, keepdims=True))
    scaled[steps == 1] = after
    return scaled


def _markov(matrix: Floats, before: Floats, after: Floats, steps: Floats) -> Floats:
    chance = np.divide(
        matrix, before[:, np.newaxis], out=np.eye(len(before)), where=before[:, np.newaxis] > 0
    )
    states = [before, after]
    while len(states) <= np.ceil(steps.max()):
        states.append(states[-1] @ chance)
    known = np.array(states)
    whole = np.minimum(np.floor(steps).astype(np.intp), len(known) - 2)
    part = (steps - whole)[:, np.newaxis]
    return np.asarray(known[whole] * (1 - part) + known[whole + 1] * part)

"""Arrays of a comparison: checked, without masked cells, and summed exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import WrongValue

Size = int | Fraction
"""A number of cells, or an area in m²: exact."""

# A float64 is a whole number of 53 bits, at most, by a power of 2; the number is added in two parts, and a
# block of values is so small that a float64 holds the sum of either.
_BITS, _LOW_BITS = 53, 26
_BLOCK = 1 << 24
# Codes as near as this are counted, others sorted.
_FEW, _FAR, _MOST_BINS = 1 << 16, 1 << 62, 1 << 22


def exact_sums(
    values: NDArray[np.float64], keys: NDArray[np.intp] | None = None, count: int = 1
) -> list[Fraction]:
    """Return the exact sum of the finite values of each key from 0 to `count` - 1; both of shape (n,).

    Sums of blocks add up to the sum of all, in any order.

    >>> exact_sums(np.array([1e300, 1.0, -1e300, 0.5]))
    [Fraction(3, 2)]
    """
    totals = [Fraction(0)] * count
    for start in range(0, values.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        mantissa, exponent = np.frexp(values[block])
        whole = (mantissa * 2.0**_BITS).astype(np.int64)
        lowest = int(exponent.min())
        places = (exponent - lowest).astype(np.intp) * count
        if keys is not None:
            places += keys[block]
        high = np.bincount(places, whole >> _LOW_BITS)
        low = np.bincount(places, whole & ((1 << _LOW_BITS) - 1))
        for place in np.flatnonzero((high != 0) | (low != 0)).tolist():
            power, key = divmod(place, count)
            units = (int(high[place]) << _LOW_BITS) + int(low[place])
            totals[key] += units * Fraction(2) ** (lowest + power - _BITS)
    return totals


def counted(
    coded: Sequence[NDArray[np.integer]], counts: list[int], area: NDArray[np.float64] | None
) -> dict[tuple[int, ...], Size]:
    """Return the cells, or their area, of each combination of positions that a cell has."""
    place = np.ravel_multi_index(coded, counts)
    found = None
    if math.prod(counts) > _MOST_BINS:
        found, place = np.unique(place, return_inverse=True)
    bins = math.prod(counts) if found is None else found.size
    numbers = np.bincount(place, minlength=bins)
    sizes = numbers.tolist() if area is None else exact_sums(area, place, bins)
    filled = np.flatnonzero(numbers)
    combinations = np.unravel_index(filled if found is None else found[filled], counts)
    keys = zip(*(positions.tolist() for positions in combinations), strict=True)
    return {key: sizes[at] for key, at in zip(keys, filled.tolist(), strict=True)}


def coded(codes: NDArray[Any]) -> tuple[list[int], NDArray[np.intp]]:
    """Return the codes, ascending, and of each cell the position of its code among them.

    >>> coded(np.array([-3, 200, -3], np.int16))
    ([-3, 200], array([0, 1, 0]))
    """
    lowest, highest = (int(codes.min()), int(codes.max())) if codes.size else (0, _FAR)
    if highest - lowest < _FEW and highest < _FAR:
        # Not in the codes' own type, which the distance may be beyond.
        offsets = codes.astype(np.int64) - lowest
        present = np.flatnonzero(np.bincount(offsets))
        positions = np.zeros(int(present[-1]) + 1, np.intp)
        positions[present] = np.arange(present.size)
        return (present + lowest).tolist(), positions[offsets]
    found, where = np.unique(codes, return_inverse=True)
    return found.tolist(), where


def common_positions(
    maps: Sequence[NDArray[Any]], inside: NDArray[np.bool_]
) -> tuple[list[int], list[NDArray[np.int32]]]:
    """Return the codes of all maps, ascending, and of each cell the position of its code; -1 outside.

    >>> common_positions([np.array([7, 9]), np.array([5, 7])], np.array([True, False]))
    ([5, 7], [array([ 1, -1], dtype=int32), array([ 0, -1], dtype=int32)])
    """
    # What is outside may be far from all codes.
    filled = [np.where(inside, one, one.flat[np.argmax(inside)]) for one in maps] if inside.any() else []
    found = [coded(one.ravel()) for one in filled]
    codes = sorted({code for own, _ in found for code in own})
    place = {code: at for at, code in enumerate(codes)}
    positions = [
        np.array([place[code] for code in own], np.int32)[where].reshape(inside.shape) for own, where in found
    ]
    outside = np.full(inside.shape, -1, np.int32)
    return codes, [np.where(inside, one, outside) for one in positions] or [outside for _ in maps]


def exact_sum_of_squares(values: NDArray[np.float64]) -> Fraction:
    """Return the exact sum of squares of finite values, as long as none is too small beside the largest.

    Each value is cut into two halves of 26 bits (Dekker 1971), whose products are exact.

    >>> exact_sum_of_squares(np.array([2.0**30 + 1]))
    Fraction(1152921506754330625, 1)
    """
    if not values.size:
        return Fraction(0)
    power = int(np.frexp(values)[1].max())
    scaled = np.ldexp(values, -power)
    moved = scaled * (2.0**27 + 1)
    high = moved - (moved - scaled)
    low = scaled - high
    total = exact_sums(high * high)[0] + 2 * exact_sums(high * low)[0] + exact_sums(low * low)[0]
    return total * Fraction(4) ** power


def taken(
    given: Mapping[str, ArrayLike], *, area: ArrayLike | None, mask: ArrayLike | None, kinds: str
) -> tuple[list[NDArray[Any]], NDArray[np.float64] | None]:
    """Return each array, and the area, where the mask is true: shape (cells,).

    Raises
    ------
    WrongValue
        If the arrays have not one shape, or hold other kinds of numbers than `kinds`; if an area is negative
        or not finite.
    """
    arrays = {name: np.asarray(values) for name, values in given.items()}
    first, shape = next((name, array.shape) for name, array in arrays.items())
    for name, array in arrays.items():
        if array.dtype.kind not in kinds:
            what = "codes of classes, which are integers" if "f" not in kinds else "numbers"
            raise WrongValue(f"{name} holds {array.dtype} values, not {what}.", f"{name}.astype(…)")
        if array.shape != shape:
            raise WrongValue(
                f"{name} has the shape {array.shape}, {first} {shape}.", "Give arrays over the same cells."
            )
    inside = inside_of(mask, shape)
    weights = None
    if area is not None:
        weights = np.broadcast_to(np.asarray(area, np.float64), shape)[inside]
        if not (np.isfinite(weights) & (weights >= 0)).all():
            raise WrongValue(
                "area holds numbers that are negative or not finite.", "Give the area of each cell in m²."
            )
    return [array[inside] for array in arrays.values()], weights


def inside_of(mask: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask as an array of bool: all cells without one."""
    if mask is None:
        return np.ones(shape, np.bool_)
    inside = np.asarray(mask)
    if inside.dtype.kind != "b" or inside.shape != shape:
        raise WrongValue(
            f"mask is {inside.dtype} of shape {inside.shape}, not bool of shape {shape}.",
            "True is a cell that counts, such as mask=codes != 255.",
        )
    return inside


def ratio(part: Size, whole: Size) -> float | None:
    """Return part by whole, rounded once; None where the whole is 0."""
    return float(Fraction(part) / whole) if whole else None


def plus(one: Mapping[Any, Size], other: Mapping[Any, Size]) -> dict[Any, Size]:
    """Return the sum of two mappings, key by key."""
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted(one.keys() | other.keys())}

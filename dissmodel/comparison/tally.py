"""The count of what changed in a band or column, fed piece by piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.comparison.verdict import ChangedValue, Move, Part, PartVerdict, Tolerance, Value

MAX_CLASSES = 256
"""A band with more values, in A and B together, is not a class band."""

MOST_MOVES = 20
_LONGEST_TEXT = 200

Bools = NDArray[np.bool_]


class Values(NamedTuple):
    """Numbers, one-dimensional, and where there is none."""

    numbers: NDArray[Any]
    missing: Bools


class _Spot(NamedTuple):
    position: int
    a: Value
    b: Value


class ChangeTally:
    """What changed between two versions of a band or column.

    Parameters
    ----------
    tolerance : Tolerance or None
        What is counted as beyond it.
    name : str
        That of the band or column, which may be one of classes.

    Examples
    --------
    >>> tally = ChangeTally(None)
    >>> none = np.zeros(3, dtype=bool)
    >>> tally.add(Values(np.array([1, 1, 2]), none), Values(np.array([1, 3, 2]), none), int)
    >>> part = tally.part("uso", ("uint8", "uint8"), lambda index: ChangedValue(None, None, feature=index))
    >>> part.first
    ChangedValue(a=1, b=3, row=None, col=None, x=None, y=None, feature=1)
    >>> part.changed, part.moves
    (1, (Move(before=1, after=3, count=1),))
    """

    def __init__(self, tolerance: Tolerance | None, name: str = "") -> None:
        self._tolerance = tolerance
        # Until a value is met that is not a whole number.
        self._is_whole = True
        self._is_class = tolerance is not None and name in tolerance.classes
        self._cells = self._changed = self._beyond = self._numbers = 0
        self._first: _Spot | None = None
        self._first_beyond: _Spot | None = None
        self._greatest = self._total = 0.0
        self._classes: set[int] | None = set()
        self._moves: Counter[tuple[Value, Value]] = Counter()

    def add(self, a: Values, b: Values, index_of: Callable[[int], int]) -> None:
        """Count numbers of one length; `index_of` maps a position in them to the position in the whole."""
        with np.errstate(all="ignore"):
            both = ~(a.missing | b.missing)
            changed = (a.missing != b.missing) | (both & ~_equal(a.numbers, b.numbers))
            finite = both & np.isfinite(a.numbers) & np.isfinite(b.numbers)
            self._cells += changed.size
            self._numbers += int(np.count_nonzero(finite))
            for side in (a, b):
                self._note_whole(side)
            where = np.flatnonzero(changed)
            if where.size == 0:
                return
            self._changed += where.size
            one, other = _taken(a, where), _taken(b, where)
            beyond = self._measure(one, other, finite[where])
            if self._classes is not None:
                self._moves.update(_moves(one, other))
        for name, which in (("_first", changed[where]), ("_first_beyond", beyond)):
            if which.any():
                at = int(np.argmax(which))
                spot = _Spot(index_of(int(where[at])), _shown(one, at), _shown(other, at))
                earlier: _Spot | None = getattr(self, name)
                if earlier is None or spot.position < earlier.position:
                    setattr(self, name, spot)

    def add_encoded(self, a: Sequence[bytes | None], b: Sequence[bytes | None], *, text: bool) -> None:
        """Count values that are not numbers, all at once; None is null.

        With `text` they are texts in UTF-8, which can be shown and are classes.
        """
        changed = [index for index, (one, other) in enumerate(zip(a, b, strict=True)) if one != other]
        self._cells += len(a)
        self._changed += len(changed)
        self._beyond += len(changed)
        shown = _text if text else lambda _: None
        if changed:
            at = changed[0]
            self._first = self._first_beyond = _Spot(at, shown(a[at]), shown(b[at]))
        if text:
            self._moves.update((shown(a[at]), shown(b[at])) for at in changed)

    def part(self, name: str, types: tuple[str, str], place_of: Callable[[int], ChangedValue]) -> Part:
        """Return what was counted; `place_of` makes a place, without values, of a position in the whole."""
        exact = self._tolerance is not None and (self._is_whole or self._is_class)
        beyond, first_beyond = (self._changed, self._first) if exact else (self._beyond, self._first_beyond)
        within: PartVerdict = "within-tolerance" if self._tolerance is not None else "different"
        verdict: PartVerdict = "identical"
        if self._changed or types[0] != types[1]:
            verdict = "different" if beyond else within
        moves = sorted(self._moves.items(), key=lambda move: (-move[1], str(move[0])))
        has_numbers = self._numbers > 0
        return Part(
            name=name,
            types=types,
            verdict=verdict,
            cells=self._cells,
            changed=self._changed,
            beyond=beyond if self._tolerance is not None else None,
            exact=exact,
            first=_placed(self._first, place_of),
            first_beyond=_placed(first_beyond, place_of) if self._tolerance is not None else None,
            max_abs=self._greatest if has_numbers else None,
            mean_abs=self._total / self._numbers if has_numbers else None,
            moves=tuple(Move(before, after, count) for (before, after), count in moves[:MOST_MOVES]),
            more_moves=max(0, len(moves) - MOST_MOVES),
        )

    def _measure(self, a: Values, b: Values, finite: Bools) -> Bools:
        """Measure changed values and return which are beyond the tolerance."""
        distance = _distance(a.numbers[finite], b.numbers[finite])
        if distance.size:
            self._greatest = max(self._greatest, float(distance.max()))
            self._total += float(distance.sum())
        beyond = np.ones(finite.shape, dtype=bool)
        if self._tolerance is not None:
            size = np.abs(_as_real(b.numbers[finite]))
            beyond[finite] = ~(distance <= self._tolerance.atol + self._tolerance.rtol * size)
        self._beyond += int(np.count_nonzero(beyond))
        return beyond

    def _note_whole(self, side: Values) -> None:
        """Note whether all values are whole numbers, and which, as long as these are few."""
        if self._classes is None and (not self._is_whole or side.numbers.dtype.kind in "iub"):
            return
        present = _whole(side)
        self._is_whole = self._is_whole and present is not None
        if self._classes is None:
            return
        found = None if present is None else np.unique(present)
        if found is not None and found.size <= MAX_CLASSES:
            self._classes |= {int(value) for value in found.tolist()}
        if found is None or max(found.size, len(self._classes)) > MAX_CLASSES:
            self._classes = None
            self._moves.clear()


def _whole(side: Values) -> NDArray[Any] | None:
    """Return the values if all are whole numbers; a NaN is not a value."""
    present = side.numbers[~side.missing]
    if present.dtype.kind == "c":
        return None
    if present.dtype.kind == "f":
        present = present[~np.isnan(present)]
        if not (np.isfinite(present) & (present == np.rint(present))).all():
            return None
    return present


def _taken(values: Values, where: NDArray[np.intp]) -> Values:
    return Values(values.numbers[where], values.missing[where])


def _equal(a: NDArray[Any], b: NDArray[Any]) -> Bools:
    if "c" in {a.dtype.kind, b.dtype.kind}:
        return _equal(a.real, b.real) & _equal(a.imag, b.imag)
    equal: Bools = a == b
    if a.dtype.kind == b.dtype.kind == "f":
        equal |= np.isnan(a) & np.isnan(b)
    return equal


def _as_real(numbers: NDArray[Any]) -> NDArray[Any]:
    return numbers.astype(np.complex128 if numbers.dtype.kind == "c" else np.float64)


def _distance(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return ``|a - b|``, of integers without overflow.

    >>> ends = np.iinfo(np.int64)
    >>> _distance(np.array([ends.min, 2**53]), np.array([ends.max, 2**53 + 1])).tolist()
    [1.8446744073709552e+19, 1.0]
    """
    common = np.result_type(a, b)
    if common.kind in "iub":
        # Modulo 2⁶⁴ the larger less the smaller is exact.
        wide = np.int64 if common.kind == "i" else np.uint64
        high, low = np.maximum(a, b).astype(wide), np.minimum(a, b).astype(wide)
        exact: NDArray[np.float64] = (high.view(np.uint64) - low.view(np.uint64)).astype(np.float64)
        return exact
    distance: NDArray[np.float64] = np.abs(_as_real(a) - _as_real(b))
    return distance


def _moves(a: Values, b: Values) -> Counter[tuple[Value, Value]]:
    """Count the pairs of classes."""
    codes, (before, after) = _coded(a, b)
    pairs, counts = np.unique(before * len(codes) + after, return_counts=True)
    return Counter(
        {
            (codes[pair // len(codes)], codes[pair % len(codes)]): count
            for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)
        }
    )


def _coded(a: Values, b: Values) -> tuple[list[Value], list[NDArray[np.intp]]]:
    """Return the classes of both, no value the last, and each side as positions among them."""
    absent = [side.missing | np.isnan(side.numbers) for side in (a, b)]
    present = [side.numbers[~gone] for side, gone in zip((a, b), absent, strict=True)]
    uniques = [np.unique(values) for values in present]
    codes = sorted({int(value) for values in uniques for value in values.tolist()})
    position = {code: at for at, code in enumerate(codes)}
    coded = []
    for values, unique, gone in zip(present, uniques, absent, strict=True):
        places = np.array([position[int(value)] for value in unique.tolist()], dtype=np.intp)
        whole = np.full(gone.shape, len(codes), dtype=np.intp)
        whole[~gone] = places[np.searchsorted(unique, values)]
        coded.append(whole)
    return [*codes, None], coded


def _shown(values: Values, at: int) -> Value:
    if values.missing[at]:
        return None
    value: Any = values.numbers[at].item()
    return str(value) if isinstance(value, complex) else value


def _text(value: bytes | None) -> Value:
    if value is None:
        return None
    text = value.decode("utf-8", "replace")
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _placed(spot: _Spot | None, place_of: Callable[[int], ChangedValue]) -> ChangedValue | None:
    return None if spot is None else replace(place_of(spot.position), a=spot.a, b=spot.b)

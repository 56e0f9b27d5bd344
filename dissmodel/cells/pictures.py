"""The bands of a raster, read block by block as pictures of a model's fields."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import file_values
from dissmodel.cells.fields import Classes, Field
from dissmodel.cells.layout import on_grid, rank_type, ranked, turned
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.bands import Bands

ORDER = "order"
"""The band with the visiting order."""

_INT32 = np.iinfo(np.int32)


class InMemory:
    """Where the arrays of a dataset go that is read: into memory.

    `most` is how many cells are read at once, None for rows of all columns.
    """

    most: int | None = None

    def empty(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array that is not filled."""
        return np.empty(shape, dtype)

    def order(self, shape: tuple[int, int], flipped: tuple[bool, bool]) -> Order:  # noqa: ARG002  (of files)
        """Return what reads a visiting order."""
        return Order(flipped)


class Pictures:
    """The bands of a raster, read block by block: pictures of the fields, and where every field has a value.

    All arrays have the shape (rows, cols), turned as `Pixels` has them, but for those of `others` and
    `masked`, which are as the file stores them.
    """

    def __init__(
        self,
        bands: Bands,
        fields: Mapping[str, Field],
        found: Mapping[str, str],
        flipped: tuple[bool, bool],
        *,
        others: bool,
        arrays: InMemory,
    ) -> None:
        notes, shape = bands.meta["bands"], bands.shape
        self.fields = {
            name: Picture(one, arrays.empty(shape, one.dtype), flipped)
            for name, one in fields.items()
            if name in found
        }
        self.order = arrays.order(shape, flipped) if ORDER in found else None
        self.inside = arrays.empty(shape, np.dtype(np.bool_))
        self.masked: NDArray[np.bool_] | None = None
        self.others = {
            name: (arrays.empty(shape, dtype), file_values.nodata_of(notes[name], name))
            for name, dtype in bands.dtypes.items()
            if others and name not in found.values()
        }
        decides = next((name for name in self.fields if fields[name].decides), None)
        nodata = {
            name: _marking(
                fields[name], file_values.nodata_of(notes[found[name]], name), told=decides is None
            )
            for name in self.fields
        }
        stored = turned(self.inside, flipped)
        lacking = dict.fromkeys(self.fields, 0)
        partly = cells = 0
        needed = [found[name] for name in (*self.fields, *([ORDER] if self.order else []))]
        for rows, values, valid, cols in bands.blocks([*needed, *self.others], arrays.most):
            at = rows, cols
            absent = {name: file_values.absent(values[found[name]], nodata[name]) for name in self.fields}
            some = ~(absent[decides] if decides else np.logical_and.reduce([*absent.values()]))
            if valid is not None:
                some &= valid
                if self.others:
                    if self.masked is None:
                        self.masked = arrays.empty(shape, np.dtype(np.bool_))
                    self.masked[at] = ~valid
            keep = some.copy()
            for name, where in absent.items():
                if name != decides:
                    lacking[name] += int(np.count_nonzero(where & some))
                    keep &= ~where
            partly += int(np.count_nonzero(some & ~keep))
            cells += int(np.count_nonzero(keep))
            stored[at] = keep
            for name, picture in self.fields.items():
                picture.put(at, values[found[name]], keep)
            if self.order is not None:
                self.order.put(at, values[found[ORDER]], keep)
            for name, (array, _) in self.others.items():
                array[at] = values[name]
        self._tell(decides, lacking, partly, cells)

    def _tell(self, decides: str | None, lacking: Mapping[str, int], partly: int, cells: int) -> None:
        """Warn of pixels that lack some fields only; raise InvalidInput if no pixel is a cell."""
        if partly:
            which = ", ".join(f"{name} ({count})" for name, count in lacking.items() if count)
            what = f"a value of {decides}" if decides else "values of some fields"
            warnings.warn(
                f"{partly} pixels have {what} but lack others: {which}; they are taken as outside the space.",
                DissmodelWarning,
                stacklevel=2,
            )
        if not cells:
            raise InvalidInput(
                "No cell is in the space: every pixel is nodata, masked or lacks a value of a field.",
                f"Check the values of the bands, or choose others: --band-map {next(iter(lacking))}=NAME",
                code="empty_space",
            )


def _marking(declared: Field, nodata: tuple[float, ...], *, told: bool) -> tuple[float, ...]:
    """Return the values that mark pixels without a value; where `told`, warn of a nodata that is a value."""
    marking = [*declared.absent]
    for value in nodata:
        if declared.decides or not declared.takes_nodata(value):
            marking.append(value)
        elif told:
            warnings.warn(
                f"The band of {declared.name} declares nodata = {value:g}, which is a value of "
                f"{declared.name}: its cells stay in the space.",
                DissmodelWarning,
                stacklevel=2,
            )
    return tuple(marking)


class Picture:
    """A field of pixels, checked block by block."""

    def __init__(self, declared: Field, values: NDArray[Any], flipped: tuple[bool, bool]) -> None:
        self._field = declared
        self.values = values
        self._stored = turned(self.values, flipped)
        self._wrong: Counter[float] = Counter()
        self._first = ""

    def put(self, at: tuple[slice, slice], given: NDArray[Any], keep: NDArray[np.bool_]) -> None:
        """Store rows and columns of the file where they are in the space (`keep`)."""
        values, right = self._field.read(given)
        wrong = keep & ~right
        if wrong.any():
            file_values.count_values(self._wrong, given[wrong])
            row, col = divmod(int(np.argmax(wrong)), wrong.shape[1])
            place = f"row {at[0].start + row}, column {(at[1].start or 0) + col}"
            self._first = self._first or place
        self._stored[at] = np.where(keep, values, self._field.outside)

    def check(self) -> None:
        """Raise InvalidInput if a value is none of the field's."""
        more = "" if isinstance(self._field, Classes) else " Declare a value that means none as nodata."
        file_values.refuse_field(self._field, self._wrong, self._first, more)


class Order:
    """The visiting order of the cells of a raster, read block by block."""

    def __init__(self, flipped: tuple[bool, bool]) -> None:
        self._flipped = flipped
        self._numbers: dict[int, NDArray[np.signedinteger[Any]]] = {}
        self._wrong: Counter[float] = Counter()

    def put(self, at: tuple[slice, slice], given: NDArray[Any], keep: NDArray[np.bool_]) -> None:
        """Take over rows of the file, integers, smaller first, where they are in the space (`keep`)."""
        given = self._whole(turned(given, self._flipped)[turned(keep, self._flipped)])
        small = not given.size or (given.min() >= _INT32.min and given.max() <= _INT32.max)
        first = -at[0].start if self._flipped[0] else at[0].start
        self._numbers[first] = given.astype(np.int32) if small else given

    def _whole(self, given: NDArray[Any]) -> NDArray[np.int64]:
        """Return numbers as integers, and count what is none."""
        with np.errstate(invalid="ignore"):
            integer = (np.rint(given) == given) & (np.abs(given) <= file_values.LARGEST_INTEGER)
        file_values.count_values(self._wrong, given[~integer])
        return np.where(integer, given, 0).astype(np.int64)

    def _refuse_wrong(self) -> None:
        what = "order holds values that are not integers"
        file_values.refuse(what, self._wrong, "Give every cell its own number.")

    def checked(self, inside: NDArray[np.bool_]) -> NDArray[np.signedinteger[Any]] | None:
        """Return each cell's place in visiting order, -1 outside; None if that is row by row.

        Raises InvalidInput if a value in the space is not an integer or stands in two cells.
        """
        self._refuse_wrong()
        given = np.concatenate([self._numbers[first] for first in sorted(self._numbers)])
        self._numbers.clear()
        if np.all(given[1:] > given[:-1]):
            return None
        if given.min() == 0 and given.max() == given.size - 1:
            # What an earlier run wrote: most often places already, and there is nothing to sort.
            seen = np.zeros(given.size, dtype=np.bool_)
            seen[given] = True
            if seen.all():
                return on_grid(given.astype(rank_type(given.size), copy=False), inside)
        visit = np.argsort(given, kind="stable")
        ordered = given[visit]
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
        if repeated.size:
            file_values.count_values(self._wrong, given[np.isin(given, repeated)])
            what = "order holds values that more than one cell has"
            file_values.refuse(what, self._wrong, "Give every cell its own number.")
        del given, ordered  # what follows needs as much memory again
        return ranked(visit, inside)

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
    ) -> None:
        notes, shape = bands.meta["bands"], bands.shape
        self.fields = {name: Picture(one, shape, flipped) for name, one in fields.items() if name in found}
        self.order = Order() if ORDER in found else None
        self.inside = np.empty(shape, np.bool_)
        self.masked: NDArray[np.bool_] | None = None
        self.others = {
            name: (np.empty(shape, dtype), file_values.nodata_of(notes[name], name))
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
        for rows, values, valid in bands.blocks([*needed, *self.others]):
            absent = {name: file_values.absent(values[found[name]], nodata[name]) for name in self.fields}
            some = ~(absent[decides] if decides else np.logical_and.reduce([*absent.values()]))
            if valid is not None:
                some &= valid
                if self.others:
                    self.masked = np.zeros(shape, np.bool_) if self.masked is None else self.masked
                    self.masked[rows] = ~valid
            keep = some.copy()
            for name, where in absent.items():
                if name != decides:
                    lacking[name] += int(np.count_nonzero(where & some))
                    keep &= ~where
            partly += int(np.count_nonzero(some & ~keep))
            cells += int(np.count_nonzero(keep))
            stored[rows] = keep
            for name, picture in self.fields.items():
                picture.put(rows, values[found[name]], keep)
            if self.order is not None:
                self.order.put(rows, values[found[ORDER]], keep, flipped)
            for name, (array, _) in self.others.items():
                array[rows] = values[name]
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

    def __init__(self, declared: Field, shape: tuple[int, int], flipped: tuple[bool, bool]) -> None:
        self._field = declared
        self.values = np.empty(shape, declared.dtype)
        self._stored = turned(self.values, flipped)
        self._wrong: Counter[float] = Counter()
        self._first = ""

    def put(self, rows: slice, given: NDArray[Any], keep: NDArray[np.bool_]) -> None:
        """Store rows of the file where they are in the space (`keep`)."""
        values, right = self._field.read(given)
        wrong = keep & ~right
        if wrong.any():
            file_values.count_values(self._wrong, given[wrong])
            row, col = divmod(int(np.argmax(wrong)), wrong.shape[1])
            self._first = self._first or f"row {rows.start + row}, column {col}"
        self._stored[rows] = np.where(keep, values, self._field.outside)

    def check(self) -> None:
        """Raise InvalidInput if a value is none of the field's."""
        more = "" if isinstance(self._field, Classes) else " Declare a value that means none as nodata."
        file_values.refuse_field(self._field, self._wrong, self._first, more)


class Order:
    """The visiting order of the cells of a raster, read block by block."""

    def __init__(self) -> None:
        self._numbers: dict[int, NDArray[np.signedinteger[Any]]] = {}
        self._wrong: Counter[float] = Counter()

    def put(
        self, rows: slice, given: NDArray[Any], keep: NDArray[np.bool_], flipped: tuple[bool, bool]
    ) -> None:
        """Take over rows of the file, integers, smaller first, where they are in the space (`keep`)."""
        given = turned(given, flipped)[turned(keep, flipped)]
        with np.errstate(invalid="ignore"):
            integer = (np.rint(given) == given) & (np.abs(given) <= file_values.LARGEST_INTEGER)
        file_values.count_values(self._wrong, given[~integer])
        given = np.where(integer, given, 0).astype(np.int64)
        small = not given.size or (given.min() >= _INT32.min and given.max() <= _INT32.max)
        at = -rows.start if flipped[0] else rows.start
        self._numbers[at] = given.astype(np.int32) if small else given

    def checked(self, inside: NDArray[np.bool_]) -> NDArray[np.signedinteger[Any]] | None:
        """Return each cell's place in visiting order, -1 outside; None if that is row by row.

        Raises InvalidInput if a value in the space is not an integer or stands in two cells.
        """
        file_values.refuse(
            "order holds values that are not integers", self._wrong, "Give every cell its own number."
        )
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

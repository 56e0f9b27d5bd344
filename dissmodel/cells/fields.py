"""What a model declares in its class: fields of classes or numbers, and parameters."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, cast, overload

import numpy as np
import pydantic
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import UsageError
from dissmodel.geo.legend import CellClass, Legend

if TYPE_CHECKING:

    class Codes(np.ndarray[tuple[int], np.dtype[np.uint8]]):  # noqa: PLW1641  (arrays have no hash)
        """An array of codes; NumPy's own type says of a comparison only that it is Any."""

        def __eq__(self, other: object, /) -> NDArray[np.bool_]: ...  # type: ignore[override]
        def __ne__(self, other: object, /) -> NDArray[np.bool_]: ...  # type: ignore[override]

    class Values(np.ndarray[tuple[int], np.dtype[np.float64]]):  # noqa: PLW1641  (as above)
        """An array of numbers."""

        def __eq__(self, other: object, /) -> NDArray[np.bool_]: ...  # type: ignore[override]
        def __ne__(self, other: object, /) -> NDArray[np.bool_]: ...  # type: ignore[override]

else:
    Codes = Values = np.ndarray

A = TypeVar("A")
T = TypeVar("T")

_HIGHEST_CODE = 255
# For classes without a colour of their own: the eight of Okabe and Ito (2008), the fourth a little darker,
# and more that every eye tells apart, as `dissmodel.visualization.sight` measures it.
_COLOURS = (
    *("#0072b2", "#e69f00", "#009e73", "#a55582", "#56b4e9", "#d55e00", "#f0e442", "#000000", "#eeffee"),
    *("#440055", "#880000", "#444444", "#0000cc", "#aabbbb", "#bbeeff", "#446644", "#aa88aa", "#bbbb88"),
    *("#773377", "#bb3300", "#9966ff"),
)


class State(NamedTuple):
    """Where the arrays of a model's fields are, those of its state or of the next one.

    `array` returns that of a field, shape (cells,); `assign` gives each cell of a field a value.
    """

    array: Callable[[str], NDArray[Any]]
    assign: Callable[[str, Any], None]


class Field(ABC):
    """A value for each cell, under the name of a class attribute.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the arrays in memory.
    outside : float
        What a picture of the field holds where no cell is.
    """

    dtype: np.dtype[Any]
    outside: float
    named = 5
    """How many wrong values an error names."""

    def __init__(
        self, *, changes: bool, default: float | None, absent: Sequence[float], decides: bool
    ) -> None:
        self.name = ""
        self.changes = changes
        self.default = default
        self.absent = tuple(absent)
        self.decides = decides

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def takes(self) -> str:
        """The values that the field takes, for people."""

    @abstractmethod
    def read(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values of any real dtype in one that the field's holds, and where the field takes them."""

    def wrong(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where values of any real dtype are none of the field's; same shape."""
        return ~self.read(values)[1]

    @abstractmethod
    def is_right(self, values: NDArray[Any]) -> bool:
        """Tell whether all values, in the field's dtype, are the field's; faster than `wrong`."""

    @abstractmethod
    def takes_nodata(self, value: float) -> bool:
        """Tell whether a file's nodata value is a value of the field too, and so marks nothing."""


class _FieldOf(Field, Generic[A]):
    """A field whose values are an array of the type `A`."""

    @overload
    def __get__(self, model: None, owner: type) -> Self: ...
    @overload
    def __get__(self, model: object, owner: type) -> A: ...
    def __get__(self, model: object | None, owner: type) -> Self | A:
        """Return the values of the model's state."""
        return self if model is None else state_of(model).array(self.name)  # type: ignore[return-value]

    def __set__(self, model: object, values: ArrayLike) -> None:
        """Give each cell a value, in the next state."""
        state_of(model).assign(self.name, values)


class Classes(_FieldOf[Codes]):
    """A field of codes, each with the name of its class: uint8, shape (cells,).

    Parameters
    ----------
    names : mapping of int to str
        Each code, 0 to 255, and the name of its class.
    colours : mapping of int to str, optional
        The colours of the classes on a map, as ``#rrggbb``.
    changes, default, absent, decides
        As of `Numbers`.
    outside : int
        What a kernel on pictures finds where no cell is.

    Raises
    ------
    UsageError
        If there is no class, or a code or a colour is none.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        names: Mapping[int, str],
        *,
        colours: Mapping[int, str] | None = None,
        changes: bool = True,
        default: int | None = None,
        absent: Sequence[float] = (),
        decides: bool = False,
        outside: int = 0,
    ) -> None:
        super().__init__(changes=changes, default=default, absent=absent, decides=decides)
        self.outside = outside
        colours = colours or {}
        for code in (*names, *colours):
            if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= _HIGHEST_CODE:
                raise UsageError(
                    f"{code!r} is not the code of a class: a code is an integer from 0 to {_HIGHEST_CODE}.",
                    'Classes({0: "open", 1: "built"})',
                )
        for code, colour in colours.items():
            if code not in names:
                raise UsageError(f"The colour {colour} is of {code}, and no class has that code.", "Name it.")
            if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
                raise UsageError(f"{colour!r} is not a colour.", 'Write it as "#b2182b".')
        if default is not None and default not in names:
            raise UsageError(f"The default {default!r} is the code of no class.", "Name it.")
        if not names:
            raise UsageError("Classes without a class.", 'Classes({0: "open", 1: "built"})')
        self.legend: Legend = tuple(
            CellClass(code, name, colours.get(code, _COLOURS[place % len(_COLOURS)]))
            for place, (code, name) in enumerate(names.items())
        )
        self._legal = np.zeros(_HIGHEST_CODE + 1, np.bool_)
        self._legal[list(names)] = True
        self._without_gaps = sorted(names) == list(range(len(names)))

    @property
    def takes(self) -> str:
        """The codes and their classes."""
        return "one of " + ", ".join(f"{one.code} ({one.name})" for one in self.legend)

    def read(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values as codes, and where they are those of classes."""
        with np.errstate(invalid="ignore"):  # NaN has no byte; the comparison finds it
            codes = values.astype(np.uint8)
        right: NDArray[np.bool_] = (codes == values) & self._legal[codes]
        return codes, right

    def is_right(self, values: NDArray[Any]) -> bool:
        """Tell whether all are codes of a class."""
        if self._without_gaps:
            return bool(values.max(initial=0) < len(self.legend))
        return bool(self._legal[values].all())

    def takes_nodata(self, value: float) -> bool:
        """Tell whether it is the code of a class."""
        return value in {one.code for one in self.legend}


class Numbers(_FieldOf[Values]):
    """A field of finite numbers: float64, shape (cells,).

    Parameters
    ----------
    unit : str
        Such as ``"m"``; a file that declares another unit is warned of.
    ge, le : float, optional
        The least and the largest number that it takes.
    changes : bool
        Whether the rule may write it.
    default : float, optional
        What each cell has where the dataset lacks the field, which is in the result all the same; without
        it, every dataset needs the field.
    absent : sequence of float
        Numbers that mean no value in a raster, beside NaN and the nodata value that the file declares.
    decides : bool
        Whether this field alone decides which pixels are cells: a pixel without its value is none, silently,
        and a nodata value that the file declares means no value here also where it could be one.
    """

    dtype = np.dtype(np.float64)
    outside = math.nan

    def __init__(
        self,
        *,
        unit: str = "",
        ge: float | None = None,
        le: float | None = None,
        changes: bool = True,
        default: float | None = None,
        absent: Sequence[float] = (),
        decides: bool = False,
    ) -> None:
        super().__init__(changes=changes, default=default, absent=absent, decides=decides)
        self.unit = unit
        self.ge, self.le = ge, le
        self._low = -math.inf if ge is None else ge
        self._high = math.inf if le is None else le
        if not self._low <= self._high:
            raise UsageError(f"No number is from {ge} to {le}.", "Numbers(ge=0, le=90)")

    @property
    def takes(self) -> str:
        """The bounds and the unit."""
        bounds = {">= ": self.ge, "<= ": self.le}
        said = " and ".join(f"{sign}{bound:g}" for sign, bound in bounds.items() if bound is not None)
        unit = f"in {self.unit}" if self.unit and not said else self.unit
        return " ".join(filter(None, ["a finite number", said, unit]))

    def read(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return values as they are, and where they are finite and within the bounds."""
        right = (values >= self._low) & (values <= self._high)
        if values.dtype.kind == "f" and not math.isfinite(self._high - self._low):
            right &= np.isfinite(values)
        return values, right

    def is_right(self, values: NDArray[Any]) -> bool:
        """Tell whether all are within the bounds."""
        if not values.size:
            return True
        low, high = float(values.min()), float(values.max())  # NaN where one value is NaN
        return self._low <= low and high <= self._high and math.isfinite(low) and math.isfinite(high)

    def takes_nodata(self, value: float) -> bool:
        """Tell whether it is within both bounds; without both, any number may stand for no value."""
        return self.ge is not None and self.le is not None and self.ge <= value <= self.le


def Parameter(  # noqa: N802  (it stands where a class would)
    default: T,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    unit: str = "",
    description: str = "",
) -> T:
    """Declare a parameter: a class attribute with its type, default value, bounds and unit.

    >>> class Growth:
    ...     rate: float = Parameter(0.2, ge=0, le=1, unit="1/step")
    """
    declared: Any = pydantic.Field(
        default,
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        description=description or None,
        json_schema_extra={"unit": unit},
    )
    return cast("T", declared)


def state_of(model: object) -> State:
    """Return where a model's arrays are; raise UsageError outside a run."""
    state: State | None = vars(model).get("_state")
    if state is None:
        raise UsageError(
            f"{type(model).__name__} has no cells yet: its fields have values in a run only.",
            "Use them in step and in measure.",
        )
    return state

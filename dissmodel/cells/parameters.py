"""The parameters of a model: those that it declares, and those that every model of cells has."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from dissmodel.errors import InvalidInput
from dissmodel.executor.named_files import TakesFile

SEEDS = 2**64
"""How many seeds there are: 0 and up."""

_SHOWN = 10
_LAST_STEP = 2**53  # a column of floats, as shapefiles have it, counts no further


def _not_text(value: object) -> object:
    if isinstance(value, bool | str):
        kind = "a truth value" if isinstance(value, bool) else "text"
        raise ValueError(f"this is {kind}, not a number")  # noqa: TRY004  (pydantic wants ValueError)
    return value


def _a_seed(value: object) -> object:
    if isinstance(value, int) and value >= SEEDS:  # pydantic would show the bound as a float
        raise ValueError("a seed is below 2**64")
    return value


def _countable(value: int) -> int:
    if value > _LAST_STEP:
        raise ValueError(f"no file holds a step beyond {_LAST_STEP} exactly")
    return value


def _read_by_proj(given: str) -> str:
    import rasterio  # noqa: PLC0415  (parameters are shown without GDAL)

    try:
        with rasterio.Env():  # without it, PROJ writes to standard error itself
            rasterio.CRS.from_user_input(given)
    except rasterio.errors.CRSError as error:
        raise ValueError("this is not a coordinate reference system that PROJ reads") from error
    return given


Number = Annotated[float, BeforeValidator(_not_text)]
Whole = Annotated[int, BeforeValidator(_not_text)]
Countable = Annotated[Whole, AfterValidator(_countable)]
"""A whole number that every format of a result holds exactly."""
Step = Annotated[Countable, Field(ge=1)]
CrsText = Annotated[str, AfterValidator(_read_by_proj)]
_STEP: dict[str, Any] = {"unit": "step"}
_NUMBERS = {int: Whole, float: Annotated[Number, Field(allow_inf_nan=False)]}


SNAPSHOTS: Any = Field(
    default=None,
    description="Steps after which the state is also kept, such as [10,20]",
    json_schema_extra=_STEP,
)
EVERY: Any = Field(
    default=None,
    ge=1,
    description="Also keep the state after every N steps, before the last step",
    json_schema_extra=_STEP,
)
CRS: Any = Field(
    default=None,
    description="Coordinate reference system of an input that has none",
    json_schema_extra={"unit": ""},
)


class KeepsStates(BaseModel):
    """What follows from ``end_time``, ``snapshots`` and ``every``, which a subclass declares.

    Examples
    --------
    >>> parameters = CellParameters(end_time=30, snapshots=(5,), every=10)
    >>> [step for step in range(1, 31) if parameters.keeps(step)], parameters.kept_after(5)
    ([5, 10, 20], 2)
    """

    if TYPE_CHECKING:  # the order of parameters is the subclass's
        end_time: int
        snapshots: tuple[int, ...] | None
        every: int | None

    @model_validator(mode="after")
    def _snapshots_are_steps_of_the_run(self) -> Self:
        given = self.snapshots or ()
        twice = [step for step, count in Counter(given).items() if count > 1]
        if twice:
            raise ValueError(f"snapshots = {_listed(given)}: {_listed(twice)} are given more than once")
        late = [step for step in given if step > self.end_time]
        if late:
            raise ValueError(
                f"snapshots = {_listed(given)}: {_listed(late)} come after end_time = {self.end_time}"
            )
        return self

    def check_steps(self, step: int) -> None:
        """Raise `InvalidInput` if a run on from the state after `step` has no step, or lacks a snapshot's."""
        if self.end_time <= step:
            raise InvalidInput(
                f"end_time = {self.end_time} comes before the first step, {step + 1}: "
                f"the input belongs to step {step}.",
                f"--param end_time=N, {step + 1} or more: steps are counted from the first run.",
                code="end_time",
            )
        early = [one for one in self.snapshots or () if one <= step]
        if early:
            raise InvalidInput(
                f"snapshots = {_listed(self.snapshots or ())}: {_listed(early)} come before the first step, "
                f"{step + 1}: the input belongs to step {step}.",
                f"Name steps from {step + 1} to {self.end_time}: steps are counted from the first run.",
                code="snapshots",
            )

    def keeps(self, step: int) -> bool:
        """Return whether the state after `step` is to be kept beside the result."""
        return step in (self.snapshots or ()) or self._is_multiple(step)

    def kept_after(self, step: int) -> int:
        """Return how many states are kept after `step`."""
        named = sum(one > step and not self._is_multiple(one) for one in self.snapshots or ())
        return named + (0 if self.every is None else (self.end_time - 1) // self.every - step // self.every)

    def _is_multiple(self, step: int) -> bool:
        # The last step is the result itself.
        return self.every is not None and step % self.every == 0 and step < self.end_time


class CellParameters(KeepsStates):
    """What a user may set of every model of cells."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    end_time: Step = Field(
        default=10, description="Last step, counted from the start of the first run", json_schema_extra=_STEP
    )
    seed: Annotated[Whole | None, BeforeValidator(_a_seed)] = Field(
        default=None,
        ge=0,
        lt=SEEDS,
        description="Of the random numbers; --seed is the same",
        json_schema_extra={"unit": ""},
    )
    snapshots: tuple[Step, ...] | None = SNAPSHOTS
    every: Countable | None = EVERY
    crs: CrsText | None = CRS


def declared_in(model: type) -> dict[str, FieldInfo | TakesFile]:
    """Return the parameters that a class itself declares; a `TakesFile` is a `Table`."""
    return {name: value for name, value in vars(model).items() if isinstance(value, FieldInfo | TakesFile)}


def parameters_of(model: type, base: type[CellParameters]) -> type[CellParameters]:
    """Return the parameters of `base` and those that the class `model` itself declares."""
    annotations = vars(model).get("__annotations__", {})
    fields: dict[str, Any] = {}
    for name, declared in declared_in(model).items():
        hint = annotations.get(name, type(getattr(declared, "default", None)))
        if isinstance(hint, str):  # from __future__ import annotations
            hint = _evaluated(hint, model)
        if isinstance(declared, TakesFile):
            from dissmodel.cells.table import field_of  # noqa: PLC0415  (few models have a table)

            fields[name] = field_of(declared, hint if name in annotations else None)
            continue
        fields[name] = (_NUMBERS.get(hint, hint), declared)
        setattr(model, name, declared.default)
    made: type[CellParameters] = create_model(
        f"{model.__name__}Parameters", __base__=base, __module__=model.__module__, **fields
    )
    return made


def _evaluated(hint: str, model: type) -> Any:
    scope = vars(sys.modules[model.__module__])
    try:
        return eval(hint, dict(scope), dict(vars(model)))  # noqa: S307  (the text is code of the model's own file)
    except NameError:
        return hint  # pydantic says what it lacks


def _listed(steps: Iterable[int]) -> str:
    shown = [str(step) for step in itertools.islice(steps, _SHOWN + 1)]
    return ", ".join(shown[:_SHOWN]) + (" …" if len(shown) > _SHOWN else "")

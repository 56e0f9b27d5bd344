"""The plan of a sweep: which model, on what, and every row of values that is to run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, UsageError
from dissmodel.io.resampling import Method
from dissmodel.running.others import SPACE, given_inputs
from dissmodel.running.prepare import RunRequest
from dissmodel.sweeping.designs import Design
from dissmodel.sweeping.values import INPUT

Keep = Literal["all", "records"]
Grid: TypeAlias = Mapping[str, tuple[Any, ...]]
"""Name of a parameter or of an input → its values, all of which are combined."""

ASKS_BEYOND = 10_000
"""A plan of more rows needs the user's consent."""
REFUSED_FROM = 10_000_000
"""A plan of so many rows is refused without ``--yes``."""


@dataclass(frozen=True)
class Row:
    """What is different in a run; `inputs` are by name (empty: the first), `replicate` counts from 1."""

    values: Mapping[str, Any]
    inputs: Mapping[str, str]
    replicate: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which runs a sweep has; every path in it is absolute.

    `model`, `toml`, `parameters`, the maps, `format` and `layer` are as `RunRequest` takes them, `inputs` and
    `resample` as `given_inputs`; they are the same for all runs. Each of `grids` is combined by itself;
    without one a single row has the values of the model. A `design` has rows of its own instead. `until`
    ends a run early; `keep` says what remains of a run.
    """

    model: str | None = None
    toml: Path | None = None
    inputs: tuple[tuple[str, str], ...] = ()
    resample: Method | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    band_map: Mapping[str, str] = field(default_factory=dict)
    column_map: Mapping[str, str] = field(default_factory=dict)
    class_map: Mapping[str, Any] = field(default_factory=dict)
    format: str = "auto"
    layer: str | None = None
    grids: tuple[Grid, ...] = ()
    design: Design | None = None
    replicates: int = 1
    seed: int = 0
    until: str = ""
    keep: Keep = "all"

    def __len__(self) -> int:
        """Return the number of rows, of which none is made."""
        grids = self.grids or ({},)
        rows = (
            len(self.design)
            if self.design is not None
            else sum(math.prod(map(len, one.values())) for one in grids)
        )
        return rows * self.replicates

    def rows(self) -> Iterator[Row]:
        """Yield the rows: the last name varies fastest, replicates of a row follow each other."""
        for given in self._given():
            values = {name: value for name, value in given.items() if not _is_input(name)}
            inputs = {name.partition(".")[2]: str(value) for name, value in given.items() if _is_input(name)}
            for replicate in range(1, self.replicates + 1):
                yield Row(values, inputs, replicate)

    def _given(self) -> Iterator[Mapping[str, Any]]:
        if self.design is not None:
            yield from self.design.rows()
            return
        for grid in self.grids or ({},):
            for values in itertools.product(*grid.values()):
                yield dict(zip(grid, values, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        """What varies, in the order in which it was given."""
        given = (self.design.names,) if self.design is not None else self.grids
        return tuple(dict.fromkeys(name for names in given for name in names))

    def request(
        self, values: Mapping[str, Any], inputs: Mapping[str, str], seed: int | None, **more: Any
    ) -> RunRequest:
        """Return the request of a run; `more` are other fields of a `RunRequest`, such as its output."""
        place, fields, others = given_inputs(self._inputs_with(inputs), self.resample)
        return RunRequest(
            model=self.model,
            toml=self.toml,
            input=place,
            fields=fields,
            others=others,
            parameters={**self.parameters, **values},
            band_map=self.band_map,
            column_map=self.column_map,
            class_map=self.class_map,
            format=self.format,
            layer=self.layer,
            seed=seed,
            **more,
        )

    def _inputs_with(self, varied: Mapping[str, str]) -> list[tuple[str, str]]:
        found = list(self.inputs)
        for name, place in varied.items():
            known = [one for one, _ in found]
            if name:
                at = known.index(name) if name in known else len(found)
            else:
                at = known.index(SPACE) if SPACE in known else 0
            found[at : at + 1] = [(known[at] if at < len(known) else name, place)]
        return found


def agree(plan: Plan, consent: Consent) -> None:
    """Refuse a plan of many runs that the user has not consented to.

    Raises
    ------
    ConsentRequired
        For more than `ASKS_BEYOND` rows.
    UsageError
        For `REFUSED_FROM` rows, which need ``--yes``.
    """
    number = len(plan)
    what = f"sweep of {number} runs"
    if number <= ASKS_BEYOND or consent.yes:
        return
    if number >= REFUSED_FROM:
        raise UsageError(f"The plan has {number:,} runs.", "Vary less, or: --yes", code="many_runs")
    if what not in consent.agreed:
        refused = ConsentRequired(f"The plan has {number:,} runs.")
        refused.what = what
        raise refused


def _is_input(name: str) -> bool:
    return name.partition(".")[0] == INPUT

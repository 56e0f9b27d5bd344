"""The plan of a sweep: which model, on what, and every row of values that is to run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, UsageError
from dissmodel.io.resampling import Method
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.redact import is_secret_name
from dissmodel.running.others import SPACE, given_inputs
from dissmodel.running.prepare import RunRequest
from dissmodel.sweeping import plan_file
from dissmodel.sweeping.designs import Design, FileDesign, parse_design
from dissmodel.sweeping.values import Bounds, Varied, is_input

Keep = Literal["all", "records"]
Grid: TypeAlias = Mapping[str, tuple[Any, ...]]
"""Name of a parameter or of an input → its values; all combinations of them are rows."""

ASKS_BEYOND = 10_000
"""A plan of more rows needs the user's consent."""
REFUSED_FROM = 10_000_000
"""A plan of so many rows needs ``--yes``."""
_MOST_REPLICATES = 10**9
_MOST_COUNTED = 10**15  # Python has no length beyond 2**63
_CHOICES: Mapping[str, tuple[str | None, ...]] = {
    "keep": get_args(Keep),
    "format": ("auto", "raster", "tiff", "vector"),
    "resample": (None, *get_args(Method)),
}


@dataclass(frozen=True)
class Row:
    """What is different in a run; `inputs` are by name (empty: the first), `replicate` counts from 1."""

    values: Mapping[str, Any]
    inputs: Mapping[str, str]
    replicate: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which runs a sweep has; the paths of inputs and of files are absolute.

    `model`, `toml`, `parameters`, the maps, `format` and `layer` are as `RunRequest` takes them, `inputs` and
    `resample` as `given_inputs`; they are the same for all runs. `toml_sha256` is that of `toml`. Each of
    `grids` is combined by itself; without one a single row has the values of the model. A `design` has rows
    of its own instead. `seed` is that of the sweep, from which each run's is derived. `until` ends a run
    early; `keep` says what remains of a run. `cog`: GeoTIFFs are Cloud Optimized; None: as it is set.
    """

    model: str | None = None
    toml: Path | None = None
    toml_sha256: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    resample: Method | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    band_map: Mapping[str, str] = field(default_factory=dict)
    column_map: Mapping[str, str] = field(default_factory=dict)
    class_map: Mapping[str, Any] = field(default_factory=dict)
    format: str = "auto"
    layer: str | None = None
    grids: tuple[Grid, ...] = ()
    design: Design | FileDesign | None = None
    replicates: int = 1
    seed: int = 0
    until: str = ""
    keep: Keep = "all"
    cog: bool | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are too small or large, words that mean nothing, and secrets."""
        for name, known in _CHOICES.items():
            given = getattr(self, name)
            if given not in known:
                what = f"it is {', '.join(filter(None, known))}"
                raise UsageError(f"{name} = {given!r}: {what}.", f"--{name} {known[-1]}", code="bad_plan")
        if not 1 <= self.replicates <= _MOST_REPLICATES or self.seed < 0:
            raise UsageError(
                f"replicates = {self.replicates}, seed = {self.seed}: there are 1 to {_MOST_REPLICATES:,} "
                "replicates, and a seed is 0 or more.",
                "--replicates 10 --seed 1",
                code="bad_plan",
            )
        for name in filter(is_secret_name, (*self.parameters, *self.names)):
            raise UsageError(
                f"{name}: a sweep writes its parameters into its plan and table, so none can be a secret.",
                "Let the model read it from an environment variable.",
                code="secret",
            )

    def __len__(self) -> int:
        """Return the number of rows, of which none is made; at most 10**15."""
        grids = (math.prod(map(len, one.values())) for one in self.grids or ({},))
        rows = sum(grids) if self.design is None else len(self.design)
        return min(rows * self.replicates, _MOST_COUNTED)

    def rows(self) -> Iterator[Row]:
        """Yield the rows: the last name varies fastest, and the replicates of a row follow each other."""
        for given in self._combined() if self.design is None else self.design.rows():
            values = {name: value for name, value in given.items() if not is_input(name)}
            inputs = {name.partition(".")[2]: value for name, value in given.items() if is_input(name)}
            for replicate in range(1, self.replicates + 1):
                yield Row(values, inputs, replicate)

    def _combined(self) -> Iterator[dict[str, Any]]:
        for grid in self.grids or ({},):
            for values in itertools.product(*grid.values()):
                yield dict(zip(grid, values, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters and inputs that vary, in the order in which they were given."""
        given = self.grids if self.design is None else [self.design.names]
        return tuple(dict.fromkeys(name for names in given for name in names))

    def request(
        self, values: Mapping[str, Any], inputs: Mapping[str, str], seed: int | None, **more: Any
    ) -> RunRequest:
        """Return the request of a run; `more` are other fields of a `RunRequest`, such as its output."""
        found = list(self.inputs)
        for name, place in inputs.items():
            known = [one for one, _ in found]
            first = known.index(SPACE) if SPACE in known else 0
            at = first if not name else known.index(name) if name in known else len(found)
            found[at : at + 1] = [(known[at] if at < len(known) else name, place)]
        place, fields, others = given_inputs(found, self.resample)
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
            cog=self.cog,
            **{"until": self.until, **more},
        )

    @property
    def digest(self) -> str:
        """The sha256 of the plan as `to_toml` writes it."""
        return sha256_bytes(self.to_toml().encode())

    def to_toml(self) -> str:
        """Return the plan as a TOML that `from_toml` reads.

        Raises
        ------
        UsageError
            If it has a value that TOML does not have.
        """
        grids: Sequence[Mapping[str, Varied]] = self.grids
        if isinstance(self.design, Design):
            grids = [self.design.factors]
        return plan_file.text_of(vars(self), grids)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Return the plan that a TOML has; names of files in it are relative to its folder.

        Raises
        ------
        InvalidInput
            If it can't be read, or is no plan.
        UsageError
            If its values don't make a plan.
        """
        return cls.from_settings(plan_file.settings(path))

    @classmethod
    def of(
        cls,
        *,
        toml: Path | None = None,
        inputs: Sequence[tuple[str, str]] = (),
        vary: Mapping[str, Varied] | None = None,
        design: str | None = None,
        **given: Any,
    ) -> Self:
        """Return the plan of what was given, over the plan in `toml`, if there is one.

        `vary` is crossed with each of the TOML's grids; parameters and maps are added to the TOML's; any
        other field that is given, and not None, replaces the TOML's. `design` is as `parse_design` takes it.

        Raises
        ------
        DissmodelError
            As `from_toml`.
        """
        here = Path.cwd()
        base = plan_file.settings(toml.absolute()) if toml is not None else {}
        base.pop("design_sha256", None)  # what was sampled for the plan in the TOML
        vary, grids = plan_file.placed(vary or {}, here), base.pop("grids", [])
        for name, one in given.items():
            if isinstance(one, Mapping):
                base[name] = {**base.get(name, {}), **plan_file.table(name, one, here)}
            elif one is not None and (name, one) != ("format", "auto"):
                base[name] = one
        if given.get("model"):
            base["model"] = plan_file.placed_model(given["model"], here)
        if inputs:
            base["inputs"] = tuple((name, plan_file.place(one, here)) for name, one in inputs)
        if design is not None:
            base |= {"design": design, "folder": here}
        grids = grids or [{}] * bool(vary)
        return cls.from_settings(base | {"grids": [{**grid, **vary} for grid in grids]})

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Self:
        """Return the plan of its fields, whose `grids` may have bounds, and whose `design` may be a text.

        A design that is a CSV is in `folder`. Raises `dissmodel.errors.DissmodelError` as `from_toml`.
        """
        grids, folder = settings.pop("grids", []), settings.pop("folder", Path())
        design, sha256 = settings.get("design"), settings.pop("design_sha256", "")
        if design is not None and (len(grids) > 1 or (isinstance(design, FileDesign) and any(grids))):
            raise UsageError(
                f"The design {design} goes with one [[plan]], a design of a CSV with none.",
                "Leave out the others, or the design.",
                code="bad_plan",
            )
        if isinstance(design, str):
            factors = grids[0] if grids else {}
            made = parse_design(design, factors, settings.get("seed", 0), folder)
            settings["design"] = replace(made, sha256=sha256) if isinstance(made, Design) else made
        for name, one in () if design is not None else (pair for grid in grids for pair in grid.items()):
            if isinstance(one, Bounds):
                raise UsageError(
                    f"{name}={one} are bounds, which only a design has.",
                    f"--vary {name}={one.low}:{one.high}:STEP, or add --design sobol:256",
                    code="bad_plan",
                )
        return cls(grids=() if design is not None else tuple(grids), **settings)


def agree(plan: Plan, consent: Consent) -> None:
    """Refuse a plan of many runs that the user has not consented to.

    Raises
    ------
    ConsentRequired
        For more than `ASKS_BEYOND` rows.
    UsageError
        For `REFUSED_FROM` rows or more, which need `Consent.yes`.
    """
    number = len(plan)
    if number <= ASKS_BEYOND or consent.yes:
        return
    message = f"The plan has {number:,} runs."
    if number >= REFUSED_FROM:
        raise UsageError(message, "Vary less; or consent to so many: --yes", code="many_runs")
    refused = ConsentRequired(message)
    refused.what = f"sweep of {number} runs"
    if refused.what not in consent.agreed:
        raise refused

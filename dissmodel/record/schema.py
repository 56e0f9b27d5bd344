"""What a run was: the record, as data.

The fields of `ExperimentRecord` up to ``logs`` are those of the public DisSModel 0.6 and keep their
meaning, so that its tools read our records and we read theirs. The rest is ours. Every field is
observed; one that could not be observed is absent (``None`` or empty), never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

from pydantic import ConfigDict, Field, field_validator, model_validator

from dissmodel.record.deferred import Deferred

SCHEMA_VERSION = 1
"""The version of the record's own fields. A record of the public DisSModel 0.6 has none (``0``)."""
MAIN = "output"
"""What a record calls the file that its run was for."""

ORDER_OF_THE_MAP = "north to south, west to east"
"""Cells were visited in this order, however the file stores its rows."""
ORDER_OF_THE_FILE = "rows of the file"
"""Cells were visited row by row as the file stores them."""
ORDER_OF_THE_INPUT = "given by the input"
"""Cells were visited in the order of a band, or of the features."""

Key = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""The key of a run: the sha256 of what determines it."""
Severity = Literal["ok", "warning", "differs"]
Status = Literal["pending", "running", "replacing", "completed", "failed", "interrupted", "tainted"]


class _Part(Deferred):
    """A part of a record; fields that a newer version wrote survive a round trip."""

    model_config = ConfigDict(extra="allow")

    RARE: ClassVar[frozenset[str]] = frozenset()
    """Fields that are written only where they have a value, so that other records stay as they were."""


class DataSource(_Part):
    """Where the input came from and which bytes it was.

    ``checksum`` is the sha256 of the file at ``uri``, ``size`` its length in bytes. A dataset of several
    files (a shapefile, a raster with a mask beside it) lists the others in ``sidecars``, name → sha256.
    ``name`` is that of the input, where the model opens several inputs.
    """

    RARE = frozenset({"name"})

    type: str = "local"
    uri: str = ""
    collection: str = ""
    version: str = ""
    checksum: str = ""
    size: int | None = None
    layer: str | None = None
    sidecars: dict[str, str] = Field(default_factory=dict)
    name: str = ""

    @property
    def folder(self) -> str:
        """See `OtherSource.folder`; the first input has none."""
        return ""

    @property
    def called(self) -> str:
        """How a check or an error calls it."""
        return f"input {self.folder[:-1]}".strip()


class FieldRead(_Part):
    """The band or column that a field was read from, and how its values came onto the cells.

    `how` is ``exact`` where the cells are the same, else ``nearest``, ``bilinear``, ``mode`` or ``average``.
    """

    name: str
    how: str


class OtherSource(DataSource):
    """An input beside the first one.

    `role` is ``parameter`` for a file that a parameter names; `name` says which parameter, with keys and
    indexes where the file is named within its value, such as ``update.0.source``. It is ``input`` for a
    dataset; `fields` has the fields that were read from it.
    """

    RARE = frozenset({"fields"})

    role: str = "parameter"
    name: str = ""
    fields: dict[str, FieldRead] = Field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder, with a slash at its end, that it has beside the first input in a bundle or a place."""
        return f"{self.name}/"


class Artifact(_Part):
    """One file of a result. ``path`` is relative to the record; ``external`` is where the model put it."""

    path: str
    size: int
    sha256: str
    media_type: str | None = None
    content_digest: ContentDigest | None = None
    external: bool = False


class ContentDigest(_Part):
    """A digest of what a dataset says, whatever file says it. Every digest is 64 hex digits.

    ``parts`` has one digest per band (raster) or column (vector), in the dataset's order; ``grid`` is that of
    the grid (raster: shape, transform, CRS; vector: number of features and CRS); ``digest`` covers them all.
    """

    version: int
    kind: Literal["raster", "vector"]
    digest: str
    grid: str
    parts: dict[str, str]


class Grid(_Part):
    """The cell space of a run: rows and columns, the affine transform (a, b, c, d, e, f), the CRS as WKT.

    ``cells`` counts the cells in the space and ``order`` says in which order they were visited, where the
    model knows it: `ORDER_OF_THE_MAP`, `ORDER_OF_THE_FILE` or `ORDER_OF_THE_INPUT`.
    """

    shape: tuple[int, int]
    transform: tuple[float, float, float, float, float, float] | None = None
    crs: str | None = None
    cells: int | None = None
    order: str | None = None


class Code(_Part):
    """Which code ran: what its package, its files and its repository said.

    ``source_digest`` is the sha256 of the Python source that was loaded (a file, or every ``.py`` file of the
    package in the order of their names); ``diff_digest`` that of the repository's uncommitted changes.
    ``model_digest`` is that of the own files of a model of dissmodel, its package or module below
    ``dissmodel/models``.
    """

    RARE = frozenset({"model_digest"})

    package: str | None = None
    version: str | None = None
    module: str | None = None
    source_digest: str | None = None
    model_digest: str | None = None
    repository: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    diff_digest: str | None = None
    editable: bool | None = None

    @property
    def in_checkout(self) -> bool:
        """Whether it is used where it was checked out, and so may have changes that are in no commit."""
        return self.commit is not None and (self.package is None or bool(self.editable))


class Package(_Part):
    """An installed distribution; ``url`` and ``commit`` are what the installer noted (PEP 610)."""

    version: str
    url: str | None = None
    commit: str | None = None


class Runtime(_Part):
    """The machine and the libraries. ``native`` is loader → library → version, for what the run loaded.

    ``lock`` has the exact versions, with hashes, of an environment that was made for the model's package.
    ``ignored_settings`` has the settings of GDAL and PROJ, name → value, that were set around the run, change
    data or CRS, and were not obeyed.
    """

    python: str
    implementation: str
    platform: str
    os: str
    machine: str
    cpu: str | None = None
    cpu_count: int | None = None
    threads: int | None = None
    kernel: str | None = None
    locale: str | None = None
    dissmodel: Code = Field(default_factory=Code)
    packages: dict[str, Package] = Field(default_factory=dict)
    lock: str | None = None
    native: dict[str, dict[str, str]] = Field(default_factory=dict)
    ignored_settings: dict[str, str] = Field(default_factory=dict)


class Failure(_Part):
    """Why a run did not complete: the phase it was in, the error and where it was raised."""

    phase: str
    type: str
    code: str | None = None
    message: str
    hint: str = ""
    traceback: str = ""


class Note(_Part):
    """What a model found out about its own result. With ``differs`` the command that ran it exits with 4."""

    severity: Severity
    subject: str = ""
    message: str
    hint: str = ""


class Reproduction(_Part):
    """How far a run came to the result of the one that it repeats.

    ``record_digest`` is that of the repeated run's record; ``verdict`` is one of
    `dissmodel.comparison.Verdict`, that of the worst of ``artifacts``: name → what `dissmodel compare` says
    of it (styles and pictures don't count). ``changed`` has all that differs around the run, as
    `dissmodel.record.diff.Difference` has it.
    """

    record_digest: str | None = None
    verdict: str
    artifacts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    changed: list[dict[str, Any]] = Field(default_factory=list)
    tolerance: dict[str, float] | None = None


class Replacement(_Part):
    """What is under way at a record's place: names are relative to it, ``scratch`` is a folder beside it.

    ``old`` maps a number to an earlier file's name (kept in the scratch folder under that number); ``new``
    maps each name that is being written to the sha256 of what will stand there. ``host`` and ``user`` tell
    whose run it is; a record of dissmodel 0.7.0 and earlier has neither. A record alone lets no file move.
    """

    scratch: str
    old: dict[str, str]
    new: dict[str, str]
    host: str | None = None
    user: str | None = None


class Tiles(_Part):
    """How a run was cut that was done in tiles: ``tiles`` of ``rows`` rows, ``steps`` at once in a round.

    ``memory`` are the bytes that the process might take; ``resumed_after`` is the step after which a run that
    had been killed was resumed. None of it changes the result.
    """

    RARE = frozenset({"resumed_after"})

    memory: int
    tiles: int
    rows: int
    steps: int
    resumed_after: int | None = None


class SweepRuns(_Part):
    """What the record of a whole sweep says of its runs.

    ``plan_digest`` is the sha256 of the plan, which has ``rows`` and, as two rows may be equal, ``runs``;
    ``completed`` and ``failed`` have the record digest of each run by its key. Where there are too many of
    them for a record, the table has them. ``kept`` is ``records`` where results were removed once their
    records described them. ``old_code`` has the keys of runs of an earlier state of the model's code,
    ``determined_by`` the digests of all that determined the runs: see `dissmodel.sweeping.journal.Header`.
    """

    RARE = frozenset({"old_code", "determined_by"})

    plan_digest: str
    rows: int = 0
    runs: int = 0
    completed: dict[Key, str] = Field(default_factory=dict)
    failed: dict[Key, str] = Field(default_factory=dict)
    kept: str = "all"
    old_code: list[str] = Field(default_factory=list)
    determined_by: dict[str, Any] = Field(default_factory=dict)

    @staticmethod
    def place_of(key: str) -> str:
        """Return where the record of a run that completed is, relative to the sweep's record."""
        return f"runs/{key[:16]}/result.record.json"


def path_of_main(experiment_id: str, output_path: str | None, main: str) -> str | None:
    """Return where a record says that its main file is.

    That is ``output_path``, but where a package's own command line ran, which gives the file's name the id:
    there it is the path as a user typed it, relative to another folder, and `main` is the file's own.

    >>> path_of_main("1a2b3c4d5e", "out/r_1a2b3c4d.tif", "r_1a2b3c4d.tif")
    'r_1a2b3c4d.tif'
    """
    named = experiment_id[:8] in main.partition("/")[0] and "://" not in (output_path or "")
    return main if named else output_path


class ExperimentRecord(_Part):
    """The record of one run: what ran, on what, with what, and what came out.

    Executors receive it, mutate it (they may assign ``metrics`` wholesale) and return it from ``save``.
    ``cog``: the GeoTIFFs of the result were made Cloud Optimized.

    >>> record = ExperimentRecord(model_name="coastal_raster")
    >>> record.output_sha256 = "ab" * 32
    >>> record.artifacts["output"] == "ab" * 32
    True
    """

    RARE = frozenset({"sources", "class_map", "until", "not_kept", "cog", "tiles", "sweep", "about"})

    # — the fields of the public DisSModel 0.6 —
    experiment_id: str = Field(default_factory=lambda: uuid4().hex)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    model_name: str = ""
    model_commit: str = ""
    code_version: str = ""
    resolved_spec: dict[str, Any] = Field(default_factory=dict)
    source: DataSource = Field(default_factory=DataSource)
    input_format: str = "auto"
    column_map: dict[str, Any] = Field(default_factory=dict)
    band_map: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    period: tuple[str, str] | None = None
    output_path: str | None = None
    artifacts: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    status: str = "pending"
    logs: list[str] = Field(default_factory=list)

    # — ours —
    schema_version: int = SCHEMA_VERSION
    finished_at: datetime | None = None
    parameter_origin: dict[str, str] = Field(default_factory=dict)
    seed: int | None = None
    thread_limit: int | None = None
    code: Code | None = None
    runtime: Runtime | None = None
    command: list[str] = Field(default_factory=list)
    grid: Grid | None = None
    files: dict[str, Artifact] = Field(default_factory=dict)
    step_metrics: dict[str, list[float | int]] = Field(default_factory=dict)
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    error: Failure | None = None
    replacing: Replacement | None = None
    findings: list[Note] = Field(default_factory=list)
    reproduces: str | None = None
    reproduction: Reproduction | None = None
    derived_from: str | None = None
    sources: list[OtherSource] = Field(default_factory=list, max_length=1000)
    class_map: dict[str, Any] = Field(default_factory=dict)
    until: str = ""
    not_kept: bool = False
    cog: bool = False
    tiles: Tiles | None = None
    sweep: SweepRuns | None = None
    about: dict[str, Any] = Field(default_factory=dict)
    record_digest: str | None = None

    @property
    def inputs(self) -> tuple[DataSource, ...]:
        """Every input, the first one first."""
        return (self.source, *self.sources)

    @property
    def output_sha256(self) -> str | None:
        """The sha256 of the main artifact, ``artifacts["output"]``."""
        return self.artifacts.get("output")

    @output_sha256.setter
    def output_sha256(self, value: str | None) -> None:
        if value is not None:
            self.artifacts["output"] = value

    @field_validator("sources")
    @classmethod
    def _named_once(cls, given: list[OtherSource]) -> list[OtherSource]:
        """Refuse two inputs of one name: each is found, and placed, by its name."""
        if len({one.name for one in given} - {""}) < len(given):
            raise ValueError("two inputs have one name, or one has none")
        return given

    @model_validator(mode="before")
    @classmethod
    def _without_copies(cls, given: Any) -> Any:
        """Leave out what `dissmodel.record.store.written` adds again: a copy can only contradict."""
        if not isinstance(given, Mapping) or "output_sha256" not in given:
            return given
        return {name: value for name, value in given.items() if name != "output_sha256"}

    @property
    def main_path(self) -> str | None:
        """The path of the main file relative to the record, as far as the record says it."""
        main = self.files.get(MAIN)
        return path_of_main(self.experiment_id, self.output_path, main.path if main is not None else "")

    @property
    def unplaced(self) -> dict[str, str]:
        """The artifacts of which no file of the record is one, under this or another name: name → sha256."""
        placed = {file.sha256 for file in self.files.values()}
        return {
            name: sha256
            for name, sha256 in self.artifacts.items()
            if name not in self.files and sha256 not in placed
        }

    def add_log(self, msg: str) -> None:
        """Append a line to the log."""
        self.logs.append(msg)

    def add_finding(self, severity: Severity, message: str, *, subject: str = "", hint: str = "") -> None:
        """Note what the run found out about its own result; one ``differs`` lets the command exit with 4."""
        self.findings.append(Note(severity=severity, subject=subject, message=message, hint=hint))

    @property
    def differs(self) -> bool:
        """Whether the run itself found that its result is not what it should be."""
        return any(note.severity == "differs" for note in self.findings)

    def add_artifact(self, name: str, checksum: str) -> None:
        """Note that the run made the artifact `name`, with this sha256."""
        self.artifacts[name] = checksum

"""A dataset, its bands or its polygons, as checked fields of a model."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import file_values, names
from dissmodel.cells.class_map import Mapped, on_polygons, warn_of_legend
from dissmodel.cells.fields import Classes, Field, Numbers
from dissmodel.cells.layout import Layout, Pixels, Polygons, is_rotated, placed
from dissmodel.cells.pictures import InMemory, Pictures
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.executor.findings import Problems
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io.bands import ArrayBands, Bands, band_named

if TYPE_CHECKING:
    from affine import Affine
    from geopandas import GeoDataFrame

Rows: TypeAlias = slice | tuple[slice, slice]
"""Rows of a picture, or a pair of rows and columns."""
PASSO = "passo"
"""The tag or the column with the step that a dataset belongs to."""

_NUMBERS = "iuf"
_AT_ONCE = 2**20  # cells
# The state, the next one, and one as it is read or written; what a rule computes; a polygon of a few corners.
_STATES, _RULE_BYTES, _POLYGON_BYTES = 3, 16, 400


@dataclass(kw_only=True, eq=False)
class CellData:
    """What a dataset holds for a model: the state, which a run advances.

    Attributes
    ----------
    fields : Mapping of str to Field
        The fields of the run.
    layout, target : Layout
        Where the cells are, and where they are in the result: polygons may become pixels.
    values : dict of str to ndarray
        Each field in its own dtype. Of polygons one value for each cell, in visiting order; of pixels too, or
        a picture of the shape (rows, cols) with the field's `outside` where no cell is. `read_cells` returns
        pictures for pixels.
    counters : dict of str to int
        ``passo``, the step that the values belong to, and the model's own.
    given : frozenset of str
        The fields that the dataset has; the others have their defaults.
    others : dict
        The bands that the model does not declare, as the file stores them, with their nodata values.
    masked : ndarray of bool, or None
        Where the file's mask hides values, as the file stores its rows.
    """

    fields: Mapping[str, Field]
    layout: Layout
    target: Layout
    values: dict[str, NDArray[Any]]
    counters: dict[str, int]
    given: frozenset[str] = frozenset()
    others: Mapping[str, tuple[NDArray[Any], tuple[float, ...]]] = field(default_factory=dict)
    masked: NDArray[np.bool_] | None = None

    @property
    def step(self) -> int:
        """The step that the values belong to."""
        return self.counters[PASSO]

    def hidden(self, name: str, rows: Rows = slice(None)) -> NDArray[np.bool_]:
        """Return where a band of `others` has no value, as the file stores its rows."""
        band, absent = self.others[name]
        hidden = file_values.absent(band[rows], absent)
        return hidden if self.masked is None else hidden | self.masked[rows]

    def beyond_floats(self, name: str) -> int:
        """Return how many pixels of a band of `others` have integers that a float64 may not hold."""
        band, _ = self.others[name]
        if band.dtype not in (np.int64, np.uint64):
            return 0
        most = int(file_values.LARGEST_INTEGER)  # to compare with a float, integers would be rounded
        return sum(
            int(np.count_nonzero(((band[rows] > most) | (band[rows] < -most)) & ~self.hidden(name, rows)))
            for rows in rows_of(band.shape)
        )

    @property
    def memory_bytes(self) -> int:
        """About how many bytes of memory the cells take in a run, with what a rule of few terms computes."""
        places, held = self.layout.cells, sum(array.nbytes for array, _ in self.others.values())
        if isinstance(self.layout, Pixels):
            places = self.layout.inside.size
        else:
            held += int(self.layout.frame.memory_usage(index=False, deep=True).sum())
            held += _POLYGON_BYTES * places
        return held + places * bytes_per_cell(self.fields)


def bytes_per_cell(fields: Mapping[str, Field]) -> int:
    """Return about how many bytes of memory a cell takes in a run, with what a rule of few terms computes."""
    return _STATES * sum(one.dtype.itemsize for one in fields.values()) + _RULE_BYTES


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a model wants of a dataset.

    Attributes
    ----------
    fields : Mapping of str to Field
        Its fields.
    parameters : KeepsStates with ``crs``, and maybe ``resolution``
        Its parameters.
    band_map, column_map : Mapping of str to str
        Canonical name → name in the file.
    counters : Mapping of str to int
        Numbers of a whole dataset, in a tag or in a column, and what they are where it has none.
    class_maps : Mapping of str to Mapped
        The fields whose codes in the file are not those of the model.
    substrate : str
        ``"raster"``: polygons become pixels; ``"vector"``: there have to be polygons; else either.
    others : bool
        Whether the bands that it does not declare are read too.
    prepare : callable
        Called with the layout, to find out whether it serves the model.
    arrays : InMemory
        Where the arrays of a raster go.
    """

    fields: Mapping[str, Field]
    parameters: Any
    band_map: Mapping[str, Any]
    column_map: Mapping[str, Any]
    counters: Mapping[str, int]
    class_maps: Mapping[str, Mapped] = field(default_factory=dict)
    substrate: str = ""
    others: bool = True
    prepare: Callable[[Layout], object] = lambda _: None
    arrays: InMemory = field(default_factory=InMemory)

    @property
    def resolution(self) -> float | None:
        """The size of a pixel, where the model has such a parameter and it is given."""
        given: float | None = getattr(self.parameters, "resolution", None)
        return given

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that every dataset has to have."""
        return tuple(name for name, one in self.fields.items() if one.default is None)

    @property
    def optional(self) -> tuple[str, ...]:
        """The fields that a dataset may lack."""
        return tuple(name for name, one in self.fields.items() if one.default is not None)


def read_cells(data: Any, wanted: Wanted, problems: Problems) -> CellData | None:
    """Return what a dataset of `dissmodel.io.open_dataset` holds for a model.

    None if problems are collected and there are any.

    Raises
    ------
    InvalidInput, UsageError
        If it lacks a field, holds a value that a field does not take, or ends before the first step.
    """
    if isinstance(data, tuple):
        data = ArrayBands(*data)
    if isinstance(data, RasterBackend):
        data = ArrayBands.of_variables(data)
    is_raster = isinstance(data, Bands)
    if is_raster and wanted.substrate != "vector":
        return _read_bands(data, wanted, problems)
    if not is_raster:
        read: CellData | None = None
        with problems.at():
            frame = on_polygons(data, wanted.class_maps, wanted.column_map)
            read = _read_polygons(frame, wanted, problems)
        return read  # noqa: RET504  (None where a problem was collected)
    problems.tell(
        InvalidInput(
            "The input is a raster, and this model works on polygons.",
            "Give a dataset of polygons, or take a model whose name ends in _raster.",
            code="no_polygons",
        )
    )
    return None


def _read_bands(bands: Bands, wanted: Wanted, problems: Problems) -> CellData | None:
    meta, fields = bands.meta, wanted.fields
    found = _found_bands(bands, wanted, problems)
    own = meta["transform"]
    flipped = (False, False) if own is None or is_rotated(own) else (own.e > 0, own.a < 0)
    counters = dict(wanted.counters)
    read, crs, transform = None, None, own
    with problems.at():
        for name in [one for one in counters if one in meta["tags"]]:
            counters[name] = file_values.counter_of_tag(name, meta["tags"][name])
    deciding = [name for name, declared in fields.items() if declared.decides]
    if found.keys() & fields.keys() and found.keys() >= set(deciding):
        with problems.at():
            as_stored = {**fields, **wanted.class_maps}
            read = Pictures(bands, as_stored, found, flipped, others=wanted.others, arrays=wanted.arrays)
            for name, picture in read.fields.items():
                with problems.at():
                    picture.check()
                    declared, legend = as_stored[name], bands.meta["bands"][found[name]].get("legend")
                    if legend and isinstance(declared, Classes):
                        warn_of_legend(declared, _codes(picture.values, read.inside), legend)
    order = None
    if read is not None and read.order is not None:
        with problems.at():
            order = read.order.checked(read.inside)
    with problems.at():
        transform = _transform(own, wanted.resolution)
    with problems.at():
        crs = file_values.settled_crs(meta["crs"], wanted.parameters.crs)
    with problems.at():
        wanted.parameters.check_steps(counters[PASSO])
    if problems.failed or read is None:
        return None
    layout = Pixels(inside=read.inside, order=order, transform=transform, crs=crs, flipped=flipped)
    with problems.at():
        wanted.prepare(layout)
    values = {name: picture.values for name, picture in read.fields.items()}
    for name in wanted.optional:
        if name not in values:
            values[name] = wanted.arrays.empty(bands.shape, fields[name].dtype)
            default, outside = fields[name].default, fields[name].outside
            assert default is not None  # else it is needed
            for rows in rows_of(bands.shape):
                values[name][rows] = np.where(read.inside[rows], default, outside)
    return CellData(
        fields=fields,
        layout=layout,
        target=layout,
        values={name: values[name] for name in fields},
        counters=counters,
        given=frozenset(found) & fields.keys(),
        others=read.others,
        masked=read.masked,
    )


def _codes(picture: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the codes that the cells of a picture have."""
    counts = sum(np.bincount(picture[rows][inside[rows]], minlength=256) for rows in rows_of(picture.shape))
    return np.flatnonzero(counts).astype(np.uint8)


def rows_of(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows of pictures, so many that what is computed of them takes little memory."""
    step = max(1, _AT_ONCE // max(shape[1], 1))
    yield from (slice(top, top + step) for top in range(0, shape[0], step))


def _found_bands(bands: Bands, wanted: Wanted, problems: Problems) -> dict[str, str]:
    """Return canonical name → band; nameless bands are taken in the order of the fields."""
    notes, present, fields = bands.meta["bands"], list(bands.dtypes), wanted.fields
    if wanted.band_map or any(notes[name]["named"] for name in present):
        numbers = {name: notes[name].get("number", place) for place, name in enumerate(present, start=1)}
        called = {name: band_named(str(band), numbers) for name, band in wanted.band_map.items()}
        found = names.find("band", wanted.needed, called, present, problems, optional=wanted.optional)
        if fields and not found and not wanted.needed:  # nothing says which pixels are cells
            problems.tell(
                InvalidInput(
                    f"The file has no band of a field; it has {', '.join(present) or 'none'}, and the "
                    f"fields are {', '.join(fields)}.",
                    f"--band-map {next(iter(fields))}={next(iter(present), 'BAND')}",
                    code="missing_band",
                )
            )
    elif len(present) != len(wanted.needed):
        problems.tell(
            InvalidInput(
                f"The file has {len(present)} bands without names; without names there have to be "
                f"{len(wanted.needed)}: {', '.join(wanted.needed)}, in this order.",
                "Name the bands in the file, or here: "
                + " ".join(f"--band-map {name}=N" for name in wanted.needed)
                + f", with a number N from 1 to {len(present)}.",
                code="missing_band",
            )
        )
        found = {}
    else:
        found = dict(zip(wanted.needed, present, strict=True))
        warnings.warn(
            f"The bands have no names; they are taken as {', '.join(wanted.needed)}, in this order.",
            DissmodelWarning,
            stacklevel=2,
        )
    for band, dtype in bands.dtypes.items():
        if dtype.kind not in _NUMBERS and (wanted.others or band in found.values()):
            problems.tell(
                InvalidInput(
                    f"The band {band!r} holds {dtype} values, not real numbers.",
                    "Convert it, for example with: gdal_translate -ot Float64",
                    code="illegal_value",
                )
            )
            found = {name: other for name, other in found.items() if other != band}
    for name, band in found.items():
        if wanted.others and band != name and name in present and name not in found.values():
            problems.tell(
                InvalidInput(
                    f"The band {band!r} would be called {name!r} in the result, and there is another band "
                    f"{name!r}, which would be written too.",
                    "Leave that band out: gdal_translate -b N IN.tif OUT.tif",
                    code="ambiguous_band",
                )
            )
        _warn_of_unit(fields.get(name), notes[band], f"The band {band!r}")
    return found


def _warn_of_unit(declared: Field | None, note: Mapping[str, Any], what: str) -> None:
    unit = note["tags"].get("unit")
    if isinstance(declared, Numbers) and unit and declared.unit and unit != declared.unit:
        warnings.warn(
            f"{what} is in {unit[:40]!r}, by its tag unit; the model takes {declared.unit!r}.",
            DissmodelWarning,
            stacklevel=3,
        )


def _transform(own: Affine | None, resolution: float | None) -> Affine | None:
    """Return the transform; where the file has none and a resolution is given, one from the origin."""
    if resolution is None:
        return own
    from affine import Affine  # noqa: PLC0415  (a raster has loaded it)

    if own is None or own == Affine.identity():
        return Affine(resolution, 0.0, 0.0, 0.0, -resolution, 0.0)
    size = (math.hypot(own.a, own.d), math.hypot(own.b, own.e))
    if not all(math.isclose(side, resolution, rel_tol=1e-6) for side in size):
        raise UsageError(
            f"resolution = {resolution:g}, but the raster's pixels are {size[0]:g} by {size[1]:g}.",
            "Leave resolution out; a raster is not resampled.",
        )
    return own


def _read_polygons(frame: GeoDataFrame, wanted: Wanted, problems: Problems) -> CellData | None:
    if frame.empty:
        problems.tell(
            InvalidInput("No cell is in the space: the dataset has no features.", code="empty_space")
        )
        return None
    found, values, counters = _columns(frame, wanted, problems)
    with problems.at():
        wanted.parameters.check_steps(counters[PASSO])
    with problems.at():
        crs = file_values.settled_crs(frame.crs, wanted.parameters.crs)
        if frame.crs is None and crs is not None:
            frame = frame.set_crs(wanted.parameters.crs)
    layout: Layout | None = None
    with problems.at():
        polygons = Polygons(frame=frame, found=found)
        if wanted.substrate == "raster":
            layout, index = placed(polygons, wanted.resolution)
            inside = layout.inside
            for name, array in values.items():
                values[name] = np.where(inside, array[index], array.dtype.type(wanted.fields[name].outside))
        else:
            own = f"{found.get('row')!r} and {found.get('col')!r}"
            with file_values.off_grid_hint(
                f"Fix {own}, or rename them: without them the geometry decides which cells are neighbours."
            ):
                _ = polygons.pixels
            layout = polygons
        wanted.prepare(layout)
    if problems.failed or layout is None:
        return None
    return CellData(
        fields=wanted.fields,
        layout=layout,
        target=layout,
        values=values,
        counters=counters,
        given=frozenset(found) & wanted.fields.keys(),
    )


def _columns(
    frame: GeoDataFrame, wanted: Wanted, problems: Problems
) -> tuple[dict[str, str], dict[str, NDArray[Any]], dict[str, int]]:
    """Return canonical name → column, and the values of the fields and of the counters."""
    present = [str(column) for column in frame.columns if column != frame.geometry.name]
    optional = (*wanted.optional, *(name for name in wanted.counters if name != PASSO))
    found = names.find("column", wanted.needed, wanted.column_map, present, problems, optional=optional)
    values: dict[str, NDArray[Any]] = {}
    counters = dict(wanted.counters)
    for name, declared in wanted.fields.items():
        if name in found:
            with problems.at():
                values[name] = _column(frame, found[name], declared)
        elif declared.default is not None:
            values[name] = np.full(len(frame), declared.default, declared.dtype)
    for name in (*counters, *wanted.optional):
        with problems.at():
            if name not in found:
                file_values.refuse_near(name, present)
            elif name in counters:
                numbers = file_values.numbers(frame, found[name])
                counters[name] = file_values.one_counter(numbers, name, f"The column {found[name]!r}")
    return found, values, counters


def _column(frame: GeoDataFrame, column: str, declared: Field) -> NDArray[Any]:
    """Return a column in the field's dtype; raise InvalidInput if it has a value that the field refuses."""
    # Truth values are codes, too, where these are 0 and 1.
    truths = isinstance(declared, Classes) and {one.code for one in declared.legend} <= {0, 1}
    given = file_values.numbers(frame, column, kinds=_NUMBERS + "b" * truths)
    values, right = declared.read(given)
    if not right.all():
        wrong: Counter[float] = Counter()
        file_values.count_values(wrong, given[~right])
        file_values.refuse_field(declared, wrong, f"feature {int(np.argmin(right))}")
    return values.astype(declared.dtype)  # a copy, for the run to write

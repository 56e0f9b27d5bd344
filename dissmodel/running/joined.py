"""Several inputs as one dataset: the first one's cells, with the fields that the others have."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import file_values
from dissmodel.errors import DissmodelWarning, InvalidInput, did_you_mean, shell_word
from dissmodel.executor.host import ModelInfo
from dissmodel.experiment.at_hand import AtHand
from dissmodel.experiment.files import name_of
from dissmodel.io import open_dataset, save_dataset
from dissmodel.io.bands import ArrayBands, Bands, FileBands, band_named
from dissmodel.io.onto import Features, Layer, Raster, onto
from dissmodel.io.raster import write_geotiff
from dissmodel.record import FieldRead
from dissmodel.running.others import OtherInput

_NUMBERS = "iufb"
_SHOWN = 8
_LARGEST_SHARE = 100
# What places cells or dates a dataset, and is no value of a cell.
_OF_THE_SPACE = frozenset({"passo", "order", "row", "col"})


@dataclass(frozen=True)
class First:
    """The first input, whose cells are the space; `format` and `layer` are as `open_dataset` takes them.

    `band_map` and `column_map` are the model's name of a field → its band or column; `fields` as `OtherInput`
    has them.
    """

    here: AtHand
    format: str
    layer: str | None
    band_map: Mapping[str, Any]
    column_map: Mapping[str, Any]
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Joined:
    """A dataset in `path`: a raster or polygons, as `format` says.

    `names` is the model's name of a field → its band or column in the first input, where that was found out;
    `reads` has the fields of each other input.
    """

    path: Path
    format: str
    names: Mapping[str, str]
    reads: tuple[dict[str, FieldRead], ...]


def join(first: First, others: Sequence[tuple[OtherInput, AtHand]], info: ModelInfo, folder: Path) -> Joined:
    """Write the first input, with the fields of the others on its cells, into a folder.

    Raises
    ------
    InvalidInput
        If an input has no such band or column, a field is in several inputs, an input does not overlap the
        first, or is on other cells and it was not said how values are read onto these.
    """
    given = [*first.fields, *(name for one, _ in others for name in one.fields)]
    with open_dataset(first.here.path, fmt=first.format, layer=first.layer, known="") as (data, _):
        space = _Space(_plain(data, first.here.shown), first)
        names = space.find_names(given, info)
        reads = [dict(_read(space, other, here, info)) for other, here in others]
        path = space.write(folder) if others else first.here.path
    return Joined(path, "raster" if space.is_raster else "vector", names, tuple(reads))


class _Space:
    """The first input: its own bands or columns, and those that are added."""

    def __init__(self, data: Any, first: First) -> None:
        self.data, self.first = data, first
        self.is_raster = isinstance(data, ArrayBands | FileBands)
        self._names = dict(first.band_map if self.is_raster else first.column_map)
        self.added: dict[str, tuple[NDArray[Any], Mapping[str, str]]] = {}
        shown = first.here.shown
        if self.is_raster:
            shape = data.shape
            self.layer: Layer = Raster(
                np.broadcast_to(np.float64(0), shape), data.meta["transform"], data.meta["crs"], shown
            )
            self.present = list(data.dtypes)
        else:
            self.layer = Features(np.zeros(len(data)), data.geometry.to_numpy(), data.crs, shown)
            self.present = [str(one) for one in data.columns if one != data.geometry.name]

    def find_names(self, given: Sequence[str], info: ModelInfo) -> dict[str, str]:
        """Return the bands or columns of the fields that the first input was given for, or that lack a name.

        Bands without names are taken in the order of the model's fields that no input was given for, if there
        are as many.
        """
        here = self.first.here
        bands = _bands_of(self.data)
        found = {
            name: _one_band(band_named(band, bands.numbers), name, bands, here)
            for name, band in self.first.fields.items()
        }
        left = [name for name in info.fields if name not in {*given, *self._names}]
        if self.is_raster and not (bands.named or found or self._names) and len(left) == len(bands.numbers):
            found = dict(zip(left, bands.numbers, strict=True))
            warnings.warn(
                f"The bands of {here.shown} have no names; they are taken as {', '.join(left)}.",
                DissmodelWarning,
                stacklevel=2,
            )
        self._names |= found
        return found

    def called(self, name: str) -> str:
        """Return what the band or column of a field is called in the space."""
        given = str(self._names.get(name, name))
        numbers = {band: place for place, band in enumerate(self.present, start=1)}
        return band_named(given, numbers) if self.is_raster else given

    def inside(self) -> NDArray[np.bool_]:
        """Return where all own bands have a value; of polygons everywhere."""
        if not self.is_raster:
            return np.ones(len(self.data), np.bool_)
        arrays, mask = _arrays(self.data)
        notes = self.data.meta["bands"]
        there = [
            ~file_values.absent(array, file_values.nodata_of(notes[name], name))
            for name, array in arrays.items()
        ]
        return np.asarray(np.logical_and.reduce(there if mask is None else [*there, mask]), np.bool_)

    def write(self, folder: Path) -> Path:
        """Write all into a file that has the name of the first input, and return its path."""
        stem = self.first.here.path.stem
        if not self.is_raster:
            frame = self.data.assign(**{name: values for name, (values, _) in self.added.items()})
            save_dataset(frame, folder / f"{stem}.gpkg")
            return folder / f"{stem}.gpkg"
        arrays, mask = _arrays(self.data)
        notes = self.data.meta["bands"]
        added = {name: values for name, (values, _) in self.added.items()}
        own = {name: array for name, array in arrays.items() if name not in added}
        declared = {value for name in own for value in file_values.nodata_of(notes[name], name)}
        nodata = next(iter(declared)) if len(declared) == 1 else None
        # One nodata value is declared for all bands of a file.
        if mask is not None or len(declared) > 1 or any(_holds(one, nodata) for one in added.values()):
            own = {name: _as_floats(array, notes[name], name, mask) for name, array in own.items()}
            nodata = None
        bands = {name: (own | added)[name] for name in dict.fromkeys([*arrays, *added])}
        dtype = np.result_type(*(one.dtype for one in bands.values()))
        if dtype.kind == "f":
            for name, array in bands.items():
                _refuse_inexact(array, f"{self.first.here.shown}: the band {name!r}")
            dtype, nodata = np.dtype(np.float64), np.nan if nodata is None else nodata
        write_geotiff(
            folder / f"{stem}.tif",
            {name: array.__getitem__ for name, array in bands.items()},
            shape=self.data.shape,
            dtype=dtype,
            nodata=nodata,
            transform=self.data.meta["transform"],
            crs=self.data.meta["crs"],
            tags=self.data.meta["tags"],
            band_tags={name: note["tags"] for name, note in notes.items() if name in own}
            | {name: tags for name, (_, tags) in self.added.items()},
        )
        return folder / f"{stem}.tif"


def _read(space: _Space, other: OtherInput, here: AtHand, info: ModelInfo) -> Iterator[tuple[str, FieldRead]]:
    """Read the fields of an input onto the space; yield each with its band or column, and how it was read."""
    with _no_layers(), open_dataset(here.path, known="") as (opened, _):
        data = _plain(opened, here.shown)
        for name, band in _fields(space, data, other, here, info).items():
            is_class = name in info.legends
            layer, tags = _layer(data, band, here.shown, info.legends.get(name, ()))
            integers = layer.values.dtype.kind in "iu"
            values, how = onto(
                space.layer,
                layer,
                other.methods.get(name, other.method),
                is_class=is_class or (not info.fields and integers),
            )
            _look_at_gaps(space, values, f"{name} ({name_of(here.shown)})")
            space.added[space.called(name)] = values, tags
            yield name, FieldRead(name=band, how=how)


@contextlib.contextmanager
def _no_layers() -> Iterator[None]:
    """Say what to do with several layers: --layer is of the first input."""
    try:
        yield
    except InvalidInput as error:
        if error.code == "layer_needed":
            error.hint = "Copy one into a file of its own: ogr2ogr ONE.gpkg FILE LAYER"
        raise


def _fields(space: _Space, data: Any, other: OtherInput, here: AtHand, info: ModelInfo) -> dict[str, str]:
    """Return the fields that are read from an input, each with its band or column there."""
    bands = _bands_of(data)
    named = bands.named
    if other.fields:
        return {
            name: _one_band(band_named(band, bands.numbers), name, bands, here)
            for name, band in other.fields.items()
        }
    found = [name for name in named if name not in _OF_THE_SPACE and name in (info.fields or named)]
    if not found:
        there = ", ".join(named[:_SHOWN]) or "no band with a name"
        field_ = info.fields[0] if info.fields else "NAME"
        raise InvalidInput(
            f"{here.shown} has no field of {info.name}: it has {there}.",
            f"Say which field it is: --input {shell_word(f'{field_}={here.shown}')}",
            code="no_band",
        )
    for name in found:
        if space.called(name) in {*space.present, *space.added}:
            raise InvalidInput(
                f"{name} is in {here.shown}, and in an input before it too.",
                f"Say which is meant: --input {shell_word(f'{name}={here.shown}')}",
                code="ambiguous_band",
            )
    return {name: name for name in found}


class _Present(NamedTuple):
    """The bands or columns of a dataset: name → number, of a column 0; those with a name for a field."""

    numbers: dict[str, int]
    named: list[str]


def _bands_of(data: Any) -> _Present:
    if isinstance(data, ArrayBands | FileBands):
        notes = data.meta["bands"]
        numbers = {name: int(notes[name].get("number", at)) for at, name in enumerate(data.dtypes, start=1)}
        return _Present(numbers, [name for name in numbers if notes[name]["named"]])
    columns = [str(one) for one in data.columns if one != data.geometry.name]
    return _Present(
        dict.fromkeys(columns, 0), [name for name in columns if data[name].dtype.kind in _NUMBERS]
    )


def _one_band(given: str, name: str, bands: _Present, here: AtHand) -> str:
    if given in bands.numbers:
        return given
    if given:
        near = did_you_mean(given, bands.numbers)
        raise InvalidInput(f"{here.shown} has no band or column {given!r}.", near, code="no_band")
    if name in bands.named:
        return name
    values = [one for one in bands.numbers if one not in _OF_THE_SPACE]
    if len(values) == 1:
        return values[0]
    raise InvalidInput(
        f"{here.shown} has {len(values)} bands or columns: {', '.join(values[:_SHOWN])}.",
        f"Say which: --input {shell_word(f'{name}={here.shown}:NAME')}",
        code="ambiguous_band",
    )


def _layer(data: Any, band: str, shown: str, legend: Sequence[Any]) -> tuple[Layer, Mapping[str, str]]:
    """Return a band or column with its cells, and the tags of the band."""
    if not isinstance(data, ArrayBands | FileBands):
        values = data[band]
        if values.dtype.kind not in _NUMBERS:
            raise InvalidInput(
                f"{shown}: the column {band!r} holds {values.dtype} values, not numbers.",
                "Give a column of numbers.",
                code="illegal_value",
            )
        numbers = values.to_numpy() if values.dtype.kind in "iu" and not values.isna().any() else None
        if numbers is None or numbers.dtype.kind not in "iu":
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return Features(numbers, data.geometry.to_numpy(), data.crs, shown), {}
    note = data.meta["bands"][band]
    codes = {one.code for one in legend}
    nodata = file_values.nodata_of(note, band)
    for value in codes.intersection(nodata):
        warnings.warn(
            f"{shown}: the band {band!r} declares nodata = {value:g}, which is a class: it is a value here.",
            DissmodelWarning,
            stacklevel=2,
        )
    arrays, mask = _arrays(data, [band])
    left = [value for value in nodata if value not in codes]
    absent = file_values.absent(arrays[band], left)
    absent |= False if mask is None else ~mask
    array = arrays[band]
    if absent.any():
        array = np.where(absent, np.nan, array.astype(np.float64))
    elif array.dtype.kind not in "iu":
        array = array.astype(np.float64)
    tags = {key: text for key, text in note["tags"].items() if key not in {"nodata", "band_name", "name"}}
    return Raster(array, data.meta["transform"], data.meta["crs"], shown), tags


def _look_at_gaps(space: _Space, values: NDArray[Any], what: str) -> None:
    """Warn of cells of the space without a value; raise InvalidInput if none has one."""
    if values.dtype.kind != "f" or not np.isnan(values).any():
        return
    inside = space.inside()
    cells, lacking = int(np.count_nonzero(inside)), int(np.count_nonzero(inside & np.isnan(values)))
    if lacking == cells:
        raise InvalidInput(
            f"{what} has no value in any cell of {space.first.here.shown}.",
            "Check that both are of the same place, and the nodata value.",
            code="no_overlap",
        )
    if lacking:
        warnings.warn(
            f"{what} has no value in {lacking} of {cells} cells of the space "
            f"({_LARGEST_SHARE * lacking / cells:.3g} %).",
            DissmodelWarning,
            stacklevel=2,
        )


def _plain(data: Any, shown: str) -> Any:
    """Return an opened dataset as bands or as a frame."""
    if isinstance(data, tuple):
        data = ArrayBands(*data)
    if isinstance(data, ArrayBands | FileBands) or hasattr(data, "geometry"):
        return data
    raise InvalidInput(
        f"{shown}: several inputs are GeoTIFFs or polygons, not NetCDF or Zarr.",
        "Convert it, for example with gdal_translate.",
    )


def _arrays(
    bands: Bands, names: Sequence[str] | None = None
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_] | None]:
    """Return bands whole, by default all, and where they are valid (None: everywhere)."""
    wanted = list(bands.dtypes) if names is None else list(names)
    arrays = {name: np.empty(bands.shape, bands.dtypes[name]) for name in wanted}
    mask: NDArray[np.bool_] | None = None
    for rows, values, valid, _ in bands.blocks(wanted):
        for name, array in values.items():
            arrays[name][rows] = array
        if valid is not None:
            mask = np.ones(bands.shape, np.bool_) if mask is None else mask
            mask[rows] = valid
    return arrays, mask


def _holds(values: NDArray[Any], nodata: float | None) -> bool:
    """Tell whether a value would be taken for no value."""
    return nodata is not None and bool((values == nodata).any())


def _refuse_inexact(array: NDArray[Any], what: str) -> None:
    """Refuse integers that a float64, which the bands share, does not hold."""
    if array.dtype.kind in "iu" and (array.astype(np.float64).astype(array.dtype) != array).any():
        raise InvalidInput(
            f"{what} holds integers that do not fit beside bands of floats.",
            "Give all as one GeoTIFF, or leave that band out: gdal_translate -b N IN.tif OUT.tif",
            code="illegal_value",
        )


def _as_floats(
    array: NDArray[Any], note: Mapping[str, Any], name: str, mask: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    absent = file_values.absent(array, file_values.nodata_of(note, name))
    return np.where(absent if mask is None else absent | ~mask, np.nan, array.astype(np.float64))

"""Maps of land use that are compared: one class, or a share of each class, in each cell of one space."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.class_map import Mapped, read_class_map
from dissmodel.cells.fields import Field, Numbers
from dissmodel.cells.layout import Pixels, is_rotated
from dissmodel.cells.parameters import CellParameters
from dissmodel.cells.reading import PASSO, Wanted, read_cells
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor.findings import RAISED
from dissmodel.io import open_dataset
from dissmodel.io.bands import Bands, band_named

USE = "use"
"""The band or column with the class of each cell."""

SLACK = 1e-5
"""How far a share may be outside 0 to 1."""

_SHOWN = 20
_OF_A_PIXEL = 1e-6
_ANY_STEP = 2**53

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LandUse:
    """A map of land use.

    Attributes
    ----------
    role, name, sha256 : str
        Such as ``"reference"``; the name of its file, which is untrusted text, and the file's digest.
    pixels : Pixels
        Where its cells are.
    shares : ndarray of float64, shape (classes, rows, columns), or None
        NaN outside the space; the northernmost row first. None: its file does not have all classes.
    codes : ndarray of int64, shape (rows, columns), or None
        0 outside the space; None: cells have no single class.
    drivers : ndarray of float64, shape (drivers, rows, columns)
        NaN where there is no value.
    """

    role: str
    name: str
    sha256: str
    pixels: Pixels
    shares: Floats | None
    codes: Codes | None
    drivers: Floats

    @property
    def transform(self) -> Any:
        """From (column, row) to coordinates, north up; None without a georeference."""
        transform, (down, left) = self.pixels.transform, self.pixels.flipped
        if transform is None:
            return None
        rows, cols = self.pixels.inside.shape
        turned = transform @ type(transform).translation(cols * left, rows * down)
        return turned @ type(turned).scale(-1 if left else 1, -1 if down else 1)

    def shares_of(self, types: Sequence[str]) -> Floats:
        """Return shares, shape (classes, rows, columns); of a map of classes, 1 for the class of each cell.

        Raises
        ------
        InvalidInput
            If a cell has a class that `types` does not name.
        """
        if self.shares is not None:
            return self.shares
        assert self.codes is not None
        inside = self.pixels.inside
        strange = np.setdiff1d(self.codes[inside], np.arange(len(types)) + 1)
        if strange.size:
            raise InvalidInput(
                f"The {self.role}, {self.name}, has the class {strange[0]} in {USE!r}; there are names for "
                f"{len(types)}, from 1 to {len(types)}.",
                "Name all classes in land_use_types, in the order of their codes.",
                code="illegal_value",
            )
        return np.stack([np.where(inside, self.codes == code, np.nan) for code in range(1, len(types) + 1)])


class _Driver(Numbers):
    """Numbers that some cells may lack."""

    def read(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the values, and where they are not infinite."""
        return values, ~np.isinf(values)


def read_land_use(
    role: str,
    uri: str,
    types: Sequence[str],
    *,
    drivers: Sequence[str] = (),
    maps: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
    crs: str | None = None,
    class_map: Any = None,
    fmt: str | None = None,
    layer: str | None = None,
) -> LandUse:
    """Read a map: the shares of all `types`, or else the classes in `USE`.

    `drivers` are bands or columns of the same file. A name of `maps`, those of bands and of columns, counts
    where the file has the band or column; `class_map` is of its codes (see `read_class_map`). Shares that are
    1 for one class in each cell, and 0 for the rest, are classes too: 1 for the first of `types`.

    Raises
    ------
    InvalidInput
        If the file has neither, holds a value that is no share or no code, or its polygons are on no grid.
    """
    with open_dataset(uri, fmt=fmt, layer=layer) as (data, sha256):
        is_raster = isinstance(data, Bands | tuple)
        present = _names(data)
        known = {name: str(file) for name, file in maps[0 if is_raster else 1].items()}
        numbers = {name: place for place, name in enumerate(present, start=1)} if is_raster else {}
        known = {name: file for name, file in known.items() if band_named(file, numbers) in present}
        has_shares = bool(types) and all(known.get(name, name) in present for name in types)
        fields: dict[str, Field] = (
            {name: Numbers(ge=-SLACK, le=1 + SLACK) for name in types} if has_shares else {USE: Numbers()}
        )
        if not has_shares and known.get(USE, USE) not in present and not (is_raster and len(present) == 1):
            raise _nothing_to_compare(role, uri, types, present, "band" if is_raster else "column")
        if is_raster and len(present) == 1 and not has_shares:
            known.setdefault(USE, "1" if USE not in present else USE)
        fields |= {name: _Driver() for name in drivers}
        for name, field in fields.items():
            field.__set_name__(LandUse, name)
        has_map = USE in fields and class_map is not None
        class_maps = {USE: Mapped(fields[USE], read_class_map(class_map, USE))} if has_map else {}
        known = {name: file for name, file in known.items() if name in (*fields, "order", "row", "col")}
        wanted = Wanted(
            fields=fields,
            parameters=CellParameters(end_time=_ANY_STEP, crs=crs),
            band_map=known if is_raster else {},
            column_map={} if is_raster else known,
            counters={PASSO: 0},
            class_maps=class_maps,
            others=False,
        )
        found = read_cells(data, wanted, RAISED)
    assert found is not None  # where problems are raised
    pixels = found.layout.as_pixels
    pictures = {
        name: np.where(pixels.inside, pixels.picture(values, np.nan), np.nan)
        for name, values in found.values.items()
    }
    shares = np.stack([pictures[name] for name in types]) if has_shares else None
    codes = (
        _classes_of(shares, pixels.inside) if shares is not None else _codes(pictures[USE], pixels, role, uri)
    )
    return LandUse(
        role=role,
        name=Path(uri).name,
        sha256=sha256,
        pixels=pixels,
        shares=shares,
        codes=codes,
        drivers=np.array([pictures[name] for name in drivers]).reshape(-1, *pixels.inside.shape),
    )


def check_space(space: LandUse, other: LandUse) -> None:
    """Refuse a map on another grid, or without cells of the space; warn of cells that the space lacks.

    Raises
    ------
    InvalidInput
        With the code ``other_grid`` or ``cells_missing``.
    """
    for what, own, theirs in (
        ("shape", space.pixels.said, other.pixels.said),
        ("grid", *_placed(space, other)),
        ("coordinate reference system", *_systems(space, other)),
    ):
        if own != theirs:
            raise InvalidInput(
                f"The {other.role}, {other.name}, has another {what} than the {space.role}, {space.name}: "
                f"{theirs}, not {own}.",
                "Maps are compared cell by cell. Bring this map onto that grid first, for "
                "example with: gdalwarp -r near -te … -tr …",
                code="other_grid",
            )
    lacking = space.pixels.inside & ~other.pixels.inside
    if lacking.any():
        row, col = np.argwhere(lacking)[0].tolist()
        raise InvalidInput(
            f"The {other.role}, {other.name}, has no value in {np.count_nonzero(lacking):,} of the "
            f"{space.pixels.cells:,} cells of the {space.role}, {space.name}; the first is in row {row}, "
            f"column {col}, counted from 0 at the north-west.",
            "Both need a value in each cell of the space.",
            code="cells_missing",
        )
    beyond = np.count_nonzero(other.pixels.inside & ~space.pixels.inside)
    if beyond:
        warnings.warn(
            f"The {other.role}, {other.name}, has {beyond:,} cells that the {space.role} lacks; they are "
            "left out.",
            DissmodelWarning,
            stacklevel=2,
        )


def _names(data: Any) -> list[str]:
    if isinstance(data, Bands):
        return list(data.dtypes)
    if isinstance(data, tuple):
        return list(data[0].arrays)
    if hasattr(data, "geometry"):
        return [str(column) for column in data.columns if column != data.geometry.name]
    return []


def _nothing_to_compare(
    role: str, uri: str, types: Sequence[str], present: Sequence[str], kind: str
) -> InvalidInput:
    listed = ", ".join(map(repr, present[:_SHOWN])) + (" …" if len(present) > _SHOWN else "") or "none"
    missing = [name for name in types if name not in present]
    wanted = f"no {kind} {' and no '.join(map(repr, missing))}, and " if missing else ""
    return InvalidInput(
        f"The {role}, {Path(uri).name}, has {wanted}no {kind} {USE!r}; it has {listed}.",
        f"Name the {kind} with the class of each cell, --{kind}-map {USE}=NAME, or those with the share of "
        "each class, --param 'land_use_types=[\"NAME\", …]'",
        code=f"missing_{kind}",
    )


def _codes(picture: Floats, pixels: Pixels, role: str, uri: str) -> Codes:
    inside = pixels.inside
    wrong = inside & (np.rint(picture) != picture)
    if wrong.any():
        raise InvalidInput(
            f"The {role}, {Path(uri).name}, has values of {USE!r} that are no codes of classes. "
            f"{np.count_nonzero(wrong):,} cells have such a value, the first {picture[wrong][0]:.15g}.",
            "A code is a whole number.",
            code="illegal_value",
        )
    return np.where(inside, picture, 0).astype(np.int64)


def _classes_of(shares: Floats, inside: NDArray[np.bool_]) -> Codes | None:
    """Return the class of each cell, counted from 1; None if a cell has a part of a class."""
    whole = (shares == 0) | (shares == 1)
    if not (whole.all(axis=0) & (np.nansum(shares, axis=0) == 1))[inside].all():
        return None
    return np.where(inside, np.argmax(np.nan_to_num(shares), axis=0) + 1, 0).astype(np.int64)


def _placed(one: LandUse, other: LandUse) -> tuple[str, str]:
    """Return both places in words: equal where they are, or where a map has no georeference."""
    own, theirs = one.transform, other.transform
    if own is None or theirs is None:
        return "", ""
    size = max(abs(own.a), abs(own.b), abs(own.e), abs(own.d)) * _OF_A_PIXEL
    if own.almost_equals(theirs, size):
        return "", ""
    said = [
        f"corner ({t.c:.10g}, {t.f:.10g}), pixels of {t.a:.10g} × {t.e:.10g}"
        + (", rotated" if is_rotated(t) else "")
        for t in (own, theirs)
    ]
    return said[0], said[1]


def _systems(one: LandUse, other: LandUse) -> tuple[str, str]:
    own, theirs = one.pixels.crs, other.pixels.crs
    if own is None or theirs is None or own == theirs:
        return "", ""
    said = [f"EPSG:{code}" if (code := crs.to_epsg()) else crs.to_wkt()[:60] for crs in (own, theirs)]
    return said[0], said[1] if said[0] != said[1] else f"{said[1]} in another form"

"""How many rows a tile has and how many steps a round, by the memory that the process may take."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.errors import UsageError

if TYPE_CHECKING:
    from dissmodel.cells.fields import Field
    from dissmodel.cells.model import CellModel
    from dissmodel.cells.tiles.examine import Examined
    from dissmodel.io.bands import FileBands
    from dissmodel.record import ExperimentRecord

COMPILED = 200_000_000
"""Bytes of memory from which on compiled code is loaded, which takes up to a quarter of them."""

_NUMBA = 60_000_000
_MARGIN = 1.15  # of what arrays take: the C library keeps some of what was freed
_SMALL = 4_000_000  # what reading, writing and Python take beside arrays
_MOST_STEPS = 64
_HALO_SHARE = 6  # a tile reads at most this part of its rows more, in a round of several steps
_OWN_ROWS = 4
_ORDER_BYTES = 28  # the ranks of cells as they are read and sorted
_UNKNOWN_BASE = 120_000_000
_MB, _GB = 1e6, 1e9


@dataclass(frozen=True)
class Plan:
    """How a run is cut: rows of a tile, steps of a round.

    `reach` is how far a step sees, `measure` how far measures see, in cells.
    """

    rows: int
    steps: int
    reach: int
    measure: int = 0

    def halo(self, steps: int) -> int:
        """Return how many rows above, and below, a tile reads for so many steps."""
        return steps * self.reach + self.measure


def tile_bytes(fields: Mapping[str, Field], examined: Examined, *, ordered: bool) -> int:
    """Return about how many bytes a cell of a tile takes: as it is read, as it is computed."""
    state = sum(one.dtype.itemsize for one in fields.values())
    return state + 2 + examined.bytes_per_cell + (_ORDER_BYTES if ordered else 0)


def choose(memory: int, cell_bytes: int, examined: Examined, shape: tuple[int, int], steps: int) -> Plan:
    """Return rows and steps for a process that may take so many bytes of memory, what it has now included.

    Raises
    ------
    UsageError
        If not even a tile of some rows fits.
    """
    rows, cols = shape
    reach = examined.step.cells
    assert reach is not None  # it is known where there are tiles
    base = anonymous_memory() + _SMALL + (_NUMBA if memory >= COMPILED else 0)
    row_bytes = int(cols * cell_bytes * _MARGIN)
    fitting = max(0, memory - base) // row_bytes
    least = Plan(0, 1, reach, examined.measure)
    needed = 2 * least.halo(1) + _OWN_ROWS
    if fitting < min(rows, needed):
        raise UsageError(
            f"--memory {said(memory)} is too little: with its libraries the process takes {said(base)}, and "
            f"a tile of {min(rows, needed)} rows of {cols} cells {said(min(rows, needed) * row_bytes)}.",
            f"--memory {said(_rounded_up(base + min(rows, needed) * row_bytes))}",
            code="memory",
        )
    if fitting >= rows:
        return Plan(rows, min(steps, _MOST_STEPS), reach, examined.measure)
    fits = [one for one in range(1, _MOST_STEPS + 1) if 2 * least.halo(one) <= fitting // _HALO_SHARE]
    together = min(steps, max(fits, default=1))
    own = fitting - 2 * least.halo(together)
    tiles = -(-rows // own)
    return Plan(-(-rows // tiles), together, reach, examined.measure)


def anonymous_memory() -> int:
    """Return the bytes of memory of this process that no file has; elsewhere than on Linux a guess."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _UNKNOWN_BASE
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else _UNKNOWN_BASE


def give_back() -> None:
    """Let the C library return to the system what was freed; where it has no such function, do nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def said(size: float) -> str:
    """Return a size as people type it.

    >>> said(2_000_000_000), said(1_500_000_000), said(60_000_000)
    ('2GB', '1.5GB', '60MB')
    """
    unit, name = (_GB, "GB") if size >= _GB else (_MB, "MB")
    return f"{round(size / unit, 1):g}{name}"


def _rounded_up(size: float) -> float:
    step = 10 * _MB if size < _GB else _GB / 10
    return -(-size // step) * step


def needed_memory(model: CellModel, bands: FileBands, record: ExperimentRecord, parameters: Any) -> int:
    """Return about how many bytes of memory a raster takes in a run in memory."""
    cell = model.bytes_per_cell(model.fields_for(parameters))
    if model.raster_form.others:  # bands that are passed through
        own = {str(record.band_map.get(name, name)) for name in model.fields_for(parameters)}
        cell += sum(dtype.itemsize for name, dtype in bands.dtypes.items() if name not in own)
    return bands.shape[0] * bands.shape[1] * cell


def free_memory() -> int:
    """Return how many bytes of memory a process can take now; of a container at most its limit."""
    from dissmodel.io.bands import memory  # noqa: PLC0415  (it loads GDAL)

    found = [memory()]
    for path, pattern, unit in (
        ("/proc/meminfo", r"^MemAvailable:\s+(\d+) kB", 1024),
        ("/sys/fs/cgroup/memory.max", r"^(\d+)$", 1),
    ):
        try:
            text = Path(path).read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        there: Any = re.search(pattern, text, re.MULTILINE)
        found += [int(there[1]) * unit] if there else []
    return min(found)

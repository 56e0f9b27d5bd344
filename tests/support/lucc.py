"""A made-up region with shares and classes of land use, and runs on it with published results."""

import hashlib
from pathlib import Path

import numpy as np

from dissmodel.models.lucc.demand import read_demand
from dissmodel.models.lucc.engine import ContinuousRun, DiscreteRun
from dissmodel.models.lucc.parameters import ContinuousParameters, DiscreteParameters
from dissmodel.models.lucc.space import Cells

CLASSES = ("f", "c", "u", "n")
CONTINUOUS = {"linear", "spatial_lag"}
_MASK = np.uint64(2**32 - 1)


def noise(row, col, stream):
    """A number from 0 to 1 for each cell: an integer hash of its place."""
    bits = (np.uint64(7919) * row.astype("u8") + np.uint64(104729) * col.astype("u8")) & _MASK
    bits = (bits + np.uint64(1299709 * stream + 17)) & _MASK
    for factor, shift in ((2654435761, 15), (2246822519, 13)):
        bits = (bits * np.uint64(factor)) & _MASK
        bits ^= bits >> np.uint64(shift)
    return bits.astype("f8") / 2.0**32


def region(rows=40, cols=60, *, holes=True):
    """Return (shares, classes): columns by name of the cells in row-major order, with holes in the grid."""
    row, col = np.divmod(np.arange(rows * cols), cols)
    if holes:
        inside = (7 * row + 3 * col) % 11 != 0
        row, col = row[inside], col[inside]
    u = [noise(row, col, stream) for stream in range(12)]
    east = col / (cols - 1.0)
    both = {"row": row, "col": col, "x1": east, "x2": u[1], "x3": 1.0 + 999.0 * u[2]}
    both["prot"] = np.where(u[9] < 0.2, 0.5 * u[8], 0.0)
    both["region"] = np.where(col < cols // 2, 1, 2)
    both["dist"] = np.where(u[10] < 0.01, 0.0, both["x3"])
    none = np.where(u[3] < 0.03, 1.0, np.where(u[5] < 0.3, 0.2 * u[4], 0.0))
    crop = (1.0 - none) * 0.6 * u[6] * (1.0 - east)
    urban = (1.0 - none) * 0.15 * u[7] * east
    shares = {"f": 1.0 - none - crop - urban, "c": crop, "u": urban, "n": none}
    choices = [u[3] < 0.03, u[6] < 0.35 * (1.0 - east), u[7] < 0.1 * east]
    code = np.select(choices, [3, 1, 2], 0)
    return both | shares, both | {name: (code == i).astype("f8") for i, name in enumerate(CLASSES)}


def thin(columns):
    """Return a quarter of the cells, some without neighbours."""
    kept = noise(columns["row"], columns["col"], 11) < 0.25
    return {name: values[kept] for name, values in columns.items()}


def h64(shares):
    return hashlib.sha256(np.asarray(shares, "<f8").tobytes()).hexdigest()[:16]


def h16(use):
    return hashlib.sha256((use + 1).astype("<i2").tobytes()).hexdigest()[:16]


def start(columns, parameters, kernel):
    """Return a run on columns by name."""
    is_shares = isinstance(parameters, ContinuousParameters)
    regions = columns[parameters.region_attr].astype(np.int64) if parameters.region_attr else None
    cells = Cells(
        columns["row"].size,
        {name: values.astype("f8") for name, values in columns.items() if values.dtype.kind in "iuf"},
        lambda: (columns["row"].astype(np.int64), columns["col"].astype(np.int64)),
        regions,
        regions,
    )
    shares = np.stack([columns[name] for name in parameters.land_use_types]).astype("f8")
    if parameters.demand_csv:
        demand = read_demand(Path(parameters.demand_csv), parameters.land_use_types)
    else:
        demand = np.array(parameters.demand, "f8")
    return (ContinuousRun if is_shares else DiscreteRun)(cells, shares, demand, parameters, kernel)


def steps(run):
    """Do all steps of a run; return the outcome of each and the areas after it."""
    found = [(run.step(number), run.areas()) for number in range(len(run.demand))]
    return [list(one) for one in zip(*found, strict=True)]


def parameters_of(case):
    """Return the checked parameters of a case."""
    kind = ContinuousParameters if case["potential_kind"] in CONTINUOUS else DiscreteParameters
    return kind.model_validate(case)

"""Measure a try of the continuous allocation against disslucc's, an older public package; print a table.

disslucc runs in an environment of its own, which is made with uv and thrown away, or in a given one. Both get
the same cells, coefficients and demand, take turns on one thread, and are measured in CPU time.

    python benchmarks/lucc.py
    python benchmarks/lucc.py --python ENVIRONMENT/bin/python --sizes 81 1000
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from dissmodel.models.lucc.allocation import DemandNotMet
from dissmodel.models.lucc.kernels.numba_kernel import NumbaKernel
from dissmodel.models.lucc.parameters import ContinuousParameters
from support.lucc import region, start
from support.lucc_cases import BASE

TRIES = 30

# Runs in the environment of disslucc: prints the milliseconds of CPU that a try takes.
THEIRS = """
import json, sys, time
import numpy as np
from disslucc import (AllocationClueLike, AllocationSpec, DemandPreComputedValues, PotentialLinearRegression,
                      RegressionSpec)
from dissmodel.core import Environment
from dissmodel.geo import RasterBackend
case = json.loads(sys.argv[2])
arrays = np.load(sys.argv[1])
backend = RasterBackend(shape=arrays["row"].shape)
for name in arrays.files:
    backend.set(name, arrays[name].astype(np.float32))
classes, spent, tried = case["land_use_types"], 0.0, 0
class Timed(AllocationClueLike):
    def execute(self):
        global spent
        began = time.process_time()
        try:
            super().execute()
        except RuntimeError:
            pass
        spent += time.process_time() - began
    def _compute_change(self, elasticity):
        global tried
        tried += 1
        super()._compute_change(elasticity)
env = Environment(end_time=1)
demand = DemandPreComputedValues(annual_demand=case["demand"], land_use_types=classes)
potential = PotentialLinearRegression(backend=backend, demand=demand, land_use_types=classes,
    potential_data=[[RegressionSpec(const=one["const"], betas=one.get("betas", {}))
                     for one in case["potential"]]],
    land_use_no_data=case["land_use_no_data"])
Timed(backend=backend, demand=demand, potential=potential, land_use_types=classes,
    static={one["lu"]: one["static"] for one in case["allocation"]}, complementar_lu=case["complementar_lu"],
    cell_area=case["cell_area"], max_difference=case["max_difference"], max_iteration=case["max_iteration"],
    cell_correction=case["cell_correction"], allocation_data=[AllocationSpec() for _ in classes])
env.run()
print(1e3 * spent / tried)
"""


def case_of(columns: dict[str, np.ndarray], *, corrects: bool) -> dict[str, object]:
    """Return parameters whose demand is out of reach, so that every try of the second step is made."""
    area = np.array([columns[lu].sum() * 4.0 for lu in BASE["land_use_types"]])
    later = area + area[0] * np.array([-0.01, 0.006, 0.004, 0.0])
    demand = [area.tolist(), later.tolist()]
    # The first step is accepted, also where sums of float32 are off.
    return BASE | {
        "demand": demand,
        "max_difference": 1e-4 * area[0],
        "max_iteration": TRIES,
        "cell_correction": corrects,
    }


def ours(columns: dict[str, np.ndarray], case: dict[str, object], kernel: NumbaKernel) -> float:
    """Return the milliseconds of CPU that a try takes here."""
    run = start(columns, ContinuousParameters.model_validate(case), kernel)
    run.step(0)
    step = run.step_of(1)
    run.potential.start(1, step.demand, step.previous)
    began = time.process_time()
    try:
        tries = run.allocation.allocate(step).iterations + 1
    except DemandNotMet as error:
        tries = len(error.errors)
    return 1e3 * (time.process_time() - began) / tries


def theirs(python: Path, arrays: Path, case: dict[str, object]) -> float:
    """Return the milliseconds of CPU that a try takes there."""
    said = subprocess.run(
        [python, "-c", THEIRS, arrays, json.dumps(case)], capture_output=True, text=True, check=True
    )
    return float(said.stdout.split()[-1])


def compare(python: Path, size: int, folder: Path, rounds: int) -> None:
    """Print a line for each of both allocations, without and with correction."""
    columns, _ = region(size, size, holes=False)
    arrays = folder / f"{size}.npz"
    np.savez(arrays, **{name: values.reshape(size, size) for name, values in columns.items()})
    kernel = NumbaKernel(1)
    medians = []
    for corrects in (False, True):
        case = case_of(columns, corrects=corrects)
        ours(columns, case, kernel)  # compiles
        pairs = [(ours(columns, case, kernel), theirs(python, arrays, case)) for _ in range(rounds)]
        here, there = (statistics.median(one) for one in zip(*pairs, strict=True))
        medians.append(here)
        what = "with correction" if corrects else "without"
        print(f"| {size * size:,} | {what} | {here:.3f} | {there:.3f} | {there / here:.1f} |", flush=True)
    print(f"| {size * size:,} | with / without, ours | {medians[1] / medians[0]:.1f} | | |", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", type=Path, help="the Python of an environment with disslucc 0.5.0")
    parser.add_argument("--sizes", type=int, nargs="+", default=[81, 1000], help="cells of a side")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = given.python
        if python is None:
            python = Path(folder) / "env" / "bin" / "python"
            uv = shutil.which("uv") or "uv"
            subprocess.run([uv, "venv", "-q", Path(folder) / "env"], check=True)
            subprocess.run([uv, "pip", "install", "-q", "-p", python, "disslucc==0.5.0"], check=True)
        print("| cells | correction | ms a try | disslucc 0.5.0 | ratio |\n|---|---|---|---|---|")
        for size in given.sizes:
            compare(python, size, Path(folder), given.rounds)


if __name__ == "__main__":
    main()

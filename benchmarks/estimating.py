"""Measure the fit of a class against statsmodels' own; print a markdown table.

Both take turns and count the time of the processor, and medians are compared. The fit here also checks the
drivers and adds the AUC, the ROC curve and the variance inflation.

    python benchmarks/estimating.py                 # 100,000 cells x 8 drivers
    python benchmarks/estimating.py --repeats 21
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from statsmodels.discrete.discrete_model import Logit
from statsmodels.regression.linear_model import OLS

from dissmodel.estimating.regression import fit, inflation

CELLS, DRIVERS, LIMIT = 100_000, 8, 2.0


def main() -> None:
    """Print the table; exit with 1 if a ratio is beyond the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=11)
    repeats = parser.parse_args().repeats
    draw = np.random.default_rng(1)
    drivers = draw.uniform(0, 1, (CELLS, DRIVERS))
    z = drivers @ np.linspace(-1, 1.5, DRIVERS) - 1
    present = (draw.random(CELLS) < 1 / (1 + np.exp(-z))).astype(np.float64)
    shares = 0.1 * z + draw.normal(0, 0.1, CELLS)
    design = np.column_stack([np.ones(CELLS), drivers])
    names = [f"x{number}" for number in range(DRIVERS)]

    def ours(kind: Any, values: Any) -> Any:
        return fit(kind, "crop", values, drivers, names=names), inflation(drivers, names)

    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "logistic": (lambda: ours("logistic", present), lambda: Logit(present, design).fit(disp=0).bse),
        "linear": (lambda: ours("linear", shares), lambda: OLS(shares, design).fit().bse),
    }
    print(f"| {CELLS:,} cells x {DRIVERS} drivers | dissmodel, ms | statsmodels, ms | ratio |")
    print("|---|---:|---:|---:|")
    beyond = False
    for name, both in pairs.items():
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(repeats + 1):
            for work, taken in zip(both, seconds, strict=True):
                began = time.process_time()
                work()
                taken.append(time.process_time() - began)
        one, other = (1000 * statistics.median(taken[1:]) for taken in seconds)
        print(f"| {name} | {one:.0f} | {other:.0f} | {one / other:.2f} |")
        beyond = beyond or one / other > LIMIT
    raise SystemExit(int(beyond))


if __name__ == "__main__":
    main()

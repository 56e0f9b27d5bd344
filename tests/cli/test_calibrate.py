"""`dissmodel calibrate`: values of parameters that bring a model near to an observed map."""

import csv
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record import store
from dissmodel.sweeping.calibrate import TRIALS
from support.rasters import write_tiff

# Built land spreads onto flat ground, by chance where `rate` is below 1; where `broken`, the run fails.
MODEL = '''
"""Built land spreads along flat ground."""

import os

from dissmodel.cells import CellModel, CellSpace, Classes, Numbers, Parameter


class Spread(CellModel):
    """Built land spreads along flat ground."""

    name = "spread"
    built = Classes({0: "open", 1: "built"})
    slope = Numbers(ge=0, changes=False)
    limit: float = Parameter(1.0, ge=0, le=20)
    needed: int = Parameter(1, ge=1, le=8)
    rate: float = Parameter(1.0, ge=0, le=1)
    broken: str = Parameter("")

    def step(self, cells: CellSpace, now: int) -> None:
        if self.broken == "kills its process":
            os._exit(9)
        if self.broken:
            raise ValueError(f"it is {self.broken}")
        near = cells.neighbors(self.built == 1).sum() >= self.needed
        grows = near & (self.slope < self.limit)
        if self.rate < 1:
            grows &= cells.random() < self.rate
        self.next.built[grows] = 1

    def measure(self, cells: CellSpace) -> dict[str, int]:
        return {"built": cells.count(self.built == 1)}
'''
LIMIT, NEEDED = 7.5, 2
BASE = ("calibrate", "spread.py", "-i", "town.tif", "--cluster", "here", "-p", "end_time=4")
TWO = ("--vary", "limit=0:20", "--vary", "needed=1:8")


@pytest.fixture
def spread(dissmodel):
    """Leave a model, its input and an observed map that it made in the current folder; return the command."""
    Path("spread.py").write_text(MODEL, encoding="utf-8")
    numbers = np.random.default_rng(3)
    bands = [numbers.random((24, 24)) < 0.2, numbers.random((24, 24)) * 20]
    write_tiff("town.tif", np.stack(bands).astype(np.float32), names=["built", "slope"])
    words = ("run", "spread.py", "-i", "town.tif", "-o", "observed.tif", "-q", "-p", "end_time=4")
    assert 0 == dissmodel(*words, "-p", f"limit={LIMIT}", "-p", f"needed={NEEDED}").code
    return dissmodel


def trials_in(folder):
    """Return what determines each trial, and what came of it, in the order of the trials."""
    with Path(folder, "runs.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    names = ("run", "key", "limit", "needed", "replicate", "seed", "status", "figure_of_merit", "sha256")
    return [tuple(row.get(name) for name in names) for row in rows]


@pytest.mark.slow
def test_a_planted_parameter_is_found_and_the_command_that_is_printed_runs_it(spread):
    words = (*BASE, "-o", "found", "--observed", "observed.tif", *TWO, "--trials", 48)
    said = spread(*words, "--metric", "disagreement", "--json")
    again = spread(*words, "--metric", "disagreement")
    best = said.json["best"]
    record = store.read(Path(best["record_path"]))
    whole = spread("record", "verify", "found/sweep.record.json")
    made = spread(*shlex.split(best["command"])[1:])

    assert (0, 48, 0) == (said.code, said.json["trials"], said.json["failed"])
    assert NEEDED == best["values"]["needed"]
    assert abs(best["values"]["limit"] - LIMIT) < 1
    assert best["metric"] < 0.03
    assert said.json["ranges"]["limit"][0] <= best["values"]["limit"] <= said.json["ranges"]["limit"][1]
    assert 48 == len(trials_in("found")) >= len(list(Path("found/runs").iterdir()))
    assert (0, 0) == (made.code, whole.code)
    assert record.output_sha256 == store.read(Path("best.record.json")).output_sha256
    assert "Trial" in store.read(Path("found/sweep.record.json")).findings[0].message
    assert 0 == again.code
    assert f"run it: {best['command']}" in again.out.splitlines()


def test_the_metric_is_that_of_the_maps(spread):
    spread(*BASE, "-o", "m", "--observed", "built=observed.tif:1", "--vary", "limit=4,9", "--trials", 3)
    with rasterio.open("town.tif") as town, rasterio.open("observed.tif") as observed:
        start, reference = town.read(1), observed.read(1)
    for row in csv.DictReader(Path("m/runs.csv").read_text(encoding="utf-8").splitlines()):
        with rasterio.open(Path("m", row["output"])) as result:
            simulated = result.read(1)
        changes = (start != reference) | (start != simulated)
        hits = (start != reference) & (simulated == reference)

        assert pytest.approx(hits.sum() / changes.sum(), abs=1e-12) == float(row["figure_of_merit"])


@pytest.mark.slow
def test_replicates_have_seeds_of_their_own_and_their_spread_is_told(spread):
    words = (*BASE, "-o", "r", "--observed", "observed.tif", "--vary", "rate=0.2:0.8", "--trials", 2)
    made = spread(*words, "-p", "limit=9", "--replicates", 3, "--json").json
    rows = list(csv.DictReader(Path("r/runs.csv").read_text(encoding="utf-8").splitlines()))
    of_best = [float(row["figure_of_merit"]) for row in rows[3 * made["best"]["trial"] - 3 :][:3]]

    assert 6 == len({row["seed"] for row in rows})
    assert np.mean(of_best) == pytest.approx(made["best"]["metric"], abs=1e-15)
    assert np.std(of_best, ddof=1) == pytest.approx(made["best"]["sd"], abs=1e-15)
    assert made["tolerance"] >= 2 * made["best"]["sd"] / 3**0.5
    assert rows[3 * made["best"]["trial"] - 3]["key"][:16] in made["best"]["command"]


@pytest.mark.slow
def test_a_study_that_was_killed_goes_on_as_one_that_was_not(spread):
    words = [*map(str, BASE), "--observed", "observed.tif", *TWO, "-q"]
    killed = subprocess.Popen([sys.executable, "-m", "dissmodel", *words, "-o", "killed", "--trials", "20"])
    log, told = Path("killed", TRIALS), 0
    while told < 9:
        assert killed.poll() is None
        time.sleep(0.01)
        told = log.read_bytes().count(b'"op_code":6') if log.exists() else 0
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with log.open("ab") as stream:
        stream.write(b'{"op_code":6,"trial_id":')  # as a kill in the middle of a line leaves it
    some = spread(*words, "-o", "killed", "--trials", 18)  # in the middle of a generation
    resumed, straight = (spread(*words, "-o", name, "--trials", 20) for name in ("killed", "straight"))

    assert (0, 0, 0) == (some.code, resumed.code, straight.code)
    assert 20 == len(trials_in("straight"))
    assert trials_in("straight") == trials_in("killed")


def test_a_metric_of_the_runs_comes_near_a_target(spread):
    words = (*BASE, "-o", "t", "--metric", "built", "--target", 200, "--vary", "limit=0:20", "--trials", 8)
    made = spread(*words, "--json").json
    rows = csv.DictReader(Path("t/runs.csv").read_text(encoding="utf-8").splitlines())
    found = [float(row["built"]) for row in rows]

    assert min(found, key=lambda one: abs(one - 200)) == made["best"]["metric"]
    assert "minimize" == made["direction"]


def test_a_trial_whose_run_fails_is_a_failed_trial(spread):
    words = (*BASE, "--observed", "observed.tif")
    said = spread(*words, "-o", "f", "--trials", 8, "--vary", "broken='',odd")
    none = spread(*words, "-o", "g", "--trials", 1, "--vary", "broken=odd,even")
    failed = sum(row[6] == "failed" for row in trials_in("f"))

    assert 0 == said.code
    assert 0 < failed < 8
    assert f"8 trials, {failed} of them failed" in said.out
    assert "it is odd" in said.err
    assert (1, "1 trial, 1 of them failed") == (none.code, none.out.strip())


@pytest.mark.slow
def test_a_trial_that_kills_its_workers_is_a_failed_trial(spread):
    words = [
        "--cluster" if word == "--cluster" else word for word in BASE if word not in {"--cluster", "here"}
    ]
    said = spread(
        *words,
        "--observed",
        "observed.tif",
        "-o",
        "k",
        "--workers",
        2,
        "--trials",
        8,
        "--vary",
        "broken='','kills its process'",
    )

    assert 0 == said.code
    assert {"completed", "failed"} == {row[6] for row in trials_in("k")}


OTHER_GRID = {
    "shape": {"bands": np.zeros((1, 24, 23), np.uint8)},
    "grid": {"transform": rasterio.Affine(30, 0, 15, 0, -30, 0)},
    "reference system": {"crs": "EPSG:31984"},
}


@pytest.mark.fast_cases("shape")
@pytest.mark.parametrize("what", OTHER_GRID)
def test_an_observed_map_on_another_grid_is_refused_before_anything_runs(spread, what):
    given = {"bands": np.zeros((1, 24, 24), np.uint8), **OTHER_GRID[what]}
    write_tiff("other.tif", given.pop("bands"), **given)
    said = spread(*BASE, "--observed", "other.tif", "-o", "c", *TWO)

    assert 3 == said.code
    assert "other.tif is on another grid than the results" in said.err
    assert not Path("c").exists()


def test_cells_without_an_observed_value_do_not_count(spread):
    codes = np.zeros((1, 24, 24), np.uint8)
    codes[0, :, 12:] = 255
    write_tiff("half.tif", codes, nodata=255)
    write_tiff("none.tif", np.full((1, 24, 24), 255, np.uint8), nodata=255)
    words = (*BASE, "--metric", "disagreement", "--vary", "limit=0,1", "--trials", 1)
    said = spread(*words, "--observed", "half.tif", "-o", "h")
    none = spread(*words, "--observed", "none.tif", "-o", "n")

    assert 0 == said.code
    assert "half.tif has no value in 288 of 576 cells" in said.err
    assert (3, True) == (none.code, "No cell" in none.err or "no value in any cell" in none.err)


MISTAKES = {
    "a metric that is near": (("--metric", "figure_of_merits"), "Did you mean 'figure_of_merit'?"),
    "a parameter that is near": (("--vary", "limits=0:1"), "Did you mean 'limit'?"),
    "bounds that the model refuses": (("--vary", "needed=0:9"), "needed"),
    "an input": (("--vary", "input=a.tif,b.tif"), "--vary NAME=LOW:HIGH"),
    "a field that is near": (("--observed", "build=observed.tif"), "Did you mean 'built'?"),
    "a field of numbers": (("--observed", "slope=town.tif:slope"), "Compare numbers with: --metric rmse"),
    "a file that is not there": (("--observed", "no.tif"), "no.tif"),
    "a target too": (("--target", "3"), "--metric NAME --target NUMBER"),
    "another sampler": (("--sampler", "cmaes"), "'tpe', 'random'"),
}


@pytest.mark.fast_cases("a field that is near", "a target too", "a metric that is near")
@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_told_before_anything_runs(spread, what):
    words, expected = MISTAKES[what]
    vary = () if "--vary" in words else TWO
    observed = () if "--observed" in words else ("--observed", "observed.tif")
    said = spread(*BASE, *observed, "-o", "c", *vary, *words)

    assert said.code in {2, 3}
    assert expected in said.err
    assert not Path("c").exists()


def test_a_metric_that_no_run_has(spread):
    words = (*BASE, "--vary", "limit=0:20", "--trials", 2)
    said = spread(*words, "-o", "u", "--metric", "build", "--target", 3)
    neither = spread(*words, "-o", "v")

    assert (2, 2) == (said.code, neither.code)
    assert "Did you mean 'built'?" in said.err
    assert "--observed FILE" in neither.err


@pytest.mark.slow
def test_the_folder_of_another_question_or_of_a_sweep_is_refused(spread):
    words = (*BASE, "--observed", "observed.tif", "--vary", "limit=0:20", "--trials", 1)
    spread(*words, "-o", "q")
    other = spread(*words, "-o", "q", "--metric", "kappa", "--seed", 1)
    spread("sweep", *BASE[1:], "--vary", "limit=1,2", "-o", "s")
    swept = spread(*words, "-o", "s")

    assert (2, 2) == (other.code, swept.code)
    assert "metric: figure_of_merit, now kappa; seed: 0, now 1" in other.err
    assert "s has a sweep" in swept.err


def test_without_optuna_it_says_what_to_install(spread, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = spread(*BASE, "--observed", "observed.tif", "-o", "c", *TWO)

    assert 2 == said.code
    assert "pip install optuna" in said.err
    assert not Path("c").exists()

"""`dissmodel sweep summary`, on real sweeps of small models."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel import api
from dissmodel.io.raster import write_geotiff

MODEL = '''
import numpy as np
from dissmodel.cells import CellModel, Classes, Numbers, Parameter

class Growth(CellModel):
    """Cells grow at random."""
    name = "growth"
    use = Classes({0: "open", 1: "built"}, colours={1: "#b2182b"}, default=0)
    rise = Numbers(default=0.0)
    slope = Numbers(default=1.0, changes=False)
    rate: float = Parameter(0.5, ge=0, le=1)
    more: float = Parameter(0.0, ge=0, le=1)
    fails_at: float = Parameter(2.0)

    def step(self, cells, now):
        if self.rate >= self.fails_at:
            raise ValueError("too fast")
        self.next.use[cells.random() < self.rate] = 1
        self.next.rise[:] = self.rise + self.rate + 0.5 * self.more

    def measure(self, cells):
        return {"rise": float(self.rise.mean()), "constant": 7.0}
'''


@pytest.fixture
def model(dissmodel):
    Path("growth.py").write_text(MODEL)
    band = np.zeros((12, 10))
    write_geotiff(
        "in.tif",
        {"rise": band.__getitem__, "slope": np.ones_like(band).__getitem__},
        shape=band.shape,
        dtype="float64",
        nodata=float("nan"),
        transform=rasterio.Affine(100, 0, 0, 0, -100, 0),
        crs="EPSG:31984",
    )
    return "growth.py"


@pytest.fixture
def swept(model):
    """Return a function that runs a sweep in this process."""

    def run(folder="out", **given):
        return api.sweep(
            model, input="in.tif", output=folder, cluster="here", parameters={"end_time": 3}, **given
        )

    return run


def rows_of(path):
    with Path(path).open(newline="") as stream:
        return list(csv.DictReader(stream))


def table(name, folder="out"):
    return rows_of(Path(folder) / "summary" / f"{name}.csv")


def failed_in(folder):
    return [one["key"][:16] for one in rows_of(f"{folder}/runs.csv") if one["status"] == "failed"]


def band_of(path, number=1):
    with rasterio.open(path) as dataset:
        return dataset.read(number)


def files(folder="out"):
    summary = Path(folder) / "summary"
    return sorted(one.relative_to(summary).as_posix() for one in summary.rglob("*") if one.is_file())


def test_replicates_are_summarised_in_tables_charts_and_maps(dissmodel, swept):
    swept(vary={"rate": [0.2, 0.4]}, replicates=3)
    runs = rows_of("out/runs.csv")

    said = dissmodel("sweep", "summary", "out", "--metric", "use_built", "--metric", "rise")

    assert 0 == said.code, said.err
    assert "6 of 6 runs" in said.out
    rows = {(row["rate"], row["metric"]): row for row in table("metrics")}
    assert [("0.2", "use_built"), ("0.2", "rise"), ("0.4", "use_built"), ("0.4", "rise")] == list(rows)
    built = [float(one["use_built"]) for one in runs if one["rate"] == "0.4"]
    row = rows["0.4", "use_built"]
    assert ("3", np.mean(built), np.median(built)) == (row["runs"], float(row["mean"]), float(row["q50"]))
    assert np.std(built, ddof=1) == pytest.approx(float(row["sd"]))
    assert 1.2 == pytest.approx(float(rows["0.4", "rise"]["mean"]))
    steps = table("steps")
    assert ["1", "2", "3"] == [one["step"] for one in steps if one["metric"] == "rise"]
    assert {"6"} == {one["runs"] for one in steps}
    assert ["2", "3"] == [one["replicates"] for one in table("convergence")[:2]]
    charts = [f"{kind}.{metric}" for kind in ("convergence", "steps") for metric in ("rise", "use_built")]
    maps = [
        "rise.qml",
        "rise.tif",
        *(f"use.{one}.{end}" for one in ("frequency", "modal") for end in ("qml", "tif")),
    ]
    assert files() == sorted(
        [f"{one}.csv" for one in ("metrics", "steps", "convergence")]
        + [f"{one}.{end}" for one in charts for end in ("svg", "png")]
        + [f"maps/{one}" for one in maps]
    )
    with rasterio.open("out/summary/maps/use.frequency.tif") as dataset:
        share = dataset.read(dataset.descriptions.index("frequency_1") + 1)
    states = [band_of(one) for one in Path("out/runs").glob("*/result.tif")]
    np.testing.assert_array_equal(share, np.mean(np.array(states) == 1, axis=0, dtype=np.float32))
    assert "slope" not in said.err  # it never changes, which is as it should be


@pytest.mark.slow
def test_a_summary_has_the_same_bytes_again_and_is_replaced_only_where_that_was_said(dissmodel, swept):
    swept(vary={"rate": [0.2, 0.4]}, replicates=2)
    dissmodel("sweep", "summary", "out", "--metric", "rise")
    before = {name: Path("out/summary", name).read_bytes() for name in files()}

    refused = dissmodel("sweep", "summary", "out")
    again = dissmodel("sweep", "summary", "out", "--metric", "rise", "--overwrite")

    assert (2, 0) == (refused.code, again.code)
    assert "--overwrite" in refused.err
    assert before == {name: Path("out/summary", name).read_bytes() for name in files()}
    svg = Path("out/summary/steps.rise.svg").read_text()
    assert "<dc:date>" not in svg
    assert not re.search(r'href="(?!#)', svg)
    assert Path("out/summary/steps.rise.png").read_bytes().startswith(b"\x89PNG")
    assert not [one for one in Path("out").iterdir() if one.name.startswith(".dissmodel")]


@pytest.mark.slow
def test_groups_have_their_own_rows_and_maps(dissmodel, swept):
    swept(vary={"rate": [0.2, 0.4], "more": [0.0, 1.0]})

    said = dissmodel("sweep", "summary", "out", "--group-by", "more", "--metric", "rise", "--maps", "mean")

    assert 0 == said.code, said.err
    assert [("0.0", "2"), ("1.0", "2")] == [(one["more"], one["runs"]) for one in table("metrics")]
    assert {"0.0", "1.0"} == {one["more"] for one in table("steps")}
    with rasterio.open("out/summary/maps/02_more=1.0/rise.tif") as dataset:
        assert ("mean", "sd", "runs") == dataset.descriptions
        assert 3 * (0.3 + 0.5) == pytest.approx(dataset.read(1)[0, 0])


@pytest.mark.fast_cases("words1-Did you mean 'rate'?")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--metric", "ryse"], "Did you mean 'rise'?"),
        (["--group-by", "rat"], "Did you mean 'rate'?"),
    ],
)
def test_a_name_that_is_not_there_is_an_error_with_the_nearest(dissmodel, swept, words, told):
    swept(vary={"rate": [0.2]})

    said = dissmodel("sweep", "summary", "out", *words)

    assert 2 == said.code
    assert told in said.err
    assert not Path("out/summary").exists()


def test_a_folder_without_a_sweep(dissmodel):
    assert 3 == dissmodel("sweep", "summary", ".").code


def test_runs_that_failed_are_said_and_results_that_were_dropped_have_no_maps(dissmodel, swept):
    swept(vary={"rate": [0.1, 0.2, 0.9], "fails_at": [0.5]}, keep="records")
    failed = failed_in("out")

    said = dissmodel("sweep", "summary", "out", "--metric", "rise", "--json")

    assert 0 == said.code, said.err
    assert (3, 2) == (said.json["runs"], said.json["completed"])
    notes = "\n".join(said.json["notes"])
    assert 1 == len(failed)
    assert f"left out: 1 run that failed: {failed[0]}" in notes
    assert "2 of 2 completed runs were not kept: there are no maps" in notes
    assert not Path("out/summary/maps").exists()
    assert {2} == {one["runs"] for one in said.json["metrics"]}


def test_no_run_has_completed(dissmodel, swept):
    swept(vary={"rate": [0.9], "fails_at": [0.5]})

    said = dissmodel("sweep", "summary", "out")

    assert 3 == said.code
    assert "none of its 1 runs has completed" in said.err


@pytest.mark.slow
def test_a_design_of_sobol_has_indices_and_one_with_a_failed_run_has_none(dissmodel, swept):
    swept(vary={"rate": (0.1, 0.4), "more": (0.0, 1.0)}, design="sobol:2", seed=1)
    words = ("--json", "--maps", "none", "--metric", "rise", "--metric", "constant")
    good = dissmodel("sweep", "summary", "out", *words)
    swept("bad", vary={"rate": (0.1, 0.9), "fails_at": (0.3, 0.7)}, design="morris:2", seed=3)
    failed = failed_in("bad")

    bad = dissmodel("sweep", "summary", "bad", "--metric", "rise", "--maps", "none")

    as_json = dissmodel("sweep", "summary", "bad", *words[:5], "--overwrite")
    assert (3, bad.err.splitlines()[-2].removeprefix("error: ")) == (as_json.code, as_json.json["refused"])
    assert 0 == good.code, good.err
    found = {(one["name"], one["parameter"]) for one in good.json["indices"]["rise"]}
    assert {(name, one) for name in ("S1", "ST") for one in ("rate", "more")} == found
    assert "constant is the same in all runs: it has no indices" in good.json["notes"]
    assert "constant" not in good.json["indices"]
    assert {"tornado.rise.svg", "tornado.rise.png", "sensitivity.csv"} < set(good.json["files"])
    assert 3 == bad.code
    assert failed
    assert all(key in bad.err for key in failed)
    assert {"metrics.csv", "steps.csv"} < set(files("bad"))
    assert "sensitivity.csv" not in files("bad")


@pytest.mark.slow
def test_sobol_of_a_whole_sweep_has_the_exact_indices_of_ishigamis_function(dissmodel, model):
    Path("ishigami.py").write_text('''
import math
from dissmodel.cells import CellModel, Numbers, Parameter

class Ishigami(CellModel):
    """The function of Ishigami and Homma (1990)."""
    name = "ishigami"
    rise = Numbers(default=0.0)
    x1: float = Parameter(0.0, ge=-4, le=4)
    x2: float = Parameter(0.0, ge=-4, le=4)
    x3: float = Parameter(0.0, ge=-4, le=4)

    def step(self, cells, now):
        self.next.rise[:] = math.sin(self.x1) * (1 + 0.1 * self.x3**4) + 7 * math.sin(self.x2) ** 2

    def measure(self, cells):
        return {"y": float(self.rise[0])}
''')
    names, bounds = ("x1", "x2", "x3"), (-3.141592653589793, 3.141592653589793)
    api.sweep(
        "ishigami.py",
        input="in.tif",
        output="out",
        vary=dict.fromkeys(names, bounds),
        design="sobol:1024",
        parameters={"end_time": 1},
        keep="records",
    )

    said = dissmodel("sweep", "summary", "out", "--json")

    assert 0 == said.code, said.err
    exact = {"S1": (0.3139, 0.4424, 0.0), "ST": (0.5576, 0.4424, 0.2437)}
    found = {(one["name"], one["parameter"]): one for one in said.json["indices"]["y"]}
    for index, values in exact.items():
        for name, value in zip(names, values, strict=True):
            one = found[index, name]
            assert abs(one["value"] - value) <= one["half_width"] <= 0.1, json.dumps(one)

"""Keys of runs: the same before a run and of its record; seeds; what is wrong with rows."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.executor.host import InProcess
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.models.fire_spread import FireSpread
from dissmodel.progress import Silent
from dissmodel.record import Code, identity
from dissmodel.record.identity import code_of
from dissmodel.running.model import ModelRequest, open_model
from dissmodel.running.run import run
from dissmodel.sweeping.keys import key_of_record, key_without_code, planned_runs, seed_of
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.values import Bounds, varied
from support.growth import Growth
from support.rasters import write_tiff

SHAPE = (6, 7)
ECHO = """\
from pathlib import Path

from dissmodel.executor import ModelExecutor


class Echo(ModelExecutor):
    name = "echoing"
    output_suffix = ".txt"

    def load(self, record):
        return Path(record.source.uri).read_bytes()

    def run(self, data, record):
        return repr(sorted(record.parameters.items()))

    def save(self, result, record):
        Path(record.output_path).write_text(result)
        record.status = "completed"
        return record
"""


def grid(name, seed=0, **bands):
    rng = np.random.default_rng(seed)
    bands = bands or {"built": 2, "slope": 14}
    values = [rng.integers(0, n, SHAPE).astype(np.float32) for n in bands.values()]
    return str(write_tiff(name, values, names=bands))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one, with two inputs."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    grid("a.tif")
    grid("b.tif", 1)
    return tmp_path / "here"


def planned(plan, reporter=None):
    with open_model(ModelRequest(model=plan.model, toml=plan.toml)) as model:
        return list(planned_runs(plan, model, reporter or Silent()))


def typed(*items):
    return {name: varied(text, name) for name, _, text in (one.partition("=") for one in items)}


def growth(*vary, inputs=(("", "a.tif"),), **more):
    model = Path(sys.modules["support.growth"].__file__)
    return Plan.of(model=str(model), inputs=inputs, vary=typed(*vary), **more)


def documents(plan, runs, suffix="tif"):
    for one in runs:
        request = plan.request(one.values, one.inputs, one.seed, output=f"out/{one.key[:16]}.{suffix}")
        Path("out").mkdir(exist_ok=True)
        yield json.loads(run(request, Silent()).record_path.read_text())


def cells():
    return growth("rate=0.1", "end_time=1", "input=a.tif,b.tif", replicates=2)


def coast():
    inputs = [("", grid("coast.tif", uso=3, alt=9, solo=2))]
    vary = typed("taxa_elevacao=0,1", "end_time=1")
    return Plan.of(model="coastal_raster", inputs=inputs, vary=vary, band_map={"uso": "uso"})


def two_inputs():
    inputs = [("", "a.tif"), ("slope", f"{grid('dem.tif', x=9, y=9)}:y")]
    return growth("rate=0.1", inputs=inputs, parameters={"end_time": 1})


def class_map():
    Path("c.csv").write_text("old,new\n0,1\n1,0\n")
    return growth("rate=0.1", class_map={"built": "./c.csv"}, parameters={"end_time": 1})


def town():
    for name, number in (("d.csv", 5), ("e.csv", 6)):
        Path(name).write_text(f"year,cells\n2021,{number}\n")
    inputs = [("", grid("town.tif", land=3, suitability=1))]
    vary = {"demand": ("d.csv", "e.csv")}
    return Plan.of(model="urban_growth", inputs=inputs, vary=vary, parameters={"end_time": 1})


def undeclared():
    Path("echoing.py").write_text(ECHO)
    vary = typed("x=1,1.5,word", "y=[1.0,2]")
    return Plan.of(model="echoing.py", inputs=[("", "a.tif")], vary=vary, parameters={"z": True})


@pytest.mark.fast_cases("cells", "coast")
@pytest.mark.parametrize("make", [cells, coast, two_inputs, class_map, town, undeclared])
def test_a_record_has_the_key_that_was_planned(make):
    plan = make()
    runs = planned(plan)
    suffix = "txt" if make is undeclared else "tif"

    assert len(plan) == len(runs) == len({one.key for one in runs})
    for one, document in zip(runs, documents(plan, runs, suffix), strict=True):
        assert (one.key, one.key_without_code) == (key_of_record(document), key_without_code(document))
        assert one.seed == document["seed"]
        assert one.values == {name: document["parameters"][name] for name in one.values}


def keys(plan):
    return [one.key for one in planned(plan)]


def test_equal_rows_are_one_run():
    plan = growth("rate=0.5,0.50,5e-1", "needed=3,3.0")

    assert 6 == len(keys(plan))
    assert 1 == len({*keys(plan)})
    assert {*keys(plan)} == {*keys(growth("needed=3", parameters={"rate": 0.5}))}


def test_one_number_is_one_run_also_where_a_model_declares_no_types():
    plan = undeclared()

    assert 1 == len({*keys(Plan(**vars(plan) | {"grids": ({"x": (1, 1.0), "y": ([1], [1.0])},)}))})
    assert 2 == len({*keys(Plan(**vars(plan) | {"grids": ({"x": (1, "1")},)}))})


def test_nothing_is_fetched_offline():
    plan = growth(inputs=[("", "https://127.0.0.1:1/a.tif")])
    with open_model(ModelRequest(model=plan.model)) as model, pytest.raises(UsageError, match="--offline"):
        planned_runs(plan, model, Silent(), Consent(offline=True))


def test_what_a_model_does_by_default_need_not_be_given():
    assert keys(growth("rate=0.2")) == keys(growth("needed=3")) == keys(growth())


def test_a_value_more_changes_no_other_run():
    few, many = planned(growth("rate=0.1,0.2", replicates=2)), planned(growth("rate=0:0.3:0.1", replicates=3))

    assert {(one.key, one.seed) for one in few} < {(one.key, one.seed) for one in many}
    assert len({one.seed for one in many}) == 12


def test_the_seed_of_the_sweep_changes_all_seeds():
    one, other = planned(growth("rate=0.1,0.2")), planned(growth("rate=0.1,0.2", seed=1))

    assert not {run.seed for run in one} & {run.seed for run in other}
    assert not {run.key for run in one} & {run.key for run in other}


def test_a_seed_is_made_of_all_parameters():
    (run_,) = planned(growth("rate=0.1", seed=5))
    values = {"end_time": 10, "snapshots": None, "every": None, "crs": None, "needed": 3, "rate": 0.1}

    assert seed_of(5, values, 1) == run_.seed < 2**32


def test_a_seed_that_is_a_parameter_is_the_run_s_own():
    runs = planned(growth("seed=1,2"))

    assert [(1, None), (2, None)] == [(one.values["seed"], one.seed) for one in runs]
    assert len({one.key for one in runs}) == 2
    documents_ = list(documents(growth("seed=1,2"), runs))
    assert [one.key for one in runs] == [key_of_record(one) for one in documents_]


def test_a_seed_that_a_model_has_by_default_is_not_given():
    text = ECHO.replace("class Echo", "class Parameters(BaseModel):\n    seed: int = 42\n\n\nclass Echo")
    text = text.replace("    output_suffix", "    Parameters = Parameters\n    output_suffix")
    Path("seeded.py").write_text(f"from pydantic import BaseModel\n{text}")
    plan = Plan.of(model="seeded.py", inputs=[("", "a.tif")], replicates=2)
    runs = planned(plan)

    assert len({one.seed for one in runs} - {None}) == 2
    assert [one.key for one in runs] == [key_of_record(one) for one in documents(plan, runs, "txt")]
    assert [None] == [
        one.seed for one in planned(Plan(**vars(plan) | {"parameters": {"seed": 42}, "replicates": 1}))
    ]


@pytest.mark.parametrize("make", [cells, town])
def test_runs_that_are_kept_are_those_that_are_made_again(monkeypatch, make):
    plan = Plan(**vars(make()) | {"replicates": 3})
    kept = planned(plan)
    monkeypatch.setattr("dissmodel.sweeping.keys._FEW", 0)

    assert len(plan) == len(kept)
    assert kept == planned(plan)


def test_where_files_are_is_no_part_of_a_key():
    before = keys(growth("rate=0.1")), keys(town())
    Path("moved").mkdir()
    for name in ("a.tif", "d.csv", "e.csv"):
        shutil.copy(name, f"moved/{name}")
    moved = town()
    moved = Plan(**vars(moved) | {"grids": ({"demand": ("moved/d.csv", "moved/e.csv")},)})

    assert before == (keys(growth("rate=0.1", inputs=[("", "moved/a.tif")])), keys(moved))


@pytest.mark.parametrize(
    "change",
    [
        lambda: grid("a.tif", 9),
        lambda: Path("a.tif.aux.xml").write_text("<PAMDataset></PAMDataset>"),
    ],
)
def test_other_bytes_are_another_run(change):
    before = keys(growth("rate=0.1"))
    change()

    assert before != keys(growth("rate=0.1"))


def test_how_an_input_is_read_is_a_part_of_a_key():
    two = two_inputs()
    inputs = (("", "a.tif"), ("slope", "dem.tif:x"))
    plans = [
        growth(),
        growth(band_map={"built": "slope", "slope": "built"}),
        growth(format="raster"),
        growth(until="built >= 3"),
        two,
        Plan(**vars(two) | {"inputs": inputs}),
    ]

    assert len(plans) == len({key for plan in plans for key in keys(plan)})


@pytest.mark.parametrize(("small", "large"), [("sobol:4", "sobol:8"), ("morris:3", "morris:6")])
def test_a_design_that_grows_has_the_runs_of_the_smaller_one(small, large):
    vary = ["rate=0:1", "needed=1:8"]

    assert {*keys(growth(*vary, design=small))} < {*keys(growth(*vary, design=large))}


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(UsageError) as caught:
        planned(growth("rate=0:1.2:0.1", "needed=0,3", "slow=1", replicates=5))

    message = caught.value.message
    for said in ("no parameter 'slow'", "rate = 1.1 ", "rate = 1.2 ", "needed = 0 "):
        assert message.count(said) == 1
    assert "rate = 1.0" not in message
    assert "Known: " in caught.value.hint
    assert "dissmodel show" in caught.value.hint


def test_of_very_many_wrong_values_some_are_told():
    with pytest.raises(UsageError) as caught:
        planned(growth("rate=2:102:1"))

    assert "rate = 21 " in caught.value.message
    assert "rate = 22 " not in caught.value.message
    assert "And 81 more." in caught.value.message


def test_a_wrong_value_in_a_csv_has_its_line():
    Path("d.csv").write_text("rate,needed\n0.1,3\n\n1.5,3\n0.1,9\n")
    with pytest.raises(UsageError) as caught:
        planned(growth(design="d.csv", replicates=2))

    assert "d.csv, line 4: rate = 1.5" in caught.value.message
    assert "d.csv, line 5: needed = 9" in caught.value.message


def test_all_inputs_that_can_t_be_read_are_told():
    with pytest.raises(DissmodelError) as caught:
        planned(growth("input=a.tif,x.tif,y.tif", "rate=0.1,0.2"))

    assert "x.tif" in caught.value.message
    assert "y.tif" in caught.value.message


def test_rows_are_not_checked_one_by_one(monkeypatch):
    calls = []
    check = InProcess.check
    monkeypatch.setattr(InProcess, "check", lambda self, layers: calls.append(1) or check(self, layers))
    runs = planned(growth("rate=0:0.99:0.01", "end_time=1:10:1"))

    assert len(runs) == 1000
    assert len(calls) < 5  # preparing a run checks its parameters


def resolved(plan):
    with open_model(ModelRequest(model=plan.model)) as model:
        return planned_runs(plan, model, Silent()).plan


def test_a_resolved_plan_has_the_names_and_types_of_the_model():
    plan = coast()
    plan = resolved(Plan(**vars(plan) | {"grids": ({"taxa_elevacao": (0, 1), "end_time": (2.0,)},)}))

    assert ({"sea_level_rise_rate": (0.0, 1.0), "end_time": (2,)},) == plan.grids
    assert float is type(plan.grids[0]["sea_level_rise_rate"][0])
    assert int is type(plan.grids[0]["end_time"][0])
    assert plan == resolved(plan)


def test_bounds_get_the_step_of_their_parameter():
    plan = resolved(growth("rate=0:1", "needed=1.5:8.2", "end_time=1,3", design="lhs:8"))

    expected = {"rate": Bounds(0.0, 1.0), "needed": Bounds(2, 8, step=1), "end_time": (1, 3)}
    assert expected == plan.design.factors
    assert int is type(plan.design.factors["needed"].low)
    Path("sweep.toml").write_text(plan.to_toml())
    assert plan.design.sha256 == Plan.from_toml(Path("sweep.toml")).design.sha256 != ""


def test_files_of_a_resolved_plan_are_absolute(here):
    plan = resolved(town())
    fixed = Plan(**vars(plan) | {"grids": (), "parameters": {"demand": "d.csv", "end_time": 1}})

    assert ({"demand": (str(here / "d.csv"), str(here / "e.csv"))},) == plan.grids
    assert str(here / "d.csv") == resolved(fixed).parameters["demand"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: growth("crs=0:1", design="lhs:4"), "bounds are for numbers"),
        (lambda: growth("rate=0.1", parameters={"rate": 0.1}), "rate is given as a parameter, and varies"),
        (
            lambda: Plan(model="flood_raster", grids=({"taxa_elevacao": (0,), "sea_level_rise_rate": (1,)},)),
            "taxa_elevacao and sea_level_rise_rate are the same parameter",
        ),
    ],
)
def test_what_no_model_makes_sense_of(make, said):
    with pytest.raises(UsageError, match=said):
        planned(make())


# The code of a model.


def test_a_built_in_model_has_the_digest_of_its_own_files():
    coastal, fire = code_of(CoastalRaster), code_of(FireSpread)

    assert coastal.source_digest == fire.source_digest
    assert len({coastal.model_digest, fire.model_digest, coastal.source_digest}) == 3
    assert None is code_of(Growth).model_digest


def test_an_upgrade_that_leaves_a_model_as_it_is_changes_no_key(tmp_path):
    """A copy of dissmodel, of which the kit, and then the model, has a line more."""
    place = Path(identity.__file__).parents[1]
    shutil.copytree(place, tmp_path / "dissmodel", ignore=shutil.ignore_patterns("__pycache__"))
    say = (
        "import dissmodel.models.coastal; from dissmodel.record.identity import code_of; "
        "print(code_of(type('Model', (), {'__module__': 'dissmodel.models.coastal'})).model_dump_json())"
    )

    def code(changed):
        with (tmp_path / "dissmodel" / changed).open("a") as stream:
            stream.write("\n# newer\n")
        words = [sys.executable, "-c", say]
        done = subprocess.run(
            words, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, check=True
        )
        return json.loads(done.stdout)

    document = {"model_name": "coastal_raster", "code": code_of(CoastalRaster).model_dump()}
    upgraded, changed = (
        document | {"code": code(one)} for one in ("cells/model.py", "models/coastal/state.py")
    )

    assert upgraded["code"]["source_digest"] != document["code"]["source_digest"]
    assert key_of_record(upgraded) == key_of_record(document)
    assert key_of_record(changed) != key_of_record(document)
    assert key_without_code(changed) == key_without_code(document)


def test_runs_of_an_older_code_are_found_by_their_key_without_code(monkeypatch):
    plan = growth("rate=0.1,0.2", parameters={"end_time": 1})
    old = list(documents(plan, planned(plan)))
    monkeypatch.setattr(InProcess, "code", lambda self: Code(source_digest="ab" * 32))
    now = planned(plan)

    assert not {key_of_record(one) for one in old} & {one.key for one in now}
    assert [key_without_code(one) for one in old] == [one.key_without_code for one in now]

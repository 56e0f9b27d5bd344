"""Plans: their rows, their size, and as a TOML."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError, UsageError
from dissmodel.sweeping import plan as plans
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.plan import Plan, agree
from dissmodel.sweeping.sweep import _difference
from dissmodel.sweeping.values import Bounds


def rows(plan):
    return [(dict(row.values), dict(row.inputs), row.replicate) for row in plan.rows()]


def test_values_are_combined_and_replicates_follow_each_other():
    plan = Plan(grids=({"a": (1, 2), "b": ("x",), "input": ("f.tif",)},), replicates=2)

    assert [
        ({"a": 1, "b": "x"}, {"": "f.tif"}, 1),
        ({"a": 1, "b": "x"}, {"": "f.tif"}, 2),
        ({"a": 2, "b": "x"}, {"": "f.tif"}, 1),
        ({"a": 2, "b": "x"}, {"": "f.tif"}, 2),
    ] == rows(plan)
    assert len(plan) == 4
    assert plan.names == ("a", "b", "input")


def test_partial_grids_follow_each_other():
    plan = Plan(grids=({"a": (1, 2)}, {"b": (3,)}))

    assert [{"a": 1}, {"a": 2}, {"b": 3}] == [values for values, _, _ in rows(plan)]
    assert plan.names == ("a", "b")


def test_a_plan_that_varies_nothing_has_one_row_a_replicate():
    assert [({}, {}, 1), ({}, {}, 2)] == rows(Plan(replicates=2))


def test_rows_are_counted_and_not_made(monkeypatch):
    monkeypatch.setattr(plans.Plan, "rows", None)
    plan = Plan(grids=({name: tuple(range(1000)) for name in "abcd"},), replicates=10)

    assert len(plan) == 10**13
    assert len(Plan(grids=({f"a{n}": tuple(range(1000)) for n in range(100)},))) == 10**15


@pytest.mark.parametrize("where", ["parameters", "grids"])
def test_no_parameter_of_a_sweep_is_a_secret(where):
    values = {"parameters": {"api_token": "t0ps3cret"}, "grids": ({"api_token": ("t0ps3cret",)},)}[where]

    with pytest.raises(UsageError, match="api_token: a sweep writes") as caught:
        Plan(**{where: values})

    assert "secret" == caught.value.code
    assert "t0ps3cret" not in caught.value.message


def test_many_runs_need_consent():
    agree(Plan(replicates=10_000), Consent())
    with pytest.raises(ConsentRequired, match="10,001 runs") as caught:
        agree(Plan(replicates=10_001), Consent())
    agree(Plan(replicates=10_001), Consent(agreed=frozenset({caught.value.what})))
    agree(Plan(replicates=10_001), Consent(yes=True))
    with pytest.raises(ConsentRequired):
        agree(Plan(replicates=10_002), Consent(agreed=frozenset({caught.value.what})))


def test_very_many_runs_are_refused_without_yes():
    with pytest.raises(UsageError, match="10,000,000 runs") as caught:
        agree(Plan(replicates=10**7), Consent())

    assert "--yes" in caught.value.hint
    agree(Plan(replicates=10**7), Consent(yes=True))


@pytest.mark.parametrize(
    ("name", "places"), [("", "b.tif dem.tif"), ("alt", "a.tif b.tif"), ("new", "a.tif dem.tif b.tif")]
)
def test_a_varied_input_takes_the_place_of_its_own(name, places):
    plan = Plan(model="low", inputs=(("", "a.tif"), ("alt", "dem.tif")))
    request = plan.request({"end_time": 1}, {name: "b.tif"}, 7)

    assert places == " ".join([request.input, *(one.place for one in request.others)])
    assert ({"end_time": 1}, 7) == (request.parameters, request.seed)


def test_the_input_of_the_space_is_the_first():
    plan = Plan(model="low", inputs=(("alt", "dem.tif"), ("space", "a.tif")))

    assert "b.tif" == plan.request({}, {"": "b.tif"}, None).input


PLAN = """\
[model]
name = "fire_spread"

[model.parameters]
end_time = 5

[sweep]
input = "grid.tif"
replicates = 3
seed = 7
until = "burned >= 5"
keep = "records"

[sweep.parameters]
a = 0.1

[[plan]]
p_h = [0.1, 0.2]
wind_speed = "0:10:5"

[[plan]]
wind_from = 90
input = ["x.tif", "/y.tif", "s3://bucket/z.tif"]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_in_a_toml(here):
    path = write(here / "plan.toml", PLAN)
    plan = Plan.from_toml(path)

    assert path == plan.toml
    assert (("", str(here / "grid.tif")),) == plan.inputs
    assert (3, 7, "burned >= 5", "records") == (plan.replicates, plan.seed, plan.until, plan.keep)
    assert {"a": 0.1} == plan.parameters
    assert (
        {"p_h": (0.1, 0.2), "wind_speed": (0, 5, 10)},
        {"wind_from": (90,), "input": (str(here / "x.tif"), "/y.tif", "s3://bucket/z.tif")},
    ) == plan.grids
    assert 3 * (6 + 3) == len(plan)


def test_the_plan_of_the_page(here):
    page = Path(__file__).parents[3] / "docs" / "plans.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    plan = Plan.from_toml(write(here / "p.toml", text))

    assert 20 * (5 * 3 + 8) == len(plan)
    assert ("fire_spread", {"end_time": 50}) == (plan.model, plan.parameters)


def test_what_is_typed_is_laid_over_the_toml(here):
    write(here / "plan.toml", PLAN)
    vary = {"p_h": (0.3,), "c1": (0, 1), "input": ("b.tif",)}
    plan = Plan.of(
        toml=Path("../plan.toml"),
        vary=vary,
        parameters={"a": 0.2, "c2": 0},
        replicates=2,
        inputs=[("", "a.tif")],
    )

    place = str(here / "here")
    assert ((("", f"{place}/a.tif"),), {"a": 0.2, "c2": 0}) == (plan.inputs, plan.parameters)
    assert (2, 7, "burned >= 5") == (plan.replicates, plan.seed, plan.until)
    assert (
        {"p_h": (0.3,), "wind_speed": (0, 5, 10), "c1": (0, 1), "input": (f"{place}/b.tif",)},
        {"wind_from": (90,), "input": (f"{place}/b.tif",), "p_h": (0.3,), "c1": (0, 1)},
    ) == plan.grids


def test_what_is_not_typed_is_that_of_the_toml(here):
    tables = '[sweep.bands]\nuso = "1"\n[sweep.class_map]\nuso = "c.csv"\n'
    path = write(here / "p.toml", f'[sweep]\nseed = 7\nformat = "raster"\n{tables}')
    plan = Plan.of(toml=path, seed=0, replicates=None, format="auto", band_map={}, class_map={"alt": "d.csv"})

    assert (0, 1, "raster", {"uso": "1"}) == (plan.seed, plan.replicates, plan.format, plan.band_map)
    assert {"uso": str(here / "c.csv"), "alt": str(here / "here" / "d.csv")} == plan.class_map


def test_a_toml_that_is_only_the_model_s(here):
    path = write(here / "model.toml", '[model]\nname = "fire_spread"\n[about]\nby = "me"\n')
    plan = Plan.of(toml=path, vary={"p_h": (1,)})

    assert (path, ({"p_h": (1,)},)) == (plan.toml, plan.grids)
    assert Plan.of(toml=write(path, '[model]\nname = "flood"\n'), vary={"p_h": (1,)}) != plan


def test_a_design_in_a_toml(here):
    path = write(
        here / "p.toml",
        '[sweep]\ndesign = "lhs:4"\nseed = 3\n[[plan]]\np_h = "0:1"\nn = {low = 1, high = 5}\n',
    )
    plan = Plan.from_toml(path)

    assert {"p_h": Bounds(0, 1), "n": Bounds(1, 5)} == plan.design.factors
    assert (4, 3, ()) == (len(plan), plan.design.seed, plan.grids)
    assert 8 == len(Plan.of(toml=path, design="morris:2", vary={"m": (1, 2)}))


def test_the_rows_of_a_csv_stay_in_the_plan(here):
    write(here / "here/rows.csv", "p_h,input\n0.5,a.tif\n0.7,b.tif\n")
    plan = Plan.of(model="fire_spread", design="rows.csv")
    path = write(here / "sweep.toml", plan.to_toml())
    (here / "here/rows.csv").unlink()

    assert plan == Plan.from_toml(path)
    assert [0.5, 0.7] == [values["p_h"] for values, _, _ in rows(Plan.from_toml(path))]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
leaves = numbers | texts | st.booleans()
anything = leaves | st.lists(leaves, max_size=3) | st.dictionaries(texts, leaves, max_size=3)
names = st.from_regex(r"[a-hj-z][\w.-]{0,6}", fullmatch=True)
grids = st.dictionaries(names, st.lists(anything, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3)
bounds = st.builds(
    Bounds,
    st.integers(1, 9),
    st.floats(10, 1e9),
    st.booleans(),
    st.none() | st.floats(0.25, 1),
)


@settings(max_examples=40, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "parameters": st.dictionaries(texts, anything, max_size=3),
            "band_map": st.dictionaries(texts, texts, max_size=2),
            "class_map": st.dictionaries(texts, st.dictionaries(texts, leaves, max_size=2), max_size=2),
            "replicates": st.integers(1, 10**9),
            "seed": st.integers(0, 2**70),
            "until": texts,
            "layer": st.none() | texts,
        }
    ),
    st.lists(grids, max_size=3),
    st.none()
    | st.dictionaries(names, bounds | st.lists(leaves, min_size=1).map(tuple), min_size=1, max_size=3),
)
def test_a_plan_is_the_same_after_a_round_trip(tmp_path_factory, fields, some, factors):
    path = tmp_path_factory.getbasetemp() / "sweep.toml"
    vary = {} if factors is None else {"design": "sobol:4"}
    made = Plan.from_settings(
        {**fields, **vary, "grids": some if factors is None else [factors], "inputs": (("", "/a"),)}
    )
    path.write_bytes(made.to_toml().encode())

    again = Plan.from_toml(path)
    assert made == again
    assert made.to_toml() == again.to_toml()
    assert made.digest == again.digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sweep", "Expected ']'"),
        ("\udcff", "UTF-8"),
        ("[sweeps]", "no section [sweeps]"),
        ("[sweep]\nreplicate = 3", "[sweep] has no 'replicate'. Did you mean 'replicates'?"),
        ('[sweep]\nreplicates = "3"', "a whole number"),
        ("[sweep]\nreplicates = true", "a whole number"),
        ('[model]\nname = "a"\n[plans]', "no section [plans]"),
        ("[sweep]\nreplicates = 0", "1 to 1,000,000,000"),
        ("[sweep]\nreplicates = 1000000001", "1 to 1,000,000,000"),
        ("[sweep]\nseed = -1", "0 or more"),
        ('[sweep]\nkeep = "none"', "all, records"),
        ('[sweep]\nformat = "png"', "auto, raster, tiff, vector"),
        ('[sweep]\nresample = "best"', "nearest"),
        ("[sweep]\ninput = 3", "input = 3"),
        ('[sweep]\ninput = [["a.tif"]]', "it is a path"),
        ("sweep = 3", "[sweep] = 3"),
        ("plan = 3", "one or more [[plan]]"),
        ("plan = [3]", "[[plan]] = 3"),
        ("[[plan]]\nrate = []", "rate has no value"),
        ("[[plan]]\nrate = [nan]", "only finite numbers"),
        ('[[plan]]\nrate = "0:1"', "only a design has"),
        ("[[plan]]\nrate = {low = 1}", "bounds are low, high, log and step"),
        ('[[plan]]\nrate = {low = "a", high = "b"}', "bounds are low, high, log and step"),
        ("[[plan]]\nrate = {low = 1, high = 2, step = 0}", "in steps of 0 are no bounds"),
        ("[[plan]]\ninput = [3]", "its values are paths"),
        ('[[plan]]\nrate = "0:1:1e-300"', "more than 100,000 values"),
        ("[[plan]]\nrate = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("[[plan]]\n" + "".join(f"a{n} = 1\n" for n in range(101)), "may have 100 names"),
        ('[sweep]\ndesign = "sobol:3"\n[[plan]]\na = "0:1"', "power of two"),
        ('[sweep]\ndesign = "lhs:99999999999"\n[[plan]]\na = "0:1"', "at most 10,000,000"),
        ('[sweep]\ndesign = "lhs:9"\n[[plan]]\na = "0:1"\n[[plan]]\nb = 1', "goes with one [[plan]]"),
        ('[sweep.design]\nfile = "a.csv"\nnames = ["a"]\nrows = [[1, 2]]', "a value for each of names"),
        ('[sweep.design]\nfile = "a.csv"\nnames = ["a"]', "rows = None"),
    ],
)
def test_a_toml_that_is_no_plan(tmp_path, text, said):
    (tmp_path / "p.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DissmodelError) as caught:
        Plan.from_toml(tmp_path / "p.toml")

    assert said in caught.value.message
    assert caught.value.hint


def test_the_values_of_all_grids_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("dissmodel.sweeping.plan_file._MOST_VALUES", 1000)
    path = write(tmp_path / "p.toml", "".join(f'[[plan]]\na = "1:{n}:1"\n' for n in (500, 501)))
    with pytest.raises(DissmodelError, match="all of them together 1,000 values"):
        Plan.from_toml(path)


def test_a_toml_that_is_not_there(tmp_path):
    with pytest.raises(DissmodelError, match="No such file"):
        Plan.from_toml(tmp_path / "p.toml")


def test_a_toml_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("dissmodel.sweeping.plan_file.MAX_BYTES", 100)
    path = write(tmp_path / "p.toml", "#" * 101)
    with pytest.raises(DissmodelError, match="more than 100 bytes"):
        Plan.from_toml(path)


@pytest.mark.parametrize(("kind", "said"), [("lhs", True), ("sobol", False)])
def test_it_is_said_that_a_latin_hypercube_does_not_grow(tmp_path, kind, said):
    settings = [{"grids": [{"a": Bounds(0, 1)}], "design": f"{kind}:{size}"} for size in (4, 8)]
    old, new = map(Plan.from_settings, settings)
    write(SweepFolder(tmp_path).plan_path, old.to_toml())
    sentences = _difference(SweepFolder(tmp_path), new)

    assert f"{kind}:4 there, {kind}:8 here." in sentences
    assert said == ("A Latin hypercube of another size has other rows" in sentences)

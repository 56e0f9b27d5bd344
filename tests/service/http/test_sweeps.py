"""Sweeps: which runs they have, that each is submitted once whatever is killed, and what is told of them."""

import csv
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dissmodel.consent import Consent
from dissmodel.errors import StorageError
from dissmodel.progress import Silent
from dissmodel.running.model import ModelRequest, open_model
from dissmodel.service import checking, expand
from dissmodel.service import service as service_module
from dissmodel.service import sweeps as sweeps_module
from dissmodel.service.documents import Cancel
from dissmodel.service.reconcile import Reconciler
from dissmodel.service.schemas import NOT_INSTALLED
from dissmodel.service.sweeps import Sweeps, go_on
from dissmodel.service.truth import Truth
from dissmodel.service.worker import work
from dissmodel.sweeping.keys import key_of_record, planned_runs
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.values import varied
from support.http_api import KEYS, until
from support.sweeps import in_this_process, write_fire

FIRE = {"model_name": "fire_spread", "input_dataset": "fire.tif"}
WINDS = {**FIRE, "vary": {"wind_speed": "0:10:5"}, "replicates": 2, "seed": 3}


@pytest.fixture(autouse=True)
def _quick(request, monkeypatch):
    """Slow tests have processes of their own, as the service."""
    if request.node.get_closest_marker("slow") is None:
        in_this_process(monkeypatch)


def submit(house, *, status=200, headers=(), **words):
    return house.post("/submit_sweep", json={**WINDS, **words}, status=status, headers=headers)


def jobs(house):
    return {job for job, names in house.service.truth.jobs() if "request.json" in names}


def settled(house, sweep):
    """Wait until all runs of a sweep are submitted or cancelled."""
    names = {"submitted.json", "cancelled.json"}
    until(lambda: names & dict(house.service.truth.sweeps())[sweep], 120)


def test_the_runs_are_those_of_the_command(house, tmp_path):
    grid = write_fire(tmp_path / "inputs")
    sweep = submit(house)["sweep_id"]
    settled(house, sweep)

    plan = Plan.of(model="fire_spread", vary={"wind_speed": (0.0, 5.0, 10.0)}, replicates=2, seed=3)
    plan = replace(plan, inputs=(("", str(grid)),))
    with open_model(ModelRequest(model="fire_spread", consent=Consent(offline=True))) as model:
        planned = list(planned_runs(plan, model, Silent()))
    rows = house.get(f"/sweeps/{sweep}/runs")["runs"]
    assert [(one.values, one.replicate, one.seed) for one in planned] == [
        (one["values"], one["replicate"], one["seed"]) for one in rows
    ]
    requests = [house.service.truth.request(one["experiment_id"]) for one in rows]
    assert 6 == len({one.seed for one in requests}) == len(jobs(house))
    assert [(one.values, one.seed) for one in planned] == [(one.parameters, one.seed) for one in requests]
    assert {(grid.as_uri(), "low", sweep)} == {(one.input, one.priority, one.sweep) for one in requests}
    assert Plan.from_toml(_written(tmp_path, house.get(f"/sweeps/{sweep}")["plan"])).grids == plan.grids


def _written(folder, text):
    (folder / "plan.toml").write_text(text)
    return folder / "plan.toml"


def test_inputs_vary_too(house, tmp_path):
    found = submit(house, input_dataset=None, vary={"input": "a.tif,b.tif", "input.density": ["c.tif:2"]})
    settled(house, found["sweep_id"])

    rows = house.get(f"/sweeps/{found['sweep_id']}/runs")["runs"]
    request = house.service.truth.request(rows[-1]["experiment_id"])
    place = (tmp_path / "inputs").as_uri()
    assert (f"{place}/b.tif", {"density": f"{place}/c.tif:2"}) == (request.input, request.inputs)
    assert "input_refused" == submit(house, vary={"input": "/etc/passwd"}, status=422)["code"]
    assert 3 == submit(house, vary=[{"p_h": [0.1, 0.2]}, {"p_h": 0.1}, {"c1": 1}], replicates=1)["runs"]


BAD_PLANS = [
    ({"vary": {"wind": [1], "p_h": [2, 0.5, -1]}}, "parameter", ["wind", "2", "-1"]),
    ({"vary": {"wind_speed": "0:1"}}, "bad_plan", ["bounds"]),
    ({"vary": {"wind_speed": "0:1"}, "design": "sobol:3"}, "bad_design", ["power of two"]),
    ({"vary": {}, "design": "/etc/passwd.csv"}, "bad_design", ["passwd"]),
    ({"vary": {"wind_speed": "0:1:1e-9"}}, None, ["wind_speed"]),
    ({"replicates": 9999}, "many_runs", ["29,997", "10,000"]),
    ({"vary": {"input": [1]}}, "usage", ["input"]),
    ({"input_dataset": None}, "usage", ["input"]),
    ({"vary": {"token": [1]}}, "secret", ["token"]),
    ({"until": "built > 3; import os"}, "until", ["import os"]),
]


def test_a_sweep_tells_no_secret_of_an_address(house, tmp_path):
    settings = replace(house.service.settings, hosts=("data.example",))
    house.app.state.parts = replace(house.app.state.parts, service=replace(house.service, settings=settings))
    first, other = (f"https://data.example/{name}.tif?X-Amz-Signature=s3cr3t" for name in "ab")
    for words in ({"input_dataset": first}, {"input_dataset": None, "vary": {"input": f"{first},{other}"}}):
        sweep = submit(house, **words)
        told = [sweep, *(house.get(f"/sweeps/{sweep['sweep_id']}{more}") for more in ("", "/runs"))]
        assert "data.example/a.tif?X-Amz-Signature=***" in str(told[0])
        assert "s3cr3t" not in str(told)
        assert first == house.service.truth.sweep(sweep["sweep_id"]).shared.input


def test_a_bad_plan_is_answered_with_all_that_is_wrong(house):
    for words, code, said in BAD_PLANS:
        found = submit(house, status=422, **words)
        assert code in {found["code"], None}, found
        for text in said:
            assert text in found["detail"]
    for words in ({"vary": [1]}, {"replicates": 0}, {"design": "x" * 50}):
        submit(house, status=422, **words)
    assert set() == jobs(house)
    assert [] == list(house.service.truth.sweeps())
    assert [] == house.get("/sweeps")["sweeps"]


def test_the_same_key_is_the_same_sweep(house):
    key = {"Idempotency-Key": "one"}
    first, again = submit(house, headers=key), submit(house, headers=key)
    settled(house, first["sweep_id"])

    assert first["sweep_id"] == again["sweep_id"] != submit(house)["sweep_id"]
    assert "key_reused" == submit(house, seed=4, status=409, headers=key)["code"]
    assert first["sweep_id"] in {one["sweep_id"] for one in house.get("/sweeps")["sweeps"]}


def test_an_api_that_dies_between_two_submissions_loses_nothing(house, monkeypatch):
    put, left = Truth.put, [4]

    def put_some(self, job, document):
        left[0] -= 1
        if left[0] < 0:
            raise StorageError("The process was killed.", code="storage_unreachable")
        return put(self, job, document)

    with monkeypatch.context() as context:
        context.setattr(Truth, "put", put_some)
        sweep = submit(house)["sweep_id"]
        until(lambda: 4 == len(jobs(house)))
    begun = {job: house.service.truth.request(job) for job in jobs(house)}
    house.complete(next(iter(begun)))
    reconciler = Reconciler(house.service.truth, house.service.queue, lease_s=0.0)
    reconciler.once()  # it may be on its way
    assert 4 == len(jobs(house))
    reconciler.once()

    settled(house, sweep)
    assert set(house.service.truth.sweep(sweep).jobs) == jobs(house)
    assert begun == {job: house.service.truth.request(job) for job in begun}
    assert 5 == sum(house.service.queue.counts().values())  # what ended is not run again
    states = until(lambda: (found := house.get(f"/sweeps/{sweep}")["states"]).get("completed") and found)
    assert {"completed": 1, "pending": 5} == states


def test_a_cancelled_sweep(house, monkeypatch):
    sweep = submit(house)["sweep_id"]
    settled(house, sweep)
    done = house.get(f"/sweeps/{sweep}/runs")["runs"][2]["experiment_id"]
    house.complete(done)
    answer = house.client.delete(f"/sweeps/{sweep}", headers=house.headers(KEYS["submitter"]))

    assert 200 == answer.status_code
    until(lambda: "cancelled.json" in dict(house.service.truth.sweeps())[sweep])
    assert house.service.truth.cancelled(done) is None
    cancels = [house.service.truth.cancelled(job) for job in jobs(house) - {done}]
    assert ["submitter"] * 5 == [one.by for one in cancels]
    until(lambda: {"completed": 1, "cancelled": 5} == house.get(f"/sweeps/{sweep}")["states"])
    assert 0 == sum(house.service.queue.counts().values())
    answer = house.client.delete(f"/sweeps/{sweep}", headers=house.headers(KEYS["submitter"]))
    assert (400, "sweep_ended") == (answer.status_code, answer.json()["code"])
    assert "unknown_sweep" == house.get(f"/sweeps/{'0' * 32}", status=404)["code"]


def test_a_run_that_was_not_submitted_before_the_cancellation_never_begins(house, monkeypatch):
    monkeypatch.setattr(Sweeps, "go_on", lambda *_: None)
    sweep = submit(house)["sweep_id"]
    truth, queue = house.service.truth, house.service.queue
    truth.put_sweep(sweep, Cancel())
    go_on(truth, queue, truth.sweep(sweep))

    assert set() == jobs(house)
    assert {"cancelled": 6} == house.get(f"/sweeps/{sweep}")["states"]
    job = house.get(f"/sweeps/{sweep}/runs")["runs"][0]["experiment_id"]
    truth.put(job, truth.sweep(sweep).request(truth.sweep(sweep).jobs[job]))  # it was on its way
    assert "cancelled" == house.get(f"/job/{job}")["status"]


def test_more_than_may_wait(house, monkeypatch):
    monkeypatch.setattr(service_module, "MOST_QUEUED", 5)
    found = submit(house, status=429)
    assert ("queue_full", []) == (found["code"], list(house.service.truth.sweeps()))
    monkeypatch.setattr(sweeps_module, "MOST_QUEUED", 5)
    assert "many_runs" == submit(house, status=422)["code"]


def test_a_plan_of_too_many_runs_is_refused_before_its_values_are_made(house, monkeypatch):
    made = []
    monkeypatch.setattr(expand, "varied", lambda *words: made.append(words) or varied(*words))
    many = {f"v{number}": "0:1:0.01" for number in range(100)}
    for more in ({"vary": many}, {"vary": [{"rate": "1:6000:1"}] * 1000}, {"vary": {"rate": "1:10001:1"}}):
        assert "many_runs" == submit(house, status=422, **more)["code"]
    assert 2 + 2 + 1 == len(made)


def test_pages_and_the_table(house):
    hostile = "=1+1\n<script>"
    sweep = submit(house, layer=hostile)["sweep_id"]
    settled(house, sweep)
    rows = house.get(f"/sweeps/{sweep}/runs", params={"limit": 4})
    rest = house.get(f"/sweeps/{sweep}/runs", params={"limit": 4, "after": rows["next"]})

    assert ([1, 2, 3, 4, 5, 6], None) == ([one["run"] for one in rows["runs"] + rest["runs"]], rest["next"])
    first, second = (one["experiment_id"] for one in rows["runs"][:2])
    house.complete(first, metrics={"area": 2.5}, seed=5)
    house.fail(second)
    until(lambda: house.get(f"/sweeps/{sweep}")["states"].get("failed"))
    answer = house.client.get(f"/sweeps/{sweep}/runs.csv", headers=house.headers(KEYS["reader"]))
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert ["completed", "failed"] == [one["status"] for one in table[:2]]
    assert ("0.0", "2.5", "") == (table[0]["wind_speed"], table[0]["area"], table[1]["area"])
    assert house.service.truth.outcome(first).record_digest == table[0]["record_digest"]
    assert "the sea is too high" == table[1]["error"]
    assert sweep == house.get(f"/job/{first}")["sweep"]
    listed = house.get("/sweeps", params={"limit": 1})
    assert [(sweep, 6)] == [(one["sweep_id"], one["runs"]) for one in listed["sweeps"]]
    house.get("/sweeps", params={"after": "x"}, status=422)


@pytest.mark.slow
def test_a_design_and_the_summary_of_its_runs(house):
    vary = {"p_h": "0:1", "c1": "0:1"}
    sweep = submit(house, vary=vary, design="morris:2", replicates=1)["sweep_id"]
    settled(house, sweep)
    rows = house.get(f"/sweeps/{sweep}/runs")["runs"]
    unique = {one["experiment_id"]: one["values"] for one in rows}  # equal rows share a run
    for number, (job, values) in enumerate(unique.items()):
        found = {"x": 2 * values["p_h"] + values["c1"], "y": number or float("nan")}
        house.complete(job, metrics=found)
    until(lambda: {"completed": len(unique)} == house.get(f"/sweeps/{sweep}")["states"])
    found = house.get(f"/sweeps/{sweep}/summary")

    means = {(one["name"], one["parameter"]): one["value"] for one in found["indices"]["x"]}
    assert (2.0, 1.0) == tuple(round(means["mu_star", name], 9) for name in ("p_h", "c1"))
    assert "finite" in found["refused"]["y"]
    x = [2 * one["p_h"] + one["c1"] for one in unique.values()]
    (row,) = [one for one in found["rows"] if one["metric"] == "x"]
    assert (len(x), min(x), max(x)) == (row["runs"], row["min"], row["max"])
    assert abs(sum(x) / len(x) - row["mean"]) < 1e-12


@pytest.mark.slow
def test_each_run_has_the_digests_that_the_command_gives_it(house, tmp_path):
    grid = write_fire(tmp_path / "inputs")
    sweep = submit(house)["sweep_id"]
    settled(house, sweep)
    work(house.service.settings, drain=True)
    until(lambda: {"completed": 6} == house.get(f"/sweeps/{sweep}")["states"], 120)

    words = [
        "-i",
        str(grid),
        "-o",
        "swept",
        "--vary",
        "wind_speed=0:10:5",
        "--replicates",
        "2",
        "--seed",
        "3",
    ]
    command = [sys.executable, "-m", "dissmodel", "sweep", "fire_spread", *words, "-q"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with Path(tmp_path, "swept/runs.csv").open() as stream:
        swept = list(csv.DictReader(stream))
    rows = house.get(f"/sweeps/{sweep}/runs")["runs"]
    names = ("sha256", "content_digest")
    assert [[one[name] for name in names] for one in swept] == [[one[name] for name in names] for one in rows]
    assert len({one["sha256"] for one in rows}) > 1
    records = [house.get(f"/experiments/{one['experiment_id']}/record") for one in rows]
    assert [one["key"] for one in swept] == [key_of_record(one) for one in records]


def test_a_sweep_of_a_model_whose_package_is_not_installed_is_refused(house):
    body = {**FIRE, "package": "a-package-of-nobody==1", "vary": {"p_h": "0.4,0.6"}}

    found = house.post("/submit_sweep", json=body, status=422)

    assert "package_missing" == found["code"]
    assert NOT_INSTALLED in found["detail"]


def test_a_model_whose_package_is_not_installed_can_not_be_checked(house, monkeypatch, tmp_path):
    write_fire(tmp_path / "inputs")
    body = {**FIRE, "package": "a-package-of-nobody==1"}
    found = house.post("/check_job", json=body)
    assert (True, [NOT_INSTALLED]) == (found["ok"], [one["message"] for one in found["findings"]])
    monkeypatch.setattr(checking, "is_installed", lambda _model: True)  # but nobody trusts it
    (error,) = [one for one in house.post("/check_job", json=body)["findings"] if one["severity"] == "error"]
    assert "The setting trust has to name it." == error["hint"]


@pytest.mark.slow
def test_what_is_wrong_is_found_before_a_job_is_submitted(house, tmp_path):
    write_fire(tmp_path / "inputs")
    right = house.post("/check_job", json=FIRE)
    wrong = house.post("/check_job", json={**FIRE, "parameters": {"p_h": 2, "wind": 1}, "seed": 3})
    gone = house.post("/check_job", json={**FIRE, "input_dataset": "gone.tif"})
    other = house.post("/check_job", json={**FIRE, "model_name": "flood"})

    assert (True, False, False, False) == tuple(one["ok"] for one in (right, wrong, gone, other))
    assert ["p_h", "wind"] == list(wrong["parameters"])
    assert "less than or equal to 1" in wrong["parameters"]["p_h"][0]
    assert ["gone.tif"] == [one["subject"] for one in gone["findings"] if one["severity"] == "error"]
    assert {"fire.tif"} == {one["subject"] for one in other["findings"]}
    refused = house.post("/check_job", json={**FIRE, "input_dataset": "/etc/passwd"}, status=422)
    assert ("input_refused", set()) == (refused["code"], jobs(house))

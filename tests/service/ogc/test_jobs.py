"""The requirements of OGC 18-062r2 on jobs: their status, results, list and end, each by its identifier."""

import email
import json
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from dissmodel.record import ExperimentRecord
from dissmodel.service.documents import Outcome, Problem
from dissmodel.service.queue import Progress
from support.ogc_schemas import EXCEPTION, JOB_LIST, RESULTS, STATUS_INFO, assert_fits

TYPES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NO_JOBS = ["0" * 32, "x", "%2e%2e", "A" * 32]


def done(ogc, **body):
    """A job that has completed."""
    job = ogc.job(**body)
    ogc.house.complete(job)
    return job


def run(ogc, job, **words):
    progress = Progress("run", 5, 10, (), 0)
    assert "ok" == ogc.house.service.queue.beat(job, "token", progress, "worker", **words)


def test_job(ogc):
    """/req/core/job, /req/core/job-success"""
    job = ogc.job()
    assert_fits(STATUS_INFO, ogc.get(f"/jobs/{job}"))
    assert "accepted" == ogc.get(f"/jobs/{job}")["status"]
    run(ogc, job)
    running = ogc.get(f"/jobs/{job}")
    assert ("running", "run: step 5 of 10", 52) == (
        running["status"],
        running["message"],
        running["progress"],
    )
    ogc.house.complete(job)
    ended = ogc.get(f"/jobs/{job}")
    assert_fits(STATUS_INFO, ended)
    assert ("successful", 100, "echo") == (ended["status"], ended["progress"], ended["processID"])
    assert ended["created"] <= ended["started"] <= ended["finished"] == ended["updated"]
    assert f"{ogc.url}/jobs/{job}/results" in {one["href"] for one in ended["links"]}


def test_a_job_of_another_path_is_the_same(ogc):
    """/req/core/job"""
    job = ogc.house.job()["job_id"]

    assert ("flood", "accepted") == tuple(ogc.get(f"/jobs/{job}")[one] for one in ("processID", "status"))
    ogc.house.complete(job)
    assert {"output", "record"} == ogc.get(f"/jobs/{job}/results").keys()


@pytest.mark.parametrize("job", NO_JOBS)
def test_no_such_job(ogc, job):
    """/req/core/job-exception-no-such-job, /req/core/job-results-exception/no-such-job"""
    asked = [("GET", f"/jobs/{job}"), ("GET", f"/jobs/{job}/results"), ("DELETE", f"/jobs/{job}")]
    for method, path in asked:
        found = ogc.ask(method, path, status=404).json()
        assert_fits(EXCEPTION, found)
        assert TYPES + "no-such-job" == found["type"]


def test_results_document(ogc):
    """/req/core/job-results, /req/core/job-results-async-document"""
    job = done(ogc, response="document")
    answer = ogc.ask("GET", f"/jobs/{job}/results")

    assert "application/json" == answer.headers["Content-Type"]
    found = answer.json()
    assert_fits(RESULTS, found)
    assert ["output", "record"] == list(found)
    assert b"result" == ogc.house.client.get(found["output"]["href"]).content
    record = found["record"]["value"]
    assert (job, "application/json") == (record["experiment_id"], found["record"]["mediaType"])
    assert record == ogc.house.get(f"/experiments/{job}/record")


def test_results_are_all_by_default(ogc):
    """/req/core/process-execute-default-outputs"""
    assert {"output", "record"} == ogc.get(f"/jobs/{done(ogc, response='document')}/results").keys()


@pytest.mark.parametrize("name", ["output", "record"])
def test_results_that_were_chosen(ogc, name):
    """/req/core/job-results-async-document"""
    job = done(ogc, response="document", outputs={name: {}})

    assert [name] == list(ogc.get(f"/jobs/{job}/results"))


def test_results_raw_value_one(ogc):
    """/req/core/job-results-async-raw-value-one"""
    job = done(ogc, response="raw", outputs={"record": {"transmissionMode": "value"}})
    answer = ogc.ask("GET", f"/jobs/{job}/results")

    assert "application/json" == answer.headers["Content-Type"]
    assert job == ExperimentRecord.model_validate(answer.json()).experiment_id


def test_results_raw_reference(ogc):
    """/req/core/job-results-async-raw-ref"""
    by_reference = {"transmissionMode": "reference"}
    job = done(ogc, response="raw", outputs={"output": by_reference, "record": by_reference})
    answer = ogc.ask("GET", f"/jobs/{job}/results", status=204)

    assert b"" == answer.content
    headers = {"X-API-Key": "key-of-the-reader"}
    links = answer.headers["Link"].split(", ")
    found = [ogc.house.client.get(one[1 : one.index(">")], headers=headers) for one in links]
    assert (b"result", job) == (found[0].content, found[1].json()["experiment_id"])
    assert ['rel="item"'] * 2 == [one.split("; ")[1] for one in links]


@pytest.mark.parametrize("body", [{}, {"response": "raw"}, {"outputs": {"output": {}, "record": {}}}])
def test_results_raw_mixed(ogc, body):
    """/req/core/job-results-async-raw-mixed-multi, /req/core/job-results-async-raw-value-multi"""
    job = done(ogc, **body)
    answer = ogc.ask("GET", f"/jobs/{job}/results")
    kind = answer.headers["Content-Type"]

    assert kind.startswith("multipart/related; boundary=")
    parts = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + answer.content).get_payload()
    output, record = parts[0], parts[1]
    assert ("<output>", "<record>") == (output["Content-ID"], record["Content-ID"])
    assert b"result" == ogc.house.client.get(output["Content-Location"]).content
    assert "" == output.get_payload()
    assert "application/json" == record.get_content_type()
    assert job == json.loads(record.get_payload())["experiment_id"]


def test_results_are_not_ready(ogc):
    """/req/core/job-results-exception/results-not-ready"""
    job = ogc.job()
    for prepare in (lambda: None, lambda: run(ogc, job)):
        prepare()
        found = ogc.get(f"/jobs/{job}/results", status=404)
        assert_fits(EXCEPTION, found)
        assert TYPES + "result-not-ready" == found["type"]


def test_results_of_a_job_that_failed(ogc):
    """/req/core/job-results-failed"""
    job = ogc.job()
    ogc.house.fail(job)
    found = ogc.get(f"/jobs/{job}/results", status=500)

    assert_fits(EXCEPTION, found)
    assert ("run_failed", "the sea is too high", "Lower it.") == (
        found["type"],
        found["detail"],
        found["hint"],
    )
    info = ogc.get(f"/jobs/{job}")
    assert ("failed", "the sea is too high") == (info["status"], info["message"])
    for code, record in (("invalid_input", None), ("missing_band", {"error": {"phase": "load"}})):
        other, error = ogc.job(), Problem(code=code, message="There is no band alt.")
        ogc.house.service.truth.put(other, Outcome(status="failed", error=error, record=record))
        assert "InvalidParameterValue" == ogc.get(f"/jobs/{other}/results", status=400)["type"]


def listed(ogc, **query):
    found = ogc.ask("GET", "/jobs", params={"limit": 1000, **query}).json()
    assert_fits(JOB_LIST, found)
    return [one["jobID"] for one in found["jobs"]]


def test_job_list(ogc):
    """/req/job-list/job-list-op, /req/job-list/job-list-success, /rec/job-list/job-list-landing-page"""
    jobs = [ogc.job() for _ in range(2)]

    assert jobs[::-1] == listed(ogc)[:2]
    found = {one["jobID"]: one for one in ogc.get("/jobs?limit=1000")["jobs"]}
    for job in jobs:
        assert found[job] == ogc.get(f"/jobs/{job}")


def test_job_list_type(ogc):
    """/req/job-list/type-definition, /req/job-list/type-response"""
    assert listed(ogc) == listed(ogc, type="process")
    ogc.get("/jobs?type=other", status=400)


def test_job_list_process(ogc):
    """/req/job-list/processID-definition, /req/job-list/processid-response

    /req/job-list/processID-mandatory
    """
    echo, flood = ogc.job(), ogc.house.job()["job_id"]

    assert flood in listed(ogc, processID="flood")
    assert echo not in listed(ogc, processID="flood")
    assert {echo, flood} <= set(listed(ogc, processID=["flood", "echo"]))
    assert [] == listed(ogc, processID="nobody")


def test_job_list_status(ogc):
    """/req/job-list/status-definition, /req/job-list/status-response"""
    jobs = {"accepted": ogc.job(), "running": ogc.job(), "successful": done(ogc), "failed": ogc.job()}
    run(ogc, jobs["running"])
    ogc.house.fail(jobs["failed"])
    jobs["dismissed"] = ogc.job()
    ogc.ask("DELETE", f"/jobs/{jobs['dismissed']}")

    for status, job in jobs.items():
        assert {job} == set(listed(ogc, status=status)) & set(jobs.values())
    both = set(listed(ogc, status=["failed", "running"]))
    assert {jobs["failed"], jobs["running"]} == both & set(jobs.values())
    ogc.get("/jobs?status=unheard", status=400)


def test_job_list_datetime(ogc):
    """/req/job-list/datetime-definition, /req/job-list/datetime-response"""
    job = ogc.job()
    created = ogc.get(f"/jobs/{job}")["created"]
    moment = datetime.fromisoformat(created)
    before, after = ((moment + timedelta(seconds=one)).isoformat() for one in (-1, 1))
    day = moment.astimezone(UTC).date()

    inside = (
        created,
        f"{before}/{after}",
        f"{before}/..",
        f"../{after}",
        f"/{after}",
        f"{day}",
        f"{day}/{day}",
    )
    for text in inside:
        assert job in listed(ogc, datetime=text), text
    for text in (before, after, f"{after}/..", f"../{before}", f"../{day - timedelta(days=1)}"):
        assert job not in listed(ogc, datetime=text), text
    for wrong in ("", "..", "../..", "soon", f"{after}/{before}", "2026-99-01T00:00:00Z", "\x00", "1/2/3"):
        assert 400 == ogc.ask("GET", f"/jobs?datetime={quote(wrong)}", status=400).status_code


def test_job_list_duration(ogc):
    """/req/job-list/duration-definition, /req/job-list/duration-response"""
    started, jobs = datetime.now(UTC) - timedelta(seconds=100), {}
    for seconds in (10, 50):
        jobs[seconds] = ogc.job()
        record = {"created_at": started.isoformat()}
        error = Problem(code="run_failed", message="no")
        ended = Outcome(
            status="failed", error=error, record=record, finished_at=started + timedelta(seconds=seconds)
        )
        ogc.house.service.truth.put(jobs[seconds], ended)
        ogc.house.service.queue.done(jobs[seconds])
    waits = ogc.job()

    def found(**query):
        return set(listed(ogc, **query)) & {*jobs.values(), waits}

    assert {jobs[50]} == found(minDuration=11)
    assert {jobs[10]} == found(maxDuration=49, minDuration=5)
    assert {jobs[10], jobs[50]} == found(minDuration=10, maxDuration=50)
    assert set() == found(minDuration=51)
    for wrong in (-1, 1 << 70, "x"):
        ogc.get(f"/jobs?minDuration={wrong}", status=400)


def test_job_list_limit(ogc):
    """/req/job-list/limit-definition, /req/job-list/limit-response, /req/job-list/links"""
    jobs = [ogc.job() for _ in range(3)]
    url, found = "/jobs?limit=2&processID=echo", []
    while url is not None and len(found) < 3:
        page = ogc.get(url)
        assert len(page["jobs"]) <= 2
        found += [one["jobID"] for one in page["jobs"]]
        links = {one["rel"]: one["href"] for one in page["links"]}
        assert "processID=echo" in links["self"]
        url = links.get("next")

    assert jobs[::-1] == found[:3]
    ogc.get("/jobs?limit=0", status=400)
    ogc.get("/jobs?after=x", status=400)


def test_dismiss(ogc):
    """/req/dismiss/job-dismiss-op, /req/dismiss/job-dismiss-success"""
    job = ogc.job()
    found = ogc.ask("DELETE", f"/jobs/{job}").json()

    assert_fits(STATUS_INFO, found)
    assert "dismissed" == found["status"]
    assert "dismissed" == ogc.get(f"/jobs/{job}")["status"]
    assert "cancelled" == ogc.house.get(f"/job/{job}")["status"]
    assert "dismissed" == ogc.ask("DELETE", f"/jobs/{job}").json()["status"]
    assert "job_dismissed" == ogc.get(f"/jobs/{job}/results", status=410)["type"]


def test_dismiss_a_job_that_runs(ogc):
    """/req/dismiss/job-dismiss-success"""
    job = ogc.job()
    run(ogc, job)
    found = ogc.ask("DELETE", f"/jobs/{job}").json()

    assert ("dismissed", "The job is asked to stop.") == (found["status"], found["message"])
    assert ogc.house.service.truth.cancelled(job).by == "submitter"


def test_dismiss_a_job_that_has_ended(ogc):
    """/req/dismiss/job-dismiss-op"""
    job = done(ogc)

    assert ogc.get(f"/jobs/{job}") == ogc.ask("DELETE", f"/jobs/{job}").json()
    assert ogc.house.service.truth.cancelled(job) is None


def test_an_unknown_job_is_not_made(ogc):
    job = uuid.uuid4().hex
    ogc.ask("DELETE", f"/jobs/{job}", status=404)

    assert ogc.house.service.truth.cancelled(job) is None

"""The parts of a worker, each alone."""

import errno
import io
import json
import logging
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from dissmodel.errors import StorageError, UsageError
from dissmodel.experiment.layout import outputs_place
from dissmodel.service.attempt import attempt, fitting
from dissmodel.service.documents import MAX_BYTES, Outcome, Problem, Request
from dissmodel.service.hold import Hold, LetGo, Times
from dissmodel.service.inputs import admit
from dissmodel.service.job_process import environment
from dissmodel.service.logs import JsonLines, log_to
from dissmodel.service.queue import Progress, QueueAway
from dissmodel.service.queue.open import open_queue
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.truth import Truth
from dissmodel.service.worker import worker_name
from dissmodel.storage.settings import StorageSettings


@pytest.fixture
def settings(tmp_path):
    """Settings with each kind of place that an input may be in."""
    for name in ("place/experiments/a", "place/jobs", "inputs", "more", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "more/link").symlink_to(tmp_path / "elsewhere")
    return ServiceSettings(
        data_dir=tmp_path / "data",
        place=str(tmp_path / "place"),
        inputs=str(tmp_path / "inputs"),
        buckets=("listed", "s3://other/below/"),
        hosts=("data.example.org", "http://127.0.0.1:8080"),
        inputs_folder=tmp_path / "more",
    )


ADMITTED = [
    "grid.tif",
    "Grid (2) of a+b, c=1@x.tif",
    "{}/inputs/grid.tif",
    "file://{}/inputs/deep/er/grid.tif",
    "{}/more/grid.tif",
    "{}/place/experiments/a/output.tif",
    "s3://listed/grid.tif",
    "s3://listed/a?b#c.tif",
    "s3://other/below/grid.tif",
    "https://data.example.org/grid.tif?x=1",
    "http://127.0.0.1:8080/grid.tif",
]
REFUSED = [
    ".hidden",
    "../grid.tif",
    "more/grid.tif",
    "{}/elsewhere/grid.tif",
    "{}/more/../elsewhere/grid.tif",
    "{}/more/link/grid.tif",
    "file://{}/inputs/../elsewhere/grid.tif",
    "{}/place/jobs/a/request.json",
    "{}/inputs-of-others/grid.tif",
    "/etc/passwd",
    "/vsicurl/http://169.254.169.254/latest",
    "s3://listed",
    "s3://listed/",
    "s3://listed/../grid.tif",
    "s3://listed-too/grid.tif",
    "s3://me:pw@listed/grid.tif",
    "s3://other/grid.tif",
    "s3://other/below/../grid.tif",
    "http://data.example.org/grid.tif",
    "https://data.example.org:8443/grid.tif",
    "https://me:pw@data.example.org/grid.tif",
    "https://data.example.org.evil.org/grid.tif",
    "https://data.example.org@evil.org/grid.tif",
    "http://169.254.169.254/latest/meta-data",
    "",
    "ftp://data.example.org/grid.tif",
    "listed\n.tif",
    "x" * 3000,
    "s3://listed/" + "x" * 1500,
]


@pytest.mark.parametrize("uri", ADMITTED)
def test_what_a_job_may_read(uri, settings, tmp_path):
    found = admit(uri.format(tmp_path), settings)

    assert found == uri.format(tmp_path) or found == (tmp_path / "inputs" / uri).as_uri()


@pytest.mark.parametrize("uri", REFUSED)
def test_what_a_job_may_not_read(uri, settings, tmp_path):
    with pytest.raises(UsageError) as raised:
        admit(uri.format(tmp_path), settings)

    assert "input_refused" == raised.value.code
    assert "pw" not in raised.value.message


def test_a_bare_name_is_in_the_bucket_of_inputs():
    settings = ServiceSettings(Path("/data"), "s3://out/put", "s3://in/put")

    assert "s3://in/put/grid.tif" == admit("grid.tif", settings)
    assert "s3://out/put/experiments/a/output.tif" == admit("s3://out/put/experiments/a/output.tif", settings)
    for uri in ("s3://in/grid.tif", "s3://out/put/jobs/a/request.json"):
        with pytest.raises(UsageError):
            admit(uri, settings)


def test_an_outcome_fits_into_its_document():
    record = {"model_name": "echo", "logs": ["x" * 2000] * 5000, "metrics": {"a": 1}, "status": "failed"}
    problem = Problem(code="run_failed", message="m")
    made = fitting(Outcome(status="failed", error=problem, record=record, log=("é" * 2000,) * 1000))

    assert len(made.to_bytes()) <= MAX_BYTES
    assert ("failed", [], problem) == (made.record["status"], made.record["logs"], made.error)
    assert 100 < len(made.log) <= 1000
    small = Outcome(status="failed", record={"logs": ["a"]}, log=("b",))
    assert small == fitting(small)


def test_the_variables_of_a_child_process(tmp_path):
    own = {"PATH": "/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "2", "HOME": "/root", "TMPDIR": "/tmp"}
    secret = {"AWS_PROFILE": "p", "GDAL_HTTP_USERPWD": "u:p", "NUMBA_API_KEY": "k", "DISSMODEL_DATA": "/data"}
    found = environment({**own, **secret}, tmp_path)

    assert {"PATH": "/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "2"}.items() <= found.items()
    assert not {"AWS_PROFILE", "GDAL_HTTP_USERPWD", "NUMBA_API_KEY"} & found.keys()
    assert "DISSMODEL_DATA" not in found
    for name in ("HOME", "TMPDIR", "DISSMODEL_CONFIG", "DISSMODEL_CACHE"):
        assert found[name].startswith(str(tmp_path))


def test_a_log_line_is_one_object_without_secrets(monkeypatch):
    monkeypatch.setenv("MINIO_SECRET_KEY", "a-very-secret-value")
    logger = logging.getLogger("dissmodel.service.test")
    before = logging.getLogger("dissmodel").handlers[:], logging.getLogger("dissmodel").level
    stream = io.StringIO()
    log_to(stream, {"DISSMODEL_LOG_LEVEL": "info"})
    try:
        logger.info("one\ntwo %s", "a-very-secret-value", extra={"experiment_id": "ab", "attempt": 2})
        logger.debug("not this")
        try:
            raise ValueError("https://me:pass@host/")
        except ValueError:
            logger.exception("failed")
    finally:
        logging.getLogger("dissmodel").handlers[:] = before[0]
        logging.getLogger("dissmodel").setLevel(before[1])
    lines = stream.getvalue().splitlines()
    first, second = map(json.loads, lines)

    assert 2 == len(lines)
    assert ("info", "one\ntwo ***", "ab", 2) == (
        first["level"],
        first["message"],
        first["experiment_id"],
        first["attempt"],
    )
    assert "ValueError" in second["traceback"]
    assert "pass" not in stream.getvalue()
    assert "secret-value" not in stream.getvalue()
    with pytest.raises(UsageError):
        log_to(stream, {"DISSMODEL_LOG_LEVEL": "loud"})
    assert JsonLines().format(logging.makeLogRecord({"msg": "m", "levelname": "INFO"}))


class ToldQueue:
    """A queue that answers what it is told to."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.told = []

    def beat(self, _job, _token, progress, _worker):
        self.told.append(progress)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class NothingCancelled:
    def cancelled(self, _job):
        return None


def hold(queue, **words):
    given = {"worker": "w", "lease_s": 0.3, "stop": threading.Event(), "times": Times(look_s=0.05)}
    return Hold("ab", queue=queue, truth=NothingCancelled(), **{**given, **words})


def test_a_job_is_let_go_when_it_is_lost():
    held = hold(ToldQueue("ok", QueueAway("away"), "lost"))
    with held.kept(), pytest.raises(LetGo):
        held.wait(30)

    assert "lost" == held.why


def test_a_job_is_let_go_when_its_time_is_over_or_the_worker_stops():
    stop = threading.Event()
    late, stopped = hold(ToldQueue("ok")), hold(ToldQueue("ok"), stop=stop)
    late.allow(0)
    stop.set()

    assert ["timeout", "stopped"] == [late.why, stopped.why]
    for one in (late, stopped):
        with pytest.raises(LetGo):
            one.step(1, 2)


def test_progress_travels_with_the_next_beat():
    queue = ToldQueue("ok")
    held = hold(queue)
    held.phase("run")
    held.step(3, 7)
    for number in range(1500):
        held.output(f"line {number}")
    held.warn("w" * 5000)
    assert "ok" == held.beat()
    (progress,) = queue.told

    assert ("run", 3, 7, 1501, 100) == (
        progress.phase,
        progress.step,
        progress.steps,
        progress.logged,
        len(progress.lines),
    )
    assert "line 1499" == progress.lines[-2]
    assert 2000 == len(progress.lines[-1])
    assert 1000 == len(held.log)


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A place with a job, a queue in SQLite, and settings, in this process."""
    for name in ("DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / name.lower()))
    settings = ServiceSettings.load()
    queue = open_queue(settings)
    truth = Truth(outputs_place(settings.place, StorageSettings()))
    job = "ab" * 16
    truth.put(
        job, Request(experiment_id=job, timeout_s=60, model_name="echo", input="x.tif", priority="high")
    )
    yield SimpleNamespace(job=job, settings=settings, queue=queue, truth=truth)
    queue.close()


def tried(service, times):
    words = {"truth": service.truth, "queue": service.queue, "settings": service.settings}
    attempt(service.job, worker="w", stop=threading.Event(), times=times, **words)
    return service.queue.view([service.job])[service.job], service.truth.outcome(service.job)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), StorageError("The place is away.")]
)
def test_a_full_disk_is_waited_for_and_is_the_reason_in_the_end(service, monkeypatch, error):
    def fails(*_args):
        raise error

    monkeypatch.setattr("dissmodel.service.attempt._made", fails)
    times = Times(again_s=(30.0, 120.0))
    first, second, third = (tried(service, times) for _ in range(3))

    for entry, outcome in (first, second):
        assert (True, False, 0, None) == (entry.is_waiting, entry.is_leased, entry.attempts, outcome)
    entry, outcome = third
    assert ("failed", "storage", 3) == (outcome.status, outcome.error.code, outcome.attempts)
    assert not entry.is_waiting
    assert service.queue.take("w", wait_s=0) is None


def test_a_bug_ends_the_job_with_an_outcome(service, monkeypatch, caplog):
    def fails(*_args):
        raise ZeroDivisionError("a secret=hidden-value")

    monkeypatch.setattr("dissmodel.service.attempt._made", fails)
    entry, outcome = tried(service, Times())

    assert ("failed", "bug", False) == (outcome.status, outcome.error.code, entry.is_leased)
    assert "hidden-value" not in outcome.error.message
    assert "ZeroDivisionError" in caplog.text


def test_a_job_that_another_worker_holds_is_left_alone(service, caplog):
    caplog.set_level("INFO")
    assert "ok" == service.queue.beat(service.job, "another", Progress("run", 1, 2), "v")
    entry, outcome = tried(service, Times())

    assert ("v", "run", True, None) == (entry.worker, entry.progress.phase, entry.is_leased, outcome)
    assert [] == caplog.records


def test_an_attempt_that_loses_its_job_does_not_count(service, monkeypatch):
    monkeypatch.setattr(Hold, "why", property(lambda _self: "lost"))
    entry, outcome = tried(service, Times())

    assert (False, 0, None) == (entry.is_waiting, entry.attempts, outcome)


def test_it_does_not_count_either_where_the_queue_was_away_just_then(service, monkeypatch):
    answers = ["away", "away"]
    whole = service.queue.count

    def count(job, by=1):
        if by < 0 and answers:
            raise QueueAway(answers.pop())
        return whole(job, by)

    monkeypatch.setattr(service.queue, "count", count)
    monkeypatch.setattr(Hold, "why", property(lambda _self: "stopped"))
    entry, outcome = tried(service, Times())

    assert ([], True, 0, None) == (answers, entry.is_waiting, entry.attempts, outcome)


def test_no_two_workers_have_one_name(monkeypatch):
    monkeypatch.setenv("WORKER_ID", "a b/c")
    names = {worker_name() for _ in range(10)}

    assert 10 == len(names)
    assert all(name.startswith("a-b-c-") for name in names)

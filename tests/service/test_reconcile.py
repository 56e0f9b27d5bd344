"""What the queue forgot is put again; what ended has its outcome; what is bad is told once."""

import contextlib
import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.experiment.layout import outputs_place
from dissmodel.record.digest import sha256_file
from dissmodel.service.documents import Cancel, Outcome, Request
from dissmodel.service.queue import Progress, QueueAway
from dissmodel.service.queue.redis import RedisQueue
from dissmodel.service.queue.sqlite import SqliteQueue
from dissmodel.service.reconcile import Reconciled, Reconciler, reconcile
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings
from support import redis_server

GRACE_S = 15
PATIENCE_S = 60


@pytest.fixture(params=["sqlite", "redis"])
def queue(request, tmp_path):
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        with server.client() as client:
            client.flushall()
        found = RedisQueue(server.url, lease_s=30)
    else:
        found = SqliteQueue(tmp_path / "queue.db", lease_s=30)
    with contextlib.closing(found):
        yield found


@pytest.fixture
def folder_truth(tmp_path):
    return Truth(outputs_place(str(tmp_path / "place"), StorageSettings()))


@pytest.fixture
def submit(truth, new_id):
    """A function that puts the request of a job into the place, and returns the job."""

    def put(priority="normal"):
        job = new_id()
        truth.put(job, Request(experiment_id=job, timeout_s=60, model_name="m", priority=priority))
        return job

    return put


@pytest.fixture
def passes(truth, queue):
    """A function that reconciles at a time, and remembers what was missed."""
    unknown = {}
    return lambda now: reconcile(truth, queue, unknown, grace_s=GRACE_S, now=now)


def test_an_empty_place_needs_nothing(passes):
    assert Reconciled() == passes(0)


def test_a_job_that_the_queue_forgot_is_put_again_after_the_grace(queue, submit, passes):
    low, high = submit("low"), submit("high")
    assert Reconciled() == passes(100)
    assert Reconciled() == passes(100 + GRACE_S - 1)

    assert {low, high} == set(passes(100 + GRACE_S).put)
    assert {"high": 1, "normal": 0, "low": 1} == queue.counts()
    assert Reconciled() == passes(1000)
    assert [high, low] == [queue.take("w", wait_s=0) for _ in range(2)]


def test_jobs_are_put_again_in_the_order_of_their_submission(queue, folder_truth, new_id):
    begin, jobs, unknown = datetime(2026, 1, 1, tzinfo=UTC), [new_id() for _ in range(20)], {}
    for number, job in enumerate(jobs):
        at = begin + timedelta(milliseconds=500 * number)
        folder_truth.put(job, Request(experiment_id=job, timeout_s=60, model_name="m", submitted_at=at))
    for now in (0, GRACE_S):
        reconcile(folder_truth, queue, unknown, grace_s=GRACE_S, now=now)

    assert jobs == [queue.take("w", wait_s=0) for _ in jobs]


def test_a_job_that_waits_or_is_held_is_left_alone(truth, queue, submit, passes, deliver):
    waiting, delayed, held, delivered = (submit() for _ in range(4))
    queue.put(waiting, "normal")
    queue.put(delayed, "normal", delay_s=1000)
    queue.beat(held, "a", Progress())
    queue.beat(delivered, "a", Progress("deliver"))
    deliver(delivered)
    for now in (0, 100, 200):
        assert Reconciled() == passes(now)
    assert truth.outcome(delivered) is None


def test_a_job_that_comes_back_between_two_passes_is_no_longer_missed(queue, submit, passes):
    job = submit()
    passes(0)
    queue.beat(job, "a", Progress())
    passes(GRACE_S)
    queue.free(job, "a")

    assert Reconciled() == passes(GRACE_S + 1)
    assert Reconciled() == passes(2 * GRACE_S)
    assert (job,) == passes(2 * GRACE_S + 1).put


def test_a_record_without_an_outcome_is_a_result(truth, queue, submit, passes, deliver):
    job = submit()
    digest = deliver(job)
    queue.count(job)
    queue.count(job)
    passes(0)
    found = passes(GRACE_S)

    assert (job,) == found.completed
    outcome = truth.outcome(job)
    assert ("completed", digest, 2) == (outcome.status, outcome.record_digest, outcome.attempts)
    assert 0 == queue.view([job])[job].attempts
    assert Reconciled() == passes(1000)


def test_a_cancelled_job_that_nobody_holds_has_ended(truth, queue, submit, passes):
    unknown, waiting, held = submit(), submit(), submit()
    queue.put(waiting, "normal")
    queue.beat(held, "a", Progress())
    for job in (unknown, waiting, held):
        truth.put(job, Cancel(by="ana"))
    found = passes(0)

    assert {unknown, waiting} == set(found.cancelled)
    assert ["cancelled", "cancelled"] == [truth.outcome(job).status for job in (unknown, waiting)]
    assert truth.outcome(held) is None
    assert queue.take("w", wait_s=0) is None
    queue.free(held, "a")
    assert (held,) == passes(1).cancelled


def test_a_job_is_not_cancelled_once_its_record_stands(truth, submit, passes, deliver):
    job = submit()
    deliver(job)
    truth.put(job, Cancel())

    assert (job,) == passes(0).completed
    assert "completed" == truth.outcome(job).status


@pytest.mark.fast_cases("bucket-redis", "folder-sqlite")
def test_what_has_ended_is_never_put(truth, queue, submit, passes):
    jobs = [submit() for _ in range(3)]
    passes(0)
    for job, status in zip(jobs, ("completed", "failed", "cancelled"), strict=True):
        truth.put(job, Outcome(status=status))

    assert Reconciled() == passes(1000)
    assert queue.take("w", wait_s=0) is None


@pytest.mark.fast_cases("folder-sqlite", "bucket-redis")
def test_two_at_once_do_no_harm(truth, queue, submit, deliver):
    forgotten, delivered, cancelled = [submit() for _ in range(20)], submit(), submit()
    deliver(delivered)
    truth.put(cancelled, Cancel())
    begin = threading.Barrier(2)

    def work():
        unknown = {}
        for now in (0, GRACE_S):
            begin.wait()
            reconcile(truth, queue, unknown, grace_s=GRACE_S, now=now)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(forgotten) == sorted(iter(lambda: queue.take("w", wait_s=0), None))
    assert ["completed", "cancelled"] == [truth.outcome(job).status for job in (delivered, cancelled)]


def test_a_redis_that_was_flushed_knows_all_jobs_again(redis, folder_truth, new_id):
    queue, jobs, unknown = RedisQueue(redis.url, lease_s=30), {new_id() for _ in range(5)}, {}
    for job in jobs:
        folder_truth.put(job, Request(experiment_id=job, timeout_s=60, model_name="m"))
        queue.put(job, "normal")
    with redis.client() as client:
        client.flushall()
    reconcile(folder_truth, queue, unknown, grace_s=GRACE_S, now=0)

    assert jobs == set(reconcile(folder_truth, queue, unknown, grace_s=GRACE_S, now=GRACE_S).put)
    queue.close()


@pytest.fixture
def spoiled(truth, new_id, tmp_path):
    """A function that puts bytes where a document of a job should be."""

    def put(name, content, job=None):
        job = job or new_id()
        (tmp_path / "raw").write_bytes(content)
        truth.place.storage.put(
            tmp_path / "raw", truth.place.key(name.replace("ID", job)), sha256=sha256_file(tmp_path / "raw")
        )
        return job

    return put


def test_a_bad_request_harms_no_other_job_and_is_read_once(truth, submit, spoiled, passes, monkeypatch):
    bad = {spoiled("jobs/ID/request.json", content) for content in (b"{", b"[]", b"{}", b"\xff")}
    good = submit()
    passes(0)
    found = passes(GRACE_S)

    assert (good,) == found.put
    assert bad == set(found.problems)
    assert {"bad_document"} == {error.code for error in found.problems.values()}
    monkeypatch.setattr(Truth, "request", lambda *words: pytest.fail("it was read again"))
    assert Reconciled() == passes(10 * GRACE_S)


def test_a_bad_request_can_be_cancelled(truth, spoiled, passes):
    job = spoiled("jobs/ID/request.json", b"{")
    truth.put(job, Cancel())

    assert (job,) == passes(0).cancelled


def test_a_bad_record_is_told_and_its_job_is_not_run_again(truth, queue, submit, spoiled, passes):
    job = submit()
    spoiled("experiments/ID/record.json", b"{}", job)
    passes(0)

    assert {job} == set(passes(GRACE_S).problems)
    assert Reconciled() == passes(2 * GRACE_S)
    assert queue.take("w", wait_s=0) is None
    assert truth.outcome(job) is None


def test_hostile_keys_are_no_jobs(queue, spoiled, submit, passes):
    for key in (
        "jobs/request.json",
        "jobs/ID0/request.json",
        "jobs/x/ID/request.json",
        "jobs/ID/x/request.json",
    ):
        spoiled(key, b"{}")
    for name in ("outcome.json", "cancel.json", "birds.json"):
        spoiled(f"jobs/ID/{name}", b"{}")
    passes(0)

    assert Reconciled() == passes(GRACE_S)


class Counting:
    """A storage that counts what it is asked, and fails where it is told to."""

    def __init__(self, storage):
        self.storage, self.asked, self.failing = storage, [], None

    def __getattr__(self, name):
        found = getattr(self.storage, name)
        if not callable(found):
            return found

        def call(*words, **named):
            self.asked.append(name)
            if self.failing and self.failing(name, *words):
                raise self.error
            return found(*words, **named)

        return call

    def fail(self, code, when):
        self.error, self.failing = StorageError("It failed.", code=code), when


@pytest.fixture
def counted(tmp_path, queue):
    """A place that counts, a function that submits there, and one that makes a pass."""
    place = outputs_place(str(tmp_path / "place"), StorageSettings())
    storage = Counting(place.storage)
    truth, unknown = Truth(replace(place, storage=storage)), {}
    return storage, truth, lambda now: reconcile(truth, queue, unknown, grace_s=GRACE_S, now=now)


@pytest.mark.fast_cases("sqlite")
def test_a_place_with_many_jobs_is_listed_and_not_read(counted, queue, tmp_path, new_id):
    storage, _, passes = counted
    for number in range(3000):
        job = new_id()
        folder = tmp_path / "place" / "jobs" / job
        folder.mkdir(parents=True)
        (folder / "request.json").write_text("{}")
        if number < 2000:
            (folder / "outcome.json").write_text("{}")
        elif number < 2500:
            queue.put(job, "normal")
        else:
            queue.beat(job, "a", Progress())
    for now in range(5):
        assert Reconciled() == passes(now * GRACE_S)

    assert ["list"] * 5 == storage.asked


def test_a_document_that_may_not_be_read_is_tried_again(counted, new_id):
    storage, truth, passes = counted
    jobs = [new_id(), new_id()]
    for job in jobs:
        truth.put(job, Request(experiment_id=job, timeout_s=1, model_name="m"))
    storage.fail("storage_denied", lambda name, key, *rest: name == "read" and jobs[0] in key)
    passes(0)
    found = passes(GRACE_S)
    assert ({jobs[0]}, (jobs[1],)) == (set(found.problems), found.put)
    storage.failing = None

    assert (jobs[0],) == passes(GRACE_S + 1).put


@pytest.mark.parametrize("when", ["list", "stat", "read", "put"])
def test_a_place_that_is_away_ends_the_pass(counted, new_id, when):
    storage, truth, passes = counted
    for _ in range(10):
        job = new_id()
        truth.put(job, Request(experiment_id=job, timeout_s=1, model_name="m"))
        if when == "put":
            truth.put(job, Cancel())
    if when in {"stat", "read"}:
        passes(0)
    storage.asked.clear()
    storage.fail("storage_unreachable", lambda name, *rest: name == when)
    with pytest.raises(StorageError, match="It failed"):
        passes(GRACE_S)
    assert 1 == storage.asked.count(when)
    storage.failing = None
    found = passes(2 * GRACE_S)

    assert 10 == len(found.put + found.cancelled) or when == "list"


# ---- the thread


def test_the_thread_puts_again_what_was_forgotten(folder_truth, tmp_path, new_id):
    job, queue = new_id(), SqliteQueue(tmp_path / "queue.db", lease_s=0.2)
    folder_truth.put(job, Request(experiment_id=job, timeout_s=1, model_name="m"))
    reconciler = Reconciler(folder_truth, queue, lease_s=0.2)
    with reconciler.running():
        assert job == queue.take("w", wait_s=PATIENCE_S)
        assert job == queue.take("w", wait_s=PATIENCE_S)  # it was never held
    queue.close()


def test_a_queue_that_is_away_makes_no_job_missed(folder_truth, tmp_path, new_id, caplog, monkeypatch):
    (tmp_path / "redis").mkdir()
    clock = [100.0]
    monkeypatch.setattr("dissmodel.service.reconcile.time", SimpleNamespace(monotonic=lambda: clock[0]))
    job = new_id()
    folder_truth.put(job, Request(experiment_id=job, timeout_s=1, model_name="m"))
    with redis_server.running(tmp_path / "redis", keeps=True) as server:
        queue = RedisQueue(server.url, lease_s=30)
        reconciler = Reconciler(folder_truth, queue, lease_s=30)
        assert Reconciled() == reconciler.once()
        server.stop()
        clock[0] += 100
        with caplog.at_level(logging.INFO):
            assert reconciler.once() is None
            assert reconciler.once() is None
            server.start()
            assert Reconciled() == reconciler.once()
        clock[0] += 15

        assert (job,) == reconciler.once().put
        queue.close()
    away, again = [text for text in caplog.messages if "reconciled" in text]
    assert "Jobs are not reconciled for now" in away
    assert "Jobs are reconciled again." == again


def test_a_place_that_is_away_is_told_once(counted, queue, caplog):
    storage, truth, _ = counted
    reconciler = Reconciler(truth, queue, lease_s=30)
    storage.fail("storage_unreachable", lambda name, *rest: True)
    with caplog.at_level(logging.INFO):
        assert [None, None] == [reconciler.once(), reconciler.once()]
        storage.failing = None
        assert Reconciled() == reconciler.once() == reconciler.once()

    assert 2 == len(caplog.records)


def test_a_bad_document_is_told_once_also_after_the_queue_was_away(
    folder_truth, tmp_path, new_id, caplog, monkeypatch
):
    job, queue = new_id(), SqliteQueue(tmp_path / "queue.db", lease_s=30)
    (tmp_path / "place" / "jobs" / job).mkdir(parents=True)
    (tmp_path / "place" / "jobs" / job / "request.json").write_text("{")
    reconciler, clock, view = Reconciler(folder_truth, queue, lease_s=30), [0.0], queue.view
    monkeypatch.setattr("dissmodel.service.reconcile.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def away(jobs):
        raise QueueAway("Away.")

    for number in range(9):
        clock[0] += 100
        monkeypatch.setattr(queue, "view", away if number == 4 else view)
        reconciler.once()
    queue.close()

    about = [text for text in caplog.messages if job in text]
    assert 1 == len(about)
    assert "not a request of a job" in about[0]


def test_a_defect_does_not_end_the_thread(folder_truth, tmp_path, monkeypatch, caplog):
    calls = []

    def broken(self):
        calls.append(time.monotonic())
        raise ZeroDivisionError

    monkeypatch.setattr(Reconciler, "once", broken)
    reconciler = Reconciler(folder_truth, SqliteQueue(tmp_path / "queue.db", lease_s=1), lease_s=0.05)
    until = time.monotonic() + PATIENCE_S
    with reconciler.running():
        while len(calls) < 3:
            assert time.monotonic() < until
            time.sleep(0.01)

    assert "Jobs were not reconciled." in caplog.messages
    assert issubclass(QueueAway, DissmodelError)

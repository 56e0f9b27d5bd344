"""Tasks on a Dask cluster on loopback: results, lost workers, a lost scheduler, versions, TLS."""

import collections
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, wait
from importlib.metadata import version
from pathlib import Path

import pytest
import trustme
from distributed import Client

from dissmodel.config import load_settings
from dissmodel.engines import EngineLost, WorkerLost, open_engine
from dissmodel.errors import InvalidInput, UsageError
from support import tasks
from support.dask_cluster import dask_cluster, false_version

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills groups of processes")


def opened(cluster, workers=None, **given):
    return open_engine(str(getattr(cluster, "file", cluster)), workers, 1, load_settings(given=given))


def until(is_so, seconds=30):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def begun(folder, number=1):
    until(lambda: len(list(folder.glob("*.begun"))) >= number)


def test_tasks_run_there_and_a_lost_worker_or_scheduler_is_told(tmp_path):
    with dask_cluster(tmp_path, 1) as cluster, opened(cluster) as engine:
        error = engine.submit(tasks.fail, InvalidInput("The tide is a text.", "Correct it.")).exception()

        assert (1, [0, 1, 2]) == (engine.slots, [engine.submit(abs, -n).result() for n in range(3)])
        assert cluster.processes[1].pid == engine.submit(tasks.pid).result()
        assert ["1"] == engine.submit(tasks.variables, "NUMBA_NUM_THREADS").result()
        assert isinstance(error, InvalidInput)
        assert "Correct it." == error.hint
        assert "RuntimeError: SystemExit: 3" == _text(engine.submit(tasks.fail, SystemExit(3)).exception())

        lost = engine.submit(tasks.end_itself).exception(20)
        waiting = engine.submit(abs, -1)
        cluster.scheduler.kill()

        assert isinstance(lost, WorkerLost)
        assert "left or was killed" in lost.message
        assert isinstance(waiting.exception(20), EngineLost)
        assert isinstance(engine.submit(abs, -1).exception(), EngineLost)


def _text(error):
    return f"{type(error).__name__}: {error}"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A cluster whose two workers are started again when they are killed."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        for _ in range(2):
            cluster.worker("--nanny", "--memory-limit", "0")
        yield cluster


@pytest.fixture
def engine(two):
    with opened(two) as engine:
        until(lambda: engine.slots == 2)
        yield engine


@pytest.mark.slow
def test_a_worker_has_a_task_at_a_time(engine, tmp_path):
    futures = [engine.submit(tasks.note, tmp_path, str(n), 0.2) for n in range(6)]
    most = 0
    while wait(futures, 0.05).not_done:
        most = max(most, len(list(tmp_path.glob("*.begun"))) - len(list(tmp_path.glob("*.done"))))

    assert list("012345") == [future.result() for future in futures]
    assert most <= 2


@pytest.mark.slow
def test_no_more_workers_are_used_than_are_asked_for(two, tmp_path):
    with opened(two, 1) as engine:
        pids = [engine.submit(tasks.pid) for _ in range(6)]

        assert 1 == engine.slots
        assert len({future.result() for future in pids}) <= 2
        futures = [engine.submit(tasks.note, tmp_path, str(n), 0.3) for n in range(2)]
        begun(tmp_path)
        assert not futures[1].running()


@pytest.mark.slow
def test_a_worker_that_can_not_begin_a_task_says_why(engine, monkeypatch):
    monkeypatch.setattr("dissmodel.engines.on_worker.begin", tasks.fail)
    error = engine.submit(abs, -1).exception(20)

    assert isinstance(error, WorkerLost)
    assert "can't begin a task: fail() takes 1 positional argument but 4 were given." in error.message


@pytest.mark.slow
def test_a_worker_is_held_as_long_as_the_engine_is_open(two):
    def held():
        with Client(two.address, set_as_default=False) as client:
            keys = client.processing().values()
            return sum(key.startswith("dissmodel-") for worker in keys for key in worker)

    with opened(two) as engine:
        until(lambda: engine.slots == 2)
        until(lambda: held() == 2)
        assert 3 == engine.submit(abs, -3).result()
    until(lambda: held() == 0)
    with opened(two) as engine:
        assert 3 == engine.submit(abs, -3).result(20)


@pytest.mark.slow
def test_a_lost_worker_costs_its_own_task_only_and_is_replaced(engine, tmp_path):
    other = engine.submit(time.sleep, 2)
    lost = engine.submit(tasks.end_itself)

    assert isinstance(lost.exception(20), WorkerLost)
    assert other.result() is None
    until(lambda: engine.slots == 2)
    assert list(range(8)) == [engine.submit(abs, -n).result() for n in range(8)]


@pytest.mark.slow
def test_a_task_that_takes_too_much_memory_costs_itself(tmp_path):
    with dask_cluster(tmp_path) as cluster:
        cluster.worker("--nanny", "--memory-limit", "400MB")
        with opened(cluster) as engine:
            lost = engine.submit(tasks.use_memory, 600_000_000)

            assert isinstance(lost.exception(30), WorkerLost)
            assert 3 == engine.submit(abs, -3).result(30)


@pytest.mark.slow
def test_a_worker_that_leaves_costs_at_most_its_task(tmp_path):
    with dask_cluster(tmp_path, 2) as cluster, opened(cluster) as engine:
        until(lambda: engine.slots == 2)
        futures = [engine.submit(tasks.note, tmp_path, str(n), 1) for n in range(6)]
        begun(tmp_path, 2)
        cluster.processes[1].terminate()
        lost = [future for future in futures if future.exception(30)]

        assert len(lost) <= 1
        assert all(isinstance(future.exception(), WorkerLost) for future in lost)


@pytest.mark.slow
def test_kills_at_twenty_points_repeat_only_what_was_in_flight(engine, tmp_path):
    """Whoever submits counts the tries: the engine itself begins no task twice."""
    rolled, kills = random.Random(1), 0
    todo = collections.deque((n, 1) for n in range(120))
    flying, done, tries = {}, set(), collections.Counter()
    while todo or flying:
        while todo and len(flying) < engine.slots:
            number, attempt = todo.popleft()
            tries[number] += 1
            flying[engine.submit(tasks.note, tmp_path, f"{number}-{attempt}", 0.05)] = number, attempt
        ended, _ = wait(flying, return_when=FIRST_COMPLETED)
        for future in ended:
            number, attempt = flying.pop(future)
            if future.exception() is None:
                done.add(number)
            else:
                assert isinstance(future.exception(), WorkerLost)
                todo.append((number, attempt + 1))
        if kills < 20 and len(done) >= 5 * (kills + 1):
            until(lambda: engine.slots == 2)
            os.kill(engine.submit(tasks.pid).result(), signal.SIGKILL)
            kills += 1
            time.sleep(rolled.random() * 0.1)

    begun = collections.Counter(path.name.partition(".")[0] for path in tmp_path.glob("*.begun"))
    assert (20, set(range(120))) == (kills, done)
    assert 1 == max(begun.values())
    assert sum(tries.values()) <= 120 + kills


@pytest.mark.slow
def test_a_scheduler_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("dissmodel.engines.cluster._ANSWER_S", 2)
    with dask_cluster(tmp_path, 1) as cluster, opened(cluster) as engine:
        future = engine.submit(time.sleep, 60)
        cluster.scheduler.send_signal(signal.SIGSTOP)

        assert isinstance(future.exception(30), EngineLost)


@pytest.mark.slow
def test_a_lost_scheduler_ends_tasks_in_flight_and_those_that_wait(tmp_path):
    with dask_cluster(tmp_path, 1) as cluster, opened(cluster) as engine:
        futures = [engine.submit(tasks.note, tmp_path, str(n), 60) for n in range(3)]
        begun(tmp_path)
        cluster.scheduler.kill()
        began = time.monotonic()

        assert all(isinstance(future.exception(20), EngineLost) for future in futures)
        assert time.monotonic() - began < 10


@pytest.mark.slow
def test_without_workers_it_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("dissmodel.engines.cluster.Cluster.patience", 2)
    with dask_cluster(tmp_path) as cluster:
        with (
            pytest.raises(EngineLost, match="has had no worker that takes tasks for 2 seconds") as caught,
            opened(cluster),
        ):
            pass

        assert f"dask worker {cluster.address}" in caught.value.hint


@pytest.mark.slow
def test_a_worker_that_comes_later_is_used(tmp_path):
    with dask_cluster(tmp_path, 1) as cluster, opened(cluster) as engine:
        cluster.worker()
        until(lambda: engine.slots == 2)
        futures = [engine.submit(tasks.note, tmp_path, str(n), 0.5) for n in range(2)]
        begun(tmp_path, 2)

        assert ["0", "1"] == [future.result() for future in futures]


@pytest.mark.slow
def test_all_differences_of_versions_are_told_before_anything_runs(tmp_path):
    false = false_version(tmp_path / "rasterio", "rasterio", "9.9.9")
    both = false_version(false_version(tmp_path / "both", "rasterio", "9.9.9"), "dissmodel", "0.5")
    with dask_cluster(tmp_path, 1) as cluster:
        cluster.worker("--name", "first", paths=[false])
        cluster.worker("--name", "second", paths=[both])
        until(lambda: _workers_in(cluster) == 3)
        with pytest.raises(UsageError, match="Workers have other versions") as caught, opened(cluster):
            pass

    rasterio, dissmodel = (version(name) for name in ("rasterio", "dissmodel"))
    assert "worker_versions" == caught.value.code
    assert 2 == caught.value.message.count(" has ")
    assert f"has rasterio 9.9.9 instead of {rasterio}" in caught.value.message
    assert (
        f"has dissmodel 0.5 instead of {dissmodel}, rasterio 9.9.9 instead of {rasterio}"
        in caught.value.message
    )


def _workers_in(cluster):
    return (cluster.folder / "scheduler-0.log").read_text().count("Register worker")


@pytest.mark.slow
def test_a_later_worker_of_another_version_gets_no_task(tmp_path):
    with dask_cluster(tmp_path, 1) as cluster, opened(cluster) as engine:
        cluster.worker(paths=[false_version(tmp_path / "false", "rasterio", "9.9.9")])
        until(lambda: _workers_in(cluster) == 2)
        pids = {engine.submit(tasks.pid).result() for _ in range(10)}

        assert (1, {cluster.processes[1].pid}) == (engine.slots, pids)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """The certificates of two authorities: the paths of CA, certificate and key."""
    found = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        paths = [folder / f"{part}.pem" for part in ("ca", "cert", "key")]
        authority.cert_pem.write_to_path(paths[0])
        certificate.cert_chain_pems[0].write_to_path(paths[1])
        certificate.private_key_pem.write_to_path(paths[2])
        found.append([str(path) for path in paths])
    return found


def settings_of(certificates):
    return dict(zip(("cluster.tls_ca", "cluster.tls_cert", "cluster.tls_key"), certificates, strict=True))


@pytest.mark.slow
def test_a_cluster_with_tls_takes_only_our_certificates(tmp_path, certificates, monkeypatch):
    ours, others = certificates
    with dask_cluster(tmp_path, 1, ours) as cluster:
        assert cluster.address.startswith("tls://")
        with opened(cluster.address, **settings_of(ours)) as engine:
            assert 3 == engine.submit(abs, -3).result()
        monkeypatch.setattr("dissmodel.engines.cluster._CONNECT_S", 3)
        with (
            pytest.raises(EngineLost, match="No Dask scheduler can be reached"),
            opened(cluster, **settings_of(others)),
        ):
            pass


@pytest.mark.slow
@pytest.mark.parametrize(("model", "maker"), [("game_of_life", "life"), ("fire_spread", "fire")])
def test_a_model_has_the_same_result_in_each_engine(engine, tmp_path, model, maker):
    source = tmp_path / "input.tif"
    program = Path(__file__).parents[2] / "examples" / maker / f"make_{maker}.py"
    subprocess.run([sys.executable, program, "--output", source], check=True, capture_output=True)
    found = {}
    with (
        open_engine("here", 1, 1, load_settings()) as here,
        open_engine(None, 1, 1, load_settings()) as process,
    ):
        for name, where in {"here": here, "process": process, "cluster": engine}.items():
            found[name] = where.submit(tasks.run_model, model, source, tmp_path / name / "r.tif", 7).result()

    assert found["here"]["output"]
    assert found["here"] == found["process"] == found["cluster"]

"""Tasks on an engine: how many at a time, how often, and what becomes of lost workers."""

import os
import signal
from concurrent.futures import Future
from dataclasses import replace

import pytest

from dissmodel.engines import Engine, EngineLost, WorkerLost
from dissmodel.record import store
from dissmodel.running.run import RunRequest
from dissmodel.sweeping import dispatch
from dissmodel.sweeping.runs import EndedRun
from dissmodel.sweeping.worker import Task, do


class Scripted(Engine):
    """Ends each try of a task as the script says; a task without a script completes."""

    name = "a script"

    def __init__(self, slots=2, **script):
        self.script = {name: list(ends) for name, ends in script.items()}
        self.begun = []
        self._slots = slots

    @property
    def slots(self):
        return self._slots

    def submit(self, do, task):
        self.begun.append((task.key, task.tries, task.request.experiment_id))
        future = Future()
        end = next(iter(self.script.get(task.key, ())), None)
        if end is None:
            future.set_result(EndedRun(key=task.key, status="completed", tries=task.tries))
        else:
            self.script[task.key].pop(0)
            future.set_exception(end)
        return future


def tasks(folder, *keys):
    for key in keys:
        request = RunRequest(model="flow", input="in.tif", parameters={"rate": 1}, seed=3)
        yield Task(key=key, request=request, folder=folder / key, model="flow", work="w")


def run(engine, given, **more):
    ended = []
    dispatch.run_all(engine, given, on_end=lambda _task, end: ended.append(end), **more)
    return {one.key: one for one in ended}


def test_a_task_whose_worker_is_lost_is_tried_again_twice(tmp_path):
    lost = WorkerLost("The worker was ended by SIGKILL.")
    engine = Scripted(once=[lost], ever=[lost] * 9)

    ended = run(engine, tasks(tmp_path, "once", "ever", "well"))

    assert {"once": 2, "ever": 3, "well": 1} == {key: one.tries for key, one in ended.items()}
    assert "completed" == ended["once"].status
    assert ("failed", 3) == (ended["ever"].status, sum(key == "ever" for key, *_ in engine.begun))
    (path,) = (tmp_path / "ever").iterdir()
    record = store.read(path)
    assert ("flow", {"rate": 1}, 3, "failed") == (
        record.model_name,
        record.parameters,
        record.seed,
        record.status,
    )
    assert "ended by SIGKILL. It was tried 3 times." in record.error.message == ended["ever"].error
    assert record.record_digest == ended["ever"].record_digest
    assert 6 == len({identity for *_, identity in engine.begun})  # each try is an experiment of its own


def test_what_is_no_end_of_a_run_is_a_failed_run(tmp_path):
    ended = run(Scripted(odd=[AttributeError("can't be unpacked")]), tasks(tmp_path, "odd", "well"))

    assert ("failed", "completed") == (ended["odd"].status, ended["well"].status)
    assert "can't be unpacked" in ended["odd"].error


def test_a_lost_engine_ends_all(tmp_path):
    engine = Scripted(slots=1, b=[EngineLost("The scheduler is gone.")])

    with pytest.raises(EngineLost):
        run(engine, tasks(tmp_path, "a", "b", "c"))

    assert ["a", "b"] == [key for key, *_ in engine.begun]


def test_no_more_tasks_are_made_than_have_a_worker(tmp_path):
    made, waiting = [], []

    class Slow(Scripted):
        def submit(self, do, task):
            waiting.append((task, future := Future()))
            if len(waiting) == 3:
                for one, its in waiting:
                    its.set_result(EndedRun(key=one.key, status="completed"))
                waiting.clear()
            return future

    def counted():
        for task in tasks(tmp_path, *map(str, range(9))):
            made.append(task.key)
            yield task

    most = []
    dispatch.run_all(Slow(3), counted(), on_end=lambda *_: most.append(len(made)))

    assert 9 == len(most)
    assert most == sorted(most)
    assert all(made <= ended + 3 for ended, made in enumerate(most))


def test_the_first_interruption_waits_for_what_runs_and_the_second_does_not(tmp_path):
    done = []

    class Interrupting(Scripted):
        def submit(self, do, task):
            os.kill(os.getpid(), signal.SIGINT)
            return super().submit(do, task)

    with pytest.raises(KeyboardInterrupt):
        dispatch.run_all(Interrupting(), tasks(tmp_path, "a", "b"), on_end=lambda *_: done.append(1))
    assert [1] == done

    class Twice(Interrupting):
        def submit(self, do, task):
            super().submit(do, task)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        dispatch.run_all(Twice(), tasks(tmp_path, "a", "b"), on_end=lambda *_: done.append(2))
    assert [1] == done
    assert signal.default_int_handler == signal.getsignal(signal.SIGINT)


def test_a_run_whose_record_stood_as_its_worker_was_lost_is_not_run_again(sweep):
    made = sweep()
    row = made.table().iloc[0]
    request = RunRequest(model="gone.py", input="in.tif")
    folder = made.folder.run_path(row.key)
    task = Task(key=row.key, request=request, folder=folder, model="growing", work="w", tries=2)

    assert ("completed", row.sha256, 1) == ((end := do(task)).status, end.sha256, end.tries)
    assert "failed" == do(replace(task, key="0" * 64)).status  # another run's record

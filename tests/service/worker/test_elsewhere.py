"""The process of an attempt on an engine's worker, here a process of this machine."""

import errno
import json
import os
import shutil
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from dissmodel import bounded
from dissmodel.config import load_settings
from dissmodel.engines import EngineLost, check_shared, open_engine
from dissmodel.engines.here import Here
from dissmodel.errors import StorageError, UsageError
from dissmodel.experiment.at_hand import AtHand
from dissmodel.service.documents import Request
from dissmodel.service.elsewhere import JobElsewhere, _ended, run
from dissmodel.service.hold import Hold, Times
from dissmodel.service.inputs import shared
from dissmodel.service.job_engine import check_own
from dissmodel.service.queue import Progress
from dissmodel.service.task import Task
from dissmodel.service.told import Told
from dissmodel.storage.local_copy import Fetched

JOB = "0" * 32


@pytest.fixture
def task(house):
    """A task of a minute."""
    folder = house.folder / "scratch"
    (folder / "result").mkdir(parents=True)
    parameters = {"pause": 60, "note": str(house.folder / "notes")}
    request = Request(
        experiment_id=JOB, model_name="echo", input="data.bin", parameters=parameters, timeout_s=60
    )
    return Task(
        request=request,
        folder=folder / "result",
        source=AtHand(house.folder / "user/data/service/inputs/data.bin"),
    )


@pytest.fixture
def hold(house):
    stop = threading.Event()
    return Hold(JOB, queue=house.queue, truth=house.truth, worker="w", lease_s=2, stop=stop, times=Times())


@pytest.fixture
def start(house, task, hold):
    """Start the task in an engine of one process."""
    with open_engine(None, 1, 1, load_settings()) as engine:
        scratch = task.folder.parent
        job = JobElsewhere(engine, task, scratch, house.folder, (), hold=hold, lease_s=2)
        yield job
        job.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to wait for")
def test_it_tells_of_the_run_and_lets_it_end(start, hold):
    while "the model says hello" not in hold.log:
        assert start.wait(0.1) is None
    assert "run" == hold.news().phase
    end = start.stop(20)

    assert "interrupted" == json.loads(end.record.read_text())["status"]
    assert end == start.wait(0)
    assert hold.logged == len(hold.log)


@pytest.mark.slow
def test_it_ends_when_its_order_is_gone(start, task, hold, house):
    while not (house.folder / "notes").exists():
        assert start.wait(0.1) is None
    shutil.rmtree(task.folder.parent, ignore_errors=True)

    with pytest.raises(EngineLost, match="Nobody holds"):
        start._future.result(10)


def test_what_its_worker_does_not_see_is_told(task):
    scratch = task.folder.parent
    with pytest.raises(StorageError, match="does not see this folder") as caught:
        run(task, scratch, scratch, (), 2)
    assert "folder_not_shared" == caught.value.code
    (scratch / "order").write_text("1")
    task.source.path.unlink()
    with pytest.raises(UsageError, match="does not see this input") as caught:
        run(task, scratch, scratch, (), 2)
    assert "input_not_shared" == caught.value.code


def test_a_folder_that_only_one_side_sees_is_told(tmp_path, monkeypatch):
    check_shared(Here(), tmp_path, "service.scratch")
    assert [] == list(tmp_path.iterdir())
    monkeypatch.setattr("dissmodel.engines.shared_folder.answer", _write_elsewhere)

    with pytest.raises(UsageError, match="what it writes there is not seen here") as caught:
        check_shared(Here(), tmp_path, "service.scratch")
    assert ("folder_not_shared", True) == (caught.value.code, "service.scratch" in caught.value.hint)


def _write_elsewhere(_folder):
    return ""


def test_news_are_heard_once():
    told = Told()
    told.output("fetched")
    told.hear(Progress("run", 1, 9, ("a", "b"), 2), 0)
    told.hear(Progress("run", 2, 9, ("b", "c"), 3), 2)
    told.hear(Progress("run", 3, 9, ("x", "y"), 10), 3)  # five of them came too fast

    assert ("fetched", "a", "b", "c", "x", "y") == told.log
    assert (11, "run", 3) == (told.logged, told.news().phase, told.news().step)


def test_what_a_model_tells_is_bounded():
    told, most = Told(), 10**4299  # JSON has no bound
    told.hear(Progress("run", most, 3, ("a",) * 3000, most), 0)
    told.output("b")
    told.tell("run\ud800" * 1000, -1, most)
    news = Progress.from_text(told.news().to_text())

    assert (1000, 0, 2000, "run") == (len(news.lines), news.step, len(news.phase), news.phase[:3])
    assert 1.0 == min(1.0, news.steps / 3)
    assert told.logged == 2**53 + 1


def test_what_did_not_end_is_not_waited_for_twice(task, hold, monkeypatch):
    monkeypatch.setattr("dissmodel.service.elsewhere._ANSWER_S", 0)
    scratch = task.folder.parent
    job = JobElsewhere(_Silent(), task, scratch, scratch, (), hold=hold, lease_s=2)
    assert job.stop(0) is None
    order = (scratch / "order").read_text()
    job.close()

    assert order.startswith("stop 0 ")
    assert order == (scratch / "order").read_text()


class _Silent(Here):
    """An engine whose worker never answers."""

    def submit(self, *_args, **_kwargs):
        future = Future()
        future.set_running_or_notify_cancel()
        return future


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("order", [b"\xff", b"stop x 1", b"stop inf 1", b"9" * 1000, "pipe"])
def test_what_is_no_order_is_left(tmp_path, order):
    if order == "pipe":
        os.mkfifo(tmp_path / "order")
    else:
        (tmp_path / "order").write_bytes(order)

    with pytest.raises(EngineLost, match="Nobody holds"):
        _ended(_Endless(), Told(), tmp_path, 0)


def failing(error, then):
    """A function that fails once."""
    errors = [error]

    def call(*given, **words):
        if errors:
            raise errors.pop()
        return then(*given, **words)

    return call


def test_an_order_that_is_away_for_a_moment_is_waited_for(tmp_path, monkeypatch):
    looks = []

    def write_at_the_second_look():
        looks.append(1)
        if len(looks) == 2:
            (tmp_path / "order").write_text("stop 0 1")

    assert "can't be killed" == _ended(_Endless(write_at_the_second_look), Told(), tmp_path, 60).crashed
    with pytest.raises(EngineLost, match="Nobody holds"):
        _ended(_Endless(), Told(), tmp_path / "gone", 60)
    (tmp_path / "order").write_text("stop 0 2")
    stale = OSError(errno.ESTALE, "Stale file handle")
    monkeypatch.setattr(bounded, "contents", failing(stale, then=bounded.contents))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", failing(stale, then=Path.stat))
        assert "can't be killed" == _ended(_Endless(), Told(), tmp_path, 60).crashed


class _Endless:
    """A process that does not end by itself."""

    def __init__(self, do=lambda: None):
        self._do = do

    def wait(self, _seconds):
        self._do()

    def stop(self, _patience):
        return None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no owners of this kind")
def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    scratch = tmp_path / "new" / "host"
    check_own(scratch)
    assert 0o700 == scratch.stat().st_mode & 0o777
    check_own(scratch)
    owner = Path.lstat
    monkeypatch.setattr(Path, "lstat", lambda path: _owned(owner(path)) if path == scratch else owner(path))

    with pytest.raises(UsageError, match="another user's") as caught:
        check_own(scratch)
    assert "folder_not_own" == caught.value.code


def _owned(status):
    return os.stat_result((*status[:4], status.st_uid + 1, *status[5:]))


def test_what_was_fetched_is_copied_and_nothing_else(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("grid.tif", "grid.tif.aux.xml"):
        (data / name).write_text(name)
    fetched = Fetched(data / "grid.tif", "s3", "s3://b/grid.tif", "", "0" * 64, 8)
    found = shared(AtHand(fetched.path, fetched), tmp_path / "input")
    local = AtHand(data / "grid.tif")

    assert (tmp_path / "input" / "grid.tif", found.path) == (found.path, found.fetched.path)
    assert fetched.uri == found.shown
    assert {"grid.tif", "grid.tif.aux.xml"} == {one.name for one in found.path.parent.iterdir()}
    assert local is shared(local, tmp_path / "none")

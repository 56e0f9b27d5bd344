"""A pool of threads where the system refuses some of them, or all."""

import threading

import pytest

from dissmodel.workers import Workers


@pytest.fixture
def allow(monkeypatch):
    """Let the system start so many threads more."""
    start = threading.Thread.start

    def limit(number):
        def refuse(thread):
            nonlocal number
            if number == 0:
                raise RuntimeError("can't start new thread")
            number -= 1
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)

    return limit


@pytest.mark.parametrize("threads", [0, 1, 2, 9])
def test_all_work_is_done_once_and_in_order(allow, threads):
    allow(threads)
    done = []

    def work(number):
        done.append(number)
        return -number

    with Workers(4) as workers:
        assert [-number for number in range(50)] == list(workers.map(work, range(50)))

    assert list(range(50)) == sorted(done)


@pytest.mark.parametrize("threads", [0, 1])
def test_an_error_belongs_to_its_result(allow, threads):
    allow(threads)

    with Workers(2) as workers:
        wrong, right = workers.submit(int, "x"), workers.submit(int, "1")

    assert 1 == right.result()
    assert isinstance(wrong.exception(), ValueError)


def test_an_interruption_is_not_kept_for_later(allow):
    allow(0)

    def interrupted():
        raise KeyboardInterrupt

    with Workers(2) as workers, pytest.raises(KeyboardInterrupt):
        workers.submit(interrupted)


def test_work_that_is_cancelled_ends_its_future():
    begun, goes_on = threading.Event(), threading.Event()

    def long():
        begun.set()
        goes_on.wait(60)

    with Workers(1) as workers:
        first, second = workers.submit(long), workers.submit(int)
        begun.wait(60)
        workers.shutdown(wait=False, cancel_futures=True)
        goes_on.set()

    assert first.exception() is None
    assert second.cancelled()

"""A Redis that is away, forgets all, refuses us or is too old; no error has its password."""

import contextlib
import re
import socket
import threading
import time
import traceback

import pytest

from dissmodel.errors import UsageError
from dissmodel.service.queue import Entry, Progress, QueueAway
from dissmodel.service.queue.open import open_queue
from dissmodel.service.queue.redis import DENIED, RedisQueue
from dissmodel.service.queue.sqlite import SqliteQueue
from dissmodel.service.settings import ServiceSettings
from support import redis_server

PASSWORD = "planted-SECRET-0123456789"


@pytest.fixture
def own(tmp_path):
    """A Redis of the test's own, which writes each change down."""
    (tmp_path / "redis").mkdir()
    with redis_server.running(tmp_path / "redis", keeps=True) as server:
        yield server


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:

        def make(url, **how):
            queue = RedisQueue(url, **{"lease_s": 30, **how})
            stack.callback(queue.close)
            return queue

        yield make


def settings(tmp_path, queue):
    return ServiceSettings(data_dir=tmp_path, place=str(tmp_path), inputs=str(tmp_path), queue=queue)


def everything(error):
    """All that an error can tell, with its causes."""
    return "".join(traceback.format_exception(error)) + repr(vars(error))


def test_calls_fail_while_it_is_away_and_go_on_when_it_is_back(own, opened, new_id):
    queue, job = opened(own.url), new_id()
    queue.put(job, "normal")
    own.kill()
    for call in (
        lambda: queue.put(new_id(), "normal"),
        lambda: queue.beat(job, "a", Progress()),
        lambda: queue.view([job]),
        queue.counts,
    ):
        with pytest.raises(QueueAway) as told:
            call()
        assert "queue_away" == told.value.code
        assert f"redis://127.0.0.1:{own.port}/0" in told.value.message
    own.start()

    assert {job: Entry(is_waiting=True)} == queue.view([job])
    assert "ok" == queue.beat(job, "a", Progress())


def test_a_connection_that_was_cut_costs_no_call(own, opened, new_id):
    queue = opened(own.url)
    queue.counts()
    own.stop()
    own.start()

    queue.put(new_id(), "normal")


def test_take_waits_for_it(own, opened, new_id):
    queue, job, found = opened(own.url), new_id(), []
    queue.counts()
    own.stop()
    taker = threading.Thread(target=lambda: found.append(queue.take("w", wait_s=60)))
    taker.start()
    time.sleep(0.5)
    own.start()
    opened(own.url).put(job, "normal")
    taker.join()

    assert [job] == found


def test_take_waits_no_longer_than_it_was_told(own, opened):
    queue = opened(own.url, patience_s=0.5)
    own.stop()
    assert queue.take("w", wait_s=0.1) is None
    time.sleep(0.5)
    with pytest.raises(QueueAway):
        queue.take("w", wait_s=30)
    own.start()

    assert queue.take("w", wait_s=0) is None
    own.stop()
    assert queue.take("w", wait_s=0.1) is None


@pytest.mark.slow
def test_a_server_that_hears_and_does_not_answer_is_away(own, opened, new_id):
    queue = opened(own.url)
    queue.counts()
    own.freeze()
    try:
        with pytest.raises(QueueAway, match="Timeout"):
            queue.put(new_id(), "normal")
    finally:
        own.thaw()

    queue.counts()


def test_a_server_that_forgets_all_is_an_empty_queue(own, opened, new_id):
    queue, job = opened(own.url), new_id()
    queue.put(new_id(), "normal")
    queue.beat(job, "a", Progress())
    queue.count(job)
    with own.client() as client:
        client.flushall()

    assert queue.take("w", wait_s=0) is None
    assert {job: Entry()} == queue.view([job])
    assert "ok" == queue.beat(job, "a", Progress())


def test_it_keeps_what_it_knew_over_a_restart(own, opened, new_id):
    queue, job = opened(own.url), new_id()
    queue.put(job, "low", delay_s=1000)
    queue.count(job)
    own.stop()
    own.start()

    assert {job: Entry(is_waiting=True, attempts=1)} == queue.view([job])


def test_a_clock_that_is_set_back_costs_no_job_its_turn(own, opened, new_id):
    queue, jobs = opened(own.url), [new_id() for _ in range(3)]
    queue.put(jobs[0], "normal")
    with own.client() as client:
        client.zincrby("dissmodel:waiting:normal", 1e6 * 86400, jobs[0])  # put when the clock was a day ahead
    queue.put(jobs[1], "normal")
    queue.put(jobs[2], "low")

    assert jobs == [queue.take("w", wait_s=0) for _ in range(3)]


@pytest.mark.parametrize("keep", ["count", "cancel"])
def test_nothing_of_a_job_stays_for_ever(own, opened, new_id, keep):
    queue, job = opened(own.url), new_id()
    getattr(queue, keep)(job)
    queue.beat(job, "a", Progress())
    with own.client() as client:
        assert [True, True] == [client.ttl(key) > 0 for key in client.scan_iter()]
    queue.done(job)
    with own.client() as client:
        assert 0 == client.dbsize()


@pytest.mark.slow
def test_a_wrong_password_is_refused_and_not_shown(tmp_path, opened):
    (tmp_path / "redis").mkdir()
    with redis_server.running(tmp_path / "redis", words=["--requirepass", "right"]) as server:
        for user in (f":{PASSWORD}@", f"ana:{PASSWORD}@", ""):
            url = server.url.replace("://", f"://{user}")
            queue = opened(url)
            for call in (queue.counts, lambda queue=queue: queue.take("w", wait_s=60)):
                with pytest.raises(QueueAway, match="refuses us") as told:
                    call()
                assert DENIED == told.value.code
                assert PASSWORD not in everything(told.value)
            with pytest.raises(QueueAway, match="refuses us"):
                open_queue(settings(tmp_path, url))


def test_a_user_with_the_rights_that_it_takes_needs_no_more(own, opened, new_id):
    with own.client() as client:
        rights = ["~dissmodel:*", "+@read", "+@write", "+@connection", "+eval", "+multi", "+exec", "+time"]
        client.execute_command("ACL", "SETUSER", "ana", "on", f">{PASSWORD}", *rights)
        client.execute_command("ACL", "SETUSER", "eve", "on", f">{PASSWORD}", "~birds:*", "+@all")
    queue, job = opened(own.url.replace("://", f"://ana:{PASSWORD}@")), new_id()
    queue.put(job, "normal")

    assert job == queue.take("w", wait_s=0)
    with pytest.raises(QueueAway) as told:
        opened(own.url.replace("://", f"://eve:{PASSWORD}@")).put(job, "normal")
    assert DENIED == told.value.code


def test_a_server_that_is_full_is_away_and_says_why(own, opened, new_id):
    queue = opened(own.url)
    with own.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(QueueAway, match="maxmemory") as told:
        queue.put(new_id(), "normal")

    assert "queue_away" == told.value.code


@pytest.mark.parametrize(
    "url",
    [
        f"redis://ana:{PASSWORD}@host:port/0",
        f"redis://:{PASSWORD}@host:99999999/0",
        f"redis://:{PASSWORD}@host/0?birds={PASSWORD}",
        f"redis://:{PASSWORD}@[::1/0",
    ],
)
def test_a_url_that_is_wrong_is_refused_and_its_password_not_shown(tmp_path, url):
    with pytest.raises(UsageError) as told:
        open_queue(settings(tmp_path, url))

    assert "setting_value" == told.value.code
    assert PASSWORD not in everything(told.value)


@pytest.mark.parametrize("text", ["rabbit", "", f"amqp://ana:{PASSWORD}@host", "Redis", "sqlite:///queue.db"])
def test_another_queue_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match="neither sqlite nor the URL of a Redis") as told:
        open_queue(settings(tmp_path, text))

    assert PASSWORD not in everything(told.value)


@pytest.mark.parametrize(
    "url", ["redis://no.such.host.example/0", f"redis://:{PASSWORD}@127.0.0.1:1/0", "redis://a..b/0"]
)
def test_a_server_that_is_away_may_come_later(tmp_path, url, caplog):
    queue = open_queue(settings(tmp_path, url))
    with pytest.raises(QueueAway) as told:
        queue.counts()

    assert PASSWORD not in everything(told.value) + caplog.text
    assert "the queue can't be used" in caplog.text
    queue.close()


def test_the_settings_name_the_queue(tmp_path, own):
    file, server = open_queue(settings(tmp_path, "sqlite")), open_queue(settings(tmp_path, own.url))

    assert isinstance(file, SqliteQueue)
    assert isinstance(server, RedisQueue)
    assert (tmp_path / "queue.db").is_file()
    file.close()
    server.close()


@pytest.mark.parametrize(("version", "is_right"), [("6.0.16", False), ("5.0", False), ("6.2.0", True)])
def test_a_redis_that_is_too_old_is_refused(tmp_path, version, is_right):
    """The server is a stub: it knows its version, and has nothing."""
    with stub(version) as url:
        if is_right:
            open_queue(settings(tmp_path, url)).close()
            return
        with pytest.raises(
            UsageError, match=f"this is Redis {version}, and the queue needs Redis 6.2"
        ) as told:
            open_queue(settings(tmp_path, url))
        assert "queue_version" == told.value.code


@contextlib.contextmanager
def stub(version):
    info = f"# Server\r\nredis_version:{version}\r\n"

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=talk, args=(client,), daemon=True).start()

    def talk(client):
        with client, contextlib.suppress(OSError):
            while heard := client.recv(65536).upper():
                for command in re.split(rb"(?m)^\*\d+\r$", heard)[1:]:
                    if b"\r\nINFO\r\n" in command:
                        client.sendall(f"${len(info)}\r\n{info}\r\n".encode())
                    elif b"\r\nEVAL\r\n" in command:
                        client.sendall(b"*3\r\n" + b":0\r\n" * 3)
                    else:
                        client.sendall(b"+OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

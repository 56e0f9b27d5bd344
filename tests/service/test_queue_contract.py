"""What both queues promise."""

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from dissmodel.service.queue import Entry, Progress
from dissmodel.service.queue.redis import RedisQueue
from dissmodel.service.queue.sqlite import SqliteQueue

PATIENCE_S = 60
TAKER = """
import json, sys
from support.queues import opened
from dissmodel.service.queue import Progress
kind, where, name = sys.argv[1:]
queue, taken = opened(kind, where, 30), []
while job := queue.take(name, wait_s=0.5):
    answer = queue.beat(job, name, Progress("run"), name)
    taken.append([job, answer, queue.count(job)])
print(json.dumps(taken))
"""


class QueueContract:
    """Subclasses give `kind`, `where` and `age`, which makes a waiting job older by some seconds."""

    @pytest.fixture
    def opened(self, kind, where):
        """A function that opens the queue once more, with leases of so many seconds."""
        from support import queues

        with contextlib.ExitStack() as stack:

            def make(lease_s=30):
                queue = queues.opened(kind, where, lease_s)
                stack.callback(queue.close)
                return queue

            yield make

    @pytest.fixture
    def queue(self, opened):
        return opened()

    def taken(self, queue):
        """Take all jobs that may be taken now."""
        return list(iter(lambda: queue.take("w", wait_s=0), None))

    def until(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)

    def test_a_job_is_taken_in_the_order_of_the_puts(self, queue, new_id):
        jobs = [new_id() for _ in range(20)]
        for job in jobs:
            queue.put(job, "normal")

        assert jobs == self.taken(queue)

    def test_priorities_are_an_hour_apart(self, queue, new_id, age):
        names = {new_id(): name for name in ("low now", "normal now", "high now", "normal 59", "normal 61")}
        for job, name in names.items():
            priority, _, minutes = name.partition(" ")
            queue.put(job, priority)
            if minutes != "now":
                age(job, int(minutes) * 60)

        expected = ["normal 61", "high now", "normal 59", "normal now", "low now"]
        assert expected == [names[job] for job in self.taken(queue)]

    def test_an_old_job_of_low_priority_has_its_turn(self, queue, new_id, age):
        old, new = new_id(), new_id()
        queue.put(old, "low")
        age(old, 2 * 3600 + 60)
        queue.put(new, "high")

        assert [old, new] == self.taken(queue)

    def test_a_job_waits_once_and_keeps_its_turn(self, queue, new_id):
        first, second = new_id(), new_id()
        queue.put(first, "normal")
        queue.put(second, "normal")
        queue.put(first, "normal")
        queue.put(first, "low")

        assert {"high": 0, "normal": 2, "low": 0} == queue.counts()
        assert [first, second] == self.taken(queue)

    def test_a_job_with_a_delay_waits_for_it(self, queue, new_id):
        late, later = new_id(), new_id()
        queue.put(later, "high", delay_s=1000)
        queue.put(late, "low", delay_s=0.3)

        assert {"high": 1, "normal": 0, "low": 1} == queue.counts()
        assert queue.view([later])[later].is_waiting
        found = []
        self.until(lambda: found.append(queue.take("w", wait_s=1)) or found[-1])
        assert late == found[-1]
        assert {"high": 1, "normal": 0, "low": 0} == queue.counts()

    def test_no_job_is_no_error(self, queue):
        assert queue.take("w", wait_s=0) is None
        assert queue.take("w", wait_s=0.1) is None
        assert {"high": 0, "normal": 0, "low": 0} == queue.counts()

    def test_take_waits_for_a_job(self, queue, opened, new_id):
        job, other = new_id(), opened()
        timer = threading.Timer(0.3, other.put, (job, "low"))
        timer.start()

        assert job == queue.take("w", wait_s=PATIENCE_S)
        timer.join()

    def test_what_is_taken_waits_no_longer_and_can_be_put_again(self, queue, new_id):
        job = new_id()
        queue.put(job, "normal")
        assert job == queue.take("w", wait_s=0)
        assert {job: Entry()} == queue.view([job])

        queue.put(job, "normal")
        assert job == queue.take("w", wait_s=0)

    def test_one_token_holds_a_job(self, queue, opened, new_id):
        job, other = new_id(), opened()
        assert "ok" == queue.beat(job, "a", Progress(), "first")
        assert "lost" == other.beat(job, "b", Progress("b"), "second")
        assert "ok" == other.beat(job, "a", Progress("run", 3, 10, ("ü", "x\n"), 7), "first")

        expected = Entry(is_leased=True, progress=Progress("run", 3, 10, ("ü", "x\n"), 7), worker="first")
        assert {job: expected} == queue.view([job])

    def test_a_lease_ends_by_itself(self, opened, new_id):
        job, queue = new_id(), opened(lease_s=0.2)
        assert "ok" == queue.beat(job, "a", Progress())
        assert 1 == queue.count(job)
        self.until(lambda: not queue.view([job])[job].is_leased)
        assert not queue.free(job, "a")

        long = opened(lease_s=1000)
        assert "ok" == long.beat(job, "b", Progress())
        assert "lost" == queue.beat(job, "a", Progress())
        assert 1 == queue.view([job])[job].attempts

    def test_a_beat_prolongs_the_lease(self, opened, new_id):
        job, short, long = new_id(), opened(lease_s=0.2), opened(lease_s=1000)
        short.beat(job, "a", Progress())
        long.beat(job, "a", Progress())
        time.sleep(0.3)

        assert "lost" == short.beat(job, "b", Progress())

    def test_who_came_late_may_hold_what_nobody_has_taken(self, opened, new_id):
        job, queue = new_id(), opened(lease_s=0.1)
        queue.beat(job, "a", Progress())
        self.until(lambda: not queue.view([job])[job].is_leased)

        assert "ok" == queue.beat(job, "a", Progress())

    def test_a_job_is_let_go_by_who_holds_it(self, queue, new_id):
        job = new_id()
        queue.beat(job, "a", Progress())

        assert not queue.free(job, "b")
        assert queue.free(job, "a")
        assert not queue.free(job, "a")
        assert not queue.free(new_id(), "a")
        assert "ok" == queue.beat(job, "b", Progress())

    def test_a_cancelled_job_waits_no_longer_and_its_next_beat_says_so(self, queue, new_id):
        waiting, delayed, held, unknown = (new_id() for _ in range(4))
        queue.put(waiting, "normal")
        queue.put(delayed, "low", delay_s=1000)
        queue.beat(held, "a", Progress())
        for job in (waiting, delayed, held, unknown):
            queue.cancel(job)

        assert queue.take("w", wait_s=0) is None
        assert {"high": 0, "normal": 0, "low": 0} == queue.counts()
        assert "cancel" == queue.beat(held, "a", Progress())
        assert "cancel" == queue.beat(held, "a", Progress())
        assert "lost" == queue.beat(held, "b", Progress())
        assert "cancel" == queue.beat(unknown, "a", Progress())

    def test_attempts_are_counted(self, queue, new_id):
        job = new_id()

        assert [1, 2, 1, 0, 0, 1] == [queue.count(job, by) for by in (1, 1, -1, -1, -1, 1)]
        assert 1 == queue.view([job])[job].attempts

    def test_all_of_a_job_is_forgotten(self, queue, new_id):
        job = new_id()
        queue.put(job, "high", delay_s=1000)
        queue.beat(job, "a", Progress("run"))
        queue.count(job)
        queue.cancel(job)
        queue.put(job, "high")
        queue.done(job)
        queue.done(job)

        assert {job: Entry()} == queue.view([job])
        assert queue.take("w", wait_s=0) is None
        assert "ok" == queue.beat(job, "b", Progress())
        assert 1 == queue.count(job)

    def test_many_are_viewed_at_once(self, queue, new_id):
        jobs = [new_id() for _ in range(2500)]
        for job in jobs[::50]:
            queue.put(job, "low")
        queue.beat(jobs[1], "a", Progress())
        seen = queue.view(iter(jobs))

        assert jobs == list(seen)
        assert jobs[::50] == [job for job in jobs if seen[job].is_waiting]
        assert [jobs[1]] == [job for job in jobs if seen[job].is_leased]
        assert {} == queue.view([])

    @pytest.mark.parametrize("text", ["x' OR 1=1 --", "ü☃", "a" * 2000, 'a"\\\n{', ""], ids=range(5))
    def test_text_is_only_text(self, queue, text):
        queue.put(text or "empty", "normal")
        assert (text or "empty") == queue.take(text, wait_s=0)
        assert "ok" == queue.beat("job", text or "t", Progress(text, 1, 2, (text,) * 100, 100), text)
        entry = queue.view(["job"])["job"]

        assert (text, (text,) * 100, text) == (entry.progress.phase, entry.progress.lines, entry.worker)

    def test_it_opens_again_after_it_was_closed(self, queue, new_id):
        job = new_id()
        queue.put(job, "normal")
        queue.close()

        assert job == queue.take("w", wait_s=0)

    def test_no_job_is_taken_twice_by_threads(self, queue, new_id):
        jobs, taken = [new_id() for _ in range(200)], []
        for job in jobs:
            queue.put(job, random.choice(["high", "normal", "low"]))
        threads = [threading.Thread(target=lambda: taken.extend(self.taken(queue))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(jobs) == sorted(taken)

    def test_no_job_is_taken_twice_by_processes(self, queue, kind, where, new_id):
        words = [sys.executable, "-c", TAKER, kind, str(where)]
        env = {"PYTHONPATH": "tests", "PATH": ""}
        takers = [
            subprocess.Popen([*words, f"w{number}"], stdout=subprocess.PIPE, text=True, env=env)
            for number in range(4)
        ]
        jobs = [new_id() for _ in range(300)]
        for job in jobs:
            queue.put(job, random.choice(["high", "normal", "low"]))
        taken = [one for taker in takers for one in json.loads(taker.communicate(timeout=PATIENCE_S)[0])]
        taken += [[job, "ok", 1] for job in self.taken(queue)]  # where all of them were too early

        assert sorted([job, "ok", 1] for job in jobs) == sorted(taken)

    def test_one_of_many_holds_a_job(self, opened, new_id):
        job, queues, answers = new_id(), [opened() for _ in range(8)], []
        begin = threading.Barrier(8)

        def beat(queue):
            begin.wait()
            answers.append(queue.beat(job, f"{id(queue)}", Progress()))

        threads = [threading.Thread(target=beat, args=(queue,)) for queue in queues]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert ["lost"] * 7 + ["ok"] == sorted(answers)

    def test_it_does_as_a_list_would(self, queue, new_id):
        """Any sequence of calls has the answers of a model that anyone can read."""
        chance = random.Random(7)
        jobs, model = [new_id() for _ in range(5)], Model()
        for _ in range(600):
            job = chance.choice(jobs)
            name, *words = chance.choice(
                [
                    ("put", job, chance.choice(["high", "normal", "low"])),
                    ("take",),
                    ("beat", job, chance.choice("ab"), Progress(step=chance.randrange(9)), "w"),
                    ("free", job, chance.choice("ab")),
                    ("count", job, chance.choice([1, -1])),
                    ("cancel", job),
                    ("done", job),
                ]
            )
            if name == "take":
                assert model.take() == queue.take("w", wait_s=0)
            else:
                assert getattr(model, name)(*words) == getattr(queue, name)(*words), (name, words)
            assert {job: model.entry(job) for job in jobs} == queue.view(jobs)


class Model:
    """A queue without leases that end."""

    def __init__(self):
        self.waiting, self.held, self.attempts, self.cancelled, self.seen = [], {}, {}, set(), {}

    def put(self, job, priority):
        if job not in [one for _, one in self.waiting]:
            self.waiting.append((("high", "normal", "low").index(priority), job))
            self.waiting.sort(key=lambda one: one[0])

    def take(self):
        return self.waiting.pop(0)[1] if self.waiting else None

    def beat(self, job, token, progress, worker):
        if self.held.get(job, token) != token:
            return "lost"
        self.held[job], self.seen[job] = token, progress
        return "cancel" if job in self.cancelled else "ok"

    def free(self, job, token):
        return self.held.get(job) == token and self.held.pop(job) == token

    def count(self, job, by):
        self.attempts[job] = max(0, self.attempts.get(job, 0) + by)
        return self.attempts[job]

    def cancel(self, job):
        self.waiting = [one for one in self.waiting if one[1] != job]
        self.cancelled.add(job)

    def done(self, job):
        self.waiting = [one for one in self.waiting if one[1] != job]
        self.cancelled.discard(job)
        for known in (self.held, self.attempts, self.seen):
            known.pop(job, None)

    def entry(self, job):
        is_held = job in self.held
        return Entry(
            is_waiting=job in [one for _, one in self.waiting],
            is_leased=is_held,
            attempts=self.attempts.get(job, 0),
            progress=self.seen[job] if is_held else Progress(),
            worker="w" if is_held else "",
        )


class TestSqlite(QueueContract):
    kind_of = SqliteQueue

    @pytest.fixture
    def kind(self):
        return "sqlite"

    @pytest.fixture
    def where(self, tmp_path):
        return tmp_path / "service" / "queue.db"

    @pytest.fixture
    def age(self, where):
        def make_older(job, seconds):
            with contextlib.closing(sqlite3.connect(where)) as db, db:
                db.execute("UPDATE job SET turn = turn - ? WHERE id = ?", (seconds, job))

        return make_older


class TestRedis(QueueContract):
    kind_of = RedisQueue

    @pytest.fixture
    def kind(self):
        return "redis"

    @pytest.fixture
    def where(self, redis):
        with redis.client() as client:
            client.flushall()
        return redis.url

    @pytest.fixture
    def age(self, redis):
        def make_older(job, seconds):
            with redis.client() as client:
                for name in ("high", "normal", "low"):
                    if client.zscore(f"dissmodel:waiting:{name}", job) is not None:
                        client.zincrby(f"dissmodel:waiting:{name}", -seconds * 1e6, job)

        return make_older

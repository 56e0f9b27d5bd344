"""A service under faults: the API, workers, jobs and Redis are killed while jobs run. Prints what came of it.

Usage: harness.py FOLDER OPTIONS, the options as JSON: queue, kills, jobs, seed, engine (dask, slurm or none).

A client posts jobs of a second, half of which have another result each time that they run; two workers with
leases of 2 s run them. After every half second or so a fault:

api         SIGKILL to the API
worker      SIGKILL to a worker
child       SIGKILL to the process of a job
deliver     SIGKILL to a worker before or after it puts an object of a result, its record too
redis       SIGKILL to Redis, which is started again within 3 s
flush       FLUSHALL
pause       SIGSTOP to a worker for longer than its lease, then SIGCONT: two workers hold the same job
late        the same before or after it puts an object of a result: both deliver
term        SIGTERM to a worker, which has a second to end
cancel      a job is cancelled
place       a file is in the place of the place for up to 3 s: everything there fails

With an engine also:

engine_worker   SIGKILL to the worker of a Dask cluster that has a job, or to that in a job of Slurm
scheduler       SIGKILL to the scheduler of the Dask cluster; a new one comes with new workers

The first five and the last two are the kills that are counted. What is killed is started again.
"""

import contextlib
import ctypes
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError
from dissmodel.experiment.layout import outputs_place
from dissmodel.record.digest import sha256_file
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings
from support import echo, slurm
from support.dask_cluster import DaskCluster
from support.redis_server import RedisServer

LEASE_S = 2.0
OPEN = 3
IDLE = 0.8
LATE_S = 150.0
KILLS = {"worker": 6, "child": 6, "deliver": 4, "redis": 2, "api": 2, "engine_worker": 6, "scheduler": 3}
ENGINE_WORKERS = 3
OTHERS = {"flush": 1, "pause": 2, "late": 2, "term": 1, "cancel": 2, "place": 1}
TIMES = {"look_s": 0.2, "end_s": 2.0, "again_s": [0.5, 1.0, 2.0] * 5, "grace_s": 1.0}
WORK = """
import json, os, random, signal, sys, time
from pathlib import Path
from dissmodel.service import worker
from dissmodel.service.hold import Times
from dissmodel.service.logs import log_to
from dissmodel.service.settings import ServiceSettings
from dissmodel.storage.local import LocalStorage

folder, times, name_of_worker = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
whole, whole_attempt = LocalStorage.put, worker.attempt

def note(name, *words):
    with open(folder / name, "a") as log:
        log.write(" ".join(map(str, (*words, os.getpid(), time.time()))) + "\\n")

def harm(key, when):
    for name, signum in (("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)):
        try:
            (folder / f"{name}-{when}").unlink()
        except FileNotFoundError:
            continue
        note("hits", key.split("/")[1], name)
        os.kill(os.getpid(), signum)

def put(self, path, key, **how):
    key_in_place = key[key.index("experiments/"):] if "experiments/" in key else ""
    if key_in_place:
        harm(key_in_place, "before")
    found = whole(self, path, key, **how)
    if key_in_place.endswith("/record.json"):
        note("puts", key_in_place.split("/")[1])
    if key_in_place:
        harm(key_in_place, "after")
    return found

def attempt(job, **how):
    note("tries", name_of_worker, job, "began")
    try:
        return whole_attempt(job, **how)
    finally:
        note("tries", name_of_worker, job, "over")

LocalStorage.put, worker.attempt = put, attempt
log_to()
times["again_s"] = tuple(times["again_s"])
worker.work(ServiceSettings.load(), times=Times(**times))
"""


class Dask:
    """A Dask cluster whose scheduler may be killed."""

    def __init__(self, folder, packages):
        self.folder, self.packages, self.left = folder, packages, []
        folder.mkdir()
        self.start()
        os.environ["DISSMODEL_SERVICE_ENGINE"] = str(self.cluster.file)

    def start(self):
        (self.folder / "scheduler.json").unlink(missing_ok=True)
        self.cluster = DaskCluster(self.folder)
        self.keep()

    def keep(self):
        """Start workers in the place of those that have ended."""
        cluster = self.cluster
        living = [one for one in cluster.processes[1:] if one.poll() is None]
        for _ in range(ENGINE_WORKERS - len(living)):
            cluster.worker(paths=[self.packages])

    def lose(self):
        """Kill the scheduler, and leave its workers to themselves."""
        os.killpg(self.cluster.scheduler.pid, signal.SIGKILL)
        self.left.append(self.cluster)
        self.start()

    def end(self):
        for cluster in (*self.left, self.cluster):
            cluster.end()


class Slurm:
    """A Slurm of one node."""

    def __init__(self, folder, _packages):
        folder.mkdir()
        self.node = contextlib.ExitStack()
        environ = self.node.enter_context(slurm.one_node(folder))
        for name in ("PATH", "SLURM_CONF"):
            os.environ[name] = environ[name]
        os.environ["DISSMODEL_SLURM_FOLDER"] = str(folder / "shared")
        os.environ["DISSMODEL_SERVICE_ENGINE"] = "slurm"

    def keep(self):
        """It is the worker that replaces jobs."""

    def end(self):
        self.node.close()


ENGINES: dict[str, Any] = {"dask": Dask, "slurm": Slurm}


class Service:
    """Place, queue and two workers in a folder."""

    def __init__(self, folder, kind, engine=""):
        self.folder = folder
        for name in ("config.toml", "data", "cache"):
            os.environ[f"DISSMODEL_{name.partition('.')[0].upper()}"] = str(folder / "user" / name)
        os.environ["DISSMODEL_SERVICE_LEASE"] = str(LEASE_S)
        packages, redis = folder / "packages", folder / "redis"
        for made in (packages, redis):
            made.mkdir(parents=True)
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [str(echo.install(packages)), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        )
        self.engine = None
        if engine:
            os.environ["DISSMODEL_SERVICE_SCRATCH"] = str(folder / "shared")
            self.engine = ENGINES[engine](folder / engine, packages)
        self.redis = None
        if kind == "redis":
            self.redis = RedisServer(redis, keeps=True)
            os.environ["DISSMODEL_SERVICE_QUEUE"] = self.redis.url
        self.settings = ServiceSettings.load()
        for made in (self.settings.inputs, self.settings.place):
            Path(made).mkdir(parents=True, exist_ok=True)
        (Path(self.settings.inputs) / "data.bin").write_bytes(b"some bytes")
        self.truth = Truth(outputs_place(self.settings.place, StorageSettings.of(load_settings())))
        self.exits, self.names = Counter(), {}
        self.is_over = False
        self.lock = threading.Lock()
        self.log = (folder / "log").open("ab")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.api = self._api()
        self.workers = [self._started() for _ in range(2)]
        self.supervisor = threading.Thread(target=self._supervise, daemon=True)
        self.supervisor.start()

    def _started(self):
        name = uuid4().hex
        words = [sys.executable, "-c", WORK, str(self.folder), json.dumps(TIMES), name]
        worker = subprocess.Popen(words, stderr=self.log, stdout=self.log)
        self.names[worker.pid] = name
        return worker

    def _api(self):
        words = [sys.executable, "-m", "dissmodel", "serve", "--port", str(self.port), "--workers", "0"]
        return subprocess.Popen(words, stderr=self.log, stdout=self.log)

    def ask(self, method, path, body=None, key=""):
        """Return what the API answers; None if it is not there, or can't reach what it needs."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 503 or (method == "DELETE" and error.code == 400):
                    return None
                raise RuntimeError(f"{method} {path}: {error.code} {error.read()!r}") from error
        except (OSError, ValueError):  # refused, cut, or late
            return None

    def _supervise(self):
        while not self.is_over:
            if self.api.poll() is not None and not self.is_over:
                self.api = self._api()
            if self.engine is not None:
                with self.lock:
                    self.engine.keep()
            for number, worker in enumerate(self.workers):
                if worker.poll() is not None and not self.is_over:
                    self.exits[str(worker.returncode)] += 1
                    if worker.returncode != -signal.SIGKILL:  # it ended in the midst of an attempt
                        self.hit(self.tried_by(worker.pid), "left")
                    self.workers[number] = self._started()
            time.sleep(0.1)

    def end(self):
        self.is_over = True
        self.supervisor.join()
        ending = [self.api, *self.workers]
        for worker in ending:
            worker.terminate()
        hung = 0
        for worker in ending:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                hung += 1
                worker.kill()
                worker.wait()
        if self.engine is not None:
            self.engine.end()
        if self.redis is not None:
            self.redis.kill()
        self.log.close()
        return hung

    def jobs_of(self, pid):
        """The jobs whose processes a worker has, here or elsewhere."""
        return self.tried_by(pid) if self.engine is not None else set(self.children(pid).values())

    def children(self, pid):
        """The processes of jobs that a process has, each with its job."""
        found = {}
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/task").glob("*/children"):
                for child in file.read_text().split():
                    if job := job_of(child):
                        found[int(child)] = job
        return found

    def all_children(self):
        return [
            int(one.name)
            for one in Path("/proc").iterdir()
            if one.name.isdigit() and job_of(one.name, str(self.folder)) is not None
        ]

    def tried_by(self, pid):
        """The jobs of which a worker has begun an attempt that is not over."""
        tries = [line.split() for line in lines(self.folder / "tries")]
        last = {job: what for name, job, what, *_ in tries if name == self.names[pid]}
        return {job for job, what in last.items() if what == "began"}

    def hit(self, jobs, what="kill"):
        with (self.folder / "hits").open("a") as log:
            log.writelines(f"{job} {what}\n" for job in jobs)


def lines(path):
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().splitlines()
    return []


def job_of(pid, below=""):
    """The job of a process; None if it is another one, or is over."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_text()
        if "dissmodel.service.child" in words and below in words:
            return re.search(r"([0-9a-f]{32})\.[0-9a-f]{32}", words)[1]
    return None


def parent_of(pid):
    """The parent of a process; None if it is over."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def send(pid, signum):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)
        return True
    return False


def exchange(one, other):
    """Let two paths change their files, in one step."""
    c = ctypes.CDLL(None, use_errno=True)
    here, exchanged = -100, 2
    return c.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchanged) == 0


class Trial:
    """Jobs and faults, and what is known of both."""

    def __init__(self, folder, *, queue, kills, jobs, seed, engine=""):
        self.chance = random.Random(seed)
        self.service = Service(folder, queue, engine)
        self.folder, self.wanted, self.count = folder, kills, jobs
        self.jobs, self.keys, self.cancelled, self.changed = [], [], set(), set()
        self.unanswered, self.is_away = 0, False
        self.faults, self.hits, self.records = Counter(), Counter(), {}
        absent = {"redis"} if queue != "redis" else set()
        absent |= {"": {"engine_worker", "scheduler"}, "slurm": {"scheduler"}, "dask": set()}[engine]
        kinds = {name: share for name, share in KILLS.items() if name not in absent}
        others = {name: share for name, share in OTHERS.items() if queue == "redis" or name != "flush"}
        self.shares = kinds | others
        self.kinds = set(kinds)
        self.timers, self.answers, self.stopped = [], {}, set()
        self.is_over = False

    @property
    def killed(self):
        return sum(self.faults[kind] for kind in KILLS)

    def open(self):
        return [job for job in self.jobs if not self.has(job, "outcome.json")]

    @property
    def place(self):
        """The folder of the place, wherever it is just now."""
        place = Path(self.service.settings.place)
        return self.folder / "away" if self.is_away else place

    def has(self, job, name):
        return (self.place / "jobs" / job / name).exists()

    def submit(self):
        """Submit jobs so that some are always open, until enough was killed; give up where none ends."""
        last = time.monotonic()
        while len(self.jobs) < self.count or self.killed < self.wanted:
            if time.monotonic() - last > LATE_S:
                return
            if len(self.open()) < OPEN:
                last = time.monotonic()
                key = uuid4().hex
                body = {
                    "model_name": "echo",
                    "input_dataset": "data.bin",
                    "priority": self.chance.choice(["high", "normal", "low"]),
                    "parameters": {
                        "do": self.chance.choice(["random", "copy"]),
                        "pause": self.chance.uniform(0.1, 1.5),
                        "note": str(self.folder / f"starts-{key}"),
                    },
                }
                # A client that has no answer asks again, with the same key.
                while (answer := self.service.ask("POST", "/submit_job", body, key)) is None:
                    self.unanswered += 1
                    time.sleep(0.2)
                self.jobs.append(answer["job_id"])
                self.keys.append(key)
            time.sleep(0.05)

    def watch(self):
        """Look whether a record that is there ever changes."""
        while not self.is_over:
            for path in self.place.glob("experiments/*/record.json"):
                try:
                    status = path.stat()
                except OSError:  # the place is being moved
                    continue
                now = (status.st_ino, status.st_mtime_ns, status.st_size)
                if self.records.setdefault(path.parent.name, now) != now:
                    self.changed.add(path.parent.name)
            time.sleep(0.1)

    def harm(self):
        while self.killed < self.wanted:
            time.sleep(self.chance.uniform(0.1, 1.2))
            (kind,) = self.chance.choices(list(self.shares), list(self.shares.values()))
            if getattr(self, "place_away" if kind == "place" else kind)() is not False:
                self.faults[kind] += 1

    def any_worker(self):
        return self.chance.choice(self.service.workers)

    def worker(self):
        pid = self.any_worker().pid
        if not self.service.jobs_of(pid) and self.chance.random() < IDLE:  # it has just begun
            return False
        if not send(pid, signal.SIGKILL):
            return False
        self.service.hit(self.service.tried_by(pid))
        return True

    def child(self):
        children = {}
        for parent in self.parents():
            children |= self.service.children(parent)
        if not children:
            return False
        pid = self.chance.choice(list(children))
        if not send(pid, signal.SIGKILL):
            return False
        self.service.hit([children[pid]])
        return True

    def parents(self):
        """The processes that have those of jobs."""
        if self.service.engine is None:
            return [worker.pid for worker in self.service.workers]
        found = {parent_of(pid) for pid in self.service.all_children()}
        return sorted(pid for pid in found if pid and job_of(pid) is None)

    def engine_worker(self):
        until = time.monotonic() + 20
        while not (parents := self.parents()):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        pid = self.chance.choice(parents)
        hit = set(self.service.children(pid).values())
        if not send(pid, signal.SIGKILL):
            return False
        self.service.hit(hit)
        return True

    def scheduler(self):
        with self.service.lock:
            self.service.engine.lose()

    def deliver(self):
        return self.ordered("kill")

    def late(self):
        if not self.ordered("stop"):
            return False
        noted = [line.split() for line in lines(self.folder / "hits")]
        self.go_on(int([words[2] for words in noted if len(words) == 4][-1]))  # by a worker itself
        return True

    def ordered(self, what):
        """Let the next worker that delivers do that to itself; return whether one did."""
        order = self.folder / f"{what}-{self.chance.choice(['before', 'after'])}"
        order.touch()
        until = time.monotonic() + 20
        while order.exists() and time.monotonic() < until:
            time.sleep(0.02)
        try:
            order.unlink()
        except FileNotFoundError:
            time.sleep(0.2)  # it is noted by now
            return True
        return False

    def go_on(self, pid):
        timer = threading.Timer(self.chance.uniform(2, 10) * LEASE_S, send, (pid, signal.SIGCONT))
        timer.start()
        self.timers.append(timer)

    def redis(self):
        self.service.redis.kill()
        time.sleep(self.chance.uniform(0, 3))
        self.service.redis.start()
        return True

    def flush(self):
        with self.service.redis.client() as client:
            client.flushall()

    def pause(self):
        pid = self.any_worker().pid
        held = self.service.tried_by(pid)
        if not held or not send(pid, signal.SIGSTOP):
            return False
        self.service.hit(held, "stop")
        self.go_on(pid)
        return True

    def term(self):
        return send(self.any_worker().pid, signal.SIGTERM)

    def cancel(self):
        jobs = [job for job in self.open() if job not in self.cancelled]
        if not jobs:
            return False
        job = self.chance.choice(jobs)
        # Without an answer it may be cancelled, and may not be.
        self.cancelled.add(job)
        return self.service.ask("DELETE", f"/job/{job}") is not None

    def api(self):
        return send(self.service.api.pid, signal.SIGKILL)

    def place_away(self):
        place, away = Path(self.service.settings.place), self.folder / "away"
        away.touch()
        if not exchange(place, away):
            return False
        self.is_away = True
        time.sleep(self.chance.uniform(0.2, 3))
        exchange(place, away)
        self.is_away = False
        return True

    def run(self):
        began = time.monotonic()
        watcher = threading.Thread(target=self.watch, daemon=True)
        submitter = threading.Thread(target=self.submit, daemon=True)
        watcher.start()
        submitter.start()
        self.harm()
        submitter.join()
        for timer in self.timers:
            timer.join()
        harmed = time.monotonic()
        late = harmed + LATE_S
        while self.open() and time.monotonic() < late:
            time.sleep(0.2)
        settled = time.monotonic()
        self.told()
        hung = self.service.end()
        time.sleep(1)
        self.is_over = True
        watcher.join()
        orphans = self.service.all_children()
        for pid in orphans:
            send(pid, signal.SIGKILL)
        return self.found() | {
            "orphans": len(orphans),
            "hung_workers": hung,
            "harmed_s": round(harmed - began, 1),
            "settled_s": round(settled - harmed, 1),
        }

    def told(self):
        """Note what the API tells of each job at the end."""
        for job in self.jobs:
            until = time.monotonic() + 30
            while (answer := self.service.ask("GET", f"/job/{job}")) is None and time.monotonic() < until:
                time.sleep(0.2)
            self.answers[job] = answer["status"] if answer else "no answer"

    def found(self):
        truth = self.service.truth
        self.hits.update(line.split()[0] for line in lines(self.folder / "hits"))
        self.stopped = {line.split()[0] for line in lines(self.folder / "hits") if line.split()[1] == "stop"}
        puts = Counter(line.split()[0] for line in lines(self.folder / "puts"))
        statuses, wrong = Counter(), []
        for job in self.jobs:
            try:
                outcome, digest = truth.outcome(job), truth.record_digest(job)
            except DissmodelError as error:
                wrong.append(f"{job}: {error.message}")
                continue
            code = outcome.error.code if outcome is not None and outcome.error is not None else ""
            statuses[f"{outcome.status if outcome else None} {code}".strip()] += 1
            wrong += [f"{job}: {why}" for why in self.faults_of(job, outcome, digest, code, puts[job])]
        others = {job for job, _ in truth.jobs()} ^ set(self.jobs)
        wrong += [f"{job}: it was not submitted, or is not there" for job in others]
        starts = [len(lines(self.folder / f"starts-{key}")) for key in self.keys]
        return {
            "faults": dict(self.faults),
            "kills": self.killed,
            "jobs": len(self.jobs),
            "posts_without_answer": self.unanswered,
            "outcomes": dict(statuses),
            "wrong": wrong,
            "started_again": sum(max(0, number - 1) for number in starts),
            "hits": sum(self.hits.values()),
            "killed_often": sum(number >= 3 for number in self.hits.values()),
            "worker_exits": dict(self.service.exits),
            "left_by_workers_that_ended": sum(
                line.split()[1] == "left" for line in lines(self.folder / "hits")
            ),
        }

    def faults_of(self, job, outcome, digest, code, puts):
        if outcome is None:
            yield "it has no outcome"
            return
        if self.answers[job] != outcome.status:
            yield f"it is {outcome.status}, and the API says {self.answers[job]}"
        if job in self.changed or puts > 1:
            yield f"its record was put {puts} times"
        if outcome.status == "completed":
            if outcome.record_digest != digest:
                yield f"its outcome is of {outcome.record_digest}, its record {digest}"
            yield from self.differences(job)
        elif digest is not None and job not in self.stopped | self.cancelled:
            # A worker that stood still, or had no queue, just before its record comes too late to change how
            # the job ended.
            yield f"it has a record, and is {outcome.status} {code}"
        if outcome.status == "cancelled" and job not in self.cancelled:
            yield "nobody cancelled it"
        if outcome.status == "failed" and (code != "worker_lost" or self.hits[job] < 3):
            message = outcome.error.message if outcome.error else ""
            yield f"it failed after {self.hits[job]} hits: {code} {message}"

    def differences(self, job):
        """The files of a result that are not as its record says."""
        folder = Path(self.service.settings.place) / "experiments" / job
        record = json.loads((folder / "record.json").read_text())
        for name, file in record["files"].items():
            if sha256_file(folder / file["path"]) != file["sha256"]:
                yield f"its {name} is not as recorded"


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(json.dumps(Trial(folder, **json.loads(sys.argv[2])).run(), indent=1) + "\n")

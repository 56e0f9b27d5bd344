"""The queue as a Redis, for several hosts.

What it keeps: for each priority a sorted set of the jobs that wait, by when they were put, and a sorted set
of those with a delay, by when it is over; for each job a lease, which Redis lets expire, and a hash of what
outlasts the lease. Every call is one script, so it happens whole or not at all. All times are those of the
server's clock: where that is set back, leases and delays last longer by as much.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dissmodel.errors import UsageError
from dissmodel.record import known_secrets
from dissmodel.service.documents import Priority
from dissmodel.service.queue import PRIORITIES, TURN_S, Answer, Entry, Progress, QueueAway

_Result = TypeVar("_Result")
DENIED = "queue_denied"
"""The code of the error where the server answers, and takes no command from us."""
_DENIALS = (
    redis.exceptions.AuthenticationError,
    redis.exceptions.AuthorizationError,
    redis.exceptions.NoPermissionError,
)
_LOWEST = (6, 2)
_ANSWER_S = 1.0
_PATIENCE_S = 120.0
_PAUSE_S = 0.25
_BLOCK_S = 5.0
_VIEWED = 1000  # so many jobs the server tells of at a time; other clients wait for that

_WAITING = [f"dissmodel:waiting:{name}" for name in PRIORITIES]
_DELAYED = [f"dissmodel:delayed:{name}" for name in PRIORITIES]

# What the scripts share. ARGV[1] is the job, or the first; KEYS are `_WAITING`, then `_DELAYED`.
_SHARED = """
local job = ARGV[1]
local function lease_of(job) return 'dissmodel:lease:' .. job end
local function about(job) return 'dissmodel:job:' .. job end
local function waits(job)
    for key = 1, 6 do
        if redis.call('ZSCORE', KEYS[key], job) then return 1 end
    end
    return 0
end
local function remove()
    for key = 1, 6 do redis.call('ZREM', KEYS[key], job) end
end
local function keep(name, value)
    redis.call('HSET', about(job), name, value)
    redis.call('EXPIRE', about(job), 30 * 24 * 3600)
end
local function now()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end
local function line_up(line, job)
    local turn = now()  -- never before a turn that was given already, whatever happens to the clock
    for other = 1, 3 do
        local last = redis.call('ZRANGE', KEYS[other], -1, -1, 'WITHSCORES')[2]
        if last then turn = math.max(turn, last + 1) end
    end
    redis.call('ZADD', KEYS[line], turn, job)
end
"""
_PUT = """
local line, delay = tonumber(ARGV[2]), tonumber(ARGV[3])
if waits(job) == 1 then return end
if delay > 0 then redis.call('ZADD', KEYS[3 + line], now() + delay, job) else line_up(line, job) end
"""
_TAKE = """
local first, found
for line = 1, 3 do
    local due = redis.call('ZRANGEBYSCORE', KEYS[3 + line], '-inf', now(), 'LIMIT', 0, 1000)
    for _, job in ipairs(due) do
        redis.call('ZREM', KEYS[3 + line], job)
        line_up(line, job)
    end
    local head = redis.call('ZRANGE', KEYS[line], 0, 0, 'WITHSCORES')
    if head[1] then
        local turn = head[2] + (line - 2) * ARGV[1]
        if not first or turn < first then first, found = turn, line end
    end
end
return found and redis.call('ZPOPMIN', KEYS[found])[1]
"""
_BEAT = """
local holder = redis.call('HGET', lease_of(job), 'token')
if holder and holder ~= ARGV[2] then return 'lost' end
redis.call('HSET', lease_of(job), 'token', ARGV[2], 'progress', ARGV[4], 'worker', ARGV[5])
redis.call('PEXPIRE', lease_of(job), ARGV[3])
return redis.call('HGET', about(job), 'cancelled') and 'cancel' or 'ok'
"""
_COUNT = """
local attempts = math.max(0, (redis.call('HGET', about(job), 'attempts') or 0) + ARGV[2])
keep('attempts', attempts)
return attempts
"""
_FREE = """
if redis.call('HGET', lease_of(job), 'token') ~= ARGV[2] then return 0 end
return redis.call('DEL', lease_of(job))
"""
_CANCEL = """
remove()
keep('cancelled', 1)
"""
_DONE = """
remove()
redis.call('DEL', lease_of(job), about(job))
"""
_VIEW = """
local seen = {}
for number, job in ipairs(ARGV) do
    local lease = redis.call('HMGET', lease_of(job), 'token', 'progress', 'worker')
    local attempts = tonumber(redis.call('HGET', about(job), 'attempts') or 0)
    seen[number] = {waits(job), lease[1] and 1 or 0, attempts, lease[2] or '', lease[3] or ''}
end
return seen
"""
_COUNTS = """
local lengths = {}
for line = 1, 3 do
    lengths[line] = redis.call('ZCARD', KEYS[line]) + redis.call('ZCARD', KEYS[3 + line])
end
return lengths
"""


class RedisQueue:
    """See `dissmodel.service.queue.Queue`.

    A server that does not answer costs every call a second, and then it raises `QueueAway`: a client of the
    service, and a job that runs, do not wait for it. Only `take` waits: for two minutes an absent server is
    a queue in which no job waits.

    Raises
    ------
    UsageError
        If `url` is not the URL of a Redis, or the server is older than 6.2.
    """

    def __init__(self, url: str, *, lease_s: float, patience_s: float = _PATIENCE_S) -> None:
        self._lease_ms = max(1, round(lease_s * 1000))
        self._patience_s = patience_s
        self._quick = self._client(url, _ANSWER_S)
        self._blocking = self._client(url, _ANSWER_S + _BLOCK_S)
        where = {"host": "localhost", "port": 6379, "db": 0, **self._quick.get_connection_kwargs()}
        self._shown = (
            f"unix://{where['path']}" if "path" in where else "redis://{host}:{port}/{db}".format(**where)
        )
        self._is_known = False
        self._away_since: float | None = None
        self._lock = threading.Lock()

    def put(self, job: str, priority: Priority, *, delay_s: float = 0) -> None:
        """See `Queue.put`."""
        self._eval(_PUT, job, PRIORITIES.index(priority) + 1, round(delay_s * 1e6))

    def take(self, worker: str, *, wait_s: float = 1) -> str | None:  # noqa: ARG002  (the first beat tells it)
        """See `Queue.take`."""
        until = time.monotonic() + wait_s
        while True:
            try:
                job = self._next(until - time.monotonic())
                self._away_since = None
            except QueueAway as error:
                if error.code == DENIED or not self._is_awaited():
                    raise
                job = None
                time.sleep(max(0, min(_PAUSE_S, until - time.monotonic())))
            if job is not None or time.monotonic() >= until:
                return job

    def beat(self, job: str, token: str, progress: Progress, worker: str = "") -> Answer:
        """See `Queue.beat`."""
        answer = self._eval(_BEAT, job, token, self._lease_ms, progress.to_text(), worker)
        return cast("Answer", answer)

    def count(self, job: str, by: int = 1) -> int:
        """See `Queue.count`."""
        return int(self._eval(_COUNT, job, by))

    def free(self, job: str, token: str) -> bool:
        """See `Queue.free`."""
        return bool(self._eval(_FREE, job, token))

    def cancel(self, job: str) -> None:
        """See `Queue.cancel`."""
        self._eval(_CANCEL, job)

    def done(self, job: str) -> None:
        """See `Queue.done`."""
        self._eval(_DONE, job)

    def view(self, jobs: Iterable[str]) -> Mapping[str, Entry]:
        """See `Queue.view`; of more than a thousand jobs, at an instant for each thousand."""
        asked, found = list(jobs), {}
        for start in range(0, len(asked), _VIEWED):
            some = asked[start : start + _VIEWED]
            for job, (waits, held, attempts, text, worker) in zip(
                some, self._eval(_VIEW, *some), strict=True
            ):
                found[job] = Entry(bool(waits), bool(held), attempts, Progress.from_text(text), worker)
        return found

    def counts(self) -> Mapping[Priority, int]:
        """See `Queue.counts`."""
        return dict(zip(PRIORITIES, self._eval(_COUNTS, ""), strict=True))

    def close(self) -> None:
        """See `Queue.close`."""
        self._quick.close()
        self._blocking.close()

    def _next(self, wait_s: float) -> str | None:
        """Return the job whose turn it is, or the first that comes soon."""
        job = self._eval(_TAKE, round(TURN_S * 1e6), client=self._blocking)
        if job is None and wait_s > 0:
            seconds = min(wait_s, _BLOCK_S)
            found = self._ask(self._blocking, lambda client: client.bzpopmin(_WAITING, seconds))
            job = found[1] if found else None
        return None if job is None else str(job)

    def _client(self, url: str, answer_s: float) -> redis.Redis:
        try:
            client = redis.Redis.from_url(
                url,
                decode_responses=True,
                encoding_errors="replace",
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=_ANSWER_S,
                socket_timeout=answer_s,
            )
            client.connection_pool.make_connection()  # it connects when it is used
        except (ValueError, TypeError):
            # The reason may quote the URL, and with it the password.
            raise UsageError(
                "service.queue: the URL of the Redis is not one, or has an option that there is not.",
                "Write it as redis://HOST:6379/0 or redis://:PASSWORD@HOST:6379/0.",
                code="setting_value",
            ) from None
        known_secrets.learn(client.get_connection_kwargs().get("password"))
        return client

    def _eval(self, script: str, *arguments: str | int, client: redis.Redis | None = None) -> Any:
        words = [*_WAITING, *_DELAYED, *map(str, arguments)]
        return self._ask(client or self._quick, lambda client: client.eval(_SHARED + script, 6, *words))

    def _ask(self, client: redis.Redis, command: Callable[[redis.Redis], _Result]) -> _Result:
        try:
            if not self._is_known:
                self._check_version(client)
            return command(client)
        except _DENIALS as error:
            raise QueueAway(
                f"{self._shown}: the queue's server refuses us: {_first_line(error)}.",
                "Check the user and the password in service.queue.",
                code=DENIED,
            ) from error
        except (redis.RedisError, OSError, UnicodeError) as error:
            raise QueueAway(
                f"{self._shown}: the queue can't be used: {_first_line(error)}.",
                "Jobs wait in the place until it can. Check that Redis runs.",
            ) from error

    def _check_version(self, client: redis.Redis) -> None:
        try:
            version = str(client.info("server").get("redis_version", ""))
        except redis.exceptions.NoPermissionError:  # an administrator lets us know as little as is needed
            version = ""
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        if numbers and numbers < _LOWEST:
            raise UsageError(
                f"{self._shown}: this is Redis {version}, and the queue needs Redis 6.2 or newer.",
                "Upgrade it, or set service.queue to sqlite.",
                code="queue_version",
            )
        self._is_known = True

    def _is_awaited(self) -> bool:
        """Return whether a server that has not answered is waited for still."""
        with self._lock:
            now = time.monotonic()
            if self._away_since is None:
                self._away_since = now
            return now - self._away_since < self._patience_s


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")

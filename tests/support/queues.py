"""The queues of the service, by name, for tests and the processes that they start."""

from pathlib import Path

from dissmodel.service.queue.redis import RedisQueue
from dissmodel.service.queue.sqlite import SqliteQueue


def opened(kind, where, lease_s):
    if kind == "sqlite":
        return SqliteQueue(Path(where), lease_s=lease_s)
    return RedisQueue(str(where), lease_s=lease_s)

"""Which queue the settings name."""

from __future__ import annotations

import logging

from dissmodel.errors import UsageError
from dissmodel.service.queue import Queue, QueueAway
from dissmodel.service.settings import ServiceSettings

_LOG = logging.getLogger(__name__)


def open_queue(settings: ServiceSettings) -> Queue:
    """Return the queue of the service. A server that does not answer yet may do so later.

    Raises
    ------
    UsageError
        If ``service.queue`` names no queue, or a Redis older than 6.2.
    QueueAway
        If the file can't be used, or the server refuses us.
    """
    if settings.queue == "sqlite":
        from dissmodel.service.queue.sqlite import SqliteQueue  # noqa: PLC0415

        file = SqliteQueue(settings.data_dir / "queue.db", lease_s=settings.lease_s)
        file.counts()
        return file
    if settings.queue.startswith(("redis://", "rediss://", "unix://")):
        from dissmodel.service.queue.redis import DENIED, RedisQueue  # noqa: PLC0415  (it takes a while to load)

        server = RedisQueue(settings.queue, lease_s=settings.lease_s)
        try:
            server.counts()
        except QueueAway as error:
            if error.code == DENIED:
                raise
            _LOG.warning("%s %s", error.message, error.hint)
        return server
    raise UsageError(
        f"service.queue: {settings.queue.rpartition('@')[2]!r} is neither sqlite nor the URL of a Redis.",
        "Write it as sqlite or redis://HOST:6379/0.",
        code="setting_value",
    )

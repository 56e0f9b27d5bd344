"""Queues and places, as the service has them."""

import uuid

import pytest

from support import redis_server


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """A Redis that no test stops; each empties it."""
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def new_id():
    """A function that makes the id of a job."""
    return lambda: uuid.uuid4().hex

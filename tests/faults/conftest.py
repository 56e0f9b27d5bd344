"""What the faults need."""

import shutil

import pytest


@pytest.fixture
def redis_server_program():
    """Leave the test out where there is no Redis."""
    if shutil.which("redis-server") is None:
        pytest.skip("this machine has no redis-server")

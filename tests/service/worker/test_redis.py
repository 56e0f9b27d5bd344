"""A worker on a Redis that forgets, restarts and goes away."""

import pytest

from support.redis_server import RedisServer

from .conftest import until


@pytest.fixture
def server(house, monkeypatch, tmp_path):
    """A Redis of its own, which the settings name."""
    folder = tmp_path / "redis"
    folder.mkdir()
    made = RedisServer(folder)
    monkeypatch.setenv("DISSMODEL_SERVICE_QUEUE", made.url)
    yield made
    made.thaw()
    made.kill()


def ran(house):
    return len((house.folder / "notes").read_text().splitlines())


@pytest.mark.slow
def test_a_flush_during_a_run_costs_nothing(house, server):
    job = house.submit(parameters={"pause": 4, "note": str(house.folder / "notes")})
    house.start()
    house.running(job)
    with server.client() as client:
        client.flushall()

    assert ("completed", 1) == (house.ended(job).status, ran(house))


@pytest.mark.slow
def test_a_run_goes_on_while_redis_is_away(house, server):
    job = house.submit(parameters={"pause": 4, "note": str(house.folder / "notes")})
    worker = house.start()
    house.running(job)
    server.kill()

    assert ("completed", 1) == (house.ended(job).status, ran(house))
    server.start()
    later = house.submit(put=False)
    assert "completed" == house.ended(later).status
    assert worker.poll() is None
    until(
        lambda: any(
            "does not answer" in line["message"] or line["level"] == "warning" for line in house.log()
        )
    )

import pytest

from dissmodel.core import Environment


@pytest.fixture
def environment():
    """An environment of one step, which is the active one."""
    yield Environment(start_time=1, end_time=1)
    Environment._current = None

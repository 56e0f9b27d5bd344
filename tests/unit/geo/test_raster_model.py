import numpy as np
import pytest

from dissmodel.core import Environment
from dissmodel.geo import DIRS_MOORE, RasterBackend, RasterModel


@pytest.fixture(autouse=True)
def _environment():
    Environment(start_time=1, end_time=1)
    yield
    Environment._current = None


def test_what_a_model_sees():
    backend = RasterBackend((2, 3))
    model = RasterModel(backend=backend)

    assert model.backend is backend
    assert (2, 3) == model.shape
    assert DIRS_MOORE == model.dirs
    assert [[0, 0], [1, 1]] == model.shift(np.ones((2, 2)), 1, 0).tolist()


def test_the_shape_follows_a_backend_that_is_exchanged():
    model = RasterModel(backend=RasterBackend((2, 3)))
    model.backend = RasterBackend((4, 5))

    assert (4, 5) == model.shape


def test_a_model_may_set_its_own_shape():
    model = RasterModel(backend=RasterBackend((2, 3)))
    model.shape = (7, 8)

    assert (7, 8) == model.shape


def test_a_subclass_calls_setup_with_its_own_keywords():
    class Heat(RasterModel):
        def setup(self, backend, rate=1.0):
            super().setup(backend)
            self.rate = rate

    assert Heat(backend=RasterBackend((1, 1)), rate=0.5).rate == 0.5

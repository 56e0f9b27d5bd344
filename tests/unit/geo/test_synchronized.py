"""The past of a state, on a raster and on features."""

import numpy as np
import pytest

from dissmodel.core import Environment
from dissmodel.geo import RasterBackend, SyncRasterModel, SyncSpatialModel, raster_grid, vector_grid


@pytest.fixture(autouse=True)
def _environment():
    yield Environment(start_time=1, end_time=3)
    Environment._current = None


class Doubling:
    """Writes twice the past, and keeps what it saw."""

    def setup(self, **kwargs):
        super().setup(**kwargs)
        self.land_use_types = ["wood"]
        self.seen = []

    def execute(self):
        state = self.state()
        self.seen.append((float(np.ravel(state["wood_past"])[0]), float(np.ravel(state["wood"])[0])))
        state["wood"] = 2 * state["wood_past"]


class Meddling:
    """Changes the state between the steps of the other."""

    def setup(self, **kwargs):
        super().setup(**kwargs)
        self.land_use_types = []

    def execute(self):
        state = self.state()
        state["wood"] = state["wood"] + 100


class OnRaster(SyncRasterModel):
    def state(self):
        return self.backend.arrays


class OnFeatures(SyncSpatialModel):
    def state(self):
        return self.gdf


class DoublingRaster(Doubling, OnRaster):
    pass


def make(substrate, *mixins):
    """Models of a substrate that share a state of one cell."""
    base = {"raster": OnRaster, "vector": OnFeatures}[substrate]
    shared = (
        {"backend": raster_grid(1, 1, {"wood": 1.0})}
        if substrate == "raster"
        else {"gdf": vector_grid(dimension=(1, 1), resolution=1.0, attrs={"wood": 1.0})}
    )
    return [type(one.__name__, (one, base), {})(**shared) for one in mixins]


@pytest.mark.parametrize("substrate", ["raster", "vector"])
def test_a_step_reads_the_state_at_its_start(substrate):
    (model,) = make(substrate, Doubling)
    model.env.run()

    assert [(1, 1), (2, 2), (4, 4)] == model.seen
    assert 8 == float(np.ravel(model.state()["wood"])[0])
    assert 8 == float(np.ravel(model.state()["wood_past"])[0])


@pytest.mark.parametrize("substrate", ["raster", "vector"])
def test_what_others_change_is_not_in_the_past_until_the_next_copy(substrate):
    model, _ = make(substrate, Doubling, Meddling)
    model.env.run()

    assert [(1, 1), (2, 102), (4, 104)] == model.seen

    model.synchronize()

    assert 108 == float(np.ravel(model.state()["wood_past"])[0])


@pytest.mark.parametrize("substrate", ["raster", "vector"])
def test_the_past_is_a_copy(substrate):
    (model,) = make(substrate, Doubling)
    model.synchronize()
    state = model.state()
    if substrate == "raster":
        state["wood"][:] = 5
    else:
        state.loc[:, "wood"] = 5.0

    assert 1 == float(np.ravel(state["wood_past"])[0])


@pytest.mark.parametrize(
    ("cls", "names"), [(SyncRasterModel, {"wood"}), (SyncSpatialModel, {"geometry", "wood"})]
)
def test_a_model_that_names_nothing_copies_nothing(cls, names):
    grid = vector_grid(dimension=(1, 1), resolution=1.0, attrs={"wood": 1.0})
    backend = raster_grid(1, 1, {"wood": 1.0})
    model = cls(backend=backend) if cls is SyncRasterModel else cls(gdf=grid)
    model.env.run()

    assert names == set(backend.arrays if cls is SyncRasterModel else grid.columns)


def test_the_past_of_a_series_is_its_first_slice_and_then_what_was_written():
    backend = RasterBackend((1, 2))
    backend.set("wood", [[[1.0, 2.0]], [[5.0, 6.0]]], time=[2000, 2010])
    model = DoublingRaster(backend=backend)
    model.env.run()

    assert [[8.0, 16.0]] == backend.get("wood_past").tolist()
    assert not backend.is_temporal("wood_past")


def test_the_past_follows_a_backend_that_is_exchanged():
    model = DoublingRaster(backend=raster_grid(1, 1, {"wood": 1.0}))
    model.synchronize()
    model.backend = raster_grid(2, 2, {"wood": 7.0})
    model.synchronize()

    assert [[7, 7], [7, 7]] == model.backend.get("wood_past").tolist()


def test_a_name_that_is_not_there():
    model = DoublingRaster(backend=raster_grid(1, 1, {"field": 1.0}))

    with pytest.raises(KeyError):
        model.synchronize()

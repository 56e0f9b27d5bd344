"""States of a coastal model."""

from types import SimpleNamespace

from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import RAISED
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.models.coastal.state import CoastalState


def copy(state):
    return CoastalState(
        state.uso.copy(), state.solo.copy(), state.alt.copy(), step=state.step, order=state.order
    )


def bits(state):
    return state.uso.tobytes(), state.solo.tobytes(), state.alt.tobytes()


def read_space(data, parameters, *, band_map=None, column_map=None, problems=RAISED):
    """Return what `coastal_raster` reads of an opened dataset: its state and where that is."""
    record = ExperimentRecord(source={"uri": "-"}, band_map=band_map or {}, column_map=column_map or {})
    read = CoastalRaster().read(data, record, parameters, problems)
    if read is None:
        return None
    layout = read.layout
    return SimpleNamespace(
        **read.values,
        step=read.step,
        order=layout.order,
        inside=layout.inside,
        cells=layout.cells,
        shape=layout.shape,
        transform=layout.transform,
        crs=layout.crs,
        as_stored=layout.as_stored,
    )

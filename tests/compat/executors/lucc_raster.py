"""Land-use change on a raster that keeps the past, in the style of the public 0.6 packages."""

import numpy as np

from dissmodel.core import Environment
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.executor.utils import default_output_uri
from dissmodel.geo.raster.backend import DIRS_VON_NEUMANN, RasterBackend
from dissmodel.geo.raster.sync_model import SyncRasterModel
from dissmodel.io import load_dataset, save_dataset


class Clearing(SyncRasterModel):
    """A part of the forest beside fields becomes field; tile by tile, so that a backend is exchanged."""

    def setup(self, backend, land_use_types, rate=0.1, tile=16):
        super().setup(backend)
        self.land_use_types = land_use_types
        self.rate = rate
        self.tile = tile

    def execute(self):
        whole, (rows, _) = self.backend, self.shape
        padded = {name: np.pad(array, ((1, 1), (0, 0))) for name, array in whole.arrays.items()}
        for top in range(0, rows, self.tile):
            part = slice(top, min(top + self.tile, rows) + 2)
            self.backend = RasterBackend(shape=padded["f"][part].shape)
            self.shape = self.backend.shape
            for name, array in padded.items():
                self.backend.set(name, array[part])
            f, d = self.execute_tile()
            whole.get("f")[top : top + self.tile] = f[1:-1]
            whole.get("d")[top : top + self.tile] = d[1:-1]
        self.backend = whole
        self.shape = whole.shape

    def execute_tile(self):
        f, d = self.backend.get("f_past"), self.backend.get("d_past")
        near = np.zeros(self.shape)
        for dr, dc in DIRS_VON_NEUMANN:
            near += self.shift(d, dr, dc)
        change = f * self.rate * near / 4
        return f - change, d + change


class LuccRasterExecutor(ModelExecutor):
    """Deforestation."""

    name = "lucc_raster"

    def load(self, record: ExperimentRecord):
        (given, meta), checksum = load_dataset(record.source.uri, format="raster")
        record.source.checksum = checksum
        backend = RasterBackend(shape=given.shape, transform=meta["transform"], crs=meta["crs"])
        backend.set("f", np.isin(given.get("uso"), [1, 2]).astype(float))
        backend.set("d", (given.get("uso") == 4).astype(float))
        return backend, meta

    def run(self, data, record: ExperimentRecord):
        backend, meta = data
        params = record.parameters
        env = Environment(start_time=2000, end_time=params["end_time"])
        Clearing(backend=backend, land_use_types=params["land_use_types"], rate=params.get("rate", 0.1))
        env.run()
        record.metrics["d_total"] = float(backend.get("d").sum())
        for name in params["land_use_types"]:
            del backend.arrays[name + "_past"]
        return backend, meta

    def save(self, result, record: ExperimentRecord) -> ExperimentRecord:
        backend, meta = result
        uri = record.output_path or default_output_uri(record.experiment_id, "tif")
        record.add_artifact("output", save_dataset((backend, meta), uri))
        record.output_path = uri
        record.status = "completed"
        return record


if __name__ == "__main__":
    from dissmodel.executor.cli import run_cli

    run_cli(LuccRasterExecutor)

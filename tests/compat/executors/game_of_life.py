"""A cellular automaton on a raster, in the style of the public 0.6 packages."""

import numpy as np

from dissmodel.core import Environment
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.geo import RasterCellularAutomaton, raster_grid
from dissmodel.io import load_dataset, save_dataset
from dissmodel.visualization import RasterMap


class GameOfLife(RasterCellularAutomaton):
    def rule(self, arrays):
        state = arrays["state"]
        neighbors = self.backend.focal_sum_mask(state == 1)
        born = (state == 0) & (neighbors == 3)
        survive = (state == 1) & np.isin(neighbors, [2, 3])
        return {"state": np.where(born | survive, 1, 0).astype(np.int32)}


class GameOfLifeExecutor(ModelExecutor):
    """Conway's game of life; what is alive at first is a class of the input."""

    name = "game_of_life"

    def load(self, record: ExperimentRecord):
        (given, meta), record.source.checksum = load_dataset(record.source.uri, fmt=record.input_format)
        rows, cols = given.shape
        state = given.get(record.band_map.get("uso", "uso")) == record.parameters.get("alive", 1)
        return raster_grid(rows, cols, attrs={"state": state.astype(np.int32)}), meta

    def run(self, data, record: ExperimentRecord):
        backend, meta = data
        env = Environment(start_time=1, end_time=record.parameters.get("end_time", 10))
        GameOfLife(backend=backend)
        if record.parameters.get("save_frames", False):
            RasterMap(
                backend=backend,
                band="state",
                title="Life",
                color_map={0: "#ffffff", 1: "#000000"},
                labels={0: "dead", 1: "alive"},
                save_frames=True,
            )
        env.run()
        record.metrics["alive"] = int((backend.get("state") == 1).sum())
        return backend, meta

    def save(self, result, record: ExperimentRecord) -> ExperimentRecord:
        backend, meta = result
        uri = record.output_path or "output.tif"
        checksum = save_dataset((backend, meta), uri, band_spec=[("state", "int32", -1)])
        record.output_path = uri
        record.output_sha256 = checksum
        record.status = "completed"
        return record


if __name__ == "__main__":
    from dissmodel.executor.cli import run_cli

    run_cli(GameOfLifeExecutor)

"""A raster executor in the style of the public 0.6 packages."""

from __future__ import annotations

import numpy as np

from dissmodel.core import Environment
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.geo import RasterBackend, RasterModel
from dissmodel.io import load_dataset, save_dataset

SEA = 3
TARGETS = {1: 9, 2: 10, 4: 7, 5: 6, 8: 9}


class FloodRasterModel(RasterModel):
    """The sea reaches the cells beside it that are not above its level."""

    def setup(self, backend: RasterBackend, sea_level_rise_rate: float = 0.011) -> None:
        super().setup(backend)
        self.rate = sea_level_rise_rate

    def execute(self) -> None:
        uso = self.backend.get("uso").copy()
        alt = self.backend.get("alt")
        level = self.rate * self.env.now()
        wet = np.isin(uso, [SEA, *TARGETS.values()])
        near = np.zeros(self.shape, dtype=bool)
        for dr, dc in self.dirs:
            near |= self.shift(wet.astype(np.int8), dr, dc) == 1
        for dry, flooded in TARGETS.items():
            uso[(self.backend.get("uso") == dry) & near & (alt <= level)] = flooded
        self.backend.arrays["uso"] = uso


class FloodRasterExecutor(ModelExecutor):
    """Flooding only, on a raster."""

    name = "flood_raster"

    def validate(self, record: ExperimentRecord) -> None:
        if record.parameters.get("end_time", 10) < 1:
            raise ValueError("end_time must be at least 1")

    def load(self, record: ExperimentRecord):
        (backend, meta), checksum = load_dataset(record.source.uri, fmt="raster")
        record.source.checksum = checksum
        for canonical, real in record.band_map.items():
            if real not in backend.band_names():
                raise ValueError(f"Band '{real}' not found. Available: {backend.band_names()}")
            if canonical != real:
                backend.rename_band(real, canonical)
        record.add_log(f"Loaded GeoTIFF bands={sorted(backend.arrays)} shape={backend.shape}")
        return backend, meta

    def run(self, data, record: ExperimentRecord):
        backend, meta = data
        params = record.parameters
        env = Environment(start_time=1, end_time=params.get("end_time", 10))
        FloodRasterModel(backend=backend, sea_level_rise_rate=params.get("sea_level_rise_rate", 0.011))
        print(f"Running {self.name} until {env.end_time}")  # noqa: T201  (published executors print)
        env.run()
        flooded = int(np.isin(backend.get("uso"), list(TARGETS.values())).sum())
        record.metrics = {"flooded_cells": flooded, "last_step": env.now()}
        return backend, meta

    def save(self, result, record: ExperimentRecord) -> ExperimentRecord:
        backend, meta = result
        uri = record.output_path or "output.tif"
        record.output_path = uri
        record.output_sha256 = save_dataset(
            (backend, meta), uri, crs=meta["crs"], transform=meta["transform"]
        )
        record.status = "completed"
        record.add_log(f"Saved to {uri}")
        return record


if __name__ == "__main__":
    from dissmodel.executor.cli import run_cli

    run_cli(FloodRasterExecutor)

"""Land-use change on polygons, with potential tables, in the style of the public 0.6 packages."""

import numpy as np
from libpysal.weights import Queen

from dissmodel.core import Environment
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.geo.vector.sync_model import SyncSpatialModel as LUCSpatialModel
from dissmodel.io import load_dataset, save_dataset
from dissmodel.visualization import Chart, track_plot


class PotentialRegression(LUCSpatialModel):
    """What each cell is good for: a regression, and how much of it lies around."""

    def setup(self, potential_data, land_use_types, region=1):
        self.potential_data = potential_data
        self.land_use_types = land_use_types
        self.region = region
        self.create_neighborhood(strategy=Queen, silence_warnings=True)

    def execute(self):
        for use, table in zip(self.land_use_types, self.potential_data, strict=True):
            regression = table["const"]
            for column, beta in table.get("betas", {}).items():
                regression = regression + beta * self.gdf[column]
            around = [self.neighbor_values(idx, f"{use}_past").mean() for idx in self.gdf.index]
            self.gdf[use + "_pot"] = (regression + np.array(around)).clip(0.0, 1.0)


@track_plot("Cleared", "brown")
class AllocationByDemand(LUCSpatialModel):
    """Clears the forest where the potential says so, as much as is asked for."""

    def setup(self, demand, land_use_types):
        self.demand = demand
        self.land_use_types = land_use_types

    def execute(self):
        wanted = self.demand[int(self.env.now() - self.env.start_time)]
        offered = self.gdf["f_past"] * self.gdf["d_pot"]
        change = offered * min(1.0, wanted / offered.sum())
        self.gdf["f"] = self.gdf["f_past"] - change
        self.gdf["d"] = self.gdf["d_past"] + change
        self.cleared = float(self.gdf["d"].sum())


class LuccVectorExecutor(ModelExecutor):
    """Deforestation."""

    name = "lucc_vector"

    def validate(self, record: ExperimentRecord) -> None:
        spec = record.resolved_spec.get("model", {})
        if len(spec.get("potential", [])) != len(record.parameters["land_use_types"]):
            raise ValueError("There must be a [[model.potential]] for each of land_use_types")

    def load(self, record: ExperimentRecord):
        gdf, checksum = load_dataset(record.source.uri)
        record.source.checksum = checksum
        return gdf.rename(columns={real: canonical for canonical, real in record.column_map.items()})

    def run(self, data, record: ExperimentRecord):
        gdf = data
        params = record.parameters
        uses = params["land_use_types"]
        demand = params["demand"]
        env = Environment(start_time=params["start_time"], end_time=params["start_time"] + len(demand) - 1)
        PotentialRegression(
            gdf=gdf, potential_data=record.resolved_spec["model"]["potential"], land_use_types=uses
        )
        allocation = AllocationByDemand(gdf=gdf, demand=demand, land_use_types=uses)
        if params.get("chart", False):
            Chart(select=["Cleared"], show_grid=True, save_frames=True)
        env.run()
        record.metrics = {"cleared": allocation.cleared}
        return gdf.drop(columns=["_neighs", *(column for column in gdf.columns if column.endswith("_past"))])

    def save(self, result, record: ExperimentRecord) -> ExperimentRecord:
        record.output_path = record.output_path or "output.gpkg"
        record.output_sha256 = save_dataset(result, record.output_path)
        record.status = "completed"
        return record


if __name__ == "__main__":
    from dissmodel.executor.cli import run_cli

    run_cli(LuccVectorExecutor)

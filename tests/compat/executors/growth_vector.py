"""A vector executor in the style of the public 0.6 packages."""

from dissmodel.core import Environment, Model
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.io import load_dataset, save_dataset


class Growth(Model):
    """Bare soil below a height becomes town, a bit more each step."""

    def setup(self, gdf, limit=2.0):
        self.gdf = gdf
        self.limit = limit

    def execute(self):
        built = (self.gdf["uso"] == 5) & (self.gdf["alt"] <= self.limit * self.env.now())
        self.gdf.loc[built, "uso"] = 4


class GrowthVectorExecutor(ModelExecutor):
    """A town that grows over bare soil."""

    name = "growth_vector"
    output_suffix = ".gpkg"

    REQUIRED = ("uso", "alt")

    def load(self, record: ExperimentRecord):
        gdf, checksum = load_dataset(record.source.uri, fmt="vector")
        record.source.checksum = checksum
        if record.column_map:
            gdf = gdf.rename(columns={real: canonical for canonical, real in record.column_map.items()})
        missing = [name for name in self.REQUIRED if name not in gdf.columns]
        if missing:
            raise ValueError(f"Columns missing: {missing}")
        record.add_log(f"Loaded GDF: {len(gdf)} features, crs={gdf.crs}")
        return gdf

    def run(self, data, record: ExperimentRecord):
        gdf = data
        spec = record.resolved_spec.get("model", {})
        before = int((gdf["uso"] == 4).sum())
        env = Environment(start_time=1, end_time=record.parameters["end_time"])
        Growth(gdf=gdf, limit=record.parameters.get("limit", spec.get("limit", 2.0)))
        env.run()
        record.metrics["built"] = int((gdf["uso"] == 4).sum()) - before
        return gdf

    def save(self, result, record: ExperimentRecord) -> ExperimentRecord:
        from dissmodel.executor.utils import default_output_uri

        uri = record.output_path or default_output_uri(record.experiment_id, "gpkg")
        record.output_sha256 = save_dataset(result, uri)
        record.output_path = uri
        record.status = "completed"
        return record


if __name__ == "__main__":
    from dissmodel.executor.cli import run_cli

    run_cli(GrowthVectorExecutor)

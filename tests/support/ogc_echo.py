"""A model for tests of OGC API - Processes: a text, a bounding box and a pause go in, and come out again."""

MODEL = '''
"""A model that says what it was given."""
import json, time
from pathlib import Path
from typing import Annotated, Literal
from pydantic import BaseModel, ConfigDict, Field
from dissmodel import progress
from dissmodel.executor import ModelExecutor


class BBox(BaseModel):
    bbox: Annotated[list[float], Field(min_length=4, max_length=6)]
    crs: str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    bbox: BBox | None = None
    pause: Annotated[float, Field(ge=0, le=60, json_schema_extra={"unit": "s"})] = 0.0
    counts: list[int] = []
    mixed: int | str = 0
    layer: Literal["a", "b"] = "a"


class Echo(ModelExecutor):
    """It says what it was given."""

    name = "echo"
    output_suffix = ".json"
    Parameters = Asked

    def load(self, record):
        return Path(record.source.uri).read_bytes().decode()

    def run(self, data, record):
        asked = record.parameters
        if asked["text"] == "fail":
            raise RuntimeError("the sea is too high")
        until = time.monotonic() + asked["pause"]
        progress.current().step(1, 2)
        while time.monotonic() < until:
            time.sleep(0.01)
        return {"data": data, "text": asked["text"], "bbox": asked["bbox"]}

    def save(self, result, record):
        Path(record.output_path).write_text(json.dumps(result, default=dict))
        record.output_sha256 = self._sha256(record.output_path)
        return record
'''


def install(folder):
    """Write the model into a folder as an installed package has it."""
    (folder / "ogc_echo_model.py").write_text(MODEL)
    info = folder / "ogc_echo_model-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ogc-echo-model\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[dissmodel.executors]\necho = ogc_echo_model:Echo\n")
    (info / "RECORD").write_text("ogc_echo_model.py,,\n")
    return folder

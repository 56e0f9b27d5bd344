"""The same experiment by ``dissmodel run`` and by a job: the same digests, and the same record."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from dissmodel.config import toml
from support import servers
from support.git import git

# What differs between two runs of one command too.
OF_ONE_RUN = {
    *("experiment_id", "created_at", "finished_at", "metrics", "peak_memory_bytes", "cpu_seconds"),
    *("record_digest", "output_path"),
}
OF_A_JOB = {"command", "parameter_origin"}
SHORE = """
[model]
name = "shore"
class = "coastal_raster"
end_time = 2
[model.parameters]
sea_level_rise_rate = 0.02
"""


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A small coast."""
    root = Path(__file__).resolve().parents[3]
    spec = importlib.util.spec_from_file_location("make_coast_job", root / "examples/coast/make_coast.py")
    maker = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    path = tmp_path_factory.mktemp("grid") / "grid.zip"
    maker.write(maker.make_coast(20, 30), path, "tiff")
    return path.read_bytes()


@pytest.fixture
def s3(house, monkeypatch):
    """A client of an S3 server with the service's two buckets, where its place is."""
    with servers.moto() as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=server.access,
            aws_secret_access_key=server.secret,
        )
        for bucket in ("dissmodel-outputs", "dissmodel-inputs"):
            client.create_bucket(Bucket=bucket)
        monkeypatch.setenv("DISSMODEL_SERVICE_PLACE", "s3://dissmodel-outputs")
        yield client


def run(house, *words):
    """Run ``dissmodel run`` with these words and push; return the id."""
    command = [sys.executable, "-m", "dissmodel", "run", *words, "--json", "-q"]
    command += ["--push", "--to", house.settings.place]
    said = subprocess.run(command, cwd=house.folder, capture_output=True, text=True, check=False)
    assert 0 == said.returncode, said.stderr
    return json.loads(said.stdout)["record"]["experiment_id"]


def assert_same(typed, asked):
    """Compare two records; only what an instant, a place and a machine decide differs."""
    assert typed.keys() == asked.keys()
    for name in typed.keys() - OF_ONE_RUN - OF_A_JOB:
        assert typed[name] == asked[name], name
    origin = {"command line": "request", "spec": "spec", "default": "default"}
    assert {name: origin[one] for name, one in typed["parameter_origin"].items()} == asked["parameter_origin"]


@pytest.mark.slow
def test_in_a_folder(house, grid):
    path = Path(house.settings.inputs) / "grid.zip"
    path.write_bytes(grid)
    words = ("-p", "end_time=3", "--seed", "7", "-b", "altimetria=alt")
    typed = run(house, "coastal_raster", "-i", str(path), *words[:4])
    asked = house.submit(
        model_name="coastal_raster", input="grid.zip", parameters={"end_time": 3}, seed=7, timeout_s=100
    )

    assert 0 == house.drain(), house.shown()
    assert_same(house.record(typed), house.record(asked))


@pytest.mark.slow
def test_a_model_of_a_registry_from_s3(house, s3, grid):
    s3.put_object(Bucket="dissmodel-inputs", Key="coast/grid.zip", Body=grid)
    registry = house.folder / "coast"
    (registry / "models").mkdir(parents=True)
    (registry / "models/shore.toml").write_text(SHORE)
    git(registry, "init", "-q")
    git(registry, "add", ".")
    git(registry, "commit", "-q", "-m", "A model")
    (house.folder / "user").mkdir(exist_ok=True)
    (house.folder / "user/config").write_text(f'[registries.coast]\nurl = "{registry}"\n')
    uri = "s3://dissmodel-inputs/coast/grid.zip"
    typed = run(house, "coast/shore", "-i", uri, "-p", "tide_height=0.5")
    (house.folder / "user/config").unlink()  # the worker needs no registry
    asked = house.submit(
        model_name="coast/shore",
        spec=toml.parse(SHORE.encode()),
        registry="coast",
        commit=git(registry, "rev-parse", "HEAD"),
        input=uri,
        parameters={"tide_height": 0.5},
        timeout_s=100,
    )

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(asked).status, house.shown()
    record_of = {
        job: json.loads(
            s3.get_object(Bucket="dissmodel-outputs", Key=f"experiments/{job}/record.json")["Body"].read()
        )
        for job in (typed, asked)
    }
    assert_same(record_of[typed], record_of[asked])
    source = record_of[asked]["source"]
    assert ("s3", uri) == (source["type"], source["uri"])
    assert (
        s3.head_object(Bucket="dissmodel-inputs", Key="coast/grid.zip")["ETag"].strip('"')
        == source["version"]
    )
    assert f"s3://dissmodel-outputs/experiments/{asked}/output.tif" == record_of[asked]["output_path"]
    for name, file in record_of[typed]["files"].items():
        assert file["content_digest"] == record_of[asked]["files"][name]["content_digest"]

"""Jobs of a real service in this process: what it is asked, and what is brought here."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from affine import Affine

import dissmodel
from dissmodel.client.status import JobError, JobStatus
from dissmodel.errors import Differs, InvalidInput, RunFailed, UsageError
from dissmodel.geo import RasterBackend
from dissmodel.io.raster import save_geotiff
from dissmodel.record import digest
from dissmodel.service import uploads
from dissmodel.service.documents import Outcome, Problem
from dissmodel.service.settings import ServiceSettings
from support.fake_service import GRID
from support.http_api import service_of, serving


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A service without keys over folders."""
    monkeypatch.setenv("DISSMODEL_SERVICE_PLACE", str(tmp_path / "place"))
    monkeypatch.setenv("DISSMODEL_SERVICE_INPUTS", str(tmp_path / "inputs"))
    with serving(service_of(ServiceSettings.load())) as found:
        yield found


@pytest.fixture
def client(house):
    return dissmodel.connect(house.url)


def asked(house, job):
    return house.service.truth.request(job.id)


def test_an_input_is_uploaded_once_and_a_result_is_brought_whole(house, client, here, monkeypatch):
    received = []
    receive = uploads.receive

    async def counted(*words):
        received.append(words)
        return await receive(*words)

    monkeypatch.setattr(uploads, "receive", counted)
    job = client.submit("coastal_raster", input="grid.tif", output="r.bin", parameters={"end_time": 3})
    again = client.submit("coastal_raster", input=Path("grid.tif").absolute())
    assert 1 == len(received)
    assert job.id != again.id
    assert ("pending", 0) == (job.status().status, job.status().progress)
    expected = house.complete(job.id, b"the result")
    made = job.result()

    assert b"the result" == Path("r.bin").read_bytes() == Path(made.files["output"]).read_bytes()
    document = json.loads(Path("r.record.json").read_text())
    assert expected == document["record_digest"] == digest.record_digest(document)
    assert ("r.bin", str(here / "grid.tif")) == (
        document["files"]["output"]["path"],
        document["source"]["uri"],
    )
    assert {"grid.tif", "r.bin", "r.record.json"} == {path.name for path in here.iterdir()}
    assert "ok" == dissmodel.verify("r.record.json").checks[0].verdict
    with pytest.raises(UsageError) as raised:
        client.submit("coastal_raster", input="grid.tif", output="r.bin")
    assert "output_exists" == raised.value.code
    with pytest.raises(UsageError) as raised:
        job.result()
    assert "output_exists" == raised.value.code
    assert b"the result" == Path(job.result(overwrite=True).files["output"]).read_bytes()


def test_without_an_output_it_is_named_by_the_model_and_the_job(house, client, here):
    job = client.submit("coastal_raster", input="grid.tif")
    house.complete(job.id)
    job.result()

    name = f"mine_{job.id[:8]}"
    left = {"grid.tif", f"{name}.bin", f"{name}.record.json", "experiment_record.json"}
    assert left == {path.name for path in here.iterdir()}


def test_each_argument_reaches_the_job(house, client):
    Path("dem.tif").write_bytes(b"dem")
    Path("codes.csv").write_text("old,new\n3,2\n4,none\n")
    job = client.submit(
        "coastal_raster",
        inputs=[("uso", "grid.tif:2"), "dem.tif", ("alt", "dem.tif:1")],
        output="r.tiff",
        parameters={"end_time": np.int64(3)},
        band_map={"uso": 1},
        column_map={"uso": "use"},
        class_map={"uso": "codes.csv", "solo": "mapbiomas"},
        format="raster",
        layer="a",
        resample="mode",
        seed=7,
    )

    request = asked(house, job)
    assert ({"uso": "2"}, ".tiff") == (request.input_fields, request.output_suffix)
    uris = [place.rpartition("/")[2] for _, place in request.pairs]
    assert [("", "dem.tif"), ("alt", "dem.tif:1")] == [
        (one[0], uri) for one, uri in zip(request.pairs, uris, strict=True)
    ]
    given = (request.parameters, request.band_map, request.column_map, request.input_format)
    assert ({"end_time": 3}, {"uso": "1"}, {"uso": "use"}, "tiff") == given
    assert ("a", "mode", 7) == (request.layer, request.resample, request.seed)
    assert {"uso": {"3": 2, "4": "none"}, "solo": "mapbiomas"} == request.class_map


def test_a_toml_is_sent_as_it_is_read(house, client):
    Path("m.toml").write_text(
        '[model]\nname = "mine"\nclass = "coastal_raster"\n[model.parameters]\nend_time = 2\n'
    )
    Path("plain.toml").write_text("[model.parameters]\nend_time = 2\n")
    for words in ({"model": None, "toml": "m.toml"}, {"model": "coastal_raster", "toml": "plain.toml"}):
        request = asked(house, client.submit(input="grid.tif", **words))
        assert "coastal_raster" == request.spec["model"]["class"]
        assert {"end_time": 2} == request.spec["model"]["parameters"]
    with pytest.raises(UsageError, match="is for the model"):
        client.submit("game_of_life", toml="m.toml", input="grid.tif")


def test_what_can_not_be_sent_is_told_before_anything_is(house, client):
    Path("shape.shp").write_bytes(b"x")
    Path("shape.dbf").write_bytes(b"x")
    for words, kind, code in (
        ({"model": "m.py", "input": "grid.tif"}, UsageError, "usage"),
        ({"model": "coastal_raster", "input": "nothing.tif"}, InvalidInput, "input_missing"),
        ({"model": "coastal_raster", "input": "shape.shp"}, InvalidInput, "several_files"),
        ({"model": "coastal_raster", "input": "https://ana:hush@a.example/a.tif"}, UsageError, "usage"),
        (
            {"model": "coastal_raster", "input": "grid.tif", "output": "s3://bucket/a.tif"},
            UsageError,
            "usage",
        ),
        (
            {"model": "coastal_raster", "input": "grid.tif", "output": "grid.tif"},
            UsageError,
            "output_is_input",
        ),
        ({"model": "coastel_raster", "input": "grid.tif"}, UsageError, "unknown_model"),
        ({"model": "coastal_raster", "input": "https://a.example/a.tif"}, UsageError, "input_refused"),
        ({"model": None, "input": "grid.tif"}, UsageError, "usage"),
    ):
        with pytest.raises(kind) as raised:
            client.submit(**words)
        assert code == raised.value.code, words
        assert "hush" not in str(raised.value)
    assert () == client.jobs()


def test_an_upload_with_other_bytes_under_the_digest_is_told(house, client):
    sha256 = digest.sha256_bytes(GRID)
    other = {"file": ("grid.tif", b"evil")}
    assert 200 == httpx.post(f"{house.url}/data/upload", files=other, data={"label": sha256}).status_code

    with pytest.raises(Differs) as raised:
        client.submit("coastal_raster", input="grid.tif")
    assert "upload_differs" == raised.value.code


def test_jobs_are_listed_found_and_cancelled(house, client):
    first = client.submit("coastal_raster", input="grid.tif")
    second = client.submit("game_of_life", input="grid.tif")
    first.cancel()

    assert [second.id, first.id] == [one.job_id for one in client.jobs()]
    assert [second.id] == [one.job_id for one in client.jobs(limit=1)]
    assert [second.id] == [one.job_id for one in client.jobs(model="game_of_life", status="pending")]
    assert first.id == client.job(first.id[:6]).id
    assert () == first.log()
    for wrong, code in (("0" * 31, "unknown_job"), ("xyz", "usage")):
        with pytest.raises(UsageError) as raised:
            client.job(wrong)
        assert code == raised.value.code
    with pytest.raises(UsageError) as raised:
        client.job("0" * 32).status()
    assert "unknown_job" == raised.value.code
    with pytest.raises(RunFailed) as failed:
        first.result()
    assert "job_cancelled" == failed.value.code


@pytest.mark.parametrize("exit_code", [1, 2, 3, 4, 5, 0, 70])
def test_an_error_has_the_exit_code_of_the_run(exit_code):
    error = JobError("too_high", "the sea is too high", "Lower it.", exit_code)
    made = JobStatus("1", "failed", "flood", datetime.now(UTC), error=error).failure()

    expected = ("too_high", "Lower it.", exit_code if 1 <= exit_code <= 5 else 1)
    assert expected == (made.code, made.hint, made.exit_code)


def test_a_job_that_failed_is_the_error_of_a_run_with_its_record(house, client, here):
    job = client.submit("coastal_raster", input="grid.tif", output="r.tif")
    error = Problem(code="too_high", message="the sea is too high", hint="Lower it.", exit_code=3)
    record = {"experiment_id": job.id, "model_name": "coastal_raster", "status": "failed"}
    house.service.truth.put(job.id, Outcome(status="failed", error=error, record=record, log=("one", "two")))
    with pytest.raises(InvalidInput) as raised:
        job.result()

    assert ("too_high", "Lower it.") == (raised.value.code, raised.value.hint)
    path = here / f"r.{job.id[:8]}.record.json"
    assert path == raised.value.record_path
    assert "failed" == dissmodel.open_record(path).record.status
    assert ("two",) == job.log(after=1)


def test_a_dataset_of_this_machine_and_its_result_are_data(house, client):
    backend = RasterBackend((4, 4), transform=Affine(30, 0, 0, 0, -30, 0), crs="EPSG:31983")
    backend.arrays["use"] = np.ones((4, 4), np.float32)
    save_geotiff(backend, "use.tif")
    job = client.submit("coastal_raster", inputs={"uso": "use.tif"})

    assert {"uso": ""} == asked(house, job).input_fields

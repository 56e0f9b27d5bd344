"""The Python API with a bucket and a web server: results that go there, records that lie there, consent."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

import dissmodel as api
from dissmodel.errors import ConsentRequired
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io import save_dataset


@pytest.fixture
def coast(dissmodel, s3, make_coast):
    make_coast.main(["--rows", "30", "--cols", "40", "--output", "grid.zip"])
    return s3


def bands(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_the_whole_life_with_a_bucket(coast):
    made = api.run(
        "coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 2}, push=coast.uri
    )
    there = api.open_record(made.pushed.uri)
    listed = api.records(coast.uri)
    again = api.reproduce(made.pushed.uri, input="grid.zip", check=True)
    (pulled,) = api.pull(coast.uri, to="copies").experiments
    once_more = api.push(made.record_path, to=coast.uri)

    assert made.record.artifacts == there.record.artifacts
    assert all(uri.startswith(f"{coast.uri}/experiments/") for uri in there.files.values())
    assert np.array_equal(bands("r.tif")[0], there.open(arrays=True)[0].arrays["uso"])
    assert [made.pushed.uri] == [row.path for row in listed]
    assert "identical-file" == again.verdict
    assert api.verify(made.pushed.uri, pulled.record).ok
    assert api.compare("r.tif", pulled.files["output"]).comparison.same
    assert {"there"} == {one.state for one in once_more.experiments[0].objects}


def test_a_result_that_goes_to_a_bucket(coast):
    uri = f"{coast.uri}/runs/r.tif"

    made = api.run("coastal_raster", input="grid.zip", output=uri, parameters={"end_time": 2})

    assert (uri, f"{coast.uri}/runs/r.record.json") == (made.files["output"], made.record_path)
    assert not list(Path().glob("r*"))
    here = api.run("coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 2})
    assert np.array_equal(here.open(arrays=True)[0].arrays["uso"], made.open(arrays=True)[0].arrays["uso"])


def test_offline_asks_no_server(coast):
    with pytest.raises(api.DissmodelError, match="nothing is fetched"):
        api.run(
            "coastal_raster",
            input="grid.zip",
            output=f"{coast.uri}/r.tif",
            consent=api.Consent(offline=True),
        )


@pytest.fixture
def planted(input_elsewhere, model):
    return {"record": "r.record.json", "model": model, "check": True}


def test_without_consent_no_server_is_asked_and_the_hint_names_the_argument(planted, web):
    with pytest.raises(ConsentRequired) as error:
        api.reproduce(**planted)

    assert (web.url, []) == (error.value.what, web.asked)
    assert "consent=dissmodel.Consent(yes=True)" in error.value.hint
    assert "--yes" not in error.value.hint


def test_the_command_line_s_hint_names_the_option(planted, dissmodel):
    said = dissmodel("reproduce", planted["record"], "--model", planted["model"], "--check")

    assert 2 == said.code
    assert "--yes" in said.err
    assert "consent=" not in said.err


def test_consent_is_given_or_asked_for(planted, web):
    shown = []

    def ask(error):
        shown.append((error.what, error.message))
        return len(shown) > 1

    with pytest.raises(ConsentRequired):
        api.reproduce(**planted, consent=api.Consent(ask=ask))
    refused = list(web.asked)
    asked = api.reproduce(**planted, consent=api.Consent(ask=ask))

    assert [] == refused
    assert asked.same
    assert [web.url, web.url] == [what for what, _ in shown]
    assert "r.record.json" in shown[0][1]


def test_yes_consents_without_a_question(planted, web):
    assert api.reproduce(**planted, consent=api.Consent(yes=True)).same
    assert web.asked


def test_push_and_bundle_take_consent_too(planted, web, s3):
    for call in (
        lambda consent: api.push(planted["record"], to=s3.uri, with_input=True, consent=consent),
        lambda consent: api.bundle(planted["record"], output="r.zip", consent=consent),
    ):
        with pytest.raises(ConsentRequired):
            call(None)
    assert [] == web.asked
    assert api.bundle(planted["record"], output="r.zip", consent=api.Consent(yes=True)).path.is_file()


@pytest.mark.filterwarnings("ignore:.*georeference")
def test_a_result_of_the_public_dissmodel_is_opened_from_a_server_that_wants_a_password(web):
    backend = RasterBackend((3, 4))
    backend.set("alt", np.arange(12, dtype="int16").reshape(3, 4))
    sha256 = save_dataset(backend, web.root / "r #1.tif")
    public = {"experiment_id": "c" * 32, "status": "completed", "output_path": "/home/ana/r #1.tif"}
    (web.root / "r.record.json").write_text(json.dumps(public | {"artifacts": {"output": sha256}}))
    opened = api.open_record(f"{web.url.replace('//', '//ana:secret@')}/r.record.json?token=1")

    data, _ = opened.open(arrays=True)

    assert {"output": f"{web.url}/r%20%231.tif"} == opened.files
    assert np.array_equal(backend.get("alt"), data.get("alt"))
    asked = "/r%20%231.tif?token=1"
    assert ["GET /r.record.json?token=1", f"HEAD {asked}", f"GET {asked}"] == web.asked
    assert all("authorization" in sent for sent in web.headers)

"""Reports and exports of a result that is there."""

import io
import json
import zipfile

import make_coast
import pytest

from dissmodel.service import exports, foreign
from support.http_api import KEYS

SUFFIXES = {"text": "txt", "bibtex": "bib", "csl": "csl.json", "datacite": "datacite.json"}
JOB = "ab" * 16


def ask(house, path, status=200, **params):
    answer = house.client.get(f"/experiments/{path}", headers=house.headers(KEYS["reader"]), params=params)
    assert status == answer.status_code, answer.text
    return answer


def test_exports_of_a_result(house):
    house.complete(JOB)

    answer = ask(house, f"{JOB}/export/bundle")
    assert "application/zip" == answer.headers["Content-Type"]
    assert f'attachment; filename="{JOB[:8]}.zip"' == answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert b"result" == archive.read("output.bin")
    for kind, suffix in SUFFIXES.items():
        answer = ask(house, f"{JOB}/export/{kind}")
        assert answer.headers["Content-Disposition"].endswith(f'.{suffix}"')
        assert house.service.completed(JOB).record_digest in answer.text
    assert "wasGeneratedBy" in json.loads(ask(house, f"{JOB}/export/prov").text)


def test_a_crate_needs_a_licence(house):
    house.complete(JOB)

    found = ask(house, f"{JOB}/export/ro-crate", 422).json()
    assert "license_needed" == found["code"]
    assert "dissmodel-tmp" not in found["detail"]
    crate = ask(house, f"{JOB}/export/ro-crate", license="CC-BY-4.0").content
    with zipfile.ZipFile(io.BytesIO(crate)) as archive:
        assert b"CC-BY-4.0" in archive.read("ro-crate-metadata.json")


def test_no_export_of_what_did_not_complete(house, monkeypatch):
    job = house.job()["job_id"]
    for what in ("report", "export/bundle", "export/text"):
        assert "not_completed" == ask(house, f"{job}/{what}", 400).json()["code"]
        assert "unknown_job" == ask(house, f"{JOB}/{what}", 404).json()["code"]
    assert 422 == ask(house, f"{job}/export/nothing", 422).status_code
    house.complete(job)
    monkeypatch.setattr(exports, "_MOST_BYTES", 3)
    for what in ("report", "export/bundle"):
        assert "export_too_large" == ask(house, f"{job}/{what}", 422).json()["code"]
    ask(house, f"{job}/export/prov")


@pytest.mark.slow
def test_a_report_is_one_page_that_may_do_nothing_here(house, tmp_path, monkeypatch):
    import dissmodel

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_coast.main(["--rows", "20", "--cols", "20", "--output", "grid.zip"])
    made = dissmodel.run("coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 1})
    dissmodel.push(made.record_path, to=house.service.settings.place)
    answer = ask(house, f"{made.record.experiment_id}/report")

    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert made.record.record_digest in answer.text
    assert "data:image" in answer.text
    monkeypatch.setattr(foreign, "run", None)  # it is made once
    assert answer.text == ask(house, f"{made.record.experiment_id}/report").text

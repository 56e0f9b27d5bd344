"""Reports and exports of a result that is there."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import make_coast
import pytest

from dissmodel.service import foreign, products
from support.http_api import KEYS

JOB = "ab" * 16


def ask(house, path, status=200, **params):
    answer = house.client.get(f"/experiments/{path}", headers=house.headers(KEYS["reader"]), params=params)
    assert status == answer.status_code, answer.text
    return answer


def test_citations_of_a_result(house):
    digest = house.complete(JOB)

    found = {kind: ask(house, f"{JOB}/export/{kind}").text for kind in ("text", "bibtex", "csl")}
    assert all(digest in text for text in found.values())
    assert found["bibtex"].startswith("@misc")
    assert "dataset" == json.loads(found["csl"])[0]["type"]


def test_no_export_of_what_did_not_complete(house, monkeypatch):
    job = house.job()["job_id"]
    for what in ("report", "export/bundle", "export/text"):
        assert "not_completed" == ask(house, f"{job}/{what}", 400).json()["code"]
        assert "unknown_job" == ask(house, f"{JOB}/{what}", 404).json()["code"]
    ask(house, f"{job}/export/nothing", 422)
    house.complete(job)
    monkeypatch.setattr(products, "_LARGEST", 3)
    for what in ("report", "export/bundle"):
        assert "no_product" == ask(house, f"{job}/{what}", 404).json()["code"]


def test_a_product_is_made_once_for_each_record_and_the_oldest_are_removed(house, monkeypatch):
    made = []

    def make(_module, *words, given=""):
        made.append(words)
        Path(words[words.index("--output") + 1]).write_bytes(b"12345678")

    monkeypatch.setattr(foreign, "run", make)
    house.complete(JOB)
    assert b"12345678" == ask(house, f"{JOB}/report").content
    ask(house, f"{JOB}/report")
    assert 1 == len(made)
    shutil.rmtree(house.service.truth.experiment(JOB).uri)
    ask(house, f"{JOB}/report", 404)
    house.complete(JOB, outcome=False, seed=3)  # removed, and pushed again
    ask(house, f"{JOB}/report")
    assert 2 == len(made)

    folder = house.service.settings.data_dir / "products"
    (folder / "of.another.process").mkdir()
    monkeypatch.setattr(products, "_MOST_BYTES", 5)
    assert b"12345678" == ask(house, f"{JOB}/export/prov").content
    assert [f"{JOB}.prov.json"] == [
        f"{one.name[:32]}{one.name[49:]}" for one in folder.iterdir() if one.is_file()
    ]


@pytest.mark.slow
def test_exports_of_a_result(house):
    house.complete(JOB)

    answer = ask(house, f"{JOB}/export/bundle")
    assert answer.headers["Content-Disposition"].endswith(f'filename="{JOB[:8]}.bundle.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert b"result" == archive.read("output.bin")
    assert "activity" in ask(house, f"{JOB}/export/prov").json()
    assert "creators" in ask(house, f"{JOB}/export/datacite").json()
    assert "Feature" == ask(house, f"{JOB}/export/stac").json()["type"]
    found = ask(house, f"{JOB}/export/ro-crate", 422).json()
    assert "license_needed" == found["code"]
    assert "dissmodel-tmp" not in found["detail"]
    crate = ask(house, f"{JOB}/export/ro-crate", license="CC-BY-4.0").content
    with zipfile.ZipFile(io.BytesIO(crate)) as archive:
        assert b"CC-BY-4.0" in archive.read("ro-crate-metadata.json")


@pytest.mark.slow
def test_a_report_is_one_page_that_may_do_nothing_here(house, tmp_path, monkeypatch):
    import dissmodel

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_coast.main(["--rows", "20", "--cols", "20", "--output", "grid.zip"])
    made = dissmodel.run("coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 1})
    dissmodel.push(made.record_path, to=house.service.settings.place)
    answer = ask(house, f"{made.record.experiment_id}/report")

    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert made.record.record_digest in answer.text
    assert "data:image" in answer.text
    monkeypatch.setattr(foreign, "run", None)  # it is made once
    assert answer.text == ask(house, f"{made.record.experiment_id}/report").text

"""Inputs by URL: fetched once, checked, and recorded as what they are."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dissmodel.record import store

DATA = b"grid" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


def cached(tmp_path):
    folder = tmp_path / "user" / "cache" / "inputs"
    return sorted(path.name for path in folder.glob("[!.]*/data/*")) if folder.exists() else []


def test_an_object_of_a_bucket_is_an_input(dissmodel, s3, model, tmp_path):
    s3.put(s3.folder / "grids" / "coast 1.bin", DATA)

    said = dissmodel("run", model, "-i", f"{s3.uri}/grids/coast 1.bin", "-o", "r.bin", "--json")

    assert (0, DATA) == (said.code, Path("r.bin").read_bytes())
    source = store.read(Path("r.record.json")).source
    assert ("s3", f"{s3.uri}/grids/coast 1.bin", SHA256, 4000) == (
        source.type,
        source.uri,
        source.checksum,
        source.size,
    )
    assert hashlib.md5(DATA).hexdigest() == source.version
    assert ["coast 1.bin"] == cached(tmp_path)


def test_a_file_of_a_web_server_is_an_input_and_comes_once(dissmodel, web, model):
    (web.root / "grid.bin").write_bytes(DATA)
    url = f"{web.url}/grid.bin"

    first = dissmodel("run", model, "-i", url, "-o", "1.bin")
    second = dissmodel("run", model, "-i", url, "-o", "2.bin")

    assert (0, 0) == (first.code, second.code)
    assert ["HEAD /grid.bin", "GET /grid.bin", "HEAD /grid.bin"] == web.asked
    source = store.read(Path("2.record.json")).source
    assert ("http", url, SHA256) == (source.type, source.uri, source.checksum)
    assert source.version


def test_a_new_version_is_fetched(dissmodel, web, model):
    (web.root / "grid.bin").write_bytes(DATA)
    dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "1.bin")
    (web.root / "grid.bin").write_bytes(b"newer")

    assert 0 == dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "2.bin").code

    assert (DATA, b"newer") == (Path("1.bin").read_bytes(), Path("2.bin").read_bytes())


def test_without_an_etag_it_is_fetched_each_time(dissmodel, web, model, tmp_path):
    web.etag = False
    for content in (DATA, b"newer"):
        (web.root / "grid.bin").write_bytes(content)
        assert 0 == dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", f"{len(content)}.bin").code

    assert (DATA, b"newer") == (Path("4000.bin").read_bytes(), Path("5.bin").read_bytes())
    assert "" == store.read(Path("5.record.json")).source.version


def test_what_was_changed_in_the_cache_comes_again(dissmodel, web, model, tmp_path):
    (web.root / "grid.bin").write_bytes(DATA)
    dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "1.bin")
    (entry,) = (tmp_path / "user" / "cache" / "inputs").glob("*/data/grid.bin")
    entry.write_bytes(b"evil" * 1000)

    assert 0 == dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "2.bin").code

    assert DATA == Path("2.bin").read_bytes()


def test_no_credential_stays(dissmodel, web, model, tmp_path):
    (web.root / "grid.bin").write_bytes(DATA)
    url = (
        f"http://ana:planted-pw@{web.netloc}/grid.bin?part=1&token=planted-token&X-Amz-Signature=planted-sig"
    )

    said = dissmodel("run", model, "-i", url, "-o", "r.bin", "--json")
    wrong = dissmodel("run", model, "-i", url.replace("grid.bin", "gone.bin"), "-o", "s.bin")

    assert (0, 3) == (said.code, wrong.code)
    assert {"GET /grid.bin?part=1&token=planted-token&X-Amz-Signature=planted-sig"} <= set(web.asked)
    assert all(headers["authorization"].startswith("Basic ") for headers in web.headers)
    assert f"{web.url}/grid.bin?part=1&token=***&X-Amz-Signature=***" == said.json["record"]["source"]["uri"]
    assert "planted" not in said.out + said.err + wrong.out + wrong.err
    for path in tmp_path.rglob("*"):
        assert "planted" not in str(path)
        assert path.is_dir() or b"planted" not in path.read_bytes()


def test_a_signed_url_that_refuses_head_is_an_input(dissmodel, web, model):
    web.head = 403
    (web.root / "grid.bin").write_bytes(DATA)

    assert 0 == dissmodel("run", model, "-i", f"{web.url}/grid.bin?sig=1", "-o", "r.bin").code


def test_a_model_finds_a_local_path(dissmodel, web, executor_file):
    (web.root / "grid.bin").write_bytes(DATA)
    looking = executor_file(validate="assert Path(record.source.uri).name == 'grid.bin', record.source.uri")

    assert 0 == dissmodel("run", looking, "-i", f"{web.url}/grid.bin", "-o", "r.bin").code


def test_a_raster_and_a_zip_run_and_validate(dissmodel, web, make_coast):
    make_coast.main(["--output", str(web.root / "grid.zip"), "--rows", "30", "--cols", "30"])
    words = ("coastal_raster", "--input", f"{web.url}/grid.zip")

    checked = dissmodel("validate", *words, "--output", "r.tif", "--json")
    ran = dissmodel("run", *words, "-o", "r.tif", "-p", "end_time=2")

    assert (0, 0) == (checked.code, ran.code), checked.out + ran.err
    findings = checked.json["findings"]
    assert any(f"{web.url}/grid.zip" == one["subject"] and one["severity"] == "ok" for one in findings)
    assert "cache" not in checked.out
    assert 1 == sum(one.startswith("GET") for one in web.asked)


def test_it_is_reproduced_from_its_record(dissmodel, web, model):
    (web.root / "grid.bin").write_bytes(DATA)
    dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "r.bin")
    words = ("reproduce", "r.record.json", "--model", model, "--json")

    again = dissmodel(*words)
    (web.root / "grid.bin").write_bytes(b"x" * 4000)
    changed = dissmodel(*words)
    (web.root / "grid.bin").write_bytes(b"x" * 40_000)
    larger = dissmodel(*words)
    (web.root / "grid.bin").unlink()
    gone = dissmodel(*words)
    offline = dissmodel(*words, "--offline")

    assert (0, "identical-file") == (again.code, again.json["verdict"])
    assert ("http", f"{web.url}/grid.bin") == (
        again.json["record"]["source"]["type"],
        again.json["record"]["source"]["uri"],
    )
    assert (4, "input_changed") == (changed.code, changed.json["error"]["code"])
    assert f"{web.url}/grid.bin" in changed.json["error"]["message"]
    assert (4, "input_changed") == (larger.code, larger.json["error"]["code"])
    assert (3, 3) == (gone.code, offline.code)
    assert 1 == len(list(Path().glob("r.repro-*.bin")))


BAD = {
    "shapefile": ("grid.shp", {}, 3, "shapefile_part"),
    "gone": ("gone.bin", {}, 3, "input_missing"),
    "no name": ("", {}, 5, "storage_key"),
    "short": ("grid.bin", {"cut": 10}, 5, "storage"),
    "redirect to a file": ("grid.bin", {"to": "file:///etc/passwd"}, 5, "storage_redirected"),
    "redirect elsewhere": ("grid.bin", {"to": "http://127.0.0.1:1/x"}, 5, "storage_redirected"),
}


@pytest.mark.parametrize(("name", "fault", "code", "why"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_told_and_nothing_is_left(dissmodel, web, model, tmp_path, name, fault, code, why):
    (web.root / "grid.bin").write_bytes(DATA)
    (web.root / "grid.shp").write_bytes(b"\0\0\x27\x0a")
    for key, value in fault.items():
        setattr(web, key, value)

    said = dissmodel("run", model, "-i", f"{web.url}/{name}", "-o", "r.bin", "--json")

    assert (code, why) == (said.code, said.json["error"]["code"]), said.out
    assert web.netloc in said.out
    assert [] == list(Path().iterdir())
    assert [] == cached(tmp_path)


def test_what_is_refused_at_the_destination_is_not_waited_for(dissmodel, web, model):
    (web.root / "grid.bin").write_bytes(DATA)
    Path("r.bin").write_bytes(b"mine")

    said = dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "r.bin", "--json")

    assert "output_exists" == said.json["error"]["code"]
    assert [] == web.asked


def test_a_wrong_secret_is_told_without_it(dissmodel, s3, model, monkeypatch):
    monkeypatch.setenv("MINIO_SECRET_KEY", "planted-wrong-secret")
    s3.put(s3.folder / "grid.bin", DATA)

    said = dissmodel("run", model, "-i", f"{s3.uri}/grid.bin", "-o", "r.bin", "--json")

    assert (5, "storage_denied") == (said.code, said.json["error"]["code"])
    assert "planted" not in said.out + said.err


def command(model, url, output):
    words = ["run", str(model), "-i", url, "-o", output]
    return [sys.executable, "-c", "from dissmodel.cli.app import main; main()", *words]


def test_two_at_once_fetch_it_once(dissmodel, web, model):
    (web.root / "grid.bin").write_bytes(os.urandom(5_000_000))
    url = f"{web.url}/grid.bin"

    with (
        subprocess.Popen(command(model, url, "1.bin")) as one,
        subprocess.Popen(command(model, url, "2.bin")) as other,
    ):
        codes = one.wait(60), other.wait(60)

    assert (0, 0) == codes
    assert 1 == web.asked.count("GET /grid.bin")
    assert Path("1.bin").read_bytes() == Path("2.bin").read_bytes()


@pytest.mark.slow
def test_one_that_is_killed_leaves_no_part_that_is_used(dissmodel, web, model, tmp_path):
    (web.root / "grid.bin").write_bytes(os.urandom(300_000_000))
    url, inputs = f"{web.url}/grid.bin", tmp_path / "user" / "cache" / "inputs"
    with subprocess.Popen(command(model, url, "1.bin")) as process:
        until = time.monotonic() + 30
        while not list(inputs.glob(".part-*/data/grid.bin")) and time.monotonic() < until:
            time.sleep(0.005)
        process.kill()
    assert list(inputs.glob(".part-*/data/grid.bin"))
    assert [] == cached(tmp_path)
    (web.root / "grid.bin").write_bytes(DATA)

    assert 0 == dissmodel("run", model, "-i", url, "-o", "2.bin").code

    assert DATA == Path("2.bin").read_bytes()
    assert [] == list(inputs.glob(".part-*"))


def test_a_cache_that_can_not_be_written_is_told(dissmodel, web, model, monkeypatch, tmp_path):
    (web.root / "grid.bin").write_bytes(DATA)
    monkeypatch.setenv("DISSMODEL_CACHE", str(web.root / "grid.bin" / "cache"))

    said = dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "r.bin", "--json")

    assert 5 == said.code
    assert "DISSMODEL_CACHE" in said.json["error"]["hint"]


def test_an_input_that_changes_while_it_is_read_taints_the_run(dissmodel, web, executor_file):
    (web.root / "grid.bin").write_bytes(DATA)
    writing = executor_file(run="Path(record.source.uri).write_bytes(b'other'); return data")

    said = dissmodel("run", writing, "-i", f"{web.url}/grid.bin", "-o", "r.bin", "--json")

    assert (1, "tainted") == (said.code, said.json["error"]["code"])
    assert [] == list(Path().glob("r.bin"))
    (left,) = Path().glob("*.record.json")
    assert f"{web.url}/grid.bin" == json.loads(left.read_text())["source"]["uri"]

"""Uploads and links to files, in folders and in buckets."""

import hashlib
import os
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from dissmodel.service.downloads import Downloads
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import connect
from dissmodel.storage.settings import Patience, StorageSettings
from support.http_api import KEYS, service_of, serving


def upload(house, content=b"bytes", *, name="grid.tif", label="demo", status=200):
    data = {} if label is None else {"label": label}
    return house.post("/data/upload", status=status, files={"file": (name, content)}, data=data)


def link(house, uri, **words):
    return house.get("/download", params={"uri": uri, **words})["url"]


def test_an_upload_is_there_as_it_was_sent(house, settings):
    content = os.urandom(3 << 20)
    found = upload(house, content)

    assert hashlib.sha256(content).hexdigest() == found["checksum"]
    assert 3.146 == found["size_mb"]
    assert content == (Path(settings.inputs) / "inputs" / "demo" / "grid.tif").read_bytes()
    assert [] == list((settings.data_dir / "uploads").glob("*"))
    assert found == upload(house, content)
    assert "object_exists" == upload(house, content[:-1] + bytes([content[-1] ^ 1]), status=409)["code"]
    assert "object_exists" == upload(house, b"", status=409)["code"]
    assert found["uri"] == house.service.truth.request(house.job(input_dataset=found["uri"])["job_id"]).input


NO_NAMES = ["../a.tif", "a/b.tif", "..\\a", ".hidden", "", "a\n.tif", "a:b", "x" * 300, "%2e%2e"]


def test_a_name_that_no_file_may_have_is_refused(house, settings):
    for name in NO_NAMES:
        for words in ({"name": name}, {"label": name}):
            found = upload(house, status=422, **words)
            assert found["code"] in {"bad_upload", "invalid_request"}, words
        assert not (Path(settings.inputs) / "inputs").exists(), name


def test_a_form_that_is_none_is_refused(house):
    headers = house.headers(KEYS["submitter"])
    for content_type, body in (
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=a", b"no form"),
        ("multipart/form-data; boundary=a", b"--a\r\n\r\n--a--"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x"),
        ("", b""),
    ):
        answer = house.client.post(
            "/data/upload", content=body, headers={**headers, "Content-Type": content_type}
        )
        assert (422, "bad_upload") == (answer.status_code, answer.json()["code"]), (content_type, body)
    assert 422 == house.client.post("/data/upload", data={"label": "x"}, headers=headers).status_code
    two = [("file", ("a", b"1")), ("file", ("b", b"2"))]
    assert (
        422 == house.client.post("/data/upload", files=two, data={"label": "x"}, headers=headers).status_code
    )
    fields = {"label": "x" * 100_000}
    assert (
        422
        == house.client.post(
            "/data/upload", files={"file": ("a", b"1")}, data=fields, headers=headers
        ).status_code
    )


def test_a_link_reads_a_file_whole_in_part_and_not_at_all(house):
    url = link(house, upload(house, b"0123456789")["uri"])

    assert b"0123456789" == house.client.get(url).content
    part = house.client.get(url, headers={"Range": "bytes=2-4"})
    assert (206, b"234", "bytes 2-4/10") == (part.status_code, part.content, part.headers["Content-Range"])
    assert b"89" == house.client.get(url, headers={"Range": "bytes=-2"}).content
    assert 416 == house.client.get(url, headers={"Range": "bytes=20-"}).status_code
    head = house.client.head(url)
    assert (200, "10", "bytes") == (
        head.status_code,
        head.headers["Content-Length"],
        head.headers["Accept-Ranges"],
    )
    assert "sandbox" in head.headers["Content-Security-Policy"]
    assert url.startswith(house.url)
    assert url.endswith("/grid.tif")


def test_a_link_is_for_one_file_and_for_a_while(house, settings):
    uri = upload(house, name="a b.tif")["uri"]
    url = link(house, uri, expires_hours=1)
    other = upload(house, name="other.tif")["uri"].rpartition("/")[2]

    assert 200 == house.client.get(url).status_code
    for wrong in (
        url.replace("a%20b.tif", other),
        url.replace("/inputs/inputs/", "/outputs/inputs/"),
        url.replace("/files/", "/files/1"),
        url[:-1],
        url.replace("/inputs/inputs/", "/inputs/inputs/../"),
    ):
        assert house.client.get(wrong).status_code in {403, 404, 422}, wrong
    downloads = Downloads({"inputs": house.service.inputs}, settings.data_dir)
    late = downloads.link(uri, -1)
    assert "link_invalid" == house.client.get(late).json()["code"]
    house.get("/download", params={"uri": uri, "expires_hours": 25}, status=422)
    house.get("/download", params={"uri": uri, "expires_hours": 0}, status=422)


def test_links_hold_after_a_restart(house, service, settings):
    url = link(house, upload(house)["uri"])
    with serving(replace(service, noted=[])) as again:
        assert b"bytes" == again.client.get(url.removeprefix(house.url)).content
    assert 0o600 == (settings.data_dir / "links.key").stat().st_mode & 0o777 or os.name == "nt"


NOT_LINKED = [
    "file:///etc/passwd",
    "/etc/passwd",
    "{place}/../data/x",
    "{place}/jobs/../../data",
    "{inputs}",
    "{inputs}x/y",
    "s3://others/key",
    "https://example.org/a.tif",
    "ftp://x/y",
    "",
    "x\u0000y",
    "{inputs}/%2e%2e/x",
    "{inputs}/" + "x" * 300,
    "file:///%00",
    "https://[x",
]


def test_nothing_else_is_linked_to(house, settings):
    for uri in NOT_LINKED:
        text = uri.format(place=settings.place, inputs=settings.inputs)
        answer = house.client.get("/download", params={"uri": text}, headers=house.headers(KEYS["reader"]))

        assert answer.status_code in {404, 422}, (uri, answer.text)


def test_a_link_of_the_file_system_is_not_followed(house, settings):
    uri = upload(house)["uri"]
    url = link(house, uri)
    file = Path(settings.inputs) / "inputs" / "demo" / "grid.tif"
    file.unlink()
    file.symlink_to("/etc/passwd")

    assert b"root:" not in house.client.get(url).content
    assert 200 != house.client.get(url).status_code
    answer = house.client.get("/download", params={"uri": uri}, headers=house.headers(KEYS["reader"]))
    assert answer.status_code in {404, 422, 503}


@pytest.fixture
def on_s3(bucket, moto, settings, monkeypatch):
    """A service whose places are buckets; others reach them at localhost."""
    inputs = f"s3://inputs-{bucket[-12:]}"
    connect(find(StorageSettings(), moto.environ()), Patience()).make_bucket(inputs.removeprefix("s3://"))
    monkeypatch.setenv("MINIO_URL", f"http://localhost:{moto.port}")
    service = service_of(replace(settings, place=bucket, inputs=inputs))
    with serving(service) as house:
        yield house


@pytest.mark.slow
def test_on_s3_uploads_and_results_are_linked_to_at_the_public_address(on_s3, moto):
    found = upload(on_s3, b"0123456789")
    assert found["uri"] == f"{on_s3.service.inputs.uri}inputs/demo/grid.tif"
    assert found == upload(on_s3, b"0123456789")
    assert "object_exists" == upload(on_s3, b"other", status=409)["code"]

    url = link(on_s3, found["uri"], expires_hours=2)
    assert url.startswith(f"http://localhost:{moto.port}/")
    assert "X-Amz-Expires=7200" in url
    assert moto.secret not in url
    with urllib.request.urlopen(url) as answer:
        assert b"0123456789" == answer.read()
    on_s3.get("/download", params={"uri": f"{found['uri']}x"}, status=404)
    on_s3.get("/download", params={"uri": "s3://others/x"}, status=422)


def test_on_s3_a_job_lives_as_in_a_folder(on_s3):
    job = on_s3.job()["job_id"]
    on_s3.complete(job)

    found = on_s3.get(f"/job/{job}")
    assert f"{on_s3.service.truth.place.uri}experiments/{job}/output.bin" == found["output_path"]
    with urllib.request.urlopen(link(on_s3, found["output_path"])) as answer:
        assert b"result" == answer.read()
    assert [job] == [one["job_id"] for one in on_s3.get("/jobs?status=completed")["experiments"]]


def test_an_upload_onto_a_full_disk_is_an_error(house, monkeypatch):
    from dissmodel import temporary

    def full(_parent=None):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(temporary, "new_folder", full)
    assert "No space left" in upload(house, status=503)["detail"]
    assert time.time() > 0

"""What existing clients send and read, written down as pairs of request and answer, and replayed in order.

In a pair, ``{name}`` stands for what an earlier answer had. In an answer, ``...`` is any value and a text
between slashes is a pattern; fields that are not named may be there too.
"""

import json
import re

import pytest

from support.http_api import KEYS

HEX, TIME = "/[0-9a-f]{32}/", r"/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/"
PENDING = {
    "job_id": HEX,
    "experiment_id": HEX,
    "status": "pending",
    "model_name": "flood",
    "created_at": TIME,
    "output_path": None,
    "output_sha256": None,
    "input_sha256": None,
    "logs": [r"/Record created — model=flood commit=\S+/"],
    "code_version": None,
    "model_commit": ...,
    "resolved_spec": {"model": {"name": "flood", "class": "coastal_raster", "parameters": {"end_time": 3}}},
    "progress": 0,
    "phase": ...,
    "step": ...,
    "steps": ...,
    "attempt": 0,
    "error": None,
}
COMPLETED = {
    "status": "completed",
    "output_path": "/file:///.*/experiments/{job}/output.bin/",
    "output_sha256": "/[0-9a-f]{64}/",
    "input_sha256": "/[0-9a-f]{64}/",
    "progress": 100,
}
BODY = {
    "model_name": "flood",
    "input_dataset": "grid.tif",
    "input_format": "tiff",
    "parameters": {"end_time": 4},
}
NESTED = {
    "model": {"class": "flood", "package": None, "parameters": {"end_time": 4}},
    "source": {"type": "s3", "uri": "grid.tif"},
}
INLINE = {
    "input_dataset": "grid.tif",
    "model_spec_toml": '[model]\nname = "mine"\nclass = "coastal_raster"\n',
    "input_format": "auto",
    "parameters": {},
    "column_map": {},
    "band_map": {},
}

# (what is kept, method and path, body or form, status, answer)
QGIS = [
    ("", "GET /health", None, 200, {"status": "healthy", "timestamp": TIME}),
    (
        "",
        "GET /models",
        None,
        200,
        {
            "models": [
                ...,
                ...,
                ...,
                ...,
                {"name": "flood", "class": "coastal_raster", "description": "A coast under water."},
            ]
        },
    ),
    ("", "GET /models/flood", None, 200, {"model_name": "flood", "spec": {"model": {"name": "flood"}}}),
    ("job=job_id", "POST /submit_job", BODY | {"band_map": {"elev": "z", "uso": 1}}, 200, PENDING),
    ("", "GET /job/{job}", None, 200, PENDING | {"job_id": "{job}", "parameters": {"end_time": 4}}),
    ("", "complete {job}", None, 200, {}),
    ("uri=output_path", "GET /job/{job}", None, 200, COMPLETED),
    (
        "url=url",
        "GET /download?uri={uri}&expires_hours=2",
        None,
        200,
        {"url": "/http.*/", "expires_in_hours": 2},
    ),
    ("", "GET {url}", None, 200, b"result"),
    ("", "HEAD {url}", None, 200, b""),
    ("bad=job_id", "POST /submit_job", BODY, 200, PENDING),
    ("", "fail {bad}", None, 200, {}),
    (
        "",
        "GET /job/{bad}",
        None,
        200,
        {
            "status": "failed",
            "logs": [r"/.*commit=\S+/", "/the sea is too high/"],
            "error": {"code": "run_failed", "message": "the sea is too high", "hint": "Lower it."},
        },
    ),
    ("", "POST /submit_job", BODY | {"model_name": "nobody"}, 404, {"detail": "/There is no model.*/"}),
    ("", "GET /job/{none}", None, 404, {"detail": ..., "code": "unknown_job", "hint": ...}),
]
NOTEBOOK = [
    ("", "GET /", None, 200, {"service": "dissmodel", "version": ..., "docs": "/.+/"}),
    (
        "uri=uri",
        "POST /data/upload",
        {"label": "demo", "file": ("grid.tif", b"bytes")},
        200,
        {
            "uri": "/file:///.*/inputs/demo/grid.tif/",
            "label": "demo",
            "checksum": "/[0-9a-f]{64}/",
            "size_mb": ...,
        },
    ),
    (
        "",
        "POST /data/upload",
        {"label": "demo", "file": ("grid.tif", b"others")},
        409,
        {"code": "object_exists"},
    ),
    ("a=job_id", "POST /submit_job", NESTED, 200, PENDING | {"parameters": {"end_time": 4}}),
    (
        "b=job_id",
        "POST /submit_job_inline",
        INLINE,
        200,
        PENDING | {"model_name": "mine", "logs": ..., "resolved_spec": ...},
    ),
    ("", "GET /jobs?limit=1", None, 200, {"experiments": [{"job_id": "{b}"}], "total": 2, "next": "/.+/"}),
    (
        "",
        "GET /jobs?status=pending",
        None,
        200,
        {"experiments": [{"job_id": "{b}"}, {"job_id": "{a}"}], "total": 2},
    ),
    (
        "",
        "GET /jobs?limit=1001",
        None,
        422,
        {"detail": [{"type": ..., "loc": ["query", "limit"], "msg": ...}]},
    ),
    ("", "GET /experiments/{a}/record", None, 409, {"code": "not_ended"}),
    ("", "POST /experiments/{a}/reproduce", None, 400, {"code": "not_completed"}),
    ("", "POST /experiments/{a}/publish", None, 400, {"code": "not_completed"}),
    ("", "DELETE /job/{b}", None, 200, {"message": ..., "experiment_id": "{b}"}),
    ("", "DELETE /job/{b}", None, 400, {"code": "job_ended"}),
    ("", "GET /job/{b}", None, 200, {"status": "cancelled"}),
    ("", "complete {a}", None, 200, {}),
    (
        "",
        "GET /experiments/{a}/record",
        None,
        200,
        {"experiment_id": "{a}", "status": "completed", "record_digest": ...},
    ),
    (
        "c=job_id",
        "POST /experiments/{a}/reproduce",
        None,
        200,
        PENDING | {"model_name": "mine", "reproduces": "{a}", "logs": ..., "resolved_spec": ...},
    ),
    (
        "",
        "POST /experiments/{a}/publish",
        None,
        200,
        {
            "experiment_id": "{a}",
            "model_name": "mine",
            "input": {"uri": ..., "checksum": "/[0-9a-f]{64}/"},
            "output_path": "/file:///.*/{a}/output.bin/",
            "output_sha256": "/[0-9a-f]{64}/",
            "record_digest": "/sha256:[0-9a-f]{64}/",
            **dict.fromkeys(("model_commit", "code_version", "column_map", "band_map", "parameters"), ...),
            **dict.fromkeys(("resolved_spec", "logs", "note", "bundle"), ...),
        },
    ),
    ("", "DELETE /job/{a}", None, 400, {"code": "job_ended"}),
    ("", "GET /download?uri=file:///etc/passwd", None, 422, {"code": "uri_refused"}),
    ("", "POST /admin/sync", None, 403, {"code": "wrong_role"}),
    ("", "GET /nowhere", None, 404, {"detail": ..., "code": ..., "hint": ...}),
]


@pytest.mark.parametrize("pairs", [QGIS, NOTEBOOK], ids=["qgis", "notebook"])
def test_a_client_gets_what_it_relies_on(house, pairs):
    known = {"none": "0" * 32}
    for number, (keep, request, body, status, expected) in enumerate(pairs):
        method, _, path = request.partition(" ")
        path = filled(path, known)
        if method == "complete":
            house.complete(path)
            continue
        if method == "fail":
            house.fail(path)
            continue
        is_form = path == "/data/upload"
        sent = (
            {"data": {"label": body["label"]}, "files": {"file": body["file"]}} if is_form else {"json": body}
        )
        answer = house.client.request(
            method, path, headers=house.headers(KEYS["submitter"]), **(sent if body is not None else {})
        )
        where = f"{number}: {request}: {answer.text[:2000]}"
        assert status == answer.status_code, where
        if isinstance(expected, bytes):
            assert expected == answer.content, where
            continue
        assert_like(filled(expected, known), answer.json(), where)
        if keep:
            name, _, field = keep.partition("=")
            known[name] = answer.json()[field]


def filled(value, known):
    if isinstance(value, dict):
        return {name: filled(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{([a-z]+)\}", lambda found: known[found[1]], value)
    return value


def assert_like(expected, found, where):
    if expected is ...:
        return
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert expected.keys() <= found.keys(), where
        for name, item in expected.items():
            assert_like(item, found[name], f"{name} in {where}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(expected) <= len(found), where
        for item, one in zip(expected, found, strict=False):
            assert_like(item, one, where)
    elif isinstance(expected, str) and len(expected) > 2 and expected[0] == expected[-1] == "/":
        assert re.fullmatch(expected[1:-1], str(found)), where
    else:
        assert expected == found, where


def test_each_error_has_one_form(house):
    for method, path in (
        ("GET", "/nix"),
        ("POST", "/jobs"),
        ("GET", f"/job/{'0' * 32}"),
        ("POST", "/submit_job"),
    ):
        answer = house.client.request(method, path, headers=house.headers(KEYS["submitter"]))
        assert {"detail", "code", "hint"} == answer.json().keys()
        assert json.loads(answer.text)["code"]

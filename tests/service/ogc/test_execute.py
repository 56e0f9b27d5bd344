"""The requirements of the class core of OGC 18-062r2 on executions, each by its identifier."""

import json

import pytest

from dissmodel.service.models import Model
from dissmodel.service.ogc_describe import check
from support.http_api import KEYS
from support.ogc_schemas import EXCEPTION, STATUS_INFO, assert_fits

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
BBOX = {"bbox": [51.9, 7, 52, 7.1], "crs": CRS84}


def given(ogc, **inputs):
    """What the place has of a job with these inputs."""
    return ogc.request(ogc.job({"input": "data.txt", "text": "hello", **inputs}))


def refused(ogc, said, **inputs):
    before = len(list(ogc.house.service.truth.jobs()))
    answer = ogc.execute({"input": "data.txt", "text": "hello", **inputs}, status=400)
    assert_fits(EXCEPTION, answer.json())
    assert "InvalidParameterValue" == answer.json()["type"]
    assert said in answer.json()["detail"]
    assert before == len(list(ogc.house.service.truth.jobs()))


def test_execute_op(ogc):
    """/req/core/process-execute-op, /req/core/process-execute-request"""
    body = {
        "inputs": {"input": "data.txt", "text": "hello"},
        "response": "document",
        "subscriber": {},
        "id": "x",
    }
    answer = ogc.ask("POST", "/processes/echo/execution", status=201, json=body)
    request = ogc.request(answer.json()["jobID"])

    assert ("echo", "submitter", {"text": "hello"}) == (
        request.model_name,
        request.submitted_by,
        request.parameters,
    )
    assert "pending" == ogc.house.get(f"/job/{request.experiment_id}")["status"]
    for wrong in (
        b"",
        b"[]",
        b"{",
        b'{"inputs": []}',
        b'{"inputs": {}, "response": "zip"}',
        b'{"inputs": {"text": "\\ud800"}}',
        b"[" * 10_000,
    ):
        ogc.ask(
            "POST",
            "/processes/echo/execution",
            status=400,
            content=wrong,
            headers={"Content-Type": "application/json"},
        )


def test_inputs_by_value_and_by_reference(ogc):
    """/req/core/process-execute-inputs"""
    place = given(ogc).input
    for one in ("data.txt", {"href": "data.txt"}, {"href": place, "type": "text/plain"}, {"value": place}):
        assert place == given(ogc, input=one).input
    request = given(ogc, inputs={"alt": {"href": "data.txt:2"}, "solo": "data.txt"})
    assert {"alt": f"{place}:2", "solo": place} == request.inputs
    refused(ogc, "only data is given by reference", text={"href": "https://host/text"})
    refused(ogc, "a job may not read this", input={"href": "file:///etc/passwd"})
    refused(ogc, "a job may not read this", inputs={"alt": {"href": "https://evil.example/x"}})


def test_all_that_a_job_may_be_given(ogc):
    """/req/core/process-execute-inputs"""
    request = given(
        ogc,
        **{"format": "vector", "layer": "coast", "seed": 7, "parameters.layer": "b"},
        band_map={"elev": 1},
        column_map={"value": {"use": "z"}, "mediaType": "application/json"},
        class_map={"use": "table"},
        resample="nearest",
    )

    assert ("vector", "coast", 7, "nearest") == (
        request.input_format,
        request.layer,
        request.seed,
        request.resample,
    )
    assert ({"elev": "1"}, {"use": "z"}, {"use": "table"}) == (
        request.band_map,
        request.column_map,
        request.class_map,
    )
    assert {"text": "hello", "layer": "b"} == request.parameters


def test_input_array(ogc):
    """/req/core/process-execute-input-array"""
    for value in ([1, 2, 3], [1, {"value": 2}, 3], {"value": [1, 2, 3]}):
        assert [1, 2, 3] == given(ogc, counts=value).parameters["counts"]


def test_input_inline_object(ogc):
    """/req/core/process-execute-input-inline-object"""
    assert BBOX == given(ogc, bbox={"value": BBOX, "mediaType": "application/json"}).parameters["bbox"]


def test_input_inline_bbox(ogc):
    """/req/core/process-execute-input-inline-bbox"""
    assert BBOX == given(ogc, bbox=BBOX).parameters["bbox"]
    refused(ogc, "bbox: ", bbox={"bbox": [1, 2, 3]})


def test_input_inline_mixed(ogc):
    """/req/core/process-execute-input-inline-mixed"""
    for value in (3, "three", {"value": "three"}):
        expected = value["value"] if isinstance(value, dict) else value
        assert expected == given(ogc, mixed=value).parameters["mixed"]
    refused(ogc, "mixed: ", mixed=True)


def test_input_inline_binary(ogc):
    """/req/core/process-execute-input-inline-binary: no input is binary, and such a value is refused."""
    described = json.dumps(ogc.get("/processes/echo")["inputs"])

    assert "byte" not in described
    assert "contentEncoding" not in described
    refused(ogc, "upload it", input={"value": "c29tZQ==", "encoding": "base64", "mediaType": "image/tiff"})


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"text": 3}, "text: 3 is not of type 'string'"),
        ({"txt": "x"}, "Did you mean 'text'?"),
        ({"pause": -1}, "pause: -1 is less than the minimum of 0"),
        ({"pause": "1"}, "pause: '1' is not of type 'number'"),
        ({"counts": [1, "a"]}, "counts: 'a' is not of type 'integer'"),
        ({"parameters.layer": "c"}, "parameters.layer: 'c' is not one of"),
        ({"input": 3}, "input: Input should be a valid string"),
        ({"input": ["a", "b"]}, "input: Input should be a valid string"),
        ({"format": "pdf"}, "format: Input should be"),
        ({"seed": -1}, "seed: Input should be"),
        ({"band_map": {"a": [1]}}, "band_map.a: "),
    ],
)
def test_input_validation(ogc, inputs, said):
    """/req/core/process-execute-input-validation"""
    refused(ogc, said, **inputs)


@pytest.mark.parametrize(
    "schema", [{"pattern": r"^\p{L}$"}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "#/x"}]
)
def test_what_a_schema_says_that_can_not_be_checked_is_left_to_the_run(schema):
    """/req/core/process-execute-input-validation"""
    check(Model("mine"), {"properties": {"a": schema}}, {"a": "x"})


def test_an_input_that_is_missing(ogc):
    """/req/core/process-execute-input-validation"""
    for inputs, name in (({"text": "x"}, "input"), ({"input": "data.txt"}, "text")):
        assert f"{name}: " in ogc.execute(inputs, status=400).json()["detail"]


def test_the_default_execution_mode(ogc):
    """/req/core/process-execute-default-execution-mode: there is only the asynchronous one."""
    answer = ogc.execute()

    assert 201 == answer.status_code
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("prefer", ["respond-async", "respond-async, wait=10", "respond-sync", "wait=10"])
def test_the_automatic_execution_mode(ogc, prefer):
    """/req/core/process-execute-auto-execution-mode"""
    answer = ogc.execute(headers={"Prefer": prefer})

    applied = "respond-async" if "respond-async" in prefer else None
    assert applied == answer.headers.get("Preference-Applied")


def test_success_async(ogc):
    """/req/core/process-execute-success-async"""
    answer = ogc.execute()

    assert_fits(STATUS_INFO, answer.json())
    assert "accepted" == answer.json()["status"]
    assert f"{ogc.url}/jobs/{answer.json()['jobID']}" == answer.headers["Location"]
    assert answer.json() == ogc.get(answer.headers["Location"])


def test_an_output_that_there_is_not(ogc):
    """/req/core/process-execute-request"""
    answer = ogc.execute(outputs={"outputt": {}}, status=400)

    assert "there is no output 'outputt'" in answer.json()["detail"]
    ogc.execute(outputs={"output": {"transmissionMode": "pigeon"}}, status=400)


def test_the_same_key_gives_the_same_job(ogc):
    key = {"Idempotency-Key": "once"}
    first = ogc.execute(headers=key)

    assert first.headers["Location"] == ogc.execute(headers=key).headers["Location"]
    assert "key_reused" == ogc.execute(headers=key, response="document", status=409).json()["code"]


def test_a_reader_submits_and_dismisses_nothing(ogc):
    job = ogc.job()
    for method, path in (("POST", "/processes/echo/execution"), ("DELETE", f"/jobs/{job}")):
        found = ogc.ask(method, path, status=403, key=KEYS["reader"], json={"inputs": {}})
        assert "wrong_role" == found.json()["code"]


def test_a_parameter_that_the_spec_sets_is_not_required(ogc, places):
    toml = '[model]\nname = "parrot"\nclass = "echo"\n[model.parameters]\ntext = "again"\n'
    (places / "registry" / "models" / "parrot.toml").write_text(toml)
    try:
        inputs = ogc.get("/processes/parrot")["inputs"]
        assert (0, "again") == (inputs["text"]["minOccurs"], inputs["text"]["schema"]["default"])
        assert {} == ogc.request(ogc.job({"input": "data.txt"}, process="parrot")).parameters
    finally:
        (places / "registry" / "models" / "parrot.toml").unlink()

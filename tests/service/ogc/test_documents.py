"""The OpenAPI document of OGC API - Processes, and the descriptions of processes."""

import itertools
import re
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from pydantic import BaseModel, Field

from dissmodel.service import openapi30
from support.ogc_schemas import INPUT, OUTPUT, PROCESS, SCHEMA, assert_fits

OPERATIONS = {
    "getLandingPage": "GET /",
    "getConformance": "GET /conformance",
    "getApi": "GET /api",
    "getProcesses": "GET /processes",
    "getProcessDescription": "GET /processes/{processID}",
    "execute": "POST /processes/{processID}/execution",
    "getJobs": "GET /jobs",
    "getStatus": "GET /jobs/{jobID}",
    "dismiss": "DELETE /jobs/{jobID}",
    "getResult": "GET /jobs/{jobID}/results",
}
# The requirements of the classes of OGC 18-062r2 that hold here; none is of synchronous execution.
REQUIREMENTS = """
    core/landingpage-op core/landingpage-success core/api-definition-op core/api-definition-success
    core/conformance-op core/conformance-success core/http core/process-list core/pl-limit-definition
    core/pl-limit-response core/process-list-success core/pl-links core/process core/process-success
    core/process-exception/no-such-process core/process-execute-op core/process-execute-request
    core/process-execute-inputs core/process-execute-input-array core/process-execute-input-inline-object
    core/process-execute-input-inline-mixed core/process-execute-input-inline-bbox
    core/process-execute-input-inline-binary core/process-execute-input-validation
    core/process-execute-default-outputs core/process-execute-default-execution-mode
    core/process-execute-auto-execution-mode core/process-execute-success-async core/job core/job-success
    core/job-exception-no-such-job core/job-results core/job-results-async-raw-value-one
    core/job-results-async-raw-value-multi core/job-results-async-raw-ref
    core/job-results-async-raw-mixed-multi
    core/job-results-async-document core/job-results-exception/no-such-job
    core/job-results-exception/results-not-ready core/job-results-failed
    ogc-process-description/json-encoding ogc-process-description/inputs-def ogc-process-description/input-def
    ogc-process-description/input-mixed-type ogc-process-description/outputs-def
    ogc-process-description/output-def ogc-process-description/output-mixed-type
    json/definition oas30/oas-definition-1 oas30/oas-definition-2 oas30/oas-impl oas30/completeness
    oas30/exceptions-codes oas30/security
    job-list/job-list-op job-list/type-definition job-list/type-response job-list/processID-mandatory
    job-list/processID-definition job-list/processid-response job-list/status-definition
    job-list/status-response job-list/datetime-definition job-list/datetime-response
    job-list/duration-definition job-list/duration-response job-list/limit-definition job-list/limit-response
    job-list/job-list-success job-list/links dismiss/job-dismiss-op dismiss/job-dismiss-success
"""


def test_each_requirement_has_a_test():
    text = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    named = set(re.findall(r"/req/([\w/-]+)", text))

    assert set(REQUIREMENTS.split()) == named


def operations(document):
    return {
        one["operationId"]: (f"{method.upper()} {path}", one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }


def test_the_document_is_openapi_3_0(ogc):
    """/req/oas30/oas-definition-1, /req/oas30/oas-definition-2"""
    document = ogc.get("/api")

    assert [] == [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()]
    assert [{"url": ogc.url}] == document["servers"]


def test_the_document_has_each_operation(ogc):
    """/req/oas30/completeness, /req/oas30/oas-impl"""
    found = operations(ogc.get("/api"))

    assert OPERATIONS == {name: path for name, (path, _) in found.items()}
    for name, (_, one) in found.items():
        success = {"execute": "201"}.get(name, "200")
        assert success in one["responses"]
        assert "application/json" in one["responses"][success]["content"]


def test_the_document_has_errors_and_keys(ogc):
    """/req/oas30/exceptions-codes, /req/oas30/security"""
    document = ogc.get("/api")
    schemes = document["components"]["securitySchemes"]

    assert {("apiKey", "X-API-Key"), ("http", None)} == {
        (one["type"], one.get("name")) for one in schemes.values()
    }
    for name, (_, one) in operations(document).items():
        is_open = name in {"getLandingPage", "getConformance", "getApi"}
        assert is_open == ("security" not in one)
        errors = {status for status in one["responses"] if status[0] in "45"}
        assert {"400", "401", "403", "404", "429", "503"} <= errors
        assert "422" not in errors
        assert all("application/problem+json" in one["responses"][status]["content"] for status in errors)


def test_answers_are_json(ogc):
    """/req/json/definition"""
    job = ogc.job()
    for path in ("/", "/conformance", "/processes", "/processes/echo", "/jobs", f"/jobs/{job}"):
        assert "application/json" == ogc.ask("GET", path).headers["Content-Type"]


def test_each_description_is_as_the_standard_says(ogc):
    """/req/ogc-process-description/json-encoding, /req/ogc-process-description/inputs-def"""
    for name in ("echo", "flood"):
        found = ogc.get(f"/processes/{name}")
        assert_fits(PROCESS, found)
        assert {"input", "format", "layer", "seed", "band_map", "column_map"} <= found["inputs"].keys()
    assert {"model_name", "package"}.isdisjoint(found["inputs"])
    pause = found["inputs"]["pause"]
    assert (0, 3, "(s)") == (pause["minOccurs"], pause["schema"]["default"], pause["description"])


@pytest.mark.slow
def test_each_model_that_is_here_has_a_description(ogc):
    """/req/ogc-process-description/json-encoding"""
    for one in ogc.get("/processes")["processes"]:
        assert_fits(PROCESS, ogc.get(f"/processes/{one['id']}"))
    coast = ogc.get("/processes/coastal_raster")["inputs"]
    assert {"type": "integer", "minimum": 1, "default": 88} == coast["end_time"]["schema"]
    assert {"nullable": True, "type": "number", "minimum": 0, "exclusiveMinimum": True, "default": None} == (
        coast["resolution"]["schema"]
    )
    assert "(m)" in coast["tide_height"]["description"]
    assert "altura_mare" not in coast


def test_each_input(ogc):
    """/req/ogc-process-description/input-def, /req/ogc-process-description/input-mixed-type"""
    inputs = ogc.get("/processes/echo")["inputs"]

    for one in inputs.values():
        assert_fits(INPUT, one)
        Draft4Validator.check_schema(one["schema"])  # its bounds are those of 3.0
    needed = {name for name, one in inputs.items() if one["minOccurs"] == 1}
    assert {"input", "text"} == needed
    assert {"default": 0.0, "minimum": 0, "maximum": 60, "type": "number"} == inputs["pause"]["schema"]
    assert [{"type": "integer"}, {"type": "string"}] == inputs["mixed"]["schema"]["anyOf"]
    assert ["bbox"] == inputs["bbox"]["schema"]["required"]
    assert ["a", "b"] == inputs["parameters.layer"]["schema"]["enum"]


def test_each_output(ogc):
    """/req/ogc-process-description/outputs-def, /req/ogc-process-description/output-def

    /req/ogc-process-description/output-mixed-type: none is of several types.
    """
    outputs = ogc.get("/processes/echo")["outputs"]

    assert {"output", "record"} == outputs.keys()
    for one in outputs.values():
        assert_fits(OUTPUT, one)
        assert "type" in one["schema"]


class Leaf(BaseModel):
    size: float | None = Field(None, gt=0)
    kind: str = "x"


class Tree(BaseModel):
    leaves: list[Leaf]
    trees: "list[Tree]" = []
    pair: tuple[int, str] = (1, "a")
    either: int | str | None = None
    names: dict[str, Leaf] = {}


def test_a_schema_in_itself_has_an_end():
    whole = Tree.model_json_schema()
    found = openapi30.schema_of(whole, whole["$defs"])

    assert_fits(SCHEMA, found)
    assert "$ref" not in str(found)
    leaf = found["properties"]["leaves"]["items"]["properties"]["size"]
    assert {"nullable": True, "minimum": 0, "exclusiveMinimum": True}.items() <= leaf.items()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"const": 3}, {"enum": [3]}),
        ({"type": ["string", "null"]}, {"nullable": True, "type": "string"}),
        ({"type": "null"}, {"enum": [None], "nullable": True}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "prefixItems": [{}], "items": False}, {"type": "array", "items": {}}),
        ({"exclusiveMaximum": 4.5}, {"maximum": 4.5, "exclusiveMaximum": True}),
        ({"anyOf": [{"$ref": "#/a"}, {"type": "null"}]}, {"nullable": True, "allOf": [{"$ref": "#/a"}]}),
        ({"$ref": "#/a", "title": "A"}, {"title": "A", "allOf": [{"$ref": "#/a"}]}),
        ({"anyOf": [{"enum": ["a"]}, {"type": "null"}]}, {"nullable": True, "enum": ["a", None]}),
        ({"examples": [1, 2], "unit": "m", "propertyNames": {}}, {"example": 1}),
        ({"additionalProperties": False, "required": []}, {"additionalProperties": False}),
        ({"properties": {"const": {"const": 1}}}, {"properties": {"const": {"enum": [1]}}}),
        (True, {}),
        (False, {"not": {}}),
        ({"anyOf": 3, "required": None, "properties": [], "examples": {}}, {}),
    ],
)
def test_what_3_0_says_otherwise(given, expected):
    assert expected == openapi30.schema_of(given)


def test_a_schema_that_doubles_at_each_step_is_cut():
    names = [f"n{number}" for number in range(60)]
    parts = {
        name: {"properties": {one: {"$ref": f"#/$defs/{after}"} for one in "ab"}}
        for name, after in itertools.pairwise(names)
    }
    found = openapi30.schema_of({"$ref": "#/$defs/n0"}, parts)

    assert len(str(found)) < 200_000

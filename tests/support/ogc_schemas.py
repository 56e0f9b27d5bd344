"""What OGC 18-062r2 asks of the bodies of OGC API - Processes, as JSON Schemas."""

from jsonschema import Draft202012Validator


def _object(required, **properties):
    return {"type": "object", "required": required.split(), "properties": properties}


TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
LINK = _object("href", href=TEXT, rel=TEXT, type=TEXT, hreflang=TEXT, title=TEXT)
LINKS = {"type": "array", "items": LINK}
LANDING_PAGE = _object("links", title=TEXT, description=TEXT, links=LINKS)
CONFORMANCE = _object("conformsTo", conformsTo=TEXTS)
EXCEPTION = _object("type", type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT, instance=TEXT)
STATUS_INFO = _object(
    "jobID status type",
    processID=TEXT,
    type={"enum": ["process"]},
    jobID=TEXT,
    status={"enum": ["accepted", "running", "successful", "failed", "dismissed"]},
    message=TEXT,
    created=TIME,
    started=TIME,
    finished=TIME,
    updated=TIME,
    progress={"type": "integer", "minimum": 0, "maximum": 100},
    links=LINKS,
)
JOB_LIST = _object("jobs links", jobs={"type": "array", "items": STATUS_INFO}, links=LINKS)
_OPTIONS = {"type": "array", "items": {"enum": ["sync-execute", "async-execute", "dismiss"]}}
_SUMMARY = {
    "title": TEXT,
    "description": TEXT,
    "keywords": TEXTS,
    "id": TEXT,
    "version": TEXT,
    "jobControlOptions": _OPTIONS,
    "outputTransmission": {"type": "array", "items": {"enum": ["value", "reference"]}},
    "links": LINKS,
}
PROCESS_LIST = _object(
    "processes links", processes={"type": "array", "items": _object("id version", **_SUMMARY)}, links=LINKS
)
_COUNT = {"type": "integer", "minimum": 0}
_FLAG, _NUMBER = {"type": "boolean"}, {"type": "number"}
_ITSELF = {"$ref": "#/$defs/schema"}
_SCHEMAS = {"type": "array", "items": _ITSELF}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("title", "pattern", "description", "format"), TEXT),
        **dict.fromkeys(("contentMediaType", "contentEncoding", "contentSchema"), TEXT),
        **dict.fromkeys(("multipleOf", "maximum", "minimum"), _NUMBER),
        **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems"), _COUNT),
        **dict.fromkeys(("maxProperties", "minProperties"), _COUNT),
        **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "uniqueItems", "nullable"), _FLAG),
        **dict.fromkeys(("readOnly", "writeOnly", "deprecated"), _FLAG),
        **dict.fromkeys(("allOf", "anyOf", "oneOf"), _SCHEMAS),
        **dict.fromkeys(("not", "items"), _ITSELF),
        "type": {"enum": ["array", "boolean", "integer", "number", "object", "string"]},
        "required": {**TEXTS, "minItems": 1, "uniqueItems": True},
        "enum": {"type": "array", "minItems": 1},
        "properties": {"type": "object", "additionalProperties": _ITSELF},
        "additionalProperties": {"anyOf": [_FLAG, _ITSELF]},
        "default": {},
        "example": {},
    },
}
_ABOUT = {"title": TEXT, "description": TEXT, "schema": _ITSELF}
INPUT = _object(
    "schema",
    **_ABOUT,
    minOccurs=_COUNT,
    maxOccurs={"anyOf": [{"type": "integer"}, {"enum": ["unbounded"]}]},
)
OUTPUT = _object("schema", **_ABOUT)
PROCESS = _object(
    "id version",
    **_SUMMARY,
    inputs={"type": "object", "additionalProperties": INPUT},
    outputs={"type": "object", "additionalProperties": OUTPUT},
)
_QUALIFIED = _object("value", mediaType=TEXT, encoding=TEXT)
RESULTS = {
    "type": "object",
    "additionalProperties": {
        "oneOf": [_QUALIFIED, LINK, {"type": ["string", "number", "integer", "boolean", "array"]}]
    },
}


def assert_fits(schema, found):
    """Check a body."""
    Draft202012Validator({**schema, "$defs": {"schema": SCHEMA}}).validate(found)

"""The requirements of the class core of OGC 18-062r2 up to the execution, each by its identifier."""

import pytest

from support.ogc_schemas import CONFORMANCE, EXCEPTION, LANDING_PAGE, PROCESS, PROCESS_LIST, assert_fits

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
TYPES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
CLASSES = {"core", "ogc-process-description", "json", "oas30", "job-list", "dismiss"}


def by_rel(links):
    return {one["rel"]: one for one in links}


def test_landing_page_op(ogc):
    """/req/core/landingpage-op"""
    assert 200 == ogc.ask("GET", "/", key=None).status_code
    assert 200 == ogc.house.client.get("/ogc", follow_redirects=True).status_code


def test_landing_page_success(ogc):
    """/req/core/landingpage-success"""
    page = ogc.get("/", key=None)

    assert_fits(LANDING_PAGE, page)
    links = by_rel(page["links"])
    assert {"self", "service-desc", f"{REL}conformance", f"{REL}processes", f"{REL}job-list"} == set(links)
    for one in links.values():
        answer = ogc.ask("GET", one["href"])
        assert one["type"] == answer.headers["Content-Type"]


def test_api_definition(ogc):
    """/req/core/api-definition-op, /req/core/api-definition-success"""
    answer = ogc.ask("GET", by_rel(ogc.get("/")["links"])["service-desc"]["href"], key=None)

    assert "application/vnd.oai.openapi+json;version=3.0" == answer.headers["Content-Type"]
    assert answer.json()["openapi"].startswith("3.0.")


def test_conformance_op(ogc):
    """/req/core/conformance-op, /req/core/conformance-success"""
    found = ogc.get("/conformance", key=None)

    assert_fits(CONFORMANCE, found)
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    assert {f"{base}{one}" for one in CLASSES} == set(found["conformsTo"])


def test_http(ogc):
    """/req/core/http"""
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("PUT", "/processes", 405),
        ("POST", "/processes/echo/execution", 400),
        ("GET", "/processes?limit=x", 400),
    ):
        answer = ogc.ask(method, path, status=status)
        assert "application/problem+json" == answer.headers["Content-Type"]
        assert_fits(EXCEPTION, answer.json())
        assert status == answer.json()["status"]
    assert "no_key" == ogc.get("/processes", key=None, status=401)["type"]
    assert (
        413
        == ogc.ask("POST", "/processes/echo/execution", content=b"x" * (2 << 20), status=413).json()["status"]
    )


def test_process_list(ogc):
    """/req/core/process-list, /req/core/process-list-success"""
    found = ogc.get("/processes")

    assert_fits(PROCESS_LIST, found)
    by_id = {one["id"]: one for one in found["processes"]}
    assert {"echo", "flood", "coastal_raster"} <= set(by_id)
    assert ("1.2", "unknown") == (by_id["echo"]["version"], by_id["flood"]["version"])
    assert "A coast under water." == by_id["flood"]["description"]
    models = {one["name"] for one in ogc.house.get("/models")["models"]}
    assert models == set(by_id)


def test_process_list_limit(ogc):
    """/req/core/pl-limit-definition, /req/core/pl-limit-response"""
    assert 2 == len(ogc.get("/processes?limit=2")["processes"])
    (limit,) = [
        one for one in ogc.get("/api")["paths"]["/processes"]["get"]["parameters"] if one["name"] == "limit"
    ]
    assert ("query", False) == (limit["in"], limit["required"])
    assert {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}.items() <= limit[
        "schema"
    ].items()
    for wrong in (0, -1, "x"):
        ogc.get(f"/processes?limit={wrong}", status=400)
    assert ogc.get("/processes")["processes"] == ogc.get("/processes?limit=100000")["processes"]


def test_process_list_links(ogc):
    """/req/core/pl-links"""
    whole = [one["id"] for one in ogc.get("/processes")["processes"]]
    url, found = "/processes?limit=3", []
    while url is not None:
        page = ogc.get(url)
        links = by_rel(page["links"])
        assert {"self"} <= set(links) <= {"self", "next"}
        found += [one["id"] for one in page["processes"]]
        url = links["next"]["href"] if "next" in links else None

    assert whole == found
    (echo,) = [one for one in ogc.get("/processes")["processes"] if one["id"] == "echo"]
    assert "echo" == ogc.get(by_rel(echo["links"])["self"]["href"])["id"]


def test_process(ogc):
    """/req/core/process, /req/core/process-success"""
    found = ogc.get("/processes/echo")

    assert_fits(PROCESS, found)
    assert ["async-execute", "dismiss"] == found["jobControlOptions"]
    qualified = ogc.get("/processes/default/flood")
    assert "default/flood" == qualified["id"]
    assert "default/flood" == ogc.get("/processes/default%2Fflood")["id"]


@pytest.mark.parametrize("name", ["nobody", "../x", "x/y/z", "model.py", "a" * 300])
def test_no_such_process(ogc, name):
    """/req/core/process-exception/no-such-process"""
    for answer in (
        ogc.ask("GET", f"/processes/{name.replace('..', '%2e%2e')}", status=404),
        ogc.execute(process=name.replace("..", "%2e%2e"), status=404),
        ogc.execute({}, process=name.replace("..", "%2e%2e"), status=404),
    ):
        assert_fits(EXCEPTION, answer.json())
        assert TYPES + "no-such-process" == answer.json()["type"]

"""Who may ask for what: each route has an entry here, and a new one fails until it has."""

import pytest
from starlette.routing import Mount

from dissmodel.errors import StorageError, UsageError
from dissmodel.service.auth import Keys, new_key, parse_keys
from support.http_api import KEYS, sha256

ID = "0" * 32
ROLES = ("reader", "submitter", "admin")
ROUTES = {
    "GET /": None,
    "GET /health": None,
    "GET /ready": None,
    "GET /openapi.json": None,
    "HEAD /openapi.json": None,
    "GET /files/{expires}/{signature}/{place}/{key:path}": None,
    "HEAD /files/{expires}/{signature}/{place}/{key:path}": None,
    "GET /models": "reader",
    "GET /models/{name:path}": "reader",
    "GET /job/{experiment_id}": "reader",
    "GET /jobs": "reader",
    "GET /jobs/{experiment_id}/events": "reader",
    "GET /jobs/{experiment_id}/log": "reader",
    "GET /experiments/{experiment_id}/record": "reader",
    "GET /experiments/{experiment_id}/diff/{other_id}": "reader",
    "GET /experiments/{experiment_id}/preview.png": "reader",
    "GET /experiments/{experiment_id}/files/{path:path}": "reader",
    "GET /experiments/{experiment_id}/report": "reader",
    "GET /experiments/{experiment_id}/export/{kind}": "reader",
    "GET /experiments": "reader",
    "GET /sweeps": "reader",
    "GET /sweeps/{sweep_id}": "reader",
    "GET /sweeps/{sweep_id}/runs": "reader",
    "GET /sweeps/{sweep_id}/runs.csv": "reader",
    "GET /sweeps/{sweep_id}/summary": "reader",
    "POST /submit_sweep": "submitter",
    "POST /check_job": "submitter",
    "DELETE /sweeps/{sweep_id}": "submitter",
    "GET /download": "reader",
    "GET /metrics": "reader",
    "POST /submit_job": "submitter",
    "POST /submit_job_inline": "submitter",
    "DELETE /job/{experiment_id}": "submitter",
    "POST /experiments/{experiment_id}/reproduce": "submitter",
    "POST /experiments/{experiment_id}/publish": "submitter",
    "POST /data/upload": "submitter",
    "GET /data/upload/{label}/{name}": "submitter",
    "POST /admin/sync": "admin",
    "GET /ui": "reader",
    "GET /ui/diff": "reader",
    "GET /ui/queue": "reader",
    "GET /ui/experiments/{experiment_id}": "reader",
    "GET /ui/experiments/{experiment_id}/map": "reader",
    "GET /ui/experiments/{experiment_id}/report": "reader",
    "GET /ui/experiments/{experiment_id}/exports": "reader",
    "GET /ui/experiments/{experiment_id}/files/{path:path}": "reader",
    "POST /ui/experiments/{experiment_id}/cancel": "submitter",
    "POST /ui/experiments/{experiment_id}/reproduce": "submitter",
    "GET /ui/models": "reader",
    "GET /ui/models/{name:path}": "reader",
    "POST /ui/models/{name:path}/submit": "submitter",
    "GET /ui/upload": "submitter",
    "POST /ui/upload": "submitter",
    "GET /ui/uploads/{label}/{name}": "submitter",
    "GET /ui/sweeps": "reader",
    "GET /ui/sweeps/{sweep_id}": "reader",
    "GET /ui/sweeps/{sweep_id}/summary": "reader",
    "POST /ui/sweeps/{sweep_id}/cancel": "submitter",
    "GET /ui/static/{path:path}": None,
    "GET /ui/sign-in": None,
    "POST /ui/sign-in": None,
    "POST /ui/sign-out": None,
    "GET /ogc/": None,
    "GET /ogc/conformance": None,
    "GET /ogc/api": None,
    "GET /ogc/processes": "reader",
    "GET /ogc/processes/{processID:path}": "reader",
    "GET /ogc/jobs": "reader",
    "GET /ogc/jobs/{jobID}": "reader",
    "GET /ogc/jobs/{jobID}/results": "reader",
    "POST /ogc/processes/{processID:path}/execution": "submitter",
    "DELETE /ogc/jobs/{jobID}": "submitter",
}
GUARDED = [route for route, role in ROUTES.items() if role is not None]


def routes_of(app):
    """Every route of an app, also of routers that are included whole."""

    def below(routes, at=""):
        for route in routes:
            mounted = isinstance(route, Mount)
            inner = getattr(route, "original_router", None) or getattr(route, "app", None)
            if getattr(inner, "routes", None):
                yield from below(inner.routes, route.path if mounted else at)
            else:
                yield from (f"{method} {at}{route.path}" for method in route.methods)

    return set(below(app.routes))


def path_of(route):
    filled = {"experiment_id": ID, "other_id": ID, "name:path": "flood", "expires": 1, "signature": "s"}
    filled |= {"place": "outputs", "key:path": "k", "path:path": "output.tif", "label": "demo", "name": "g"}
    filled |= {"kind": "text", "sweep_id": ID, "processID:path": "flood", "jobID": ID}
    path = route.partition(" ")[2]
    for name, value in filled.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def ask(house, route, key, **words):
    return house.client.request(route.partition(" ")[0], path_of(route), headers=house.headers(key), **words)


def test_each_route_is_in_the_table(house):
    assert set(ROUTES) == routes_of(house.app)


def test_a_role_may_do_what_weaker_roles_may(house):
    found = {(route, role): ask(house, route, KEYS[role]).status_code for route in GUARDED for role in ROLES}

    assert {(route, role): ROLES.index(role) >= ROLES.index(ROUTES[route]) for route, role in found} == {
        asked: status not in {401, 403} for asked, status in found.items()
    }
    assert {asked: status for asked, status in found.items() if status >= 500} == {}


def test_without_a_key_nothing_is_told(house):
    answers = {route: ask(house, route, None) for route in GUARDED}

    assert {route: (401, "sign in" if "/ui" in route else "no_key", "Bearer") for route in GUARDED} == {
        route: (
            one.status_code,
            "sign in" if "<h1>Sign in</h1>" in one.text else one.json()["code"],
            one.headers["WWW-Authenticate"],
        )
        for route, one in answers.items()
    }


def test_a_wrong_key_is_refused(house):
    for key in ("wrong", KEYS["admin"][:-1], KEYS["admin"] + "x", "é", sha256(KEYS["admin"])):
        answer = house.client.get("/jobs", headers={b"X-API-Key": key.encode("latin-1")})
        assert (403, "wrong_key") == (answer.status_code, answer.json()["code"])


def test_an_open_route_needs_no_key(house):
    for route in (route for route, role in ROUTES.items() if role is None):
        assert ask(house, route, None).status_code != 401


def test_a_key_may_be_a_bearer_token(house):
    for scheme in ("Bearer", "bearer"):
        answer = house.client.get("/jobs", headers={"Authorization": f"{scheme} {KEYS['reader']}"})
        assert 200 == answer.status_code
    assert 401 == house.client.get("/jobs", headers={"Authorization": f"Basic {KEYS['reader']}"}).status_code


def test_a_key_is_looked_at_before_the_body_is(house):
    answer = house.client.post(
        "/submit_job", content=b"no json", headers={"Content-Type": "application/json"}
    )

    assert 401 == answer.status_code


def test_a_key_that_is_taken_out_of_the_file_is_refused_at_once(house, keys_file):
    assert 200 == ask(house, "GET /jobs", KEYS["reader"]).status_code
    keys_file.write_text(f'[other]\nrole = "reader"\nsha256 = "{sha256("other")}"\n')

    assert 403 == ask(house, "GET /jobs", KEYS["reader"]).status_code
    assert 200 == ask(house, "GET /jobs", "other").status_code


def test_a_file_of_keys_that_is_broken_lets_nobody_in(house, keys_file):
    keys_file.write_text("[")

    answer = ask(house, "GET /jobs", KEYS["reader"])
    assert "bad_keys" == answer.json()["code"]
    keys_file.unlink()
    assert 503 == ask(house, "GET /jobs", KEYS["admin"]).status_code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key in it"),
        ("x = 1", "x: Input should be a valid dictionary"),
        (
            '[ana]\nrole = "king"\nsha256 = "' + "0" * 64 + '"',
            "ana.role: Input should be",
        ),
        ('[ana]\nrole = "admin"\nsha256 = "s3cret"', "ana.sha256: String should match"),
        ('[ana]\nrole = ["admin"]\nsha256 = 3', "ana.role"),
        ('[ana]\nrole = "admin"\nkey = "s3cret"', "ana.sha256: Field required"),
        ('["a b"]\nrole = "admin"\nsha256 = "' + "0" * 64 + '"', "a b"),
        ("[" * 5000, "not TOML"),
        ("\xff", "xff"),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused(text, said):
    with pytest.raises(UsageError) as error:
        parse_keys(text.encode(), "keys.toml")

    assert "bad_keys" == error.value.code
    assert said in error.value.message or "not TOML" in error.value.message
    assert "s3cret" not in error.value.message


def test_a_file_of_keys_has_to_be_there(tmp_path):
    with pytest.raises(StorageError, match=r"the keys can't be read"):
        Keys(tmp_path / "none.toml")


def test_a_new_key_is_known_by_its_lines(tmp_path):
    key, lines = new_key("ana", "submitter")
    (tmp_path / "keys.toml").write_text(lines)

    assert key not in lines
    caller = Keys(tmp_path / "keys.toml").caller(key)
    assert ("ana", "submitter") == (caller.name, caller.role)
    for name, role in (("a b", "reader"), ("ana", "king"), ('x"]\n[y', "reader")):
        with pytest.raises(UsageError):
            new_key(name, role)


def test_without_keys_a_name_of_another_host_is_refused(open_house):
    for host in ("evil.example", "evil.example:80", "10.0.0.1", "localhost.evil.example", "x@localhost"):
        answer = open_house.client.get("/jobs", headers={"Host": host})
        assert (403, "foreign_request") == (answer.status_code, answer.json()["code"])


def test_without_keys_a_web_page_of_another_site_is_refused(open_house):
    body = {"model_name": "flood", "input_dataset": "grid.tif"}
    for origin in ("https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"):
        answer = open_house.client.post("/submit_job", json=body, headers={"Origin": origin})
        assert (403, "foreign_request") == (answer.status_code, answer.json()["code"])
    assert 0 == sum(open_house.service.queue.counts().values())


def test_without_keys_this_machine_may_do_all(open_house):
    job = open_house.job(key=None)

    assert 200 == open_house.client.get("/jobs", headers={"Origin": open_house.url}).status_code
    assert "cancelled" in open_house.client.delete(f"/job/{job['job_id']}").json()["message"]
    assert 200 == open_house.client.post("/admin/sync").status_code


def test_without_keys_what_a_proxy_passes_on_is_refused(open_house):
    answer = open_house.client.get("/jobs", headers={"X-Forwarded-For": "192.0.2.1"})

    assert 403 == answer.status_code

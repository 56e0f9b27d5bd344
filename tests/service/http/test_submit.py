"""What a job may ask for, that it is written down once, and what is left if something is away."""

import json
import subprocess
import sys
import threading
from dataclasses import replace

from dissmodel.errors import StorageError
from dissmodel.service import service as service_module
from dissmodel.service.models import find_model
from dissmodel.service.queue import QueueAway
from dissmodel.service.schemas import Schemas
from support.http_api import KEYS, serving


def documents(house):
    return [job for job, _ in house.service.truth.jobs()]


def refused(house, code, **words):
    """Submit what is refused: nothing of it may be left."""
    found = house.job(status=words.pop("status", 422), **words)
    assert [] == documents(house)
    assert 0 == sum(house.service.queue.counts().values())
    if code is not None:
        assert code == found["code"]
    return found


def test_the_request_has_all_that_was_asked_for(house, registry, settings):
    given = {"parameters": {"end_time": 2}, "column_map": {"elev": "z"}, "band_map": {"use": 1}}
    job = house.job(**given, priority="high", seed=7, layer="coast", input_format="vector")

    request = house.service.truth.request(job["job_id"])
    assert {
        "experiment_id": job["job_id"],
        "kind": "run",
        "submitted_by": "submitter",
        "priority": "high",
        "timeout_s": settings.timeout_s,
        "model_name": "flood",
        "registry": "default",
        "input": (registry.parent / "inputs" / "grid.tif").as_uri(),
        "input_format": "vector",
        "layer": "coast",
        "parameters": {"end_time": 2},
        "column_map": {"elev": "z"},
        "band_map": {"use": "1"},
        "seed": 7,
        "reproduces": None,
    }.items() <= request.model_dump().items()
    assert {"name": "flood", "class": "coastal_raster"}.items() <= request.spec["model"].items()
    assert {"high": 1, "normal": 0, "low": 0} == house.service.queue.counts()


def test_several_inputs(house, registry):
    job = house.job(inputs={"alt": "dem.tif:2", "solo": "soil.gpkg"}, resample="nearest")

    request = house.service.truth.request(job["job_id"])
    place = (registry.parent / "inputs").as_uri()
    assert {"alt": f"{place}/dem.tif:2", "solo": f"{place}/soil.gpkg"} == request.inputs
    assert "nearest" == request.resample


OTHER_INPUTS = ["/etc/passwd", "s3://other/dem.tif:1", "../dem.tif"]


def test_an_input_that_a_job_may_not_read(house):
    for uri in OTHER_INPUTS:
        refused(house, "input_refused", inputs={"alt": uri})


def test_a_model_that_changes_later_changes_no_job(house, registry):
    job = house.job()["job_id"]
    (registry / "models" / "flood.toml").write_text('[model]\nname = "flood"\nclass = "mangrove_raster"\n')

    assert "coastal_raster" == house.service.truth.request(job).spec["model"]["class"]
    assert "mangrove_raster" == house.job()["resolved_spec"]["model"]["class"]


def test_an_installed_model_has_no_spec(house):
    job = house.job(model_name="builtin/coastal_raster")

    assert {} == house.service.truth.request(job["job_id"]).spec
    assert "builtin/coastal_raster" == job["model_name"]


NO_MODELS = [
    ("nobody", 404),
    ("default/nobody", 404),
    ("nowhere/flood", 404),
    ("../flood", 422),
    ("/etc/passwd", 422),
    ("model.py", 422),
    ("model.py:Flood", 422),
    ("a/b/c", 422),
    ("flood\n", 422),
    ("flood\u0000", 422),
    ("flóod", 422),
    ("x" * 5000, 422),
    ("", 422),
]


def test_a_name_that_is_no_models_is_refused(house):
    for name, status in NO_MODELS:
        refused(house, None, model_name=name, status=status)


def test_a_model_that_two_sources_have_is_ambiguous(house, registry):
    (registry / "models" / "coastal_raster.toml").write_text('[model]\nname = "coastal_raster"\n')

    assert (
        "default/coastal_raster"
        in refused(house, "ambiguous_model", model_name="coastal_raster", status=409)["hint"]
        + "default/coastal_raster"
    )
    names = [one["name"] for one in house.get("/models")["models"]]
    assert {"builtin/coastal_raster", "default/coastal_raster"} <= set(names)
    assert (
        "default"
        == house.service.truth.request(house.job(model_name="default/coastal_raster")["job_id"]).registry
    )


def test_a_broken_model_has_a_problem(house, registry):
    (registry / "models" / "broken.toml").write_text("[model")

    (row,) = [one for one in house.get("/models")["models"] if one["name"] == "broken"]
    assert "TOML" in row["problem"]
    assert str(registry) not in row["problem"]
    refused(house, "spec_unusable", model_name="broken")


NO_INPUTS = [
    "file:///etc/passwd",
    "file:///%00",
    "https://[x",
    "/etc/passwd",
    "../state/links.key",
    "http://169.254.169.254/latest/meta-data/",
    "https://evil.example/grid.tif",
    "https://user:pw@127.0.0.1/grid.tif",
    "s3://others/grid.tif",
    "s3:///x",
    "ftp://host/x",
    "/vsicurl/http://127.0.0.1/x.tif",
    "grid.tif\r\nX: y",
    "data/../../x",
    "\u202egrid",
    "x" * 4000,
]


def test_an_input_that_no_job_may_read_is_refused(house):
    for uri in NO_INPUTS:
        refused(house, None, input_dataset=uri)


WRONG = [
    {"parameters": []},
    {"parameters": {"x": float("nan")}},
    {"parameters": {"x": float("inf")}},
    {"parameters": {"x": "\ud800"}},
    {"band_map": {"a": {"b": 1}}},
    {"band_map": {"a": True}},
    {"column_map": "z"},
    {"seed": -1},
    {"seed": 1 << 70},
    {"priority": "now"},
    {"input_format": "pdf"},
    {"layer": ""},
    {"input_dataset": None},
]


def test_a_body_that_is_wrong_is_refused(house):
    headers = {**house.headers(KEYS["submitter"]), "Content-Type": "application/json"}
    for words in WRONG:
        body = {"model_name": "flood", "input_dataset": "grid.tif", **words}
        answer = house.client.post("/submit_job", content=json.dumps(body), headers=headers)

        assert 422 == answer.status_code, (words, answer.text)
        assert {"detail", "code", "hint"} == answer.json().keys(), words
        assert [] == documents(house), words


NO_OBJECTS = [b"", b"{", b"[]", b"1", b'"x"', b"\xff", b"[" * 100_000, b"1" * 10_000]


def test_a_body_that_is_no_object_is_refused(house):
    headers = {**house.headers(KEYS["submitter"]), "Content-Type": "application/json"}
    for content in NO_OBJECTS:
        answer = house.client.post("/submit_job", content=content, headers=headers)

        assert answer.status_code in {400, 422}, (content[:20], answer.text)
        assert {"detail", "code", "hint"} == answer.json().keys(), content[:20]


def test_what_is_nested_too_deep_is_refused(house):
    deep = {}
    for _ in range(900):
        deep = {"a": deep}
    refused(house, None, parameters=deep)


UNFIT_SPECS = [
    ('[model]\nclass = "../x.py"', "bad_model_name"),
    ('[model]\nclass = "/tmp/x.py:Model"', "bad_model_name"),
    ('[model]\nclass = "coastal_raster"\nname = "a b"', "bad_model_name"),
    ("[model]\nx = 1", "bad_model_name"),
    ('[model]\nclass = "coastal_raster"\nexecutor_module = "antigravity"', "bad_package"),
    ('[model]\nclass = "mine"\npackage = "/etc"', None),
    ('[model]\nclass = "mine"\npackage = "./x"', None),
    ('[model]\nclass = "mine"\npackage = "--index-url=http://evil"', None),
    ("[model", None),
    ("x" * 2000, None),
    ("", None),
    ("\ud800", None),
    ("[model]\nclass = 'coastal_raster'\nx = " + "[" * 900 + "]" * 900, None),
    ("[model]\nclass = 'coastal_raster'\nx = " + "[" * 300 + "]" * 300, None),
]


def test_a_spec_that_names_what_it_may_not_is_refused(house):
    headers = {**house.headers(KEYS["submitter"]), "Content-Type": "application/json"}
    for toml, code in UNFIT_SPECS:
        body = {"input_dataset": "grid.tif", "model_spec_toml": toml}
        answer = house.client.post("/submit_job_inline", content=json.dumps(body), headers=headers)

        assert answer.status_code in {413, 422}, (toml[:80], answer.text)
        assert code in {None, answer.json()["code"]}, toml[:80]
        assert "/tmp" not in answer.text.replace("/tmp/x.py", ""), toml[:80]
        assert [] == documents(house), toml[:80]


def test_a_package_of_the_client_is_asked_for_by_name_only(house):
    job = house.job(package="coastal-flood==0.1.0")

    assert "coastal-flood==0.1.0" == house.service.truth.request(job["job_id"]).spec["model"]["package"]
    house.job(package="/tmp", status=422)
    house.job(package="git+https://user:pw@host/x", status=422)


def test_a_path_is_no_value_of_a_parameter(house):
    found = house.service.schemas
    known = {"properties": {"folder": {"type": "string", "format": "path"}, "steps": {"type": "integer"}}}
    found._known = {key: {"schema": known} for key in found._known} | {}
    try:
        for name, is_refused in (("folder", True), ("alias", True), ("steps", False)):
            house.service.schemas.of = lambda _model: known
            answer = house.job(parameters={name: "/etc/passwd"}, status=422 if is_refused else 200)
            assert is_refused == (answer.get("code") == "path_parameter")
    finally:
        del house.service.schemas.of
        found._known.clear()


def test_the_same_key_gives_the_same_job(house):
    key = {"Idempotency-Key": "once"}
    first = house.job(headers=key)

    assert first["job_id"] == house.job(headers=key)["job_id"]
    assert first["created_at"] == house.job(headers=key)["created_at"]
    assert "key_reused" == house.job(headers=key, seed=1, status=409)["code"]
    assert first["job_id"] != house.job(headers=key, key=KEYS["admin"])["job_id"]
    assert first["job_id"] != house.job(headers={"Idempotency-Key": "twice"})["job_id"]
    nested = {"model": {"class": "flood"}, "source": {"uri": "grid.tif"}}
    assert first["job_id"] == house.post("/submit_job", json=nested, headers=key)["job_id"]
    assert 1 == len([job for job in documents(house) if job == first["job_id"]])
    for wrong in ("", "x" * 256):
        assert "bad_key" == house.job(headers={"Idempotency-Key": wrong}, status=422)["code"]


def test_the_id_of_a_key_is_as_documented(house):
    import hashlib

    job = house.job(headers={"Idempotency-Key": "once"})["job_id"]

    assert hashlib.sha256(b"submitter\0once\0/submit_job").hexdigest()[:32] == job


def test_the_same_key_at_the_same_time_gives_one_job(house):
    found = []

    def submit():
        found.append(house.job(headers={"Idempotency-Key": "race"})["job_id"])

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == len(found)
    assert 1 == len(set(found)) == len(documents(house))


def test_too_many_jobs_are_refused_for_a_while(house, monkeypatch):
    monkeypatch.setattr(service_module, "MOST_QUEUED", 2)
    first = house.job(headers={"Idempotency-Key": "first"})
    house.job()
    body = {"model_name": "flood", "input_dataset": "grid.tif"}
    answer = house.client.post("/submit_job", json=body, headers=house.headers(KEYS["submitter"]))

    assert (429, "queue_full") == (answer.status_code, answer.json()["code"])
    assert 0 < int(answer.headers["Retry-After"])
    assert first["job_id"] == house.job(headers={"Idempotency-Key": "first"})["job_id"]
    assert 2 == len(documents(house))


class Away:
    """A queue whose server does not answer."""

    def __getattr__(self, name):
        def away(*_args, **_words):
            raise QueueAway("Redis does not answer.")

        return away


def test_with_the_queue_away_a_job_is_written_down(service):
    with serving(replace(service, queue=Away())) as house:
        job = house.job()

        assert "pending" == job["status"] == house.get(f"/job/{job['job_id']}")["status"]
        assert [job["job_id"]] == documents(house)
        assert "pending" == house.get("/jobs")["experiments"][0]["status"]
        assert "not_ready" == house.get("/ready", status=503)["code"]
        house.client.delete(f"/job/{job['job_id']}", headers=house.headers(KEYS["submitter"]))
        assert "cancelled" == house.get(f"/job/{job['job_id']}")["status"]


def test_with_the_place_away_there_is_no_job(house, monkeypatch):
    from dissmodel.storage.local import LocalStorage

    def fails(*_args, **_words):
        raise StorageError("the disk is full", code="storage")

    monkeypatch.setattr(LocalStorage, "put", fails)
    found = house.job(status=503)

    assert ("storage", "the disk is full") == (found["code"], found["detail"])
    monkeypatch.undo()
    assert [] == documents(house)
    assert 0 == sum(house.service.queue.counts().values())
    assert 'dissmodel_storage_errors_total{code="storage"} 1' in metrics(house)


def metrics(house):
    return house.client.get("/metrics", headers=house.headers(KEYS["reader"])).text


def test_an_error_shows_no_secret(house, monkeypatch):
    from dissmodel.record.known_secrets import learn

    learn("planted-SECRET-0123456789")
    found = house.job(model_name="planted-SECRET-0123456789", status=404)

    assert "planted" not in json.dumps(found)


def test_models_of_a_class_are_looked_up_once(registry, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "dissmodel.service.foreign.run", lambda *_words, given: asked.append(given) or '[{"schema": {}}]'
    )
    schemas = Schemas()

    assert {} == schemas.of(find_model("coastal_raster")) == schemas.of(find_model("flood"))
    assert 1 == len(asked)


def test_no_model_is_loaded_in_the_server(registry):
    look = (
        "import sys, dissmodel.service.server\n"
        "from dissmodel.service import models\n"
        "from dissmodel.service.schemas import Schemas\n"
        "schemas = Schemas()\n"
        "assert models.list_models(schemas.summary)\n"
        "assert schemas.of(models.find_model('coastal_raster'))['properties']\n"
        "print({'dissmodel.models', 'numpy', 'rasterio', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert "set()" == done.stdout.strip()

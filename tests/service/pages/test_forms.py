"""Models, their forms, uploads and sweeps, for a browser that runs no script."""

import json
import re
from pathlib import Path

import html5lib
import pytest

from dissmodel.errors import StorageError
from dissmodel.service import foreign
from dissmodel.service.pages.form import fields_of, filled
from dissmodel.sweeping.values import varied
from support.http_api import KEYS, until
from support.sweeps import in_this_process, write_fire

HOSTILE = "</textarea></title>\"'><script>alert(1)</script>{{ 7 * 7 }}\u202e"
FIRE = "/ui/models/fire_spread/submit"
GIVEN = {"input_dataset": "fire.tif", "p.wind_speed": "5", "seed": "3", "do": "submit"}
OF_ONE_JOB = {"experiment_id", "submitted_at", "digest"}


@pytest.fixture(autouse=True)
def _fire(request, monkeypatch, tmp_path):
    write_fire(tmp_path / "inputs")
    if request.node.get_closest_marker("slow") is None:
        in_this_process(monkeypatch)


@pytest.fixture
def user(browser):
    """A browser of a submitter."""
    browser.sign_in("submitter")
    return browser


def tree(text):
    """Return a page, which has to be valid HTML without a script or handler of its own."""
    found = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    for one in found.iter():
        assert not [name for name in one.attrib if name.startswith("on") or name == "style"]
        assert one.tag != "script" or one.get("src", "").startswith("/ui/static/")
    ids = [one.get("id") for one in found.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for one in found.iter():
        told = one.get("aria-describedby", "").split() + ([one.get("for")] if one.tag == "label" else [])
        assert set(told) <= set(ids)
    return found


def value(text, name):
    (one,) = [one for one in tree(text).iter() if one.get("name") == name]
    if one.tag == "select":
        return next((option.get("value") for option in one if "selected" in option.attrib), "")
    return one.get("value") if one.tag == "input" else one.text


def requests(house):
    truth = house.service.truth
    return [truth.request(job) for job, names in truth.jobs() if "request.json" in names]


def test_models_are_listed_by_their_groups(user, registry):
    (registry / "catalog.yaml").write_text(
        f"models:\n  flood:\n    title: A coast\n    description: {json.dumps(HOSTILE)}\n    group: Coasts\n"
    )
    (registry / "models/broken.toml").write_text("[model")
    page = user.show("/ui/models?input=file:///a%26b.tif")

    words = " ".join(tree(page).itertext())
    assert "Coasts" in words
    assert "Other models" in words
    assert "<script>alert(1)</script>" in words
    assert "TOML" in words  # why the other one is broken
    assert 'href="/ui/models/flood?input=file%3A///a%26b.tif"' in page
    assert "/a&amp;b.tif" in user.show("/ui/models/flood?input=file:///a%26b.tif")


def test_a_model_tells_its_fields_and_where_it_is_from(browser):
    browser.sign_in("reader")
    page = browser.show("/ui/models/fire_spread")

    words = " ".join(" ".join(tree(page).itertext()).split())
    for text in (
        "p_h",
        "≥ 0 and ≤ 1, default 0.58",
        "2 unburned",
        "a finite number in m",
        "doi:10.1016/j.amc.2008.06.046",
    ):
        assert text in words
    assert "do" not in re.findall(r'name="(\w+)"', page)  # a reader can't submit
    browser.show("/ui/models/nobody", status=404)


def test_what_is_wrong_is_told_beside_the_field_and_what_was_typed_stays(user, house):
    user.show("/ui/models/fire_spread")
    typed = {"p.p_h": "2", "p.every": HOSTILE, "band_map": "no sign", "layer": HOSTILE}
    page = user.fill(FIRE, status=422, **GIVEN, **typed).text
    assert typed == {name: value(page, name).removesuffix("\n") for name in typed}
    assert "each line is NAME=VALUE" in page
    page = user.fill(FIRE, status=422, **{**GIVEN, **typed, "band_map": "", "layer": ""}).text

    for name, said in (("p.p_h", "less than or equal to 1"), ("p.every", "this is text")):
        (error,) = [one for one in tree(page).iter() if one.get("id") == f"field-{name}-error"]
        assert said in error.text
    assert "5" == value(page, "p.wind_speed")
    assert [] == requests(house)


def test_an_input_that_is_not_right(user, house):
    for given, said in (
        ({"input_dataset": "gone.tif"}, "does not exist"),
        ({"input_dataset": "/etc/passwd"}, "Upload it, and choose it in the form."),
        ({"input_dataset": ""}, "Choose an upload"),
        ({"band_map": "fire=nothing"}, "no band &#39;nothing&#39;"),
        ({"priority": "highest"}, "Input should be"),
        ({"seed": "-1"}, "greater than or equal to 0"),
        ({"inputs": "density=/etc/passwd"}, "may not read"),
        ({"p.wind_speed": "nan"}, "NaN"),
    ):
        user.show("/ui/models/fire_spread")
        page = user.fill(FIRE, status=422, **{**GIVEN, **given}).text
        tree(page)
        assert said in page, given
        (name,) = given
        marked = {one.get("name") for one in tree(page).iter() if one.get("aria-invalid")}
        assert marked <= {name}, given
        links = {
            one.get("href", "")[1:] for one in tree(page).iter() if one.get("href", "").startswith("#field")
        }
        assert links <= {one.get("id") for one in tree(page).iter()}
    assert [] == requests(house)


def test_a_form_submits_what_the_api_takes_and_once(user, house):
    key = value(user.show("/ui/models/fire_spread"), "key")
    checked = user.fill(FIRE, status=200, **{**GIVEN, "do": "check", "key": key}).text
    assert "Nothing wrong was found" in checked
    assert [] == requests(house)
    given = {
        **GIVEN,
        "key": key,
        "inputs": "density=fire.tif:3",
        "p.crs": "EPSG:31983",
        "resample": "nearest",
    }
    first, again = (user.fill(FIRE, **given).headers["Location"] for _ in range(2))
    assert first == again == f"/ui/experiments/{requests(house)[0].experiment_id}"
    house.job(
        model_name="fire_spread",
        input_dataset="fire.tif",
        inputs={"density": "fire.tif:3"},
        parameters={"wind_speed": 5, "crs": "EPSG:31983"},
        resample="nearest",
        seed=3,
    )

    one, other = (request.model_dump(exclude=OF_ONE_JOB) for request in requests(house))
    assert one == other
    user.fill(FIRE, **{**given, "p.wind_speed": "6"})  # another job of the same page
    assert 3 == len(requests(house))


def test_a_warning_is_shown_before_the_job_is_submitted(user, house, monkeypatch):
    from dissmodel.service import checking

    monkeypatch.setattr(checking, "_is_near", lambda *_: False)
    user.show("/ui/models/fire_spread")
    page = user.fill(FIRE, status=200, **GIVEN).text

    assert "looked at when the job runs" in page
    assert [] == requests(house)
    user.page = page
    user.fill(FIRE, **GIVEN, seen=value(page, "seen"), key=value(page, "key"))
    assert 1 == len(requests(house))


def test_a_form_submits_a_sweep(user, house):
    user.show("/ui/models/fire_spread")
    vary = {"vary.0.name": "wind_speed", "vary.0.values": "0:10:5", "replicates": "2"}
    bad = {**GIVEN, **vary, "p.wind_speed": "", "vary.1.values": "1"}
    page = user.fill(FIRE, status=422, **bad, **{"vary.2.name": "p_h", "vary.2.values": "0:1:0"}).text
    for name in ("vary.1.name", "vary.2.values"):
        assert [one for one in tree(page).iter() if one.get("id") == f"field-{name}-error"]
    wrong = {**bad, "vary.1.name": "p_h"}
    assert "input should be" in user.fill(FIRE, status=422, **{**wrong, "vary.1.values": "0.5,2,3"}).text
    place = user.fill(FIRE, **{**wrong, "vary.1.values": "0.5"}).headers["Location"]
    until(lambda: 6 == len(requests(house)))

    body = {"model_name": "fire_spread", "input_dataset": "fire.tif", "seed": 3, "replicates": 2}
    asked = house.post("/submit_sweep", json={**body, "vary": {"wind_speed": "0:10:5", "p_h": "0.5"}})
    rows = [house.get(f"/sweeps/{one}/runs")["runs"] for one in (place.rpartition("/")[2], asked["sweep_id"])]
    of_run = ("values", "seed", "replicate")
    assert [[one[name] for name in of_run] for one in rows[0]] == [
        [one[name] for name in of_run] for one in rows[1]
    ]
    page = user.show(place)
    words = " ".join(" ".join(tree(page).itertext()).split())
    assert "0 of 6 runs have ended" in words
    assert str(rows[0][5]["seed"]) in words
    assert place in user.show("/ui/sweeps")
    assert "0 of 6 runs have completed" in user.show(f"{place}/summary")
    for number, one in enumerate(rows[0][:4]):
        house.complete(one["experiment_id"], metrics={HOSTILE: number})
    until(lambda: "4 of 6 runs have ended" in " ".join(" ".join(tree(user.show(place)).itertext()).split()))
    words = " ".join(" ".join(tree(user.show(f"{place}/summary")).itertext()).split())
    assert "<script>alert(1)</script>" in words
    assert "wind_speed = 5.0" in words
    user.show(place)
    assert place == user.fill(f"{place}/cancel").headers["Location"]
    until(lambda: "6 of 6 runs have ended" in " ".join(" ".join(tree(user.show(place)).itertext()).split()))
    assert "Cancel the" not in user.page
    user.show("/ui/sweeps?after=x", status=422)
    user.show(f"/ui/sweeps/{'0' * 32}", status=404)


def test_an_upload(user, house, tmp_path):
    page = user.show("/ui/upload")
    action = re.search(r'action="(/ui/upload\?token=[0-9a-f]+)"', page)[1]
    own = {"Sec-Fetch-Site": "same-origin"}
    data, content = {"label": "my data"}, Path(tmp_path, "inputs/fire.tif").read_bytes()
    answer = user.post(action, data=data, files={"file": ("a b.tif", content)}, headers=own)

    assert 303 == answer.status_code, answer.text
    page = user.show(answer.headers["Location"])
    tree(page)
    link = re.search(r'href="(/ui/models\?input=[^"]+)"', page)[1]
    assert "a%20b.tif" in user.show(link)
    assert "my data" in user.show("/ui/upload")
    assert "my%20data/a%20b.tif" in user.show("/ui/models/fire_spread")
    for name, label in (("../a.tif", "x"), (HOSTILE, "x"), ("a.tif", HOSTILE)):
        answer = user.post(action, data={"label": label}, files={"file": (name, b"1")}, headers=own)
        assert 422 == answer.status_code
        tree(answer.text)
    answer = user.post(action, data=data, files={"file": ("a b.tif", b"other")}, headers=own)
    assert (409, 1) == (answer.status_code, answer.text.count('class="problem"'))
    assert 403 == user.post("/ui/upload", data=data, files={"file": ("c.tif", b"1")}, headers=own).status_code


def test_an_upload_with_long_names_is_found_again(user, house, tmp_path):
    label, name = "海" * 80, "岸" * 80 + ".tif"
    Path(tmp_path, "inputs/inputs", label).mkdir(parents=True)
    Path(tmp_path, "inputs/inputs", label, name).write_bytes(b"1")
    link = re.search(r'href="(/ui/uploads/[^"]+)"', user.show("/ui/upload"))[1]
    page = user.show(link)
    link = re.search(r'href="(/ui/models\?input=[^"]+)"', page)[1]
    assert "%E5%B2%B8.tif" in user.show(link)
    assert re.search(r'href="(/ui/models/[^"]+)"', user.page)[1].endswith("%25B8.tif")


def test_a_form_that_no_page_of_ours_sent_is_refused(user, house):
    sweep = house.post("/submit_sweep", json={"model_name": "fire_spread", "input_dataset": "fire.tif"})
    for path in (FIRE, f"/ui/sweeps/{sweep['sweep_id']}/cancel"):
        assert 403 == user.post(path, data=GIVEN).status_code
        token = {"token": "0" * 64}
        assert 403 == user.post(path, data={**GIVEN, **token}).status_code
    until(lambda: 1 == len(requests(house)))
    assert "pending" in house.get(f"/sweeps/{sweep['sweep_id']}")["states"]
    reader = user.post(FIRE, data=GIVEN, headers=house.headers(KEYS["reader"]))
    assert 403 == reader.status_code


def test_fields_are_made_from_a_schema():
    schema = {
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "on": {"type": "boolean", "default": False},
            "kind": {"enum": ["a", "b"], "default": "a"},
            "count": {"anyOf": [{"type": "integer", "minimum": 1, "multipleOf": 2}, {"type": "null"}]},
            "rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "unit": "m"},
            "rows": {"type": "array", "items": {"type": "array"}},
            "shares": {"type": "object"},
            "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
            "file": {"type": "string", "format": "path"},
            "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        },
    }
    fields = {one.name: one for one in fields_of(schema, {"rate": 0.5})}

    kinds = {"name": "text", "on": "select", "kind": "select", "count": "number", "rate": "number"}
    assert kinds | {"rows": "textarea", "shares": "textarea", "either": "text"} == {
        name: one.kind for name, one in fields.items()
    }
    assert {"step": 2, "min": 1} == fields["count"].more
    assert {"step": "any", "max": 1} == fields["rate"].more
    assert "> 0 and ≤ 1" in fields["rate"].hint
    assert "default 0.5" in fields["rate"].hint
    assert ["true", "false"] == list(fields["on"].options)
    assert ["name"] == [name for name, one in fields.items() if one.is_required]
    texts = {
        ("rows", "1,2\n3,4"): [[1, 2], [3, 4]],
        ("rows", "[[1, 2], [3, 4]]"): [[1, 2], [3, 4]],
        ("rows", "demand = [[1.5]]"): [[1.5]],
        ("rows", "[[step]]\nat = 1\n[[step]]\nat = 2"): [{"at": 1}, {"at": 2}],
        ("rows", "a,b"): ["a", "b"],
        ("shares", "forest = 0.5"): {"forest": 0.5},
        ("shares", "[shares]\nforest = 0.5"): {"forest": 0.5},
        ("shares", "forest = 0.5\npasture = 1"): {"forest": 0.5, "pasture": 1},
        ("name", "007"): "007",
        ("either", "007"): 7,
        ("count", "4"): 4,
        ("on", "false"): False,
        ("kind", "c"): "c",
    }
    assert texts == {(name, text): fields[name].value(text) for name, text in texts}
    form = filled(
        "m", {"p.count": "4", "p.on": "true", "p.rate": " ", "input_dataset": "a"}, [*fields.values()]
    )
    assert {"count": 4, "on": True} == form.body["parameters"]


def test_nothing_that_varies_is_left_out_silently(monkeypatch):
    made = []
    monkeypatch.setattr(
        "dissmodel.service.pages.form.varied", lambda *words: made.append(words) or varied(*words)
    )
    rate = {"vary.0.name": "rate", "vary.0.values": "0,1", "input_dataset": "a"}
    for given, wrong in (
        ({"vary.3.name": "rate", "vary.3.values": "2,3"}, "vary.3.name"),
        ({"vary.3.name": "size"}, "vary.3.values"),
        ({"vary.3.values": "2,3"}, "vary.3.name"),
    ):
        assert {wrong} == filled("m", {**rate, **given}, []).errors.keys()
    form = filled("m", {"until": "built > 3", "input_dataset": "a"}, [])
    assert (True, "built > 3", {}) == (form.is_sweep, form.body["until"], form.errors)
    made.clear()
    many = {
        f"vary.{row}.{one}": text
        for row in range(9)
        for one, text in (("name", f"v{row}"), ("values", "1:20000:1"))
    }
    assert {"vary.0.values"} == filled("m", {**many, "input_dataset": "a"}, []).errors.keys()
    assert 1 == len(made)


def test_a_job_that_can_not_be_checked_can_be_submitted(user, house, monkeypatch):
    def late(*_words, **_more):
        raise StorageError("It took too long.", code="process_failed")

    user.show("/ui/models/flood")  # what its parameters are is known then
    monkeypatch.setattr(foreign, "run", late)
    page = user.fill("/ui/models/flood/submit", status=200, input_dataset="fire.tif", do="submit").text
    assert "could not be checked" in page
    user.fill("/ui/models/flood/submit", input_dataset="fire.tif", do="submit", seen=value(page, "seen"))
    assert 1 == len(requests(house))


@pytest.mark.slow
def test_a_form_is_checked_in_processes_of_their_own(user, house):
    user.timeout = 120
    user.show("/ui/models/fire_spread")
    assert "less than or equal to 1" in user.fill(FIRE, status=422, **GIVEN, **{"p.p_h": "2"}).text
    user.fill(FIRE, **GIVEN, **{"vary.0.name": "p_h", "vary.0.values": "0.1,0.2"})
    until(lambda: 2 == len(requests(house)))

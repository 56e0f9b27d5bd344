"""What the pages show and do, for a browser that runs no script."""

import re
from urllib.parse import quote, urlsplit

import html5lib
import pytest

from dissmodel.record import Note
from dissmodel.service.queue import Progress
from support.http_api import KEYS

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</title></textarea></pre></noscript><b>",
    "\x1b[2J\u202etxt.exe",
    "]]>&lt;script&gt;&amp;",
)

NOBODY = "0" * 32


@pytest.fixture
def user(browser):
    """A browser of a submitter."""
    browser.sign_in("submitter")
    return browser


def elements(text):
    """Return the elements of a page, which has to be valid HTML."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return list(parser.parse(text).iter())


def words(text):
    """Return what a page says."""
    return " ".join(" ".join(html5lib.parse(text, namespaceHTMLElements=False).itertext()).split())


def listed(text):
    return re.findall(r'<th scope="row"><a href="/ui/experiments/([0-9a-f]{32})">', text)


def assert_only_ours(text):
    """Nothing on a page runs or is loaded but what this service has, and nothing has a style of its own."""
    found = elements(text)
    for one in found:
        assert not [name for name in one.attrib if name.startswith("on") or name == "style"], one.attrib
        for name in ("href", "src", "action", "formaction"):
            where = urlsplit(one.get(name, ""))
            assert ("", "") == (where.scheme, where.netloc), one.attrib
        assert one.tag not in {"style", "svg", "iframe", "object", "embed", "b"}
    scripts = [one for one in found if one.tag == "script"]
    assert all(one.get("src", "").startswith("/ui/static/") and not one.text for one in scripts)


def test_the_list_has_the_newest_first_and_pages(house, user, monkeypatch):
    monkeypatch.setattr("dissmodel.service.pages.listing._ROWS", 2)
    jobs = [house.job()["job_id"] for _ in range(5)][::-1]

    first = user.show("/ui")
    assert jobs[:2] == listed(first)
    assert "5 experiments, the newest first" in words(first)
    found = listed(first)
    while following := re.search(r'<a href="([^"]*)" rel="next"', user.page):
        found += listed(user.show(following[1].replace("&amp;", "&")))
    assert jobs == found
    assert jobs[:2] == listed(user.show(re.search(r'<a href="([^"]*)" rel="first"', user.page)[1]))


def test_the_list_is_filtered(house, user):
    low, high = (house.job(parameters={"end_time": one})["job_id"] for one in (3, 4))
    other = house.job(model_name="coastal_vector")["job_id"]
    house.complete(low, parameters={"end_time": 3, "name": "a b"}, parameter_origin={"end_time": "request"})
    house.fail(high)

    for query, expected in {
        "model=coastal_vector": [other],
        "state=completed": [low],
        "state=failed": [high],
        "state=queued&model=flood": [],
        "since=2020-01-01": [other, high, low],
        "since=2999-01-01": [],
        "param=end_time%3D3": [low],
        "param=end_time%3D3.0&param=name%3Da+b": [low],
        "param=end_time%3D3&param=name%3Dc": [],
        "param=end_time%3D4&state=failed": [],
        "param=": [other, high, low],
    }.items():
        page = user.show(f"/ui?{query}")
        assert expected == listed(page), query
    assert "No experiment meets this filter" in page or listed(page)
    for wrong, said in {
        "since=yesterday": "Write it as 2026-01-31",
        "param=end_time": "Write it as NAME=VALUE",
        "state=odd": "There is no such state",
    }.items():
        page = user.show(f"/ui?{wrong}")
        assert said in page
        assert 'aria-invalid="true"' in page
    assert "not a valid" in user.show("/ui?" + "param=a%3D1&" * 11, status=422) or "at most 10" in user.page
    user.show("/ui?after=x", status=422)


def test_an_empty_list_says_how_to_begin(user):
    assert "No experiments yet" in user.show("/ui")
    assert "dissmodel submit coastal_raster" in words(user.page)


def test_an_experiment_is_shown_as_it_goes(house, user):
    job = house.job(parameters={"end_time": 4})["job_id"]
    here = f"/ui/experiments/{job}"
    waiting = user.show(here)
    assert "waits for a worker" in words(waiting)
    assert '<noscript><meta http-equiv="refresh"' in waiting
    house.service.queue.beat(job, "token", Progress("run", 5, 10, ("a line",), 1), "a-worker")
    running = words(user.show(here))
    assert "52 % runs the model, step 5 of 10" in running
    assert "a line" in running
    assert "a-worker" in words(user.show("/ui/queue"))
    house.complete(job, parameters={"end_time": 4, "x": None}, parameter_origin={"end_time": "request"})
    done = user.show(here)
    assert "refresh" not in done
    assert "output.bin" in done
    assert house.service.completed(job).artifacts["output"] in done
    assert "Result of mine" in done  # the citation
    file = user.get(f"{here}/files/output.bin")
    assert b"result" == user.get(file.headers["location"]).content
    assert job == user.get(user.get(f"{here}/files/record.json").headers["location"]).json()["experiment_id"]
    user.show(f"{here}/files/none.bin", status=404)
    user.show(f"{here}/files/..%2F..%2Frecord.json", status=422)
    assert user.get(f"{here}/exports?name=prov.json").json()["prefix"]
    user.show(f"{here}/exports?name=odd", status=404)
    assert "a licence" in words(user.show(f"{here}/exports?name=ro-crate.zip", status=422)).lower()


def test_a_job_that_failed_says_why_and_what_to_do(house, user):
    job = house.job()["job_id"]
    house.fail(job, log=("the last line",), logged=1)

    found = words(user.show(f"/ui/experiments/{job}"))
    assert "the sea is too high Lower it. Code: run_failed" in found
    assert "the last line" in found
    assert "Reproduce" not in found


def test_a_job_is_cancelled_and_a_result_reproduced_by_a_form(house, user):
    job, other = house.job()["job_id"], house.job()["job_id"]
    user.show(f"/ui/experiments/{job}")
    user.fill(f"/ui/experiments/{job}/cancel")
    assert "cancelled" == house.get(f"/job/{job}")["status"]
    assert "ended already" in user.fill(f"/ui/experiments/{job}/cancel", status=400).text
    house.complete(other)
    once = re.search(r'name="once" value="([0-9a-f]+)"', user.show(f"/ui/experiments/{other}"))[1]
    made = {user.fill(f"/ui/experiments/{other}/reproduce", once=once).headers["location"] for _ in "ab"}
    assert 1 == len(made)  # a form that was sent twice
    assert other in user.show(made.pop())
    assert other == house.get("/jobs")["experiments"][0]["reproduces"]


def test_a_reader_has_no_buttons_and_may_not_press_them(house, browser):
    job = house.job()["job_id"]
    browser.sign_in("reader")

    assert 'action="/ui/experiments' not in browser.show(f"/ui/experiments/{job}")
    answer = browser.fill(f"/ui/experiments/{job}/cancel", status=403)
    assert "this needs submitter" in words(answer.text)
    assert "pending" == house.get(f"/job/{job}")["status"]


def test_two_experiments_are_compared(house, user):
    jobs = [house.job()["job_id"] for _ in range(2)]
    for end, job in enumerate(jobs):
        house.complete(job, bytes([end]), parameters={"end_time": end})

    for query in (f"ticked={jobs[0]}&ticked={jobs[1]}", f"a={jobs[0]}&b={jobs[1]}"):
        assert re.search(r"end_time 0\W.*1", words(user.show(f"/ui/diff?{query}")))
    assert "The same run" in user.show(f"/ui/diff?a={jobs[0]}&b={jobs[0]}")
    for query in ("", f"ticked={jobs[0]}", "&".join(f"ticked={one}" for one in [*jobs, jobs[0]])):
        assert "Tick two" in user.show(f"/ui/diff?{query}", status=422)
    user.show(f"/ui/diff?a={jobs[0]}&b={'0' * 32}", status=404)


def test_what_was_pushed_and_was_no_job_is_shown_too(house, user):
    house.complete("ab" * 16, outcome=False, parameters={"x": 1})

    assert "output.bin" in user.show(f"/ui/experiments/{'ab' * 16}")


def test_hostile_text_is_text_everywhere(house, user):
    given = {one: one for one in HOSTILE}
    line = " ".join(HOSTILE)
    jobs = [house.job(parameters=given)["job_id"] for _ in range(3)]
    house.complete(
        jobs[0],
        parameters=given,
        parameter_origin=given,
        logs=list(HOSTILE),
        findings=[Note(severity="warning", subject=one, message=one, hint=one) for one in HOSTILE],
        model_commit=line,
        about={"title": line},
        metrics=given,
    )
    house.fail(jobs[1], log=HOSTILE, logged=9, record={"experiment_id": jobs[1], "parameters": given})
    house.service.queue.beat(jobs[2], "token", Progress(line, 1, 2, HOSTILE, 9), line)
    shown = [" ".join(one.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e").split()) for one in HOSTILE]
    for path in (*(f"/ui/experiments/{one}" for one in jobs), "/ui/queue", "/ui"):
        assert_only_ours(user.show(path))
        said = words(user.page)
        assert all(one in said for one in (shown[:4] if path == "/ui" else shown)), path
    assert_only_ours(user.show(f"/ui/diff?a={jobs[0]}&b={jobs[0]}"))


def test_hostile_text_in_an_address_or_a_form_is_text(user):
    for path in ("/ui", "/ui/diff", "/ui/sign-in", f"/ui/{quote(HOSTILE[0])}"):
        for said in (" ".join(HOSTILE), *HOSTILE[::4]):
            names = ("model", "since", "state", "param", "after", "a", "ticked", "next")
            answer = user.get(
                path + quote(f"/{said}") * (path == "/ui/nowhere"), params=dict.fromkeys(names, said)
            )
            assert answer.status_code < 500
            assert_only_ours(answer.text)
    assert_only_ours(user.fill("/ui/sign-in", status=403, key=HOSTILE[2], next=HOSTILE[2]).text)


def test_each_answer_has_a_policy_without_exceptions(house, user):
    job = house.job()["job_id"]
    for path in ("/ui", f"/ui/experiments/{job}", "/ui/queue", "/ui/nowhere", "/ui/sign-in"):
        answer = user.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert ("no-store", "nosniff") == (
            answer.headers["cache-control"],
            answer.headers["x-content-type-options"],
        )
        assert_only_ours(answer.text)


def test_errors_are_pages_for_pages_alone(house, user):
    for path, status in (
        ("/ui/nowhere", 404),
        (f"/ui/experiments/{'0' * 32}", 404),
        ("/ui/experiments/x", 404),
    ):
        assert "<main" in user.show(path, status=status)
    for path in ("/nowhere", f"/job/{'0' * 32}", "/uix"):
        assert (
            "application/json"
            == user.get(path, headers=house.headers(KEYS["reader"])).headers["content-type"]
        )
    answer = user.post("/ui/sign-out", content=b"x" * (2 << 20))
    assert 413 == answer.status_code
    assert "<main" in answer.text


def test_scripts_and_styles_have_their_types_on_every_system(user, monkeypatch):
    monkeypatch.setattr("mimetypes.guess_type", lambda *_: ("text/plain", None))  # as some Windows have it
    for path, kind in (("pages.js", "text/javascript"), ("pages.css", "text/css"), ("icon.svg", "image/svg")):
        assert user.get(f"/ui/static/{path}").headers["Content-Type"].startswith(kind)


def test_a_run_of_a_sweep_leads_to_the_sweep(house, user):
    truth, job = house.service.truth, house.job()["job_id"]
    assert "Run of the sweep" not in user.show(f"/ui/experiments/{job}")
    request = truth.request(job).model_copy(update={"experiment_id": "cd" * 16, "sweep": "ab" * 16})
    truth.put("cd" * 16, request)
    assert f'href="/ui/sweeps/{"ab" * 16}"' in user.show(f"/ui/experiments/{'cd' * 16}")


def test_a_page_names_no_path_of_the_http_api_as_the_next_step(user):
    for path, status in (
        (f"/ui/experiments/{NOBODY}", 404),
        (f"/ui/experiments/{NOBODY}/exports?name=x", 404),
        (f"/ui/sweeps/{NOBODY}", 404),
        ("/ui/models/nobody", 404),
        ("/ui/sweeps?after=x", 422),
    ):
        problem = user.show(path, status=status).partition("<main")[2]
        assert "Code: <code>" in problem
        assert not re.search(r"(GET|POST) /", problem), path


def test_static_files_are_those_of_the_package(user):
    page = user.show("/ui")
    files = re.findall(r'"(/ui/static/[^"]+)"', page)
    assert {"text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"} == {
        user.get(one).headers["content-type"] for one in files
    }
    assert "immutable" in user.get(files[0]).headers["cache-control"]
    assert "BSD 2-Clause" in user.get("/ui/static/leaflet-1.9.4/LICENSE").text
    for path in (
        "none.css",
        "../page.py",
        "..%2fpage.py",
        "%2e%2e/page.py",
        "",
        "leaflet-1.9.4",
        "/etc/passwd",
    ):
        assert 404 == user.get(f"/ui/static/{path}").status_code


def test_the_first_page_is_small(house, user):
    for _ in range(3):
        house.job(parameters={"end_time": 3})
    page = user.get("/ui").content
    loaded = set(re.findall(rb'(?:src|href)="(/ui/static/[^"]+)"', page))
    assert len(loaded) + 1 <= 15
    assert len(page) + sum(len(user.get(one.decode()).content) for one in loaded) <= 300_000

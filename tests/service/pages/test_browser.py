"""The pages in a browser: nothing keeps somebody out, at any width, light and dark; and the script."""

import io
import json
import shutil
import subprocess
import time

import make_coast
import pytest
from PIL import Image

import dissmodel
from dissmodel.service.queue import Progress
from support.browser import chromium
from support.http_api import KEYS

pytestmark = pytest.mark.slow
WIDTHS, SCHEMES = (360, 1400), ("light", "dark")


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The source of axe-core, which looks for what keeps people out; it is fetched and not kept."""
    folder = tmp_path_factory.mktemp("axe")
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    words = ("npm", "install", "--silent", "--no-save", "--prefix", folder, "axe-core@4")
    if subprocess.run(words, cwd=folder, check=False, capture_output=True).returncode:
        pytest.skip("npm has no axe-core")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def tab(tmp_path):
    """A tab of a browser."""
    if shutil.which("chromium") is None:
        pytest.skip("there is no Chromium")
    with chromium(tmp_path / "profile") as found:
        yield found


@pytest.fixture
def jobs(house, tmp_path, monkeypatch):
    """The ids of jobs in each state; what completed is a real map."""
    monkeypatch.chdir(tmp_path)
    make_coast.main(["--rows", "40", "--cols", "60", "--output", "grid.zip"])
    made = dissmodel.run("coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 5})
    dissmodel.push(made.record_path, to=house.service.settings.place)
    found = {"map": made.record.experiment_id}
    for name in ("completed", "failed", "running", "queued"):
        found[name] = house.job(parameters={"end_time": 5, "tide_height": 6.5})["job_id"]
    house.complete(found["completed"], parameters={"end_time": 5}, logs=["a line of the log"] * 40)
    house.fail(found["failed"], log=("line",) * 30, logged=30)
    progress = Progress("run", 5, 10, ("step 5",) * 30, 30)
    house.service.queue.beat(found["running"], "token", progress, "worker-1")
    return found


def sign_in(house, tab):
    """Sign in by hand: type the key, press Enter."""
    tab.open(f"{house.url}/ui/sign-in")
    tab.ask("document.querySelector('[type=password]').focus()")
    tab.tell("Input.insertText", text=KEYS["submitter"])
    tab.press("Enter", text="\r", windowsVirtualKeyCode=13)
    tab.until("location.pathname === '/ui' && document.readyState === 'complete'")


def test_pages_keep_nobody_out(house, tab, axe, jobs):
    tab.show_as(width=1400)
    tab.open(f"{house.url}/ui/sign-in")
    paths = {
        "sign-in": "/ui/sign-in",
        "list": "/ui",
        "filter": "/ui?state=odd&param=x",
        "none": "/ui?model=x",
    }
    paths |= {name: f"/ui/experiments/{job}" for name, job in jobs.items()}
    paths |= {"large": f"/ui/experiments/{jobs['map']}/map", "queue": "/ui/queue", "error": "/ui/nowhere"}
    paths |= {"diff": f"/ui/diff?a={jobs['map']}&b={jobs['completed']}"}
    paths |= {
        "models": "/ui/models",
        "model": "/ui/models/flood",
        "upload": "/ui/upload",
        "sweeps": "/ui/sweeps",
    }
    body = {"model_name": "flood", "input_dataset": "grid.tif", "vary": {"end_time": [1, 2]}}
    sweep = house.post("/submit_sweep", json=body)["sweep_id"]
    paths |= {"sweep": f"/ui/sweeps/{sweep}", "summary": f"/ui/sweeps/{sweep}/summary"}
    wrong, light = {}, {}
    sign_in(house, tab)
    for name, path in paths.items():
        for width in WIDTHS:
            for scheme in SCHEMES:
                tab.show_as(width=width, scheme=scheme)
                tab.open(house.url + path)
                tab.ask(axe)
                found = json.loads(tab.ask("axe.run(document).then((one) => JSON.stringify(one.violations))"))
                over = tab.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                told = [one for one in tab.complaints if "status of 404" not in one]
                bad = [
                    (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
                    for one in found
                    if one["impact"] in {"serious", "critical"}
                ]
                if bad or over or told:
                    wrong[name, width, scheme] = (bad, over, told)
                with Image.open(io.BytesIO(tab.picture())) as image:
                    light[name, width, scheme] = image.convert("L").getpixel((3, 250))  # beside the content

    assert {} == {key: value[2][0][60:200] if value[2] else value for key, value in wrong.items()}
    assert {key for key, value in light.items() if (value > 128) != (key[2] == "light")} == set()


def test_the_first_page_is_quick_to_load(house, tab, jobs):
    sign_in(house, tab)
    tab.open(f"{house.url}/ui")

    assert {house.url} == {"/".join(one.split("/")[:3]) for one in tab.requests}
    assert len(tab.requests) <= 15
    assert sum(tab.requests.values()) <= 300_000


def test_a_job_is_followed_with_a_script(house, tab, jobs):
    sign_in(house, tab)
    tab.open(f"{house.url}/ui/experiments/{jobs['running']}")
    tab.ask("window.isTheSame = true")
    progress = Progress("run", 9, 10, ("step 9",), 31)
    house.service.queue.beat(jobs["running"], "token", progress, "worker-1")
    tab.until("document.querySelector('[role=status]').textContent.includes('step 9 of 10')")
    tab.until("document.querySelector('.log').textContent.includes('step 9')")
    assert tab.ask("window.isTheSame")
    house.complete(jobs["running"])
    tab.until("document.querySelector('.state').textContent === 'completed'")
    assert [] == tab.complaints


def test_a_job_is_followed_without_a_script(house, tab, jobs):
    sign_in(house, tab)
    tab.show_as(width=1400, script=False)
    tab.open(f"{house.url}/ui/experiments/{jobs['running']}")
    house.complete(jobs["running"])
    late = time.monotonic() + 30
    while "Reproduce" not in tab.tell("DOM.getOuterHTML", nodeId=_root(tab))["outerHTML"]:
        assert time.monotonic() < late
        time.sleep(0.5)


def _root(tab):
    return tab.tell("DOM.getDocument", depth=-1)["root"]["nodeId"]


def test_a_map_can_be_moved_and_is_a_picture_without_a_script(house, tab, jobs):
    sign_in(house, tab)
    tab.open(f"{house.url}/ui/experiments/{jobs['map']}")
    tab.until("document.querySelector('.map.leaflet-container img.leaflet-image-layer')")
    width = "document.querySelector('img.leaflet-image-layer').getBoundingClientRect().width"
    before = tab.ask(width)
    tab.ask("document.querySelector('.leaflet-control-zoom-in').click()")
    tab.until(f"{width} > {before}")
    assert {house.url} == {"/".join(one.split("/")[:3]) for one in tab.requests}  # no tiles from elsewhere
    tab.open(f"{house.url}/ui/experiments/{jobs['failed']}")
    assert not tab.ask("document.querySelector('.map')")
    assert [] == tab.complaints


def test_a_report_runs_its_own_script_and_no_other(house, tab, jobs):
    sign_in(house, tab)
    tab.open(f"{house.url}/ui/experiments/{jobs['map']}/report")

    assert "coastal_raster" in tab.ask("document.title + document.body.textContent")
    assert "null" == tab.ask("self.origin")  # what is in it can't act for who looks at it
    assert [] == tab.complaints


def test_pages_are_used_with_the_keyboard(house, tab, jobs):
    sign_in(house, tab)
    tab.open(f"{house.url}/ui")
    tab.press("Tab", windowsVirtualKeyCode=9)
    assert "Skip to the content" == tab.ask("document.activeElement.textContent")
    assert tab.ask("document.activeElement.getBoundingClientRect().top") >= 0
    tab.press("Enter", text="\r", windowsVirtualKeyCode=13)
    assert "main" == tab.until("document.activeElement.id")
    seen = set()
    for _ in range(12):
        tab.press("Tab", windowsVirtualKeyCode=9)
        seen.add(tab.ask("document.activeElement.tagName"))
        shown = "[getComputedStyle(document.activeElement).outlineStyle, document.activeElement.outerHTML]"
        assert "none" != tab.ask(shown)[0], tab.ask(shown)
    assert {"A", "INPUT", "SELECT", "BUTTON"} <= seen


def test_a_third_tick_takes_the_place_of_the_first(house, tab, jobs):
    sign_in(house, tab)
    tab.open(f"{house.url}/ui")
    ticks = "[...document.querySelectorAll('[name=ticked]')]"
    assert tab.ask("document.querySelector('#pair button').disabled")
    tab.ask(f"{ticks}.slice(0, 3).forEach((one) => one.click())")

    assert [False, True, True] == tab.ask(f"{ticks}.slice(0, 3).map((one) => one.checked)")
    tab.ask("document.querySelector('#pair button').click()")
    tab.until("location.pathname === '/ui/diff'")

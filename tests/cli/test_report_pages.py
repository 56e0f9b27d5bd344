"""Reports as a parser, a browser and a printer take them: valid, readable at any width, light and dark."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import html5lib
import numpy as np
import pytest
from PIL import Image

from support import files
from support.html import Page
from support.sweeps import write_growing

pytestmark = pytest.mark.slow

WIDTHS = (360, 1400)
KINDS = ("run", "snapshots", "measures", "failed", "validation", "sweep", "folder")
# What a page's script can't ask, as it may run none but its own: a page around it asks. Contrast is that of
# WCAG 2.2, of each text with the colour that is behind it.
ASK = """<!doctype html><meta charset="utf-8"><body style="margin:0"><script>
const found = {};
function luminance(text) {
  const [r, g, b, a] = text.match(/[0-9.]+/g).map(Number);
  if (a === 0) return null;
  const [x, y, z] = [r, g, b].map((one) => {
    const part = one / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}
function behind(element, view) {
  for (let one = element; one; one = one.parentElement) {
    const light = luminance(view.getComputedStyle(one).backgroundColor);
    if (light !== null) return light;
  }
  return null;
}
function look(frame) {
  const view = frame.contentWindow, page = frame.contentDocument;
  page.querySelectorAll("details").forEach((one) => { one.open = true; });
  const texts = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  let least = 99, where = "";
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    if (element.closest("svg")) continue;
    const front = luminance(view.getComputedStyle(element).color), back = behind(element, view);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < least) [least, where] = [ratio, texts.currentNode.data.trim().slice(0, 40)];
  }
  const slider = page.querySelector(".slider input");
  const shown = () => [...page.querySelectorAll(".slider .map")].filter((one) => one.offsetParent).map(
    (one) => one.querySelector("figcaption").textContent);
  const seen = [];
  if (slider) {
    for (let at = 0; at <= Number(slider.max); at++) {
      slider.value = at;
      slider.dispatchEvent(new view.Event("input"));
      seen.push(shown().join("|"));
    }
  }
  const root = page.documentElement, dark = view.matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    over: root.scrollWidth - root.clientWidth, height: root.scrollHeight, least, where, seen, dark,
    broken: [...page.images].filter((one) => !one.naturalWidth).length,
    letters: [...page.querySelectorAll("svg text")].filter((one) => !one.closest(".wide")).map(
      (one) => one.getBoundingClientRect().height).reduce((a, b) => Math.min(a, b), 99),
  };
}
const frame = document.createElement("iframe");
frame.style = "border:0;width:WIDTHpx;height:1000px;color-scheme:light dark";
frame.src = "SOURCE";
frame.onload = () => {
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(look(frame));
  document.body.append(out);
};
document.body.append(frame);
</script>"""


@pytest.fixture
def reports(dissmodel, make_coast, prepared, executor_file):
    """Return where the report of each kind is."""

    def fill():
        make_coast.main(["--rows", "60", "--cols", "80", "--output", "grid.zip"])
        coast = ("run", "coastal_raster", "-i", "grid.zip", "-p", "sea_level_rise_rate=0.5", "--report", "-q")
        assert 0 == dissmodel(*coast, "-o", "run.tif", "-p", "end_time=3").code
        assert 0 == dissmodel(*coast, "-o", "snapshots.tif", "-p", "end_time=9", "-p", "every=3").code
        write_growing()
        sweep = ("sweep", "growing.py", "-i", "in.tif", "-o", "many", "-p", "end_time=3", "--workers", "1")
        assert 0 == dissmodel(*sweep, "--vary", "rate=0.1,0.5", "--replicates", "3", "-q").code
        model = executor_file(run="raise ValueError('no <tide> at all')")
        assert 1 == dissmodel("run", model, "-i", "in.tif", "-o", "failed.bin", "-q").code
        measures = ("run", "growing.py", "-i", "in.tif", "-o", "measures.tif", "--report", "-q")
        assert 0 == dissmodel(*measures, "-p", "end_time=5").code
        make_coast.main(["--rows", "20", "--cols", "30", "--output", "cells.gpkg"])
        words = ("run", "coastal_validation", "-i", "cells.gpkg", "-o", "validation/", "-p", "end_time=2")
        assert 0 == dissmodel(*words, "--report", "-q").code
        (failed,) = Path().glob("failed.*.record.json")
        for given, name in ((failed, "failed"), ("many", "sweep"), (".", "folder")):
            assert 0 == dissmodel("report", given, "-o", f"{name}.report.html", "-q").code

    prepared(fill)
    return {name: Path(f"{name}.report.html") for name in KINDS}


@pytest.fixture(scope="session")
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium")
    return found


def browse(chromium, page, *words):
    """Open a page in a browser of its own; return what it prints."""
    quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    quiet += ["--virtual-time-budget=5000", "--allow-file-access-from-files"]
    command = [chromium, *quiet, f"--user-data-dir={Path('profile').absolute()}", *words]
    said = subprocess.run(
        [*command, page.absolute().as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    assert 0 == said.returncode, said.stderr[-500:]
    return said.stdout


def scheme(name):
    return f"--blink-settings=preferredColorScheme={0 if name == 'dark' else 1}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_valid_html(reports, kind):
    page = Page(reports[kind])
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(page.source)  # raises where the standard names an error
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    labels = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]

    assert [1] == [one for one in levels if one == 1]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(ids) == len(set(ids))
    assert set(labels) <= set(ids)
    assert all(one.get("alt") for one in page.of("img"))
    assert all(one.get("scope") in {"col", "row"} for one in page.of("th"))
    assert len(page.of("table")) == len(page.of("caption"))
    charts = [one for one in page.of("div") if one.get("role") == "img"]
    assert len(page.of("svg")) == len(charts)
    assert all(one["aria-label"] for one in charts)


@pytest.mark.parametrize(("kind", "width", "colours"), [*itertools.product(KINDS, WIDTHS, ("light", "dark"))])
def test_a_report_reads_well(reports, chromium, kind, width, colours):
    asking = Path(f"ask-{kind}.html")
    source = reports[kind].absolute().as_uri()
    asking.write_text(ASK.replace("WIDTH", str(width)).replace("SOURCE", source), encoding="utf-8")
    said = browse(chromium, asking, "--dump-dom", f"--window-size={width + 40},1000", scheme(colours))
    found = json.loads(re.search(r'<pre id="found">(.*?)</pre>', said)[1].replace("&amp;", "&"))

    assert 0 == found["over"]
    assert (colours == "dark") is found["dark"]
    assert found["least"] >= 4.5, found["where"]
    assert 0 == found["broken"]
    assert found["letters"] >= 8.0  # pixels
    if kind == "snapshots":
        assert ["before (step 0)", "step 3", "step 6", "after (step 9)"] == found["seen"]


def test_a_picture_of_a_report_is_dark_where_the_reader_wants_it(reports, chromium):
    light = {}
    for colours in ("light", "dark"):
        picture = Path(f"{colours}.png").absolute()
        words = ("--window-size=1400,3000", f"--screenshot={picture}", scheme(colours))
        browse(chromium, reports["snapshots"], *words)
        with Image.open(picture) as image:
            light[colours] = np.asarray(image.convert("L"))

    assert np.median(light["light"]) > 240
    assert np.median(light["dark"]) < 40
    assert (np.abs(np.diff(light["light"].astype(int), axis=0)) > 60).sum() > 5000  # something is drawn


def test_a_report_is_printed_whole(reports, chromium):
    if shutil.which("pdftotext") is None:
        pytest.skip("there is no pdftotext")
    paper = f"--print-to-pdf={Path('p.pdf').absolute()}"
    browse(chromium, reports["snapshots"], "--no-pdf-header-footer", paper)
    text = subprocess.run(["pdftotext", "-layout", "p.pdf", "-"], capture_output=True, text=True, check=True)
    words = text.stdout.split()
    digest = files.document("snapshots.record.json")["files"]["output"]["sha256"]

    assert {"step", "3", "6"} <= set(words)
    assert "State" not in words  # the slider is none on paper
    for row in Page(reports["snapshots"]).rows[:20]:
        assert set(row[-1].split()) <= set(words), row
    assert digest[:20] in text.stdout


def test_without_its_script_a_report_shows_every_state(reports, chromium):
    text = Page(reports["snapshots"]).source
    scriptless = Path("scriptless.html")
    scriptless.write_text(re.sub("(?s)<script>.*?</script>", "", text), encoding="utf-8")
    shown = {}
    for page in (reports["snapshots"], scriptless):
        asking = Path("ask.html")
        source = ASK.replace("WIDTH", "1400").replace("SOURCE", page.absolute().as_uri())
        asking.write_text(source.replace("over:", "states: shown().length, over:"), encoding="utf-8")
        said = browse(chromium, asking, "--dump-dom", "--window-size=1440,1000")
        shown[page.name] = json.loads(re.search(r'<pre id="found">(.*?)</pre>', said)[1])["states"]

    assert {"snapshots.report.html": 1, "scriptless.html": 2} == shown


def test_a_report_of_a_sweep(reports):
    page = Page(reports["sweep"])
    table = Path("many/runs.csv").read_text().splitlines()
    head, first = (dict(zip(table[0].split(","), line.split(","), strict=False)) for line in table[:2])
    row = next(row for row in page.rows if row[:2] == ["1", first["rate"]])

    assert "6 rows of the plan, 6 runs: 6 completed." in page.text
    assert ["rate", "0.1, 0.5"] == page.row("rate")
    assert first["seed"] in row
    assert any(cell.startswith(first["share"][:5]) for cell in row), (head, row)
    assert not Path("many/summary").exists()


@pytest.mark.parametrize(("model", "output"), [("coastal_raster", "r.tif"), ("coastal_vector", "r.gpkg")])
def test_the_report_of_the_real_coast(dissmodel, shared, model, output):
    words = ("run", model, "-i", shared("elevacao_pol.zip"), "-o", output, "-p", "sea_level_rise_rate=0.5")
    assert 0 == dissmodel(*words, "-p", "end_time=11", "-p", "every=1", "--report", "-q").code
    page = Page("r.report.html")
    # Land use before and after 11 steps of 0.5 m, in cells of 900 m².
    before = {"mangrove (1)": 25432, "sea (3)": 3364}
    after = {"mangrove (1)": 25057, "flooded mangrove (9)": 569}

    assert Path("r.report.html").stat().st_size <= 3_000_000
    assert 3 + 10 == len(page.of("img"))
    for name, cells in before.items():
        assert f"{cells * 0.09:,.2f}" == page.row(name)[1]
    for name, cells in after.items():
        assert f"{cells * 0.09:,.2f}" == page.row(name)[2]

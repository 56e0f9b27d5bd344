"""`dissmodel report` and `run --report`: one HTML file that says what the record and its files say."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

from support import files
from support.html import Page

# What a browser might take for something else than text, and what no reader sees.
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)></svg></style>{{ 7 * 7 }}\x1b\u202e"
SEEN = HOSTILE[:-2] + r"\x1b\u202e"
HECTARES = 0.09  # of a cell
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "script"),
    *("h1", "h2", "h3", "p", "ul", "li", "dl", "dt", "dd", "div", "span", "strong", "code", "pre", "a"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "img", "details"),
    *("summary", "blockquote", "svg", "g", "path", "defs", "use", "text", "clippath", "rect"),
}


@pytest.fixture
def ran(dissmodel, make_coast, prepared):
    """The command, in a folder with a small coast, a result with a state on the way, and its report."""

    def fill():
        make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])
        fast = ("-p", "end_time=4", "-p", "sea_level_rise_rate=0.5", "-p", "snapshots=[2]")
        said = dissmodel("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", *fast, "--report")
        assert (0, "") == (said.code, said.err)
        assert said.out.splitlines() == ["r.tif", "r.record.json"]

    prepared(fill)
    return dissmodel


def flooded_mangrove(path):
    """Return the hectares of class 9 in a result."""
    with rasterio.open(path) as dataset:
        return np.count_nonzero(dataset.read(1) == 9) * HECTARES


def test_a_report_says_what_the_record_and_the_files_say(ran):
    page, record = Page("r.report.html"), files.document("r.record.json")
    with rasterio.open("/vsizip/grid.zip/coast.tif") as before, rasterio.open("r.tif") as after:
        drowned = np.count_nonzero((before.read(1) == 1) & (after.read(1) == 9)) * HECTARES
    heads = {row[0]: row for row in page.heads if "flooded mangrove" in row}

    assert record["files"]["output"]["sha256"] == page.row("output")[3] == files.sha256("r.tif")
    assert "as recorded" == page.row("output")[-1] == page.row("input")[-1]
    assert ["4", "step", "command line"] == page.row("end_time")[1:4]
    assert ["0.5", "m/step", "command line"] == page.row("sea_level_rise_rate")[1:4]
    assert f"{flooded_mangrove('r.tif'):,.2f}" == page.row("flooded mangrove (9)")[2]
    between = [row for row in page.rows if row[0] == "2" and len(row) == len(heads["step"])]
    assert f"{flooded_mangrove('r.step0002.tif'):g}" == between[0][heads["step"].index("flooded mangrove")]
    became = [row for row in page.rows if row[0] == "mangrove" and len(row) == len(heads["from ↓ to →"])]
    assert f"{drowned:g}" == became[0][heads["from ↓ to →"].index("flooded mangrove")]
    for said in (
        "dissmodel record verify r.record.json",
        "dissmodel reproduce r.record.json --env recorded",
        record["record_digest"],
        "sea level, m",
        "newly flooded, cells",
    ):
        assert said in page.text
    alts = [attrs["alt"].removeprefix("Map of uso, ") for attrs in page.of("img")]
    begins = ("before (step 0): terrestrial", "after (step 4): terrestrial", "change: what", "step 2.")
    assert all(alt.startswith(begin) for alt, begin in zip(alts, begins, strict=True))


def test_a_report_is_no_part_of_the_result_and_needs_nothing(ran):
    page, written = Page("r.report.html"), Path("r.report.html").read_bytes()
    record = files.document("r.record.json")
    refers = [attrs.get(name) for _, attrs in page.elements for name in ("src", "xlink:href", "data")]
    (policy,) = (one["content"] for one in page.of("meta") if one.get("http-equiv"))
    said = ran("report", "r.tif", "--json")
    shutil.copytree(".", "../there")

    assert not any("report" in one["path"] for one in record["files"].values())
    assert all(one.startswith(("data:image/png;base64,", "#c")) for one in refers if one)
    assert not {"link", "iframe", "object", "base"} & page.tags
    assert "url(" not in page.source.replace("url(#c", "")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert (0, "r.report.html", len(written)) == (
        said.code,
        Path(said.json["report"]).name,
        said.json["size"],
    )
    assert written == Path("r.report.html").read_bytes()
    assert 0 == ran("report", "../there/r.record.json", "-q").code
    assert written == Path("../there/r.report.html").read_bytes()
    again = ("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "--overwrite", "-q")
    assert 0 == ran(*again, "-p", "end_time=1").code
    assert not Path("r.report.html").exists()


def test_text_of_a_record_is_text(ran):
    """Each text that a record holds, but those that place its files, is hostile."""

    def poison(value, name=""):
        if isinstance(value, dict):
            kept = {"step", "end_time", "output", "style", "packages"}
            keys = {key: key if key in kept or name != "free" else f"{key}{HOSTILE}" for key in value}
            return {keys[key]: poison(one, name) for key, one in value.items()}
        if isinstance(value, list):
            return [poison(one, name) for one in value]
        return HOSTILE if isinstance(value, str) else value

    def change(record):
        for name in ("model_name", "command", "code_version", "logs", "runtime", "until"):
            record[name] = HOSTILE if isinstance(record.get(name, ""), str) else poison(record[name])
        for name in ("parameters", "step_metrics", "metrics"):
            record[name] = poison(record[name], "free")
        record["parameters"][HOSTILE] = HOSTILE
        record["parameter_origin"] = dict.fromkeys(record["parameters"], HOSTILE)
        record["code"] |= {"module": HOSTILE, "version": HOSTILE, "package": None, "repository": HOSTILE}
        record["source"] |= {"uri": HOSTILE, "sidecars": {HOSTILE: HOSTILE}}
        record["logs"] = [HOSTILE]
        record["findings"] = [
            dict.fromkeys(("subject", "message", "hint"), HOSTILE) | {"severity": "differs"}
        ]
        record["error"] = dict.fromkeys(("phase", "type", "message", "hint", "traceback"), HOSTILE)
        record["reproduces"] = record["derived_from"] = HOSTILE
        record["reproduction"] = {"verdict": HOSTILE, "changed": [{"name": HOSTILE, "a": HOSTILE, "b": {}}]}
        said = HOSTILE[:-2]  # a line of [about] is printable
        record["about"] = {
            "title": said,
            "description": HOSTILE,
            "creators": [{"name": said, "affiliation": {"name": said}}],
            "keywords": [said],
            "references": [said, "https://example.org/?a=1&b=\"'><script>", "javascript:alert(1)"],
        }

    files.edit("r.record.json", change, seal=True)
    said = ran("report", "r.record.json", "-q")
    page = Page("r.report.html")

    assert 0 == said.code
    assert ELEMENTS >= page.tags
    assert 1 == len(page.of("script"))
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert all(one["href"].startswith("https://") for one in page.of("a"))
    assert page.text.count(SEEN) > 60
    assert "49" not in page.text.replace(SEEN, "").split()


def test_a_run_that_failed(dissmodel, executor_file):
    model = executor_file(run="record.add_log('the tide came'); raise ValueError('no <tide> at all')")
    Path("in.bin").write_bytes(b"1")
    assert 1 == dissmodel("run", model, "-i", "in.bin", "-o", "f.bin", "-q").code
    (failed,) = Path().glob("f.*.record.json")

    said = dissmodel("report", failed)
    page = Page(failed.name.replace(".record.json", ".report.html"))

    assert (0, "") == (said.code, said.err)
    assert "Run of mine that failed" == page.words[page.words.index("Run of mine that failed")]
    for words in ("Phase run", "no <tide> at all", "Traceback", "the tide came", f"record show {failed}"):
        assert words in page.text
    assert not page.of("img")
    assert "reproduce" not in page.text


def test_files_that_are_gone_or_are_others(ran):
    Path("r.step0002.tif").unlink()
    Path("r.qml").write_text("<qgis/>")
    first = ran("report", "r.record.json")
    page = Page("r.report.html")
    with Path("r.tif").open("r+b") as stream:
        stream.write(b"II")
        stream.seek(400)
        stream.write(b"tide")
    second = ran("report", "r.record.json")
    other = Page("r.report.html")

    assert (0, 0) == (first.code, second.code)
    assert "step_2 is missing: no such file style differs: its sha256 is now" in page.text
    assert "missing" == page.row("step_2")[-1]
    assert 3 == len(page.of("img"))
    assert "step 2 can't be drawn" in first.err
    assert "differs" == other.row("output")[-1]
    assert not other.of("img")
    assert "There are no maps: r.tif is not the result" in second.err
    assert "sea level, m" in other.text


@pytest.mark.slow
def test_a_bundle_has_its_report_beside_it_and_takes_along_that_of_its_record(ran):
    assert 0 == ran("record", "bundle", "r.record.json", "-o", "b.zip", "-q").code
    said = ran("report", "b.zip")

    assert (0, "b.report.html") == (said.code, said.out.split()[0])
    assert 4 == len(Page("b.report.html").of("img"))
    assert "dissmodel record verify b.zip" in Page("b.report.html").text


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("r.record.json", "-o", "r.record.json", "--overwrite"), 2, "a file of its result"),
        (("r.record.json", "-o", "r.tif", "--overwrite"), 2, "a file of its result"),
        (("r.record.json", "-o", "notes.html"), 2, "notes.html exists and is not a report"),
        (("r.record.json", "-o", "folder", "--overwrite"), 2, "folder exists and is not a report"),
        (("no.record.json",), 3, "no.record.json: there is no such record."),
        (("folder",), 3, "folder: no record is in this folder or below."),
        (("notes.html",), 3, "notes.html: no record beside it names this file."),
    ],
)
def test_what_has_no_report_or_no_place_for_one(ran, words, code, says):
    Path("notes.html").write_text("mine")
    Path("folder").mkdir()
    before = files.contents()

    said = ran("report", *words)

    assert code == said.code
    assert says in said.err
    assert before == files.contents()


def test_a_report_of_a_folder_lists_its_runs(ran):
    Path("more").mkdir()
    Path("more/bad.record.json").write_text("{}")
    said = ran("report", ".")
    page = Page("records.report.html")

    assert (0, "records.report.html") == (said.code, said.out.split()[0])
    assert "1 run: 1 of coastal_raster completed." in page.text
    assert ["coastal_raster", "completed"] == page.row("r.record.json")[2:4]
    assert "sea_level_rise_rate = 0.5" in page.row("r.record.json")[4]
    assert ["r.report.html"] == [one["href"] for one in page.of("a")]
    assert "bad.record.json" in page.text

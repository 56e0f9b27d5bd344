"""`[about]`, `dissmodel record cite` and `dissmodel record export`."""

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import rasterio
from rasterio.warp import transform_bounds

from support.files import edit, sha256

STAC = "https://schemas.stacspec.org/v1.1.0"
CRATE = "ro-crate-metadata.json"
SPEC = """
[model]
class = "coastal_raster"
[model.parameters]
end_time = 2
[about]
title = "A coast & 50% of it"
license = "cc-by-4.0"
creators = [
  { name = "Silva, Ana", orcid = "0000-0002-1825-0097", affiliation = "INPE" },
  { name = "Grupo Costa" },
]
keywords = ["coast"]
references = ["10.1000/182", "Field notes"]
funding = [{ funder = "FAPESP", award = "2024/1" }]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_coast):
    """A result with `[about]`; never changed by a test."""
    from dissmodel.progress import Silent
    from dissmodel.running.run import RunRequest, run

    folder = tmp_path_factory.mktemp("made")
    make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / "grid.zip")])
    (folder / "coast.toml").write_text(SPEC, encoding="utf-8")
    words = {"input": str(folder / "grid.zip"), "output": str(folder / "my result.tif")}
    run(RunRequest(toml=folder / "coast.toml", **words), Silent())
    return folder


@pytest.fixture
def here(dissmodel, made):
    """The result, here, as `r.record.json`, whose files have a space in their names."""
    for path in made.iterdir():
        shutil.copy(path, path.name)
    Path("my result.record.json").rename("r.record.json")
    edit("r.record.json", lambda it: it["source"].update(uri="grid.zip"))
    return dissmodel


@pytest.fixture
def bare(here):
    """The record without `[about]`, as `bare.record.json`."""
    shutil.copy("r.record.json", "bare.record.json")
    edit("bare.record.json", lambda it: it.pop("about"), seal=True)
    return here


def record(path="r.record.json"):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def graph(path):
    if Path(path).is_dir():
        data = Path(path, CRATE).read_bytes()
    else:
        with zipfile.ZipFile(path) as archive:
            data = archive.read(CRATE)
    return {one["@id"]: one for one in json.loads(data)["@graph"]}


# — [about] —


def test_it_is_in_the_record_under_its_digest(here):
    kept = record()["about"]
    edit("r.record.json", lambda it: it["about"].update(title="mine"))
    said = here("record", "verify", "r.record.json", "--json")

    assert ("CC-BY-4.0", "Grupo Costa") == (kept["license"], kept["creators"][1]["name"])
    assert (4, "differs") == (said.code, said.verdicts["record"])


def test_the_settings_fill_what_the_toml_leaves_out(here):
    creators = '[{ name = "Costa, Rui" }]'
    words = [("about.creators", creators), ("about.title", "mine"), ("about.publisher", "Zenodo, Dryad")]
    for key, value in words[:2]:
        assert 0 == here("config", "set", key, value).code
    Path("dissmodel.toml").write_text('[about]\ndescription = "of the project"\npublisher = "Zenodo"\n')
    Path("coast.toml").write_text(SPEC.replace(re.search(r"creators = \[.*?\n\]\n", SPEC, re.DOTALL)[0], ""))
    ran = here("run", "--toml", "coast.toml", "-i", "grid.zip", "-o", "new.tif", "-q")
    about = record("new.record.json")["about"]
    shown = here("config", "show", "about.creators")

    assert (0, "") == (ran.code, ran.err)
    assert [{"name": "Costa, Rui"}] == about["creators"]
    assert ("A coast & 50% of it", "of the project") == (about["title"], about["description"])
    assert {"name": "Zenodo"} == about["publisher"]
    assert '"Costa, Rui"' in shown.out


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("about.license", "CC-BY-4", "Did you mean CC-BY-4.0"),
        ("about.creators", '[{ name = "A", orcid = "0000-0002-1825-0098" }]', "would end with 7, not 8"),
        ("about.creators", "[{ name = }]", "it has to be tables"),
        ("about.licence", "MIT", "about.license"),
    ],
)
def test_a_wrong_setting_is_not_kept(dissmodel, key, value, says):
    said = dissmodel("config", "set", key, value)

    assert said.code in {2, 3}
    assert says in said.err
    assert "A" not in dissmodel("config", "show", "about.creators").out


def test_a_wrong_toml_runs_nothing_and_validate_tells_it(here):
    Path("coast.toml").write_text(SPEC.replace("0097", "0098"))
    said = here("run", "--toml", "coast.toml", "-i", "grid.zip", "-o", "new.tif", "--json")
    found = here("validate", "--toml", "coast.toml", "-i", "grid.zip")
    misspelt = Path("coast.toml").write_text(SPEC.replace("[about]", "[abuot]"))
    told = here("validate", "--toml", "coast.toml")

    assert (3, "about") == (said.code, said.json["error"]["code"])
    assert "coast.toml: creators.0.orcid" in said.json["error"]["message"]
    assert not Path("new.tif").exists()
    assert (3, True) == (found.code, "creators.0.orcid" in found.out)
    assert misspelt
    assert "Did you mean [about]?" in told.out


# — citations —


def test_citations(here):
    digest = record()["record_digest"]
    text, bibtex, csl = (
        here("record", "cite", "r.record.json", "--format", one) for one in ("text", "bibtex", "csl")
    )
    year = record()["finished_at"][:4]

    assert (
        f"Silva, Ana; Grupo Costa ({year}): A coast & 50% of it. Dataset. Model coastal_raster 0.6.90, "
        f"dissmodel 0.6.90, record {digest}.\n"
    ) == text.out
    assert "  author = {Silva, Ana and {Grupo Costa}},\n" in bibtex.out
    assert r"  title = {{A coast \& 50\% of it}}," in bibtex.out
    assert r"coastal\_raster" in bibtex.out
    assert [{"family": "Silva", "given": "Ana"}, {"literal": "Grupo Costa"}] == csl.json[0]["author"]
    assert "dataset" == csl.json[0]["type"]


def test_without_about_nothing_is_invented(bare):
    run = record()["experiment_id"][:8]
    text = bare("record", "cite", "bare.record.json")
    datacite = bare("record", "export", "bare.record.json", "--format", "datacite").json

    assert text.out.startswith(f"Result of coastal_raster, run {run} (20")
    assert "author" not in bare("record", "cite", "bare.record.json", "--format", "csl").json[0]
    assert [{"name": ":unav"}] == datacite["creators"]
    assert {"name": ":tba"} == datacite["publisher"]
    assert "rightsList" not in datacite


# — exports —


def test_prov_is_what_the_prov_package_writes(here):
    from prov.model import ProvDocument

    said = here("record", "export", "r.record.json", "--format", "prov")
    document = ProvDocument.deserialize(content=said.out)
    again = document.serialize()

    assert document == ProvDocument.deserialize(content=again)
    assert said.json == json.loads(again)
    (activity,) = said.json["activity"].values()
    assert {"$": "2", "type": "xsd:int"} == activity["dissmodel:parameter-end_time"]
    assert f"sha256:{sha256('my result.tif')}" in said.json["entity"]
    assert {one["prov:agent"] for one in said.json["wasAttributedTo"].values()} == {
        "orcid:0000-0002-1825-0097",
        "dissmodel:person-2",
    }


@pytest.fixture(scope="module")
def validator(public_data):
    """Return a function that checks a document against a schema of STAC, all of them local."""
    import jsonschema
    import pystac
    import referencing
    from referencing.jsonschema import DRAFT7

    folders = [Path(pystac.__file__).parent / "validation" / "jsonschemas", public_data / "schemas" / "stac"]
    schemas = [json.loads(path.read_bytes()) for folder in folders for path in folder.rglob("*.json")]
    by_id = {one["$id"].rstrip("#"): one for one in schemas if "$id" in one}
    common = f"{STAC}/item-spec/json-schema/common"
    by_id[f"{common}.json"] = by_id[f"{common}json"]  # as the package spells it
    # What these refer to and the package lacks.
    by_id["https://proj.org/schemas/v0.7/projjson.schema.json"] = {"type": "object"}
    registry = referencing.Registry().with_resources(
        (name, referencing.Resource.from_contents(one, default_specification=DRAFT7))
        for name, one in by_id.items()
    )

    def validate(document, name):
        checker = jsonschema.Draft7Validator(
            by_id[name], registry=registry, format_checker=jsonschema.FormatChecker()
        )
        return [error.message for error in checker.iter_errors(document)]

    return validate


def test_a_stac_item_is_valid_and_says_where_and_what(here, validator):
    said = here("record", "export", "r.record.json", "--format", "stac", "-o", "sub.json", "-q")
    item = json.loads(Path("sub.json").read_text())
    with rasterio.open("my result.tif") as dataset:
        bounds = transform_bounds(dataset.crs, "OGC:CRS84", *dataset.bounds)
        names, dtypes = dataset.descriptions, dataset.dtypes
        code = dataset.crs.to_epsg()
    asset = item["assets"]["output"]

    assert (0, "", "") == (said.code, said.out, said.err)
    assert [] == validator(item, f"{STAC}/item-spec/json-schema/item.json")
    for extension in item["stac_extensions"]:
        assert [] == validator(item, extension)
    assert 4 == len(item["stac_extensions"])
    assert pytest.approx(bounds, abs=1e-6) == item["bbox"]
    assert f"EPSG:{code}" == item["properties"]["proj:code"]
    assert [20, 30] == item["properties"]["proj:shape"]
    digest = hashlib.sha256(Path("my result.tif").read_bytes()).digest()
    assert (bytes([0x12, 32]) + digest).hex() == asset["file:checksum"]
    assert ("my result.tif", [*zip(names, dtypes, strict=True)]) == (
        asset["href"],
        [(band["name"], band["data_type"]) for band in asset["bands"]],
    )


def test_a_broken_item_is_not_valid(here, validator):
    """The validator above finds something where there is something to find."""
    item = here("record", "export", "r.record.json", "--format", "stac").json
    item["assets"]["output"]["file:checksum"] = "xyz"
    item["properties"]["proj:shape"] = ["a"]
    found = [validator(item, extension) for extension in item["stac_extensions"]]

    assert 2 == sum(1 for one in found if one)


def test_a_folder_of_records_is_a_catalogue(here, validator, make_coast):
    import pystac

    Path("runs").mkdir()
    make_coast.main(["--rows", "12", "--cols", "12", "--output", "runs/cells.gpkg"])
    words = ("-i", "runs/cells.gpkg", "-o", "runs/cells_after.gpkg", "-p", "end_time=1", "-q")
    assert 0 == here("run", "flood_vector", *words).code
    for path in Path().glob("my result.*"):
        shutil.copy(path, "runs")
    shutil.copy("r.record.json", "runs/r.record.json")
    shutil.copy("runs/r.record.json", "runs/experiment_record.json")
    shutil.copy("r.record.json", "runs/lost.record.json")
    edit("runs/lost.record.json", lambda it: it.update(experiment_id="f" * 32), seal=True)
    edit("runs/lost.record.json", lambda it: it["files"]["output"].update(path="lost.tif"), seal=True)
    said = here("record", "export", "runs", "--format", "stac", "-o", "catalogue")
    again = here("record", "export", "runs", "--format", "stac", "-o", "catalogue")
    catalogue = pystac.Catalog.from_file("catalogue/catalog.json")
    items = [*catalogue.get_items()]

    assert (0, 2) == (said.code, again.code)
    assert 1 == said.err.count("is not in the catalogue: ")
    assert [] == validator(
        json.loads(Path("catalogue/catalog.json").read_text()),
        f"{STAC}/catalog-spec/json-schema/catalog.json",
    )
    assert {"coastal_raster", "flood_vector"} == {
        json.loads(Path(item.assets["record"].get_absolute_href()).read_text())["model_name"]
        for item in items
    }
    for item in items:
        assert [] == validator(item.to_dict(), f"{STAC}/item-spec/json-schema/item.json")
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).is_file()
        west, south, east, north = item.bbox
        assert -46 < west < east < -43
        assert -4 < south < north < 0


def test_a_crate_needs_a_licence(bare):
    words = ("record", "export", "bare.record.json", "--format", "ro-crate", "-o", "crate.zip")
    refused = bare(*words)
    wrong = bare(*words, "--license", "CC-BY-4")
    made = bare(*words, "--license", "CC0-1.0", "-q")
    other = bare(
        "record", "export", "r.record.json", "--format", "ro-crate", "-o", "c.zip", "--license", "MIT"
    )

    assert (3, 3, 0) == (refused.code, wrong.code, made.code)
    assert "--license CC-BY-4.0" in refused.err
    assert "Did you mean CC-BY-4.0" in wrong.err
    assert {"@id": "https://spdx.org/licenses/CC0-1.0"} == graph("crate.zip")["./"]["license"]
    assert (3, True) == (other.code, "its licence is CC-BY-4.0, not MIT" in other.err)


def test_a_crate_is_a_bundle_and_a_folder(here):
    words = ("record", "export", "r.record.json", "--format", "ro-crate", "-q", "-o")
    codes = [here(*words, one).code for one in ("crate.zip", "crate", "crate", "crate.zip")]
    here("record", "bundle", "r.record.json", "-o", "bundle.zip", "-q")
    found = graph("crate")
    files = {name for name, one in found.items() if one["@type"] == "File"}
    root, action = found["./"], found[f"#run-{record()['experiment_id']}"]

    assert [0, 0, 2, 2] == codes
    assert sha256("crate.zip") == sha256("bundle.zip")
    assert found == graph("crate.zip")
    assert {one["@id"] for one in root["hasPart"]} == files
    assert {name.replace("%20", " ") for name in files} == {
        path.relative_to("crate").as_posix() for path in Path("crate").rglob("*") if path.is_file()
    } - {CRATE}
    for name in files:
        assert sha256(Path("crate", name.replace("%20", " "))) == found[name]["sha256"]
    assert {"@id": "my%20result.tif"} in action["result"]
    assert {"@id": "input/grid.zip"} in action["object"]
    assert "SoftwareApplication" == found[action["instrument"]["@id"]]["@type"]
    shutil.move("grid.zip", "gone.zip")
    shown, verified, again = (
        here(*one)
        for one in (
            ("record", "show", "crate.zip"),
            ("record", "verify", "crate/record.json"),
            ("reproduce", "crate.zip", "--check"),
        )
    )
    assert ([0, 0, 0], "") == ([shown.code, verified.code, again.code], shown.err)
    assert again.out.startswith("identical-file")


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_crate_that_was_edited_is_told(here, form):
    here("record", "export", "r.record.json", "--format", "ro-crate", "-q", "-o", "crate")
    path = Path("crate", CRATE)
    path.write_text(path.read_text(encoding="utf-8").replace("Grupo Costa", "Grupo Mar"), encoding="utf-8")
    given = "crate/record.json"
    if form == "zip":
        given = shutil.make_archive("edited", "zip", "crate")
    shown, verified, again = (
        here("record", "show", given),
        here("record", "verify", given, "--json"),
        here("reproduce", given, "--check"),
    )

    assert (0, 4, 0) == (shown.code, verified.code, again.code)
    assert f"its {CRATE} was edited after dissmodel wrote it" in shown.err
    assert f"its {CRATE} was edited after dissmodel wrote it" in again.err
    assert {"differs"} == {one["verdict"] for one in verified.json["checks"] if one["name"] == "crate"}
    assert "ok" == verified.verdicts["record"]


def test_a_crate_of_another_program_is_not_called_edited(here):
    with zipfile.ZipFile("x.zip", "w") as archive:
        for name in ("my result.tif", "my result.qml", "r.record.json"):
            archive.write(name)
        archive.writestr(
            CRATE, json.dumps({"@graph": [{"@id": CRATE, "identifier": "https://doi.org/10.1/x"}]})
        )

    assert (0, "") == ((said := here("record", "show", "x.zip")).code, said.err)


def test_a_run_that_failed_and_a_reproduction(here, executor_file):
    model = executor_file(run="raise ValueError('no tide')")
    assert 1 == here("run", model, "-i", "grid.zip", "-o", "f.bin", "-q").code
    (failed,) = (path.name for path in Path().glob("f.*.record.json"))
    words = ("--format", "ro-crate", "--license", "MIT", "-q", "-o", "failed.zip")
    made = here("record", "export", failed, *words)
    others = [here("record", "export", failed, "--format", one).code for one in ("prov", "stac", "datacite")]
    assert 0 == here("reproduce", "r.record.json", "-o", "again.tif", "-q").code
    words = ("--format", "ro-crate", "-q", "-o", "again.zip", "--license", "CC-BY-4.0")
    repeated = here("record", "export", "again.record.json", *words)
    (action,) = (one for one in graph("failed.zip").values() if one["@type"] == "CreateAction")
    run, comparison = (graph("again.zip")[one["@id"]] for one in graph("again.zip")["./"]["mentions"])
    shown = here("record", "show", "failed.zip")

    assert (0, 0, 0) == (made.code, repeated.code, shown.code)
    assert [0, 3, 3] == others
    assert "http://schema.org/FailedActionStatus" == action["actionStatus"]
    assert action["error"].endswith("ValueError: no tide")
    with zipfile.ZipFile("failed.zip") as archive:
        assert f"model/{model.name}" in archive.namelist()
        assert model.read_bytes() == archive.read(f"model/{model.name}")
    assert {"@id": "again.tif"} in run["result"]
    assert {"@id": "again.tif"} in comparison["object"]
    assert "CreateAction" == run["@type"] == comparison["@type"]
    assert comparison["name"].endswith(f"{record()['experiment_id']}: identical-file")


def test_the_picture_and_the_report_come_along(here):
    assert 0 == here("record", "show", "r.record.json", "--preview").code
    Path("r.report.html").write_text("<!doctype html>")
    assert 0 == here("record", "bundle", "r.record.json", "-o", "b.zip", "-q").code
    with zipfile.ZipFile("b.zip") as archive:
        names, readme = archive.namelist(), archive.read("README.md").decode()

    assert {"r.preview.png", "r.report.html"} <= set(names)
    assert "`dissmodel reproduce record.json --env recorded`" in readme
    assert (
        "The name `dissmodel` on PyPI is of another package" in readme
        or 'pip install "dissmodel @ git+' in readme
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("cite", "r.record.json"), 4, "its record does not match its digest"),
        (("export", "r.record.json", "--format", "prov"), 4, "its record does not match its digest"),
        (("export", "r.record.json", "--format", "stac"), 4, "its record does not match its digest"),
        (("export", "no.record.json", "--format", "prov"), 3, "there is no such record"),
        (("export", "my result.tif", "--format", "prov"), 3, "this is not a record"),
        (("export", ".", "--format", "prov"), 3, ""),
        (("export", "empty", "--format", "stac", "-o", "c"), 3, "there is no result in it"),
        (("export", "r.record.json", "--format", "rdf"), 2, "ro-crate"),
        (("export", "r.record.json", "--format", "ro-crate"), 2, "Where is the crate to be?"),
        (("export", "r.record.json", "--format", "prov", "--no-input"), 2, "are for a crate"),
    ],
)
def test_bad_input(here, words, code, says):
    Path("empty").mkdir()
    edit("r.record.json", lambda it: it.update(seed=1))
    said = here("record", *words)

    assert (code, True) == (said.code, says in said.err), said.err


def test_a_hostile_record_is_exported_without_harm(here):
    edit(
        "r.record.json",
        lambda it: it["about"].update(creators=[{"name": "A", "orcid": "0000-0002-1825-0098"}]),
        seal=True,
    )
    wrong = here("record", "cite", "r.record.json")
    shutil.copy("my result.tif", "x.tif")
    edit(
        "r.record.json",
        lambda it: it["about"].update(creators=[{"name": "A {B}"}], license="CC0-1.0"),
        seal=True,
    )
    edit("r.record.json", lambda it: it["files"]["output"].update(media_type='a/b" x'), seal=True)
    edit("r.record.json", lambda it: it["code"].update(repository="javascript:alert(1)"), seal=True)
    made = here("record", "export", "r.record.json", "--format", "ro-crate", "-q", "-o", "c.zip")
    taken = here(
        "record", "export", "r.record.json", "--format", "stac", "-o", "r.record.json", "--overwrite"
    )

    assert (3, True) == (wrong.code, "would end with 7" in wrong.err)
    assert 0 == made.code
    assert "javascript" not in json.dumps(graph("c.zip"))
    assert "application/octet-stream" == graph("c.zip")["my%20result.tif"]["encodingFormat"]
    assert (2, True) == (taken.code, "one of the files" in taken.err)

"""The coast, for real: from an input to a result through the command line, by the published numbers."""

import hashlib
import itertools
import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from example_pages import typed

from support.cases import mostly_slow

ROOT = Path(__file__).resolve().parents[2]


def bands(path):
    """Return a result's bands by name."""
    with rasterio.open(path) as source:
        return dict(zip(source.descriptions, source.read(), strict=True))


def published_hash(path):
    """The first 16 digits of sha256(uso as int16, solo as int16, alt as float64), cells in visiting order."""
    found = bands(path)
    inside = found["uso"] != -9999
    turn = np.argsort(found["order"][inside], kind="stable") if "order" in found else np.arange(inside.sum())
    digest = hashlib.sha256()
    for name, dtype in (("uso", "<i2"), ("solo", "<i2"), ("alt", "<f8")):
        digest.update(found[name][inside][turn].astype(dtype).tobytes())
    return digest.hexdigest()[:16]


def cells(path, band="uso"):
    codes, count = np.unique(bands(path)[band], return_counts=True)
    return {int(code): int(n) for code, n in zip(codes, count, strict=True) if code != -9999}


@pytest.fixture(scope="module")
def coasts(tmp_path_factory, make_coast):
    """One small coast in every form that the example can give it, and zipped."""
    folder = tmp_path_factory.mktemp("coasts")
    for name in ("grid.tif", "grid.gpkg", "grid.geojson"):
        make_coast.main(["--rows", "40", "--cols", "60", "--output", str(folder / name)])
    for form in ("tiff", "gpkg", "shp", "geojson"):
        make_coast.main(
            ["--rows", "40", "--cols", "60", "--format", form, "--output", str(folder / f"{form}.zip")]
        )
    with zipfile.ZipFile(folder / "shp.zip") as archive:
        archive.extractall(folder)
        (folder / "grid.shp.name").write_text(
            next(name for name in archive.namelist() if name.endswith(".shp"))
        )
    return folder


def test_maranhao_gives_the_published_result_where_the_input_lay(dissmodel, shared):
    source = shared("elevacao_pol.zip")

    said = dissmodel(
        *("run", "coastal_raster", "--input", source, "--output", "result.tif", "--json"),
        *("--param", "sea_level_rise_rate=0.5", "--param", "end_time=11"),
    )

    assert 0 == said.code
    assert "e43132274be7def5" == published_hash("result.tif")
    uso = {1: 25057, 2: 3222, 3: 3364, 4: 14806, 5: 925, 6: 244, 7: 1137, 8: 653, 9: 569, 10: 519}
    assert uso == cells("result.tif")
    assert {1: 699, 2: 9709, 3: 16723, 4: 22358, 9: 1007} == cells("result.tif", "solo")
    record = said.json["record"]
    assert (2469, 1000937.0) == (record["step_metrics"]["flooded"][-1], record["step_metrics"]["sum_alt"][-1])
    assert ([323, 349], 50496) == (record["grid"]["shape"], record["grid"]["cells"])
    given = pyogrio.read_info(f"/vsizip/{source}/elevacao_pol.shp")
    west, south, east, north = given["total_bounds"]
    with rasterio.open("result.tif") as result:
        assert (323, 349) == result.shape
        assert (30.0, 0.0, 0.0, -30.0) == pytest.approx(
            (result.transform.a, result.transform.b, result.transform.d, result.transform.e), abs=1e-6
        )
        assert (west, south, east, north) == pytest.approx(tuple(result.bounds), abs=0.01)
        assert rasterio.CRS.from_wkt(given["crs"]) == result.crs
        assert "11" == result.tags()["passo"]
    assert 0 == dissmodel("record", "verify", "result.record.json").code


def test_terrame_s_own_cells(dissmodel, shared):
    import csv

    dissmodel(
        *("run", "coastal_raster", "--input", shared("elevacao_pol.zip"), "--output", "ten.tif", "-q"),
        *("--param", "taxa_elevacao=0.5", "--param", "end_time=10"),
    )
    found = bands("ten.tif")
    with shared("terrame_flood_after_10_steps.csv").open(encoding="utf-8") as stream:
        theirs = list(csv.DictReader(stream))

    assert 69 == len(theirs)
    for cell in theirs:
        row, col = int(cell["row"]), int(cell["col"])
        for name in ("uso", "solo", "alt"):
            assert float(cell[name]) == found[name][row, col]


@pytest.mark.parametrize(
    ("name", "rate", "steps", "digest"),
    [
        ("synthetic_grid_60x60_shp.zip", 0.011, 10, "7e24dced38f33514"),
        ("synthetic_grid_60x60_tiff.zip", 0.011, 10, "dd0c00856850e9f2"),
        ("synthetic_grid_60x60_tiff.zip", 0.5, 20, "9961b2d42022ca63"),
    ],
)
@pytest.mark.parametrize("given", mostly_slow(["auto", "named"], "auto"))
def test_the_synthetic_grid(dissmodel, shared, name, rate, steps, digest, given):
    kind = "vector" if "shp" in name else "tiff"

    said = dissmodel(
        *("run", "coastal_raster", "-i", shared(name), "-o", "r.tif", "-q"),
        *("-p", f"sea_level_rise_rate={rate}", "-p", f"end_time={steps}"),
        *("--format", "auto" if given == "auto" else kind),
    )

    assert (0, digest) == (said.code, published_hash("r.tif"))


def test_the_run_of_the_example_gives_the_numbers_of_its_readme(dissmodel, make_coast):
    text = (ROOT / "examples" / "coast" / "README.md").read_text(encoding="utf-8")
    migrated = re.search(r"moved inland, ([\d,]+) cells", text)[1].replace(",", "")
    drowned = re.search(r"drowned where it stood, ([\d,]+) cells", text)[1].replace(",", "")
    town = re.search(r"([\d,]+) cells of the town", text)[1]
    make_coast.main(["--output", "grid.zip"])
    (words,) = (words for words in typed("coast") if "run" in words and "result.tif" in words)

    said = dissmodel(*words[1:], "--json")

    found = cells("result.tif")
    assert (int(migrated), int(drowned), int(town)) == (found[8], found[9], found[7])
    assert 88 == len(said.json["record"]["step_metrics"]["flooded"])


FORMS = [
    "grid.tif",
    "grid.gpkg",
    "grid.geojson",
    "a shapefile",
    "tiff.zip",
    "gpkg.zip",
    "shp.zip",
    "geojson.zip",
]


@pytest.fixture(scope="module")
def expected(coasts, tmp_path_factory):
    """The result on the plain GeoTIFF, through the library."""
    from dissmodel.progress import Silent
    from dissmodel.running.run import RunRequest, run

    output = tmp_path_factory.mktemp("expected") / "r.tif"
    parameters = {"end_time": 6, "sea_level_rise_rate": 0.5}
    run(
        RunRequest(
            model="coastal_raster",
            input=str(coasts / "grid.tif"),
            output=str(output),
            parameters=parameters,
        ),
        Silent(),
    )
    return bands(output)


@pytest.mark.fast_cases("named-geojson.zip", "auto-shp.zip", "auto-tiff.zip")
@pytest.mark.parametrize(
    ("given", "form"),
    mostly_slow(
        [*itertools.product(["auto", "named"], FORMS)],
        *(("auto", form) for form in ("grid.gpkg", "tiff.zip", "shp.zip")),
        *(("named", form) for form in ("geojson.zip", "a shapefile")),
    ),
)
def test_a_coast_is_the_same_in_every_form(dissmodel, coasts, expected, form, given):
    name = (coasts / "grid.shp.name").read_text() if form == "a shapefile" else form
    kind = "raster" if "tif" in name else "vector"

    said = dissmodel(
        *("run", "coastal_raster", "-i", coasts / name, "-o", "r.tif", "-q"),
        *("-p", "end_time=6", "-p", "sea_level_rise_rate=0.5"),
        *(() if given == "auto" else ("--format", kind)),
    )

    assert 0 == said.code
    found = bands("r.tif")
    for band in ("uso", "alt", "solo"):
        assert np.array_equal(expected[band], found[band])


def test_a_small_coast_gives_the_numbers_of_the_rules(dissmodel, coasts):
    """They are of the rules in plain Python: a clone without the public data has them too."""
    said = dissmodel(
        *("run", "coastal_raster", "-i", coasts / "grid.tif", "-o", "r.tif", "--json"),
        *("-p", "end_time=6", "-p", "sea_level_rise_rate=0.5"),
    )

    steps = said.json["record"]["step_metrics"]
    assert (0, "3fba48dc48ac44c4") == (said.code, published_hash("r.tif"))
    assert (255, 789) == (steps["flooded"][-1], steps["sources"][-1])
    assert 2384 == sum(cells("r.tif").values())


@pytest.mark.parametrize(
    ("form", "kind"),
    mostly_slow(
        [
            ("grid.tif", "vector"),
            ("tiff.zip", "vector"),
            ("grid.gpkg", "raster"),
            ("shp.zip", "tiff"),
            ("geojson.zip", "raster"),
        ],
        ("tiff.zip", "vector"),
        ("grid.gpkg", "raster"),
    ),
)
def test_a_format_that_the_input_is_not_is_said_so(dissmodel, coasts, form, kind):
    said = dissmodel("run", "coastal_raster", "-i", coasts / form, "-o", "r.tif", "--format", kind)

    assert said.code in {2, 3}
    assert form in said.err
    assert "Traceback" not in said.err
    assert not Path("r.tif").exists()


def test_paths_with_spaces_and_letters_of_any_script(dissmodel, coasts):
    folder = Path("são luís – 海岸")
    folder.mkdir()
    shutil.copy(coasts / "tiff.zip", folder / "maré alta.zip")

    said = dissmodel(
        *("run", "coastal_raster", "-i", folder / "maré alta.zip", "-o", folder / "resultado final.tif"),
        *("-p", "end_time=1"),
    )

    assert (0, "") == (said.code, said.err)
    record = json.loads((folder / "resultado final.record.json").read_text(encoding="utf-8"))
    assert "resultado final.tif" == record["output_path"]
    assert 0 == dissmodel("record", "verify", folder / "resultado final.record.json").code


def test_a_run_goes_on_from_where_another_ended_with_the_same_bits(dissmodel, coasts):
    words = ("run", "coastal_raster", "-p", "sea_level_rise_rate=0.5", "-q")
    for source, output, last in (
        (coasts / "shp.zip", "three.tif", 3),
        ("three.tif", "six.tif", 6),
        (coasts / "shp.zip", "at-once.tif", 6),
    ):
        assert 0 == dissmodel(*words, "-i", source, "-o", output, "-p", f"end_time={last}").code

    assert published_hash("at-once.tif") == published_hash("six.tif")

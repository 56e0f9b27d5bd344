"""`dissmodel run --preview` and `dissmodel record show --preview`: a result, drawn."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dissmodel.record import store
from dissmodel.record.digest import sha256_file
from support import files
from support.cases import mostly_slow

RED, GREEN, LIME = (255, 116, 85), (0, 100, 0), (155, 255, 130)
SHOW = ("record", "show", "r.record.json", "--preview")
# Land use of the real coast after 11 steps of 0.5 m, and before.
BEFORE = {1: 25432, 2: 4567, 3: 3364, 4: 15943, 5: 1190}
AFTER = {1: 25057, 2: 3222, 3: 3364, 4: 14806, 5: 925, 6: 244, 7: 1137, 8: 653, 9: 569, 10: 519}
CELL = 900.0  # m²


@pytest.fixture
def grid(dissmodel, make_coast):
    """The command, in a folder with a small coast."""
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])
    return dissmodel


def run(dissmodel, model="coastal_raster", source="grid.zip", output="r.tif", *words):
    fast = ("-p", "end_time=5", "-p", "sea_level_rise_rate=0.5")
    return dissmodel("run", model, "-i", source, "-o", output, *fast, *words)


@pytest.fixture
def ran(dissmodel, make_coast, prepared):
    """The command, in a folder with a small coast and a result."""

    def fill():
        make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])
        assert 0 == run(dissmodel, "coastal_raster", "grid.zip", "r.tif", "-q").code

    prepared(fill)
    return dissmodel


@pytest.fixture
def ran_here(grid):
    """The same, where the record names the coast in this folder."""
    assert 0 == run(grid, "coastal_raster", "grid.zip", "r.tif", "-q").code
    return grid


def colours(path):
    """Return how many pixels of a picture have each colour."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    return dict(zip(map(tuple, found.tolist()), counts.tolist(), strict=True))


def edit(change):
    files.edit("r.record.json", change, seal=True)


def test_a_run_draws_what_it_did_and_the_record_knows_nothing_of_it(grid):
    said = run(grid, "coastal_raster", "grid.zip", "r.tif", "--preview")
    record = store.read(Path("r.record.json"))

    assert (0, "") == (said.code, said.err)
    assert ["r.tif", "r.record.json"] == said.out.splitlines()
    with Image.open("r.preview.png") as picture:
        assert record.experiment_id == picture.info["dissmodel"]
    assert not any("preview" in one.path for one in record.files.values())
    assert 0 == grid("record", "verify", "r.record.json").code


def test_the_picture_of_a_record_is_that_of_its_run(grid):
    run(grid, "coastal_raster", "grid.zip", "r.tif", "--preview", "-q")
    drawn = Path("r.preview.png").read_bytes()

    said = grid(*SHOW)

    assert (0, "r.preview.png\n", "") == (said.code, said.out, said.err)
    assert drawn == Path("r.preview.png").read_bytes()


@pytest.mark.parametrize(("model", "output"), [("coastal_raster", "r.tif"), ("coastal_vector", "r.gpkg")])
@pytest.mark.slow
def test_the_areas_of_the_real_coast_are_exact(dissmodel, shared, model, output):
    """Polygons before; after, the same as polygons and as pixels."""
    said = dissmodel(
        *("run", model, "-i", shared("elevacao_pol.zip"), "-o", output, "--preview", "--json"),
        *("-p", "sea_level_rise_rate=0.5", "-p", "end_time=11"),
    )
    found = said.json["preview"]
    rows = {row["code"]: row for row in found["amounts"]}

    assert ("uso", True, []) == (found["band"], found["before"], found["warnings"])
    assert AFTER == {code: row["cells_after"] for code, row in rows.items()}
    assert BEFORE == {code: row["cells_before"] for code, row in rows.items() if row["cells_before"]}
    assert [AFTER[code] * CELL for code in rows] == pytest.approx(
        [row["area_after"] for row in rows.values()]
    )
    # Drowned mangrove is on the picture twice, after and as a change: 569 of 50,496 cells of a map that
    # covers 45 % of its panel of 1290 by 1195 pixels.
    share = 569 / 50496 * 0.448 * 1290 * 1195
    assert 2 * share == pytest.approx(colours("r.preview.png")[RED], rel=0.7)


@pytest.mark.slow
def test_raster_and_polygons_of_one_coast_look_the_same(grid, make_coast):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "cells.gpkg"])
    for model, source, output in (
        ("coastal_raster", "grid.zip", "a.tif"),
        ("coastal_raster", "cells.gpkg", "b.tif"),
        ("coastal_vector", "cells.gpkg", "c.gpkg"),
        ("coastal_vector", "cells.gpkg", "d.geojson"),  # in degrees
    ):
        assert 0 == run(grid, model, source, output, "--preview", "-q").code

    maps = [colours(f"{name}.preview.png") for name in "abcd"]
    for colour in (RED, GREEN, LIME):
        seen = [one.get(colour, 0) for one in maps]

        assert seen[0] > 0 or colour == RED
        assert max(seen) - min(seen) <= 0.02 * max(*seen, 1)


@pytest.mark.slow
def test_names_of_the_input_are_those_of_the_map(dissmodel, make_coast):
    import geopandas

    make_coast.main(["--rows", "12", "--cols", "15", "--output", "cells.gpkg"])
    cells = geopandas.read_file("cells.gpkg").rename(columns={"uso": "LandUse"})
    cells["uso"] = 3.0  # of no concern to the model
    cells.to_file("odd.gpkg")
    mapped = ("--column-map", "uso=LandUse", "--preview", "--json")

    for model, output in (("coastal_vector", "r.gpkg"), ("coastal_raster", "s.tif")):
        found = run(dissmodel, model, "odd.gpkg", output, *mapped).json["preview"]
        before = {row["code"]: row["cells_before"] for row in found["amounts"] if row["cells_before"]}

        assert {"r.gpkg": "LandUse", "s.tif": "uso"}[output] == found["band"]
        assert cells["LandUse"].value_counts().to_dict() == before


@pytest.mark.fast_cases("gone")
@pytest.mark.parametrize("change", ["gone", "other"])
def test_an_input_that_is_not_what_it_was_is_left_out(ran_here, change):
    if change == "gone":
        Path("grid.zip").unlink()
    else:
        Path("grid.zip").write_bytes(Path("grid.zip").read_bytes() + b"\0")

    said = ran_here(*SHOW)
    found = ran_here(*SHOW, "--json").json["preview"]

    assert (0, "r.preview.png\n") == (said.code, said.out)
    assert "warning: The state before can't be drawn: " in said.err
    assert (False, 1) == (found["before"], len(found["warnings"]))
    assert {None} == {row["cells_before"] for row in found["amounts"]}


def test_an_input_that_moved_along_is_found(ran_here):
    Path("there").mkdir()
    for name in ("grid.zip", "r.tif", "r.record.json"):
        shutil.move(name, "there")

    said = ran_here("record", "show", "there/r.record.json", "--preview", "--json")

    assert (True, []) == (said.json["preview"]["before"], said.json["preview"]["warnings"])
    assert Path("there/r.preview.png").exists()


def test_a_result_that_is_another_is_not_drawn_under_this_name(ran):
    Path("r.tif").write_bytes(Path("r.tif").read_bytes() + b"\0")
    changed = ran(*SHOW)
    Path("r.tif").unlink()
    gone = ran(*SHOW)

    assert (4, 3) == (changed.code, gone.code)
    assert "is not the result that r.record.json describes" in changed.err
    assert "can't be drawn: no such file" in gone.err
    assert not Path("r.preview.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_result_that_was_not_fetched_is_not_drawn(ran):
    Path("r.tif").unlink()
    Path("r.tif").symlink_to(".git/annex/objects/Zq/9w/MD5E-s12--9001.tif/MD5E-s12--9001.tif")

    said = ran(*SHOW)

    assert 3 == said.code
    assert "git annex get" in said.err


def test_only_a_picture_of_ours_is_replaced(ran):
    place = Path("r.preview.png")
    place.write_bytes(b"\x89PNG\r\n\x1a\n of someone's")
    refused = ran(*SHOW)
    kept = place.read_bytes()
    after_run = run(ran, "coastal_raster", "grid.zip", "s.tif", "-q")
    replaced = ran(*SHOW, "--overwrite")
    again = ran(*SHOW)

    assert (2, 0, 0, 0) == (refused.code, after_run.code, replaced.code, again.code)
    assert "--overwrite" in refused.err
    assert b"\x89PNG\r\n\x1a\n of someone's" == kept


@pytest.mark.slow
def test_an_old_picture_goes_with_the_result_that_it_shows(ran):
    drawn = ran(*SHOW)
    replaced = run(ran, "coastal_raster", "grid.zip", "r.tif", "--overwrite")
    stale = Path("r.preview.png").exists()
    Path("r.preview.png").write_bytes(b"\x89PNG\r\n\x1a\n of someone's")
    again = run(ran, "coastal_raster", "grid.zip", "r.tif", "--overwrite")

    assert (0, 0, 0) == (drawn.code, replaced.code, again.code)
    assert not stale
    assert Path("r.preview.png").read_bytes().endswith(b"of someone's")


def test_a_run_that_fails_costs_no_picture(ran, executor_file):
    drawn = ran(*SHOW)
    picture = Path("r.preview.png").read_bytes()
    failed = ran("run", executor_file(run="1 / 0"), "-i", "grid.zip", "-o", "r.tif", "--overwrite")

    assert (0, 1) == (drawn.code, failed.code)
    assert picture == Path("r.preview.png").read_bytes()


def test_a_folder_of_that_name_and_a_file_of_the_result_stay(ran):
    Path("r.preview.png").mkdir()
    folder = ran(*SHOW, "--overwrite")
    Path("r.preview.png").rmdir()
    shutil.copy("r.tif", "r.preview.png")
    digest = sha256_file("r.tif")
    edit(
        lambda document: document["files"].update(
            picture={"path": "r.preview.png", "size": 1, "sha256": digest}
        )
    )
    own = ran(*SHOW, "--overwrite")

    assert (2, 2) == (folder.code, own.code)
    assert digest == sha256_file("r.preview.png")


def test_a_picture_that_can_not_be_drawn_costs_the_run_nothing(grid):
    Path("r.preview.png").write_bytes(b"mine")
    taken = run(grid, "coastal_raster", "grid.zip", "r.tif", "--preview")
    as_json = run(grid, "coastal_raster", "grid.zip", "r.tif", "--preview", "--json", "--overwrite")

    assert 0 == taken.code
    assert "warning: No picture was drawn: " in taken.err
    assert "preview" not in taken.out
    assert 0 == grid("record", "verify", "r.record.json").code
    assert "r.preview.png" == Path(as_json.json["preview"]["path"]).name


def test_a_result_that_is_no_map_is_said_so(grid, executor_file):
    path = executor_file(save="Path(record.output_path).write_text('# report'); return record")

    said = grid("run", path, "-i", "grid.zip", "-o", "r.md", "--preview")
    shown = grid(*SHOW)

    assert (0, 3) == (said.code, shown.code)
    assert "warning: No picture was drawn: " in said.err
    assert "not a map" in shown.err


def test_a_failed_run_has_nothing_to_draw(grid, executor_file):
    path = executor_file(run="1 / 0")
    grid("run", path, "-i", "grid.zip", "-o", "r.tif", "--preview")
    (record,) = Path().glob("r.*.record.json")

    said = grid("record", "show", record, "--preview")

    assert (3, "") == (said.code, said.out)
    assert "there is no result to draw" in said.err


def test_a_model_that_is_not_known_here_is_drawn_with_numbers(ran):
    edit(lambda document: document.update(model_name="x.py", code={"module": "x"}))

    found = ran(*SHOW, "--json").json["preview"]

    assert "classes of the model are unknown here" in " ".join(found["warnings"])
    assert {row["name"] for row in found["amounts"]} <= set("123456789") | {"10"}


@pytest.mark.fast_cases("model_name")
@pytest.mark.parametrize(
    "change",
    mostly_slow(
        {
            "experiment_id": {"experiment_id": "é\n\x1b[2J" * 50},
            "model_name": {
                "model_name": "$\\frac{" * 300,
                "parameters": {"\x1b]0;": ["$", "\n"] * 999},
            },
            "step_metrics": {"step_metrics": {"step": [0.5, 1e300]}},
            "column_map": {"column_map": {"uso": ["x"]}, "band_map": {"uso": 7}},
            "created_at": {"created_at": "0001-01-01T00:00:00Z"},
        },
        "experiment_id",
        "model_name",
    ),
)
def test_whatever_a_record_says_is_drawn_or_refused(ran, change):
    edit(lambda document: document.update(change))

    said = ran(*SHOW)

    assert 0 == said.code
    assert "\x1b" not in said.out + said.err


def test_quiet_draws_without_a_word(ran):
    said = ran(*SHOW, "-q")

    assert (0, "", "") == (said.code, said.out, said.err)
    assert Path("r.preview.png").exists()

"""`run --cog`, and what repeats such a run."""

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rio_cogeo.cogeo import cog_validate

from dissmodel import api
from dissmodel.errors import UsageError
from dissmodel.io.geotiff_writer import write_geotiff
from dissmodel.models.coastal import raster, vector
from dissmodel.registry.classes import ExecutorRegistry
from support.files import document, names, sha256

RUN = ("run", "coastal_raster", "-p", "sea_level_rise_rate=0.5", "-p", "end_time=4", "-q", "-i", "in.tif")


@pytest.fixture
def coast(dissmodel):
    """Run the command in a folder with a coast of 20 rows and 600 columns, whose land uses are 3, 5 and 1."""
    for executor in (raster.CoastalRaster, vector.CoastalVector):
        ExecutorRegistry.register(executor)  # other tests may have models of their own under these names
    alt = np.linspace(-1, 5, 600) + np.arange(20)[:, None] / 7
    bands = {"uso": np.select([alt < 0, alt < 1], [3, 5], 1), "alt": alt, "solo": np.full(alt.shape, 3)}
    write_geotiff(
        "in.tif",
        {name: lambda rows, band=band: band[rows] for name, band in bands.items()},
        shape=alt.shape,
        dtype="float64",
        transform=Affine(30, 0, 5e5, 0, -30, 9.8e6),
        crs="EPSG:31984",
    )
    return dissmodel


def test_every_geotiff_of_the_run_is_cloud_optimized_and_the_content_is_the_same(coast):
    assert 0 == coast(*RUN, "-o", "plain.tif", "-p", "every=2").code

    assert 0 == coast(*RUN, "-o", "r.tif", "-p", "every=2", "--cog").code

    plain, record = document("plain.record.json"), document("r.record.json")
    assert "cog" not in plain
    assert record["cog"] is True
    written = ["r.qml", "r.record.json", "r.step0002.qml", "r.step0002.tif", "r.tif"]
    assert written == [name for name in names() if name.startswith("r.")]
    for path in ("r.tif", "r.step0002.tif"):
        assert (True, [], []) == cog_validate(path, strict=True)
    assert (False, False) == (
        cog_validate("plain.tif", strict=True)[0],
        plain["files"]["output"] == record["files"]["output"],
    )
    for name in ("output", "step_2"):
        assert plain["files"][name]["content_digest"] == record["files"][name]["content_digest"]
    assert record["artifacts"] == {name: sha256(file["path"]) for name, file in record["files"].items()}
    assert 0 == coast("record", "verify", "r.record.json").code


def test_it_is_reproduced_to_the_byte_and_on_one_thread(coast):
    coast(*RUN, "-o", "r.tif", "--cog")

    said = coast("reproduce", "r.record.json", "-o", "again.tif", "--threads", 1)

    assert 0 == said.code
    assert Path("r.tif").read_bytes() == Path("again.tif").read_bytes()
    assert document("again.record.json")["cog"] is True


def test_the_setting_is_for_geotiffs_and_gives_way_to_the_option(coast, monkeypatch):
    assert 0 == coast("config", "set", "output.cog", "true").code

    made = api.run("coastal_raster", input="in.tif", output="a.tif", parameters={"end_time": 1})
    coast(*RUN, "-o", "b.tif", "--no-cog")
    Path("lines.py").write_text(
        "from dissmodel.executor import ModelExecutor\n"
        "class Lines(ModelExecutor):\n"
        '    name, output_suffix = "lines", ".txt"\n'
        "    def load(self, record): return 1\n"
        "    def run(self, data, record): return data\n"
        "    def save(self, result, record):\n"
        "        from pathlib import Path\n"
        "        Path(record.output_path).write_text('1')\n"
        "        return record\n"
    )
    assert 0 == coast("run", "lines.py", "-i", "in.tif", "-o", "c.txt", "-q").code

    assert made.record.cog
    assert [True, False] == [cog_validate(path, strict=True)[0] for path in ("a.tif", "b.tif")]
    assert "cog" not in document("c.record.json")
    with pytest.raises(UsageError, match=r"--cog: only a GeoTIFF.*'\.txt'") as caught:
        api.run("lines.py", input="in.tif", output="d.txt", cog=True)
    assert "cog_no_geotiff" == caught.value.code


def test_polygons_are_refused_before_anything_runs(coast):
    before = names()

    for output in ((), ("-o", "r.gpkg")):
        said = coast("run", "coastal_vector", "-i", "in.tif", *output, "--cog")

        assert 2 == said.code
        assert "--cog: only a GeoTIFF can be Cloud Optimized" in said.err
    assert before == names()


def test_a_sweep_takes_it_and_its_plan_says_so(coast):
    sweep = (
        "sweep",
        "coastal_raster",
        "-i",
        "in.tif",
        "-o",
        "out",
        "--vary",
        "end_time=1,2",
        "--cluster",
        "here",
    )

    assert 0 == coast(*sweep, "--cog").code

    assert "cog = true" in Path("out/sweep.toml").read_text()
    made = sorted(Path("out").glob("runs/*/result.tif"))
    assert [True, True] == [cog_validate(path, strict=True)[0] for path in made]
    assert 0 == coast("sweep", "-t", "out/sweep.toml", "-o", "other", "--cluster", "here").code
    assert [sha256(path) for path in made] == [
        sha256(path) for path in sorted(Path("other").glob("runs/*/result.tif"))
    ]

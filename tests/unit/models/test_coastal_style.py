"""The styles beside results, and that two runs with the same bits write the same bytes."""

import hashlib
import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pytest
import shapely

from dissmodel.cells.style import polygon_qml, raster_qml, write_style
from dissmodel.errors import StorageError
from dissmodel.geo.legend import CellClass
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal.classes import LAND_USES, SOILS

SUFFIXES = [".tif", ".gpkg", ".fgb", ".parquet", ".geojson", ".shp"]
# Everything that another process could have otherwise.
CODE = """
import sys, warnings
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.models.coastal.vector import CoastalVector
warnings.simplefilter("ignore")
for output in sys.argv[2:]:
    record = ExperimentRecord(
        source={"uri": sys.argv[1]},
        output_path=output,
        parameters={"end_time": 4, "sea_level_rise_rate": 0.5, "snapshots": [2]},
        column_map={"uso": "land_use_class"},
    )
    execute_lifecycle((CoastalRaster if output.endswith(".tif") else CoastalVector)(), record)
"""


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Two folders of results of the same run, by processes that differ in all that must not matter."""
    row, col = (part.ravel() for part in np.indices((10, 8)))
    frame = geopandas.GeoDataFrame(
        {
            "land_use_class": np.select([col < 2, col < 4, col < 6], [3, 1, 2], 4),
            "alt": col / 3 + row / 7,
            "solo": np.where(col < 4, 3, 4),
            "owner": [f"nº {number}" for number in range(row.size)],
        },
        geometry=shapely.box(col * 30, -row * 30 - 30, col * 30 + 30, -row * 30),
        crs="EPSG:31983",
    )
    folder = tmp_path_factory.mktemp("stable")
    save_gdf(frame, folder / "cells.gpkg")
    for name, environment in (("a", {}), ("b", {"PYTHONHASHSEED": "3", "TZ": "Asia/Tokyo", "LC_ALL": "C"})):
        (folder / name).mkdir()
        # In the second folder they have other names too.
        outputs = [folder / name / f"{one[1:]}-{name}{one}" for one in SUFFIXES]
        subprocess.run(
            [sys.executable, "-c", CODE, folder / "cells.gpkg", *outputs],
            check=True,
            env={**os.environ, **environment},
        )
    return folder


# A Shapefile's table holds the day it was written on.
@pytest.mark.parametrize("suffix", SUFFIXES[:-1])
def test_the_same_run_writes_the_same_bytes(twice, suffix):
    one, other = (
        {
            path.name.replace(f"-{name}", ""): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (twice / name).glob(f"{suffix[1:]}-*")
        }
        for name in ("a", "b")
    )

    kind = suffix[1:]
    assert {
        f"{kind}{suffix}",
        f"{kind}.qml",
        f"{kind}.step0002{suffix}",
        f"{kind}.step0002.qml",
    } <= one.keys()
    assert one == other
    assert one[f"{kind}{suffix}"] != one[f"{kind}.step0002{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
def test_a_style_names_the_field_as_the_file_does(twice, suffix):
    result = twice / "a" / f"{suffix[1:]}-a{suffix}"
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file

    attribute = parsed(result.with_suffix(".qml").read_text(encoding="utf-8")).get("attr")

    assert attribute in read(result).columns
    assert attribute == ("land_use_c" if suffix == ".shp" else "land_use_class")


def parsed(text):
    doctype, _, rest = text.partition("\n")
    assert doctype.startswith("<!DOCTYPE qgis ")
    return ET.fromstring(rest).find("renderer-v2")


@pytest.mark.parametrize("classes", [LAND_USES, SOILS])
def test_each_class_has_a_symbol_in_its_colour(classes):
    renderer = parsed(polygon_qml(classes, "uso"))

    assert ("categorizedSymbol", "uso") == (renderer.get("type"), renderer.get("attr"))
    symbols = {one.get("name"): one for one in renderer.findall("./symbols/symbol[@type='fill']")}
    categories = renderer.findall("./categories/category")
    assert [str(one.code) for one in classes] == [one.get("value") for one in categories]
    for one, category in zip(classes, categories, strict=True):
        assert f"{one.code} {one.name}" == category.get("label")
        layer = symbols[category.get("symbol")].find("layer[@class='SimpleFill']")
        options = {option.get("name"): option.get("value") for option in layer.findall("./Option/Option")}
        rgb = [int(one.colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert ",".join(map(str, [*rgb, 255])) == options["color"] == options["outline_color"]
        assert float(options["outline_width"]) < 0.1
        # QGIS before 3.18 looks for these.
        assert options == {prop.get("k"): prop.get("v") for prop in layer.findall("./prop")}


def test_a_name_is_a_name_whatever_is_in_it():
    odd = "a\"<b>&'ç"

    assert odd == parsed(polygon_qml([CellClass(1, odd, "#010203")], odd)).get("attr")


def test_a_style_lies_beside_its_dataset(tmp_path):
    digest = write_style(tmp_path / "r.step0010.gpkg", raster_qml(LAND_USES, 1))

    content = (tmp_path / "r.step0010.qml").read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert b"\r" not in content


def test_a_style_that_can_t_be_written_is_said_so(tmp_path):
    (tmp_path / "no").touch()

    with pytest.raises(StorageError, match=r"no[/\\]r\.qml"):
        write_style(tmp_path / "no" / "r.tif", raster_qml(LAND_USES, 1))

"""GeoJSON as a sequence of features, one a line (RFC 8142, NDJSON): all of it is read, or it says why not."""

import json
import shutil
import zipfile

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from dissmodel.errors import InvalidInput
from dissmodel.io.content import content_digest
from dissmodel.io.locate import kind_of
from dissmodel.io.vector import load_gdf

MARK = "\x1e"


@pytest.fixture
def frame():
    row, col = (part.ravel() for part in np.indices((3, 4)))
    return gpd.GeoDataFrame(
        {"row": row, "nome": [f"célula {i}" for i in range(12)]},
        geometry=shapely.box(col, row, col + 1, row + 1),
        crs="EPSG:4326",
    )


@pytest.fixture
def lines(frame, tmp_path):
    """The features as GDAL itself writes them, one a line."""
    pyogrio.write_dataframe(frame, tmp_path / "gdal.geojsonl", driver="GeoJSONSeq")
    return (tmp_path / "gdal.geojsonl").read_text(encoding="utf-8").splitlines()


def write(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("suffix", [".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".jsonl", ""])
def test_a_sequence_is_read_whatever_its_suffix(tmp_path, frame, lines, suffix):
    path = write(tmp_path / f"a{suffix}", "\n".join(lines) + "\n")

    back, _ = load_gdf(path)

    assert "vector" == kind_of(path)
    assert frame["nome"].tolist() == back["nome"].tolist()
    assert shapely.equals_exact(frame.geometry.values, back.geometry.values, 1e-9).all()


@pytest.mark.parametrize(
    "joined",
    [
        "\r\n".join,
        lambda lines: "\n\n" + "\n \n".join(lines),
        ",\n".join,
        lambda lines: "".join(f"{MARK}{line}\n" for line in lines),
        lambda lines: "".join(f"{MARK}{json.dumps(json.loads(line), indent=2)}\n" for line in lines),
    ],
    ids=["CRLF", "blank lines", "commas", "separators", "separators and indents"],
)
def test_each_way_to_write_a_sequence(tmp_path, frame, lines, joined):
    back, _ = load_gdf(write(tmp_path / "a.geojson", joined(lines)))

    assert frame["nome"].tolist() == back["nome"].tolist()


def test_it_has_the_content_of_the_same_features_in_one_document(tmp_path, lines):
    sequence = write(tmp_path / "a.geojsonl", "\n".join(lines))
    features = [json.loads(line) for line in lines]
    document = write(tmp_path / "b.geojson", json.dumps({"type": "FeatureCollection", "features": features}))

    assert content_digest(document) == content_digest(sequence)


def test_it_is_found_in_a_zip(tmp_path, frame, lines):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("readme.ndjson", '{"about": "x"}')
        out.writestr("in/a.geojsonl", "\n".join(lines))

    assert frame["nome"].tolist() == load_gdf(tmp_path / "a.zip")[0]["nome"].tolist()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda lines: [*lines[:-1], lines[-1][:-30]], r"record 12 \(counted from 1\) is not JSON"),
        (lambda lines: [*lines[:3], "hello", *lines[3:]], r"record 4 .* is not JSON"),
        (lambda lines: ["\ufeff" + lines[0], *lines[1:]], "record 1 begins with a byte order mark"),
        (lambda lines: ['{"type": "FeatureCollection", "features": []}'] * 2, "type is 'FeatureCollection'"),
    ],
    ids=["cut off", "another line", "byte order mark", "collections"],
)
def test_a_record_that_gdal_would_leave_out_silently(tmp_path, lines, spoil, why):
    path = write(tmp_path / "a.geojsonl", "\n".join(spoil(lines)))

    with pytest.raises(InvalidInput, match=why):
        load_gdf(path)
    with pytest.raises(InvalidInput, match=why):
        content_digest(path)


@pytest.mark.parametrize("indent", [None, 1])
def test_one_document_is_no_sequence(tmp_path, lines, indent):
    features = [json.loads(line) for line in lines]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=indent)
    path = write(tmp_path / "a.geojson", f"\n{text}\n\n")
    one = write(tmp_path / "one.geojsonl", lines[0] + "\n")

    assert 12 == len(load_gdf(path)[0])
    assert 1 == len(load_gdf(one)[0])
    shutil.copy(path, tmp_path / "b.ndjson")
    assert 12 == len(load_gdf(tmp_path / "b.ndjson")[0])

"""Every field passes through a vector file as it is, with pyarrow and without."""

import datetime as dt
import json
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.content import content_digest
from dissmodel.io.vector import load_gdf, save_gdf
from dissmodel.record.digest import sha256_file
from support.cases import mostly_slow

NATIVE = [".gpkg", ".fgb", ".geojson"]
WEST = dt.timezone(dt.timedelta(hours=-3))
COLUMNS = {
    "i16": pd.array([1, -2, None, 3], "Int16"),
    "i32": pd.array([1, -2, None, 2**31 - 1], "Int32"),
    "i64": pd.array([2**60 + 1, -(2**53) - 1, None, 3], "Int64"),
    "whole": np.array([2**60 + 1, 2, 3, 4]),
    "flag": pd.array([True, False, None, True], "boolean"),
    "flags": np.array([True, False, False, True]),
    "share": np.array([0.1, 5e-324, np.nan, -1.5]),
    "short": np.array([0.1, 1, np.nan, -1.5], np.float32),
    "name": pd.Series(["é", "", None, "x" * 300]),
    "célula": pd.Series(["a", "b", "c", "d"]),
    "day": np.array([dt.date(2020, 1, 2), dt.date(1800, 1, 1), None, dt.date(9999, 12, 31)], object),
    "at": pd.Series(np.array(["2020-01-02T03:04:05.678", "1969-01-01", "NaT", "1800-01-01"], "M8[ms]")),
    "utc": pd.Series(np.array(["2020-01-02T03:04:05.678", "1969", "NaT", "1800"], "M8[ms]")).dt.tz_localize(
        dt.UTC
    ),
    "west": pd.Series(np.array(["2020-01-02", "1969", "NaT", "1800"], "M8[ms]")).dt.tz_localize(WEST),
    "mixed": pd.Series(
        [
            dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
            dt.datetime(2020, 1, 2, tzinfo=WEST),
            None,
            dt.datetime(2020, 1, 2),  # noqa: DTZ001  (that is the point)
        ],
        dtype=object,
    ),
}
# Reads a file and prints it, writes it again in each format and prints the digests; "n" hides pyarrow before.
SCRIPT = """
import sys, json, warnings
if sys.argv[1] == "n":
    sys.modules["pyarrow"] = None
warnings.simplefilter("ignore")
from dissmodel.io.vector import load_gdf, save_gdf
for source in sys.argv[3:]:
    frame = load_gdf(source)[0]
    print(frame.index, frame.crs, json.dumps(frame.attrs), [shape and shape.wkt for shape in frame.geometry])
    for name in frame.columns.drop(frame.geometry.name):
        print(name, frame[name].dtype, [repr(value) for value in frame[name].tolist()])
    for suffix in ("gpkg", "fgb", "geojson", "shp", "dbf", "cpg"):
        target = f"{sys.argv[2]}/{sys.argv[1]}.{suffix}"
        if suffix in ("gpkg", "fgb", "geojson", "shp"):
            save_gdf(frame, target)
        from dissmodel.record.digest import sha256_file
        print(suffix, sha256_file(target))
"""


def frame(columns=COLUMNS, crs="EPSG:4326"):
    squares = shapely.box([0, 1, 2, 3], 0, [1, 2, 3, 4], 1)
    return gpd.GeoDataFrame(dict(columns), geometry=squares, crs=crs)


def as_said(values):
    return [repr(value) for value in pd.Series(values).tolist()]


@pytest.fixture
def quiet(recwarn):
    """Let a format lose something without an end of the test."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DissmodelWarning)
        yield


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet"])
@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in {"day", "mixed"}])
def test_a_column_comes_back_with_its_values_and_its_type(tmp_path, suffix, name):
    given = frame({name: COLUMNS[name]})

    save_gdf(given, tmp_path / f"a{suffix}")
    back = load_gdf(tmp_path / f"a{suffix}")[0]

    assert [name, "geometry"] == back.columns.tolist()
    assert as_said(given[name]) == as_said(back[name])
    assert given[name].dtype == back[name].dtype


@pytest.mark.parametrize(
    "name", ["i32", "flag", "flags", "share", "name", "day", "at", "utc", "west", "mixed"]
)
def test_geojson_keeps_what_json_can_say(tmp_path, name):
    save_gdf(frame({name: COLUMNS[name]}), tmp_path / "a.geojson")

    assert as_said(COLUMNS[name]) == as_said(load_gdf(tmp_path / "a.geojson")[0][name])


def test_days_and_mixed_offsets_stay_what_they_are_in_a_geopackage(tmp_path):
    given = frame({name: COLUMNS[name] for name in ("day", "mixed")})

    save_gdf(given, tmp_path / "a.gpkg")
    back = load_gdf(tmp_path / "a.gpkg")[0]

    assert COLUMNS["day"].tolist() == back["day"].tolist()
    assert COLUMNS["mixed"].tolist() == back["mixed"].tolist()


def test_a_large_integer_among_nulls_has_its_own_digest(tmp_path):
    given = frame({"i": pd.array([2**60 + 1, None, 3, 4], "Int64")})
    digests = []
    for change in (0, 1):
        given.loc[0, "i"] += change
        save_gdf(given, tmp_path / "a.fgb")
        again = load_gdf(tmp_path / "a.fgb")[0]
        save_gdf(again, tmp_path / "b.gpkg")
        digests += [content_digest(tmp_path / name).parts["i"] for name in ("a.fgb", "b.gpkg")]

    assert digests[0] == digests[1] != digests[2] == digests[3]


@pytest.mark.slow
def test_with_pyarrow_and_without_it_is_the_same(tmp_path, quiet):
    sources = [tmp_path / f"source{suffix}" for suffix in (".gpkg", ".fgb", ".geojson", ".shp")]
    for source in sources:
        save_gdf(frame(), source)
    document = json.loads((tmp_path / "source.geojson").read_text(encoding="utf-8"))
    for at, feature in enumerate(document["features"]):
        feature["properties"] |= {
            "list": [[1, 2], [], None, [2**40]][at],
            "texts": [["a"], [], None, ["é", ""]][at],
        }
        feature["properties"]["object"] = {"a": at, "b": [None]}
    (tmp_path / "lists.geojson").write_text(json.dumps(document), encoding="utf-8")
    said = [
        subprocess.run(
            [
                sys.executable,
                "-c",
                SCRIPT,
                how,
                str(tmp_path),
                *map(str, [*sources, tmp_path / "lists.geojson"]),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for how in ("a", "n")
    ]

    assert len(said[0]) > 5 * len(COLUMNS)
    assert said[0] == said[1]


@pytest.mark.slow
def test_many_features_have_the_same_bytes_with_pyarrow_and_without_it(tmp_path):
    # More than Arrow and GDAL handle in one piece.
    number = np.arange(70_000)
    given = gpd.GeoDataFrame(
        {"n": number, "name": [f"{n}" for n in number]}, geometry=shapely.points(number, 1), crs="EPSG:31984"
    )
    expected = {suffix: save_gdf(given, tmp_path / f"a{suffix}") for suffix in (".gpkg", ".fgb")}
    code = "import sys; sys.modules['pyarrow'] = None; from dissmodel.io.vector import *;"
    code += "[save_gdf(load_gdf(sys.argv[1])[0], target) for target in sys.argv[2:]]"
    targets = [tmp_path / f"n{suffix}" for suffix in expected]
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.gpkg", *targets], check=True)

    assert [*expected.values()] == [sha256_file(target) for target in targets]


@pytest.mark.slow
def test_binary_values_need_pyarrow_where_they_are_not_text(tmp_path):
    given = frame({"bytes": np.array([b"\0\1", b"", None, b"z"], object)})
    for suffix in (".gpkg", ".fgb"):
        save_gdf(given, tmp_path / f"a{suffix}")
        assert [b"\0\1", b"", None, b"z"] == load_gdf(tmp_path / f"a{suffix}")[0]["bytes"].tolist()
    with pytest.warns(DissmodelWarning, match="GeoJSON has no binary values: bytes are written as text"):
        save_gdf(given, tmp_path / "a.geojson")

    assert ["0001", "", "7A"] == load_gdf(tmp_path / "a.geojson")[0]["bytes"].dropna().tolist()
    program = SCRIPT.replace("save_gdf(frame, target)", "save_gdf(frame[:2], target)")
    run = subprocess.run(
        [sys.executable, "-c", program, "n", str(tmp_path), str(tmp_path / "a.gpkg")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "n.gpkg: to write the binary values in bytes needs pyarrow." in run.stderr


@pytest.mark.parametrize(
    ("suffix", "columns", "says"),
    [
        (".gpkg", {"all": [[1], [2, 3], None, []]}, "a GeoPackage has no lists: all are written as text"),
        (
            ".gpkg",
            {"t": [dt.time(1, 2), None, dt.time(3), dt.time(4)]},
            "no times of day: t are written as text",
        ),
        (".fgb", {"day": COLUMNS["day"]}, "no dates: day are written as datetimes"),
        (".shp", {"at": COLUMNS["at"]}, "no datetimes: at are written as text"),
        (".shp", {"name": ["a", "", "b", None]}, "no empty text: in name it is written as nothing"),
        (".shp", {"i": [2**60 + 1, 2, 3, 4]}, "some in i are rounded"),
        (".geojson", {"i": pd.array([2**60 + 1, 2**64 - 2**62, 3, 4], "object")}, "beyond 64 bits"),
    ],
)
def test_what_a_format_cannot_hold_is_said(tmp_path, suffix, columns, says):
    given = frame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    if "64" in says:
        with pytest.raises(InvalidInput, match=says):
            save_gdf(given, tmp_path / f"a{suffix}")
        return
    with pytest.warns(DissmodelWarning, match=says):
        save_gdf(given, tmp_path / f"a{suffix}")


def test_lists_and_objects_pass_through_geojson(tmp_path):
    properties = [{"l": [1, 2], "o": {"a": [1]}}, {"l": [], "o": None}]
    point = {"type": "Point", "coordinates": [0, 1]}
    features = [{"type": "Feature", "properties": one, "geometry": point} for one in properties]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    save_gdf(load_gdf(tmp_path / "a.geojson")[0], tmp_path / "b.geojson")
    written = json.loads((tmp_path / "b.geojson").read_text())["features"]

    assert properties == [one["properties"] for one in written]


def test_the_ids_of_a_geopackage_pass_through(tmp_path):
    import pyogrio

    ids = [3, 7, 9, 2**40]
    for name in ("fid", "cell"):
        given = frame({name: ids, "n": range(4)})
        pyogrio.write_dataframe(given, tmp_path / "a.gpkg", FID=name)
        assert ["n"] == pyogrio.read_info(tmp_path / "a.gpkg")["fields"].tolist()
        back = load_gdf(tmp_path / "a.gpkg")[0]
        save_gdf(back.assign(n=5), tmp_path / "b.gpkg")
        info = pyogrio.read_info(tmp_path / "b.gpkg")

        assert ids == back[name].tolist()
        assert (name, ["n"]) == (info["fid_column"], info["fields"].tolist())
        assert ids == pyogrio.raw.read(tmp_path / "b.gpkg", return_fids=True)[1].tolist()
        # In another order they can't be what orders the features.
        save_gdf(back[::-1], tmp_path / "c.gpkg")
        assert ids[::-1] == load_gdf(tmp_path / "c.gpkg")[0][name].tolist()


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet"])
@pytest.mark.parametrize(
    "shapes",
    [
        ["POLYGON Z ((0 0 1, 1 0 2, 1 1 3, 0 0 1))", "POLYGON Z ((0 0 1, 1 0 2, 1 1 9, 0 0 1))"],
        ["MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))", "POLYGON ((0 0, 1 0, 1 1, 0 0))"],
        ["POLYGON ((0 0, 1 0, 1 1, 0 0))", None],
        ["POLYGON ((0 0, 1 0, 1 1, 0 0))", "POINT (0 1)"],
    ],
)
def test_geometries_pass_through(tmp_path, suffix, shapes):
    given = gpd.GeoDataFrame({"n": range(2)}, geometry=shapely.from_wkt(shapes), crs="EPSG:4326")

    save_gdf(given, tmp_path / f"a{suffix}")
    back = load_gdf(tmp_path / f"a{suffix}")[0]

    assert shapely.to_wkb(given.geometry.values).tolist() == shapely.to_wkb(back.geometry.values).tolist()


@pytest.mark.skipif(shapely.geos_version < (3, 12) or not hasattr(shapely, "has_m"), reason="no measures")
@pytest.mark.parametrize("suffix", [".gpkg", ".fgb"])
def test_measures_pass_through_arrow(tmp_path, suffix):
    wkt = ["POLYGON ZM ((0 0 1 5, 1 0 2 5, 1 1 3 7, 0 0 1 5))"]
    given = gpd.GeoDataFrame({"n": [1]}, geometry=shapely.from_wkt(wkt), crs="EPSG:4326")

    save_gdf(given, tmp_path / f"a{suffix}")

    assert wkt == shapely.to_wkt(load_gdf(tmp_path / f"a{suffix}")[0].geometry.values).tolist()


def test_what_no_layer_can_be(tmp_path):
    two = frame({"n": range(4)})
    two["other"] = two.geometry
    heights = frame({"n": range(4)})
    heights.loc[0, "geometry"] = shapely.force_3d(heights.geometry[0], 5)

    with pytest.raises(InvalidInput, match="'other' is a second geometry"):
        save_gdf(two, tmp_path / "a.gpkg")
    with pytest.raises(InvalidInput, match="1 of 4 geometries have heights"):
        save_gdf(heights, tmp_path / "a.fgb")
    save_gdf(heights, tmp_path / "a.gpkg")
    assert [True, False, False, False] == load_gdf(tmp_path / "a.gpkg")[0].has_z.tolist()


def test_a_field_called_geometry(tmp_path):
    shapes = frame({"n": range(4)}).rename_geometry("shape").rename(columns={"n": "geometry"})

    save_gdf(shapes, tmp_path / "a.gpkg")
    back = load_gdf(tmp_path / "a.gpkg")[0]

    assert ([0, 1, 2, 3], "geometry_") == (back["geometry"].tolist(), back.geometry.name)


@pytest.mark.fast_cases(".gpkg")
@pytest.mark.parametrize("suffix", mostly_slow([".gpkg", ".fgb", ".geojson", ".parquet"], ".gpkg", ".fgb"))
def test_bytes_depend_on_no_name_process_zone_or_day(tmp_path, suffix, quiet):
    save_gdf(frame(), tmp_path / f"a{suffix}")
    first = save_gdf(load_gdf(tmp_path / f"a{suffix}")[0], tmp_path / f"c{suffix}")
    code = "import sys; from dissmodel.io.vector import *; save_gdf(load_gdf(sys.argv[1])[0], sys.argv[2])"
    where = tmp_path / "another folder"
    for target, zone in (
        (where / f"b{suffix}", "Asia/Tokyo"),
        (where / f"another name{suffix}", "America/Belem"),
    ):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, tmp_path / f"a{suffix}", target],
            env={"TZ": zone, "PATH": ""},
            check=True,
        )
    again = {sha256_file(path) for path in where.iterdir()}
    content = (where / f"b{suffix}").read_bytes()

    assert {first} == again
    assert str(dt.datetime.now(dt.UTC).date()).encode() not in content

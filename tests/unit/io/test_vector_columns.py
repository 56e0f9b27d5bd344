"""Columns mean what the file says, and what a format can't hold is refused before it is written."""

import itertools
import subprocess
import sys
import warnings

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from pyarrow import parquet

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.content import content_digest
from dissmodel.io.vector import check_savable, load_gdf, save_gdf

SQUARES = shapely.box([0, 1], [0, 0], [1, 2], [1, 1])


def frame_of(columns, geometry=SQUARES, crs="EPSG:31983"):
    return gpd.GeoDataFrame(columns, geometry=list(geometry), crs=crs)


@pytest.fixture(params=["with pyarrow", "without"])
def arrow(request, monkeypatch):
    """Do with pyarrow as without it."""
    if request.param == "without":
        monkeypatch.setattr("dissmodel.io.vector_read.has_pyarrow", lambda: False)
        monkeypatch.setattr("dissmodel.io.vector_write.has_pyarrow", lambda: False)


def renamed(path, old, new):
    """Give a field of a .dbf another name, as a hex editor or a careless program would."""
    dbf = path.with_suffix(".dbf")
    data = dbf.read_bytes()
    assert 1 == data.count(old.ljust(11, b"\0"))
    dbf.write_bytes(data.replace(old.ljust(11, b"\0"), new.ljust(11, b"\0")))


def test_two_fields_of_one_name_are_refused(tmp_path, arrow):
    path = tmp_path / "a.shp"
    pyogrio.write_dataframe(frame_of({"uso": [1, 2], "usq": [3, 4], "alt": [5, 6]}), path)
    renamed(path, b"usq", b"uso")

    with pytest.raises(InvalidInput, match=r"a\.shp has 2 columns called 'uso'\.") as caught:
        load_gdf(path)
    assert "column_repeated" == caught.value.code
    assert "Refactor fields" in caught.value.hint
    assert ["alt", "geometry"] == list(load_gdf(path, columns=["alt"])[0].columns)
    assert content_digest(path) is not None  # it names them apart


def test_two_columns_of_one_name_in_geoparquet(tmp_path):
    path = tmp_path / "a.parquet"
    save_gdf(frame_of({"a": [1, 2], "b": [3, 4]}), path)
    table = parquet.read_table(path)
    parquet.write_table(table.rename_columns(["a", "a", "geometry"]), path)

    with pytest.raises(InvalidInput, match="2 columns called 'a'"):
        load_gdf(path)


@pytest.mark.parametrize("suffix", [".fgb", ".geojson"])
@pytest.mark.parametrize("names", [("Uso", "uso"), ("OGC_FID", "a"), ("ogc_fid", "OGC_FID")])
def test_each_column_keeps_its_values_whatever_its_case(tmp_path, arrow, suffix, names):
    path = tmp_path / f"a{suffix}"

    save_gdf(frame_of({names[0]: [7, 3], names[1]: [8, 4]}, crs="EPSG:4326"), path)

    back = load_gdf(path)[0].drop(columns="geometry")
    assert {names[0]: [7, 3], names[1]: [8, 4]} == back.to_dict("list")


def test_binary_values_beside_such_columns_are_refused(tmp_path):
    frame = frame_of({"Id": [1, 2], "ID": [3, 4], "raw": [b"\0", b"\1"]})

    with pytest.raises(InvalidInput, match="differ in upper and lower case"):
        save_gdf(frame, tmp_path / "a.fgb")


def test_columns_that_differ_by_case_only_are_refused_for_a_geopackage(tmp_path, arrow):
    frame = frame_of({"Nome": [1, 2], "nome": [3, 4]})
    other = frame_of({"Área": [1, 2], "área": [3, 4]})  # SQLite's case is that of ASCII

    for refuse in (save_gdf, check_savable):
        with pytest.raises(InvalidInput, match="'Nome' and 'nome' differ in upper and lower case only"):
            refuse(frame, tmp_path / "a.gpkg")
    check_savable(other, tmp_path / "b.gpkg")
    save_gdf(other, tmp_path / "b.gpkg")
    assert ["Área", "área", "geometry"] == list(load_gdf(tmp_path / "b.gpkg")[0].columns)


LOCAL = 'LOCAL_CS["a field",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
POINT, LINE = shapely.Point(0, 0), shapely.LineString([(0, 0), (1, 1)])
MANY = {f"f{i}": [1, 2] for i in range(2047)}


@pytest.mark.parametrize(
    ("suffix", "frame", "why"),
    [
        (".shp", frame_of({"a": [1, 2]}, [POINT, SQUARES[0]]), "types: Point, Polygon"),
        (".shp", frame_of({"a": [1, 2]}, [POINT, shapely.MultiPoint([POINT])]), "MultiPoint, Point"),
        (".shp", frame_of({"a": [1]}, [shapely.GeometryCollection([LINE])]), "GeometryCollection"),
        (".shp", frame_of(MANY), "2047 columns"),
        (".gpkg", frame_of(dict(itertools.islice(MANY.items(), 1999))), "1999 columns"),
        (".fgb", frame_of({"a": [1, 2]}, [POINT, shapely.Point(0, 0, 1)]), "heights"),
        (".geojson", frame_of({"a": [1]}, [POINT], crs=LOCAL), "can't be transformed"),
        (".geojson", frame_of({"a": [1]}, [shapely.Point(1e30, 1e30)]), "no longitude and latitude"),
        (".gpkg", frame_of({"a": [2**63, 1]}).astype({"a": "uint64"}), "beyond 64 bits"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, suffix, frame, why):
    for refuse in (check_savable, save_gdf):
        with pytest.raises(InvalidInput, match=why):
            refuse(frame, tmp_path / f"a{suffix}")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.fast_cases(".shp-2046")
@pytest.mark.parametrize(("suffix", "count"), [(".shp", 2046), (".gpkg", 1998)])
def test_as_many_columns_as_a_format_holds(tmp_path, suffix, count):
    frame = frame_of(dict(itertools.islice(MANY.items(), count)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DissmodelWarning)  # other programs may hold 255
        save_gdf(frame, tmp_path / f"a{suffix}")

    assert count + 1 == len(load_gdf(tmp_path / f"a{suffix}")[0].columns)


def test_geoparquet_holds_values_of_one_type(tmp_path):

    with pytest.raises(InvalidInput, match="column a "):
        save_gdf(frame_of({"a": [1, "x"]}), tmp_path / "a.parquet")
    twice = frame_of({"a": [1, 2], "b": [1, 2]}).rename(columns={"b": "a"})
    with pytest.raises(InvalidInput, match="'a' exists twice"):
        check_savable(twice, tmp_path / "a.parquet")


def test_losses_are_told_where_they_are_asked_for(tmp_path):
    frame = frame_of({"elevation_mean": ["x" * 255, ""]})

    with pytest.warns(DissmodelWarning) as caught:
        check_savable(frame, tmp_path / "a.shp", losses=True)
    with pytest.warns(DissmodelWarning) as saved:
        save_gdf(frame, tmp_path / "a.shp")

    told = [str(one.message) for one in caught]
    assert 3 == len(told)
    assert "a.shp: a Shapefile holds 10 letters of a name; cut: elevation_mean." in told
    assert "a.shp: a Shapefile holds 254 bytes of a text; some in elevation_mean are cut." in told
    assert set(told) <= {str(one.message) for one in saved}
    assert not any("x" * 50 in str(one.message) for one in saved)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_savable(frame, tmp_path / "a.shp")


# The numbers of languages in a .dbf: none, and dBASE's for Windows.
@pytest.mark.fast_cases("with pyarrow-UTF-8-3", "without-ISO-8859-1-87", "without-UTF-8-0")
@pytest.mark.parametrize("language", [0x00, 0x03, 0x57])
@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_a_shapefile_without_cpg(tmp_path, arrow, encoding, language):
    path = tmp_path / "a.shp"
    texts, name = ["São Luís", "Ilhéus"], "área"
    pyogrio.write_dataframe(frame_of({name: texts}), path, encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    data = bytearray(path.with_suffix(".dbf").read_bytes())
    data[29] = language
    path.with_suffix(".dbf").write_bytes(data)
    save_gdf(frame_of({name: texts}), tmp_path / "b.shp")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame, _ = load_gdf(path)
        digest = content_digest(path)

    assert [name, "geometry"] == list(frame.columns)
    assert texts == frame[name].tolist()
    assert content_digest(tmp_path / "b.shp") == digest
    # It is told where the header says another encoding, and where nothing says which it is.
    assert ((encoding == "UTF-8") == (language != 0)) == any(".cpg" in str(one.message) for one in caught)


def test_an_encoding_that_the_user_names_is_taken(tmp_path):
    path = tmp_path / "a.shp"
    pyogrio.write_dataframe(frame_of({"a": ["ß", "x"]}), path, encoding="CP850")
    path.with_suffix(".cpg").unlink(missing_ok=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DissmodelWarning)
        assert ["ß", "x"] == load_gdf(path, encoding="CP850")[0]["a"].tolist()


def at_180(geometry_of):
    """A geometry in UTM zone 1, made by a function of x and y where longitude is 180 degrees."""
    utm, geographic = pyproj.CRS(32701), pyproj.CRS(4326)
    transform = pyproj.Transformer.from_crs(geographic, utm, always_xy=True).transform
    return gpd.GeoDataFrame(geometry=[geometry_of(*transform(-180, -18))], crs=utm)


def areas_and_width(path):
    """The area of what was written in metres², and its width in degrees, part by part."""
    (whole,) = load_gdf(path)[0].geometry
    parts = gpd.GeoSeries(list(shapely.get_parts(whole)), crs=4326)
    return parts.to_crs(32701).area.sum(), (parts.bounds.maxx - parts.bounds.minx).max()


def told_by_saving(frame, path):
    with pytest.warns(DissmodelWarning) as caught:
        save_gdf(frame, path)
    return "\n".join(str(one.message) for one in caught)


@pytest.mark.parametrize("shift", [-13.0, 0.0, 7.0])
def test_a_polygon_across_180_degrees_is_cut_there(tmp_path, shift):
    """RFC 7946, 3.1.9: no part crosses the antimeridian, and no area is lost."""
    frame = at_180(lambda x, y: shapely.box(x + shift - 15, y, x + shift + 15, y + 30))

    assert "1 of 1 features cross longitude 180" in told_by_saving(frame, tmp_path / "a.geojson")

    area, width = areas_and_width(tmp_path / "a.geojson")
    assert area == pytest.approx(900, rel=1e-6)
    assert width < 0.001
    (whole,) = load_gdf(tmp_path / "a.geojson")[0].geometry
    assert ("MultiPolygon", 2, True) == (whole.geom_type, len(whole.geoms), whole.is_valid)
    assert (-180.0, 180.0) == (whole.bounds[0], whole.bounds[2])


def test_a_hole_across_180_degrees_stays_a_hole(tmp_path):
    frame = at_180(
        lambda x, y: shapely.box(x - 90, y - 90, x + 90, y + 90) - shapely.box(x - 30, y - 30, x + 30, y + 30)
    )

    assert "longitude 180" in told_by_saving(frame, tmp_path / "a.geojson")

    area, width = areas_and_width(tmp_path / "a.geojson")
    assert area == pytest.approx(180**2 - 60**2, rel=1e-6)
    assert width < 0.01


def test_lines_and_many_parts_across_180_degrees(tmp_path):
    def geometry_of(x, y):
        line = shapely.LineString([(x - 10, y), (x + 10, y), (x + 20, y + 5)])
        return shapely.GeometryCollection(
            [line, shapely.Point(x + 5, y), shapely.box(x + 50, y, x + 60, y + 10)]
        )

    frame = at_180(geometry_of)
    assert "longitude 180" in told_by_saving(frame, tmp_path / "a.geojson")

    (whole,) = load_gdf(tmp_path / "a.geojson")[0].geometry
    assert ["LineString", "LineString", "Point", "Polygon"] == sorted(part.geom_type for part in whole.geoms)
    parts = gpd.GeoSeries(list(whole.geoms), crs=4326)
    assert (parts.bounds.maxx - parts.bounds.minx).max() < 0.001
    assert parts.to_crs(32701).length.sum() == pytest.approx(frame.geometry.length.sum(), rel=1e-5)


@pytest.mark.parametrize("east", [True, False])
def test_an_edge_at_180_degrees_is_no_crossing(tmp_path, east):
    """A grid in a Mercator of the Pacific (EPSG:3832), whose cells end at the meridian itself."""
    x, _ = pyproj.Transformer.from_crs(4326, 3832, always_xy=True).transform(180, 0)
    box = shapely.box(x, 0, x + 1000, 1000) if east else shapely.box(x - 1000, 0, x, 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DissmodelWarning)
        save_gdf(gpd.GeoDataFrame(geometry=[box], crs=3832), tmp_path / "a.geojson")

    (whole,) = load_gdf(tmp_path / "a.geojson")[0].geometry
    assert "Polygon" == whole.geom_type
    assert whole.bounds[2] - whole.bounds[0] == pytest.approx(np.degrees(1000 / 6378137), rel=1e-6)


def test_polygons_that_are_as_wide_as_the_world_are_not_cut(tmp_path):
    side = 20037508.0
    frame = gpd.GeoDataFrame(geometry=[shapely.box(-side, -1e6, side, 1e6)], crs=3857)

    assert "longitude 180" not in told_by_saving(frame, tmp_path / "a.geojson")
    (whole,) = load_gdf(tmp_path / "a.geojson")[0].geometry
    assert "Polygon" == whole.geom_type


def test_a_polygon_around_a_pole_is_refused(tmp_path):
    frame = gpd.GeoDataFrame(geometry=[shapely.box(-1e6, -1e6, 1e6, 1e6)], crs=3031)

    for refuse in (check_savable, save_gdf):
        with pytest.raises(InvalidInput, match="has a pole inside"):
            refuse(frame, tmp_path / "a.geojson")


def test_the_check_needs_no_pyarrow(tmp_path):
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import geopandas, shapely\n"
        "from dissmodel.errors import UsageError\n"
        "from dissmodel.io.vector import check_savable\n"
        "frame = geopandas.GeoDataFrame({'a': [1]}, geometry=[shapely.Point(0, 0)])\n"
        "check_savable(frame, 'a.gpkg')\n"
        "try:\n    check_savable(frame, 'a.parquet')\n"
        "except UsageError as error:\n    print(error.hint)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "The extra 'parquet' brings it: python -m pip install pyarrow\n" == said.stdout
